//! Pure decisions of a purge: facts in, what may go out.

use std::time::{Duration, SystemTime};

/// Younger than this, what lies in the trash may be on its way through another client's hands.
pub(super) const IN_MOTION: Duration = Duration::from_secs(3600);

/// How old garbage has to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ages {
    pub(super) now: SystemTime,
    pub(super) older_than: Duration,
    /// Whether nobody else is writing.
    pub(super) exclusive: bool,
}

impl Ages {
    /// Whether garbage of this time is old enough to be looked at.
    pub(super) fn is_old(self, written: SystemTime) -> bool {
        written.checked_add(self.older_than).is_some_and(|due| due <= self.now)
    }

    /// Whether another client may still be moving it, though it is old enough for its user.
    pub(super) fn may_be_in_motion(self, written: SystemTime) -> bool {
        !self.exclusive && written.checked_add(IN_MOTION).is_none_or(|due| due > self.now)
    }
}

/// A whole form that a delta of the same name hides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hidden {
    pub(super) same_content: bool,
    pub(super) whole_written: SystemTime,
    pub(super) delta_written: SystemTime,
}

/// Why a hidden whole form has to stay, before its delta was read.
pub(super) fn keeps_hidden(hidden: Hidden) -> Option<&'static str> {
    // Who wrote it may be a client that reads it.
    (!hidden.same_content && hidden.whole_written > hidden.delta_written)
        .then_some("it was written later than the delta that hides it, and has another content")
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn after(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_young_stays() {
        let ages =
            |older_than, exclusive| Ages { now: after(10_000), older_than: Duration::from_secs(older_than), exclusive };
        assert!(ages(100, false).is_old(after(9_900)) && !ages(100, false).is_old(after(9_901)));
        assert!(ages(0, false).is_old(after(9_999)) && ages(0, false).may_be_in_motion(after(9_999)));
        assert!(!ages(0, false).may_be_in_motion(after(6_400)) && !ages(0, true).may_be_in_motion(after(9_999)));
        // Clocks differ.
        assert!(!ages(0, false).is_old(after(10_001)));
        assert!(!ages(u64::MAX, false).is_old(after(0)));
    }

    #[test]
    fn a_later_whole_form_with_another_content_stays() {
        let hidden =
            |same_content, whole| Hidden { same_content, whole_written: after(whole), delta_written: after(5) };
        assert!(keeps_hidden(hidden(false, 6)).is_some());
        assert!(keeps_hidden(hidden(true, 6)).is_none() && keeps_hidden(hidden(false, 5)).is_none());
    }
}
