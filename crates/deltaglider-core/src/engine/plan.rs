//! Pure decisions: facts in, plan out.

use crate::policy::{Policy, may_be_delta};

/// CopyObject, by which a reference is moved to the trash, ends here.
pub const MAX_REFERENCE_BYTES: u64 = 5_000_000_000;

/// What is known of an object about to be put.
#[derive(Clone, Copy, Debug)]
pub struct PutFacts<'a> {
    /// The last component of its key.
    pub name: &'a str,
    /// Length of its content in bytes.
    pub size: u64,
    /// Whether the key of its delta form is short enough.
    pub delta_key_fits: bool,
    /// Whether the prefix leaves room for the internal keys that a reference may need.
    pub internal_keys_fit: bool,
}

/// What to do with an object about to be put, before the store was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Store it whole; no other form of it can exist.
    Whole(WhyWhole),
    /// Store it whole, and remove its delta form if there is one.
    WholeInsteadOfDelta(WhyWhole),
    /// Try a delta.
    Delta,
}

/// Why an object is stored whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhyWhole {
    /// Its name is none of an archive's.
    Name,
    /// Its name or size is not among what this client makes deltas of.
    Policy,
    /// Its storage class or its headers cannot be kept by a delta.
    Placement,
    /// The key of its delta form would be too long.
    KeyTooLong,
    /// Somebody else's object stands where the reference would be.
    ForeignReference,
    /// Somebody else's object stands where the delta would be.
    ForeignDelta,
    /// The reference that stands there does not have the content that it records.
    DamagedReference,
    /// Reference, target and tables do not fit into the allowed memory.
    Memory,
    /// The delta would be larger than the allowed share of the target.
    Ratio,
}

impl WhyWhole {
    /// The reason in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "its name is not that of an archive",
            Self::Policy => "it is small, or deltas are not wanted for it",
            Self::Placement => "its storage class or its headers cannot be kept by a delta",
            Self::KeyTooLong => "its key is too long for a delta",
            Self::ForeignReference => "a foreign object stands where the reference would be",
            Self::ForeignDelta => "a foreign object stands where the delta would be",
            Self::DamagedReference => "the reference of its prefix is damaged",
            Self::Memory => "a delta would need more memory than allowed",
            Self::Ratio => "its delta would not be small enough",
        }
    }
}

/// Decides the form of an object by its name and size.
#[must_use]
pub fn form(policy: &Policy, facts: PutFacts<'_>) -> Form {
    if !may_be_delta(facts.name) {
        Form::Whole(WhyWhole::Name)
    } else if !facts.delta_key_fits {
        Form::Whole(WhyWhole::KeyTooLong)
    } else if !facts.internal_keys_fit {
        Form::WholeInsteadOfDelta(WhyWhole::KeyTooLong)
    } else if !policy.wants_delta(facts.name, facts.size) {
        Form::WholeInsteadOfDelta(WhyWhole::Policy)
    } else {
        Form::Delta
    }
}

/// Whether an object may become the reference of its space: small enough to be moved, and to be used as one later in the memory
/// that a run of one of the codecs then needs.
#[must_use]
pub fn may_be_reference(size: u64, mut codec_memory: impl Iterator<Item = Option<u64>>) -> bool {
    size <= MAX_REFERENCE_BYTES && codec_memory.any(|memory| memory.is_some())
}

/// Whether a form of this size may be used to make another one, beside which it lies in memory: where both do not fit, the reference
/// itself is fetched, which takes less.
#[must_use]
pub fn may_be_restored(form_size: u64, limit: u64) -> bool {
    form_size <= limit / 2
}

/// How much memory to take for another attempt of a codec that was allowed `had` bytes and said it needs `needed` or more; `None`
/// where that is out of the question.
#[must_use]
pub fn more_memory(had: u64, needed: u64, limit: u64) -> Option<u64> {
    // A need may be known in part only: doubled, there are few attempts.
    (had < limit && needed <= limit).then(|| needed.max(had.saturating_mul(2)).min(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_grows_up_to_the_limit() {
        assert_eq!(more_memory(10, 11, 100), Some(20));
        assert_eq!(more_memory(10, 50, 100), Some(50));
        assert_eq!(more_memory(60, 61, 100), Some(100));
        assert_eq!(more_memory(100, 100, 100), None);
        assert_eq!(more_memory(10, 101, 100), None);
    }

    #[test]
    fn the_form_follows_from_name_and_size() {
        let policy = Policy::default();
        let plan = |name, size, delta_key_fits| {
            form(&policy, PutFacts { name, size, delta_key_fits, internal_keys_fit: true })
        };
        assert_eq!(plan("a.txt", 1 << 20, true), Form::Whole(WhyWhole::Name));
        assert_eq!(plan("a.zip", 1 << 20, false), Form::Whole(WhyWhole::KeyTooLong));
        assert_eq!(plan("a.zip", 10, true), Form::WholeInsteadOfDelta(WhyWhole::Policy));
        assert_eq!(plan("a.zip", 1 << 20, true), Form::Delta);
        let facts = PutFacts { name: "a.zip", size: 1 << 20, delta_key_fits: true, internal_keys_fit: false };
        assert_eq!(form(&policy, facts), Form::WholeInsteadOfDelta(WhyWhole::KeyTooLong));
    }

    #[test]
    fn a_reference_must_fit() {
        assert!(may_be_reference(100, [Some(10)].into_iter()));
        assert!(may_be_reference(100, [None, Some(10)].into_iter()));
        assert!(!may_be_reference(100, [None, None].into_iter()));
        assert!(!may_be_reference(MAX_REFERENCE_BYTES + 1, [Some(0)].into_iter()));
    }
}
