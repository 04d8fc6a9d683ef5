//! How much work an encoder may spend.

/// How much CPU is spent to save bytes. What is written at any effort is read the same way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effort {
    /// Spends no CPU where it pays little.
    Fast,
    /// Spends CPU where it pays.
    #[default]
    Default,
    /// Tries whatever can save a byte.
    Max,
}
