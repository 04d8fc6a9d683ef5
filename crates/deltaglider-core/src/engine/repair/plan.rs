//! Pure decisions of a repair: facts in, what to do out.

use std::time::SystemTime;

use crate::store::ETag;
use crate::{Location, Sha256};

/// Something that is not as it should be, and what can be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The object: its logical key, or the stored one of what has no logical key.
    pub at: Location,
    /// What is not as it should be.
    pub problem: Problem,
    /// What mends it.
    pub action: Action,
    /// More about it: which form is read by whom, what a user can do.
    pub detail: String,
    /// What can no longer be had, whatever is done; `None` where nothing is lost.
    pub lost: Option<String>,
}

/// What can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Problem {
    /// Deltas need a reference that is not where it should be: it was deleted, or overwritten by another one.
    ReferenceMissing,
    /// The reference stands there with another content than its record says.
    ReferenceDamaged,
    /// An object is stored whole and as a delta under the same name.
    BothForms,
    /// A temporary copy has expired.
    TemporaryExpired,
    /// A delta whose content is whole, but cannot be packed again as it was.
    NotRepacked,
    /// The record of a delta lacks what reading needs.
    RecordUnusable,
}

impl Problem {
    /// Its name for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReferenceMissing => "reference_missing",
            Self::ReferenceDamaged => "reference_damaged",
            Self::BothForms => "both_forms",
            Self::TemporaryExpired => "temporary_expired",
            Self::NotRepacked => "not_repacked",
            Self::RecordUnusable => "record_unusable",
        }
    }
}

/// What a repair does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Nothing: it is told, and everything is kept.
    None,
    /// Puts the reference of a space in its place, where nothing stands now.
    PutReference {
        /// Its digest.
        digest: Sha256,
        /// Where its content comes from.
        origin: Origin,
    },
    /// Keeps a reference in the trash of its space, where readers find it, since another object stands in its place.
    KeepBeside {
        /// Its digest.
        digest: Sha256,
        /// Where its content comes from.
        origin: Origin,
    },
    /// Replaces a damaged reference by what its record says.
    ReplaceReference {
        /// Its digest.
        digest: Sha256,
        /// Where its content comes from.
        origin: Origin,
        /// Entity tag of what is replaced.
        seen: ETag,
    },
    /// Removes a delta that cannot be read, so that the whole form, which has the same content, is.
    RemoveDelta {
        /// Where the delta is stored.
        delta: Location,
        /// Its entity tag.
        seen: ETag,
        /// Where the whole form is stored.
        whole: Location,
        /// Digest of the content of both.
        digest: Sha256,
    },
    /// Removes a temporary copy.
    RemoveTemporary {
        /// Its entity tag.
        seen: ETag,
    },
}

impl Action {
    /// Its name for programs.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::PutReference { .. } => "put_reference",
            Self::KeepBeside { .. } => "keep_reference_beside",
            Self::ReplaceReference { .. } => "replace_reference",
            Self::RemoveDelta { .. } => "remove_delta",
            Self::RemoveTemporary { .. } => "remove_temporary",
        }
    }

    /// Where what it puts comes from.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        match self {
            Self::PutReference { origin, .. }
            | Self::KeepBeside { origin, .. }
            | Self::ReplaceReference { origin, .. } => Some(origin),
            _ => None,
        }
    }
}

/// Where the content of a lost reference is still to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// A stored object that holds it as it is: in the trash, or whole under a name of its own.
    Stored(Location),
    /// An object, stored as a delta against another reference, that gives it.
    Object(Location),
    /// The reference cache of this client.
    Cache,
}

/// What stands where a reference should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Free,
    /// Another reference, or an object of somebody else's.
    Taken,
    /// The reference itself, damaged.
    Damaged(ETag),
}

