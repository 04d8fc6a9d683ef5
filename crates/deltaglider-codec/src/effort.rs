//! How much work an encoder may spend.

/// How much CPU is spent to save bytes. What is written at any effort is read the same way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effort {
    /// Spends no CPU where it pays little.
    Fast,
    /// Spends CPU where it pays.
    #[default]
    Default,
    /// Tries whatever can save a byte, and spends minutes on archives in xz: to encode, and each time that they are decoded.
    Max,
}
