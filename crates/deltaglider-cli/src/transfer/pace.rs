//! How many transfers are under way. A small file that can be no delta costs a round trip and little else: four of them count as one.

use std::sync::Arc;

use deltaglider::core::policy::may_be_delta;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{End, Item};
use crate::operand::base_name;

/// Small transfers that count as one.
const SMALL_FOR_ONE: usize = 4;
/// Bytes of content up to which a transfer is a small one.
const SMALL: u64 = 1 << 20;

/// The turns of a run's transfers; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    turns: Arc<Semaphore>,
    /// Turns that a transfer takes which is not small.
    whole: u32,
    most: usize,
}

impl Pace {
    /// So many transfers at a time. One at a time is one, however small.
    pub(super) fn new(jobs: usize) -> Self {
        let whole = if jobs > 1 { SMALL_FOR_ONE } else { 1 };
        let most = jobs.saturating_mul(whole).min(Semaphore::MAX_PERMITS);
        Self { turns: Arc::new(Semaphore::new(most)), whole: whole as u32, most }
    }

    /// Transfers that may wait for their turns or have them.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Waits for the turn of a transfer, which lasts until what this returns is dropped.
    pub(super) async fn turn(&self, item: &Item) -> Option<OwnedSemaphorePermit> {
        let turns = if is_small(item) { 1 } else { self.whole };
        // Nobody closes it.
        Arc::clone(&self.turns).acquire_many_owned(turns).await.ok()
    }
}

fn is_small(item: &Item) -> bool {
    let ends = [&item.source, &item.destination];
    let mut names = ends.into_iter().filter_map(|end| match end {
        End::Object(_, at) => Some(base_name(at.key())),
        End::Local(_) | End::Stream => None,
    });
    item.size.is_some_and(|size| size <= SMALL) && !names.any(may_be_delta)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Action, Line};

    fn item(size: Option<u64>) -> Item {
        let line = Line { action: Action::Upload, source: String::new(), destination: None, streamed: false };
        Item { source: End::Stream, destination: End::Stream, size, line, alone: false }
    }

    #[tokio::test]
    async fn four_small_ones_count_as_one() {
        let pace = Pace::new(2);
        assert_eq!(pace.most(), 8);
        let large = pace.turn(&item(Some(SMALL + 1))).await;
        let unknown = pace.turn(&item(None)).await;
        assert_eq!(pace.turns.available_permits(), 0);
        drop((large, unknown));
        let mut small = Vec::new();
        for _ in 0..8 {
            small.push(pace.turn(&item(Some(SMALL))).await);
        }
        assert_eq!(pace.turns.available_permits(), 0);
    }

    #[test]
    fn one_at_a_time_is_one() {
        assert_eq!(Pace::new(1).most(), 1);
    }
}