/// How a lost reference comes back.
pub(super) fn restore(place: &Place, digest: Sha256, origin: Option<Origin>, trash_fits: bool) -> Action {
    match (place, origin) {
        (_, None) => Action::None,
        // In the trash it is found as it is.
        (Place::Taken, Some(_)) if !trash_fits => Action::None,
        (Place::Free, Some(origin)) => Action::PutReference { digest, origin },
        (Place::Taken, Some(origin)) => Action::KeepBeside { digest, origin },
        (Place::Damaged(seen), Some(origin)) => Action::ReplaceReference { digest, origin, seen: seen.clone() },
    }
}

/// Two forms of one name.
#[derive(Clone, Copy, Debug)]
pub(super) struct BothForms {
    /// When the delta was written.
    pub(super) delta_written: SystemTime,
    /// When the whole form was.
    pub(super) whole_written: SystemTime,
    /// Digest of the delta's content.
    pub(super) delta_content: Option<Sha256>,
    /// Digest of the whole form's content.
    pub(super) whole_content: Option<Sha256>,
    /// Whether the delta has its reference.
    pub(super) delta_readable: bool,
    /// Whether the name is that of an archive, which is asked for as a delta first.
    pub(super) delta_wins: bool,
}

/// What two forms of one name mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The whole form has the content of the delta, which cannot be read: without the delta nothing is lost.
    WholeSaves,
    /// Told, and kept.
    Kept(&'static str),
}

pub(super) fn both_forms(facts: BothForms) -> Standing {
    let same = facts.delta_content.is_some() && facts.delta_content == facts.whole_content;
    if facts.delta_wins && !facts.delta_readable && same {
        return Standing::WholeSaves;
    }
    Standing::Kept(match (facts.delta_wins, same, facts.delta_readable) {
        (_, true, _) => {
            "both hold the same content; this client reads the delta of an archive and the whole form of any other name, \
             earlier clients the whole form; `purge --exclusive` removes a whole form that a delta hides"
        }
        (true, false, false) => {
            "this client reads the delta, whose reference is missing; earlier clients read the whole form, whose content is \
             another one; `ls --physical` shows it, and `rm` would remove both"
        }
        (true, false, true) if facts.whole_written > facts.delta_written => {
            "this client reads the delta, earlier clients the whole form, which was written later; both are kept: put the \
             content that is meant once more, and this client is sure of it"
        }
        (true, false, true) => {
            "this client reads the delta, which was written later; earlier clients read the whole form, which is older; \
             `purge --exclusive` removes it"
        }
        (false, false, _) => "every client reads the whole form; the delta of that name is not asked for, and is kept",
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn origin() -> Option<Origin> {
        Some(Origin::Cache)
    }

    #[test]
    fn a_reference_never_overwrites_another_object() {
        let digest = Sha256([1; 32]);
        let tag = ETag::new("x");
        let kind = |place: &Place, origin, fits| restore(place, digest, origin, fits).as_str();
        assert_eq!(kind(&Place::Free, origin(), false), "put_reference");
        assert_eq!(kind(&Place::Taken, origin(), true), "keep_reference_beside");
        assert_eq!(kind(&Place::Taken, origin(), false), "none");
        assert_eq!(kind(&Place::Damaged(tag), origin(), true), "replace_reference");
        assert_eq!(kind(&Place::Free, None, true), "none");
    }

    #[test]
    fn a_delta_goes_only_where_the_whole_form_saves_its_content() {
        let (one, other) = (Some(Sha256([1; 32])), Some(Sha256([2; 32])));
        for delta_wins in [true, false] {
            for delta_readable in [true, false] {
                for whole_content in [one, other, None] {
                    for later in [0, 1, 2] {
                        let facts = BothForms {
                            delta_written: UNIX_EPOCH + Duration::from_secs(1),
                            whole_written: UNIX_EPOCH + Duration::from_secs(later),
                            delta_content: one,
                            whole_content,
                            delta_readable,
                            delta_wins,
                        };
                        let saves = both_forms(facts) == Standing::WholeSaves;
                        assert_eq!(saves, delta_wins && !delta_readable && whole_content == one, "{facts:?}");
                    }
                }
            }
        }
    }
}
