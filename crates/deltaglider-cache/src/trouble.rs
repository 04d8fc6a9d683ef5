//! Remembers which references the cache had trouble with, so as to leave them alone for a while.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use deltaglider_core::cache::CacheKey;

use crate::sync::Mutex;

/// How long trouble is remembered, and how long a reference is then left alone.
const MEMORY: Duration = Duration::from_secs(600);
/// References remembered at most.
const REMEMBERED: usize = 1024;

/// References that were found damaged, and when.
#[derive(Debug, Default)]
pub(crate) struct Trouble(Mutex<HashMap<CacheKey, Damage>>);

#[derive(Clone, Copy, Debug)]
struct Damage {
    last: Instant,
    times: u32,
}

impl Trouble {
    /// Takes note of damage.
    pub(crate) fn damaged(&self, entry: &CacheKey, now: Instant) {
        let mut damages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        damages.retain(|_, damage| now.duration_since(damage.last) < MEMORY);
        if damages.len() < REMEMBERED || damages.contains_key(entry) {
            let damage = damages.entry(entry.clone()).or_insert(Damage { last: now, times: 0 });
            *damage = Damage { last: now, times: damage.times + 1 };
        }
    }

    /// Whether a reference is to be left alone: it was damaged twice within a short time.
    pub(crate) fn avoids(&self, entry: &CacheKey, now: Instant) -> bool {
        let damages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        damages.get(entry).is_some_and(|damage| damage.times > 1 && now.duration_since(damage.last) < MEMORY)
    }

    /// Forgets everything.
    pub(crate) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use deltaglider_core::Sha256;

    use super::*;
    use crate::schedules;

    #[test]
    fn twice_in_a_row_is_avoided_for_a_while() {
        schedules::alone(|| {
            let trouble = Trouble::default();
            let entry = CacheKey::stored(Sha256::of(b"a"));
            let start = Instant::now();
            trouble.damaged(&entry, start);
            assert!(!trouble.avoids(&entry, start));
            trouble.damaged(&entry, start);
            assert!(trouble.avoids(&entry, start));
            assert!(!trouble.avoids(&CacheKey::stored(Sha256::of(b"b")), start));
            assert!(!trouble.avoids(&entry, start + MEMORY));
            trouble.damaged(&entry, start + MEMORY);
            assert!(!trouble.avoids(&entry, start + MEMORY), "what is long ago does not count");
        });
    }
}
