//! Makes room: the least recently used go first.

use std::io;
use std::time::{Duration, Instant};

use deltaglider_core::cache::{CacheError, Freed};

use super::layout::{Layout, Use};
use super::{FilesystemEntries, Room, locks};
use crate::counts::Counter;

/// What other processes add shows after this long at the latest.
const COUNT_AGAIN: Duration = Duration::from_secs(10);

impl FilesystemEntries {
    /// Makes room for `incoming` bytes and reserves them.
    pub(super) fn reserve(&self, layout: &Layout, incoming: u64) -> Result<(), CacheError> {
        let limit = self.config.max_bytes;
        if incoming > limit {
            return Err(CacheError::TooLarge { size: incoming, limit });
        }
        let bounds = self.bounds();
        // One insert at a time decides: two may not both take the same free bytes.
        let mut room = self.room();
        let volume = layout.bodies.volume();
        let mut used = room.count(layout)?;
        let excess = bounds.excess(used + room.reserved, incoming, volume);
        if excess.budget > 0 || excess.space > 0 {
            if let Some(_evictor) = locks::try_evictor(&layout.locks)? {
                let for_budget = self.evict_oldest(layout, excess.budget, &self.evicted.budget)?;
                let rest = excess.space.saturating_sub(for_budget.bytes);
                self.evict_oldest(layout, rest, &self.evicted.space)?;
            }
            room.used = None;
            used = room.count(layout)?;
            if !bounds.fits(used + room.reserved, incoming, layout.bodies.volume()) {
                return Err(CacheError::NoSpace);
            }
        }
        room.reserved += incoming;
        Ok(())
    }

    /// Evicts at least `bytes`, the least recently used first.
    pub(super) fn evict_oldest(&self, layout: &Layout, bytes: u64, count: &Counter) -> io::Result<Freed> {
        let mut freed = Freed::default();
        if bytes == 0 {
            return Ok(freed);
        }
        let mut uses = layout.uses()?;
        uses.sort_unstable_by_key(|used| (used.modified, used.name));
        for used in uses {
            if freed.bytes >= bytes {
                break;
            }
            evict(layout, used, &mut freed);
        }
        count.add(freed.entries);
        Ok(freed)
    }

    /// Evicts what nobody used for so long.
    pub(super) fn evict_idle(&self, layout: &Layout, idle: Duration) -> io::Result<Freed> {
        let mut freed = Freed::default();
        for used in layout.uses()? {
            if used.modified.elapsed().is_ok_and(|elapsed| elapsed >= idle) {
                evict(layout, used, &mut freed);
            }
        }
        self.evicted.age.add(freed.entries);
        self.room().used = None;
        Ok(freed)
    }
}

fn evict(layout: &Layout, used: Use, freed: &mut Freed) {
    match layout.remove(used.name, None) {
        Ok(Some(bytes)) => {
            freed.entries += 1;
            freed.bytes += bytes;
        }
        Ok(None) => {}
        Err(_) => freed.failed += 1,
    }
}

impl Room {
    /// Bytes on disk, counted anew where the count is old.
    fn count(&mut self, layout: &Layout) -> io::Result<u64> {
        match self.used {
            Some((used, at)) if at.elapsed() < COUNT_AGAIN => Ok(used),
            _ => {
                let used = layout.bytes()?;
                self.used = Some((used, Instant::now()));
                Ok(used)
            }
        }
    }
}
