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
    use std::sync::atomic::AtomicU64;
    use std::sync::atomic::Ordering::Relaxed;

    use async_trait::async_trait;
    use deltaglider_core::keys::{CacheEncryptionKey, KeyError, KeyRing};

    use super::*;

    /// Counts how often it is read.
    #[derive(Debug, Default)]
    struct Counted(AtomicU64);

    #[async_trait]
    impl RingSource for Counted {
        fn name(&self) -> String {
            "a test".to_owned()
        }

        async fn read(&self) -> Result<KeyRing, KeyError> {
            self.0.fetch_add(1, Relaxed);
            CacheEncryptionKey::fill_with(|_| Ok(())).map(KeyRing::of)
        }
    }

    #[test]
    fn an_interval_is_a_fifth_sooner_or_later() {
        let interval = Duration::from_secs(300);
        let drawn: Vec<_> = (0..200).map(|_| jittered(interval)).collect();
        assert!(drawn.iter().all(|drawn| (240.0..=360.0).contains(&drawn.as_secs_f64())));
        assert!(drawn.iter().any(|drawn| *drawn < interval) && drawn.iter().any(|drawn| *drawn > interval));
    }

    #[tokio::test(start_paused = true)]
    async fn a_ring_is_read_again_until_the_refresher_or_the_ring_is_dropped() {
        let interval = Duration::from_secs(300);
        let ring = Arc::new(ServedRing::new(Counted::default()));
        let refresher = Refresher::begin(&ring, interval);
        tokio::time::sleep(interval * 12).await;
        let read = ring.source().0.load(Relaxed);
        assert!((10..=15).contains(&read), "{read}");
        drop(refresher);
        tokio::time::sleep(interval * 12).await;
        assert_eq!(ring.source().0.load(Relaxed), read);

        let refresher = Refresher::begin(&ring, interval);
        drop(ring);
        tokio::time::sleep(interval * 2).await;
        assert!(refresher.has_ended());
    }
}
