//! The task that reads keys again from time to time.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::key_ring::{RingSource, ServedRing};

/// A running task; dropped, it ends.
#[derive(Debug)]
pub(super) struct Refresher(JoinHandle<()>);

impl Refresher {
    /// Reads a ring again every `interval`, 20 % sooner or later so that processes do not ask all at once.
    pub(super) fn begin<S: RingSource>(ring: &Arc<ServedRing<S>>, interval: Duration) -> Self {
        Self(tokio::spawn(run(Arc::downgrade(ring), interval)))
    }

    /// Whether it has ended by itself: its runtime did.
    pub(super) fn has_ended(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for Refresher {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn run<S: RingSource>(ring: Weak<ServedRing<S>>, interval: Duration) {
    loop {
        tokio::time::sleep(jittered(interval)).await;
        let Some(ring) = ring.upgrade() else { return };
        // The last good ring is served; what is wrong was told of already.
        drop(ring.read_again(Duration::ZERO).await);
    }
}

fn jittered(interval: Duration) -> Duration {
    let mut bytes = [0; 4];
    // Without randomness the middle will do.
    let share =
        getrandom::fill(&mut bytes).map_or(0.5, |()| f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX));
    interval.mul_f64(0.8 + 0.4 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_a_fifth_sooner_or_later() {
        let interval = Duration::from_secs(300);
        let drawn: Vec<_> = (0..200).map(|_| jittered(interval)).collect();
        assert!(drawn.iter().all(|drawn| (240.0..=360.0).contains(&drawn.as_secs_f64())));
        assert!(drawn.iter().any(|drawn| *drawn < interval) && drawn.iter().any(|drawn| *drawn > interval));
    }
}
