//! The ring that is served while its source is read again: the last good one, whatever the source does.

use std::fmt::Debug;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use deltaglider_core::keys::{KeyError, KeyId, KeyRing};
use tokio::time::Instant;

use crate::access;

/// Where a ring is read from, each time anew.
#[async_trait]
pub(crate) trait RingSource: Debug + Send + Sync + 'static {
    /// What it is called in errors and events.
    fn name(&self) -> String;

    /// Reads the keys that are in force now.
    async fn read(&self) -> Result<KeyRing, KeyError>;
}

/// The last ring that a source gave.
#[derive(Debug)]
pub(crate) struct ServedRing<S> {
    source: S,
    ring: Mutex<Option<KeyRing>>,
    /// Whether the source failed when it was read last, which is warned of once.
    failing: AtomicBool,
    /// Held by whoever reads the source: when that was done last.
    reading: tokio::sync::Mutex<Option<Instant>>,
}

impl<S: RingSource> ServedRing<S> {
    pub(crate) fn new(source: S) -> Self {
        Self { source, ring: Mutex::default(), failing: AtomicBool::new(false), reading: tokio::sync::Mutex::default() }
    }

    pub(crate) fn source(&self) -> &S {
        &self.source
    }

    /// The ring, read first where there is none yet; only then can it fail.
    pub(crate) async fn get(&self) -> Result<KeyRing, KeyError> {
        if let Some(ring) = self.served() {
            return Ok(ring);
        }
        let mut reading = self.reading.lock().await;
        if let Some(ring) = self.served() {
            return Ok(ring);
        }
        let read = self.source.read().await;
        access::loaded(&self.source.name(), &read);
        let ring = read?;
        *reading = Some(Instant::now());
        *self.lock() = Some(ring.clone());
        Ok(ring)
    }

    /// Reads the source again, unless that was done less than `pace` ago; the ring stays where that fails. Says whether the ring
    /// has changed.
    pub(crate) async fn read_again(&self, pace: Duration) -> Result<bool, KeyError> {
        let mut reading = self.reading.lock().await;
        if reading.is_some_and(|at| at.elapsed() < pace) {
            return Ok(false);
        }
        *reading = Some(Instant::now());
        let read = self.source.read().await;
        let before = self.served();
        let changed = match (&before, &read) {
            (Some(before), Ok(now)) => !before.keys().map(id).eq(now.keys().map(id)),
            (None, Ok(_)) => true,
            (_, Err(_)) => false,
        };
        access::refreshed(&self.source.name(), &read, changed);
        let failed_before = self.failing.swap(read.is_err(), Relaxed);
        if let (Err(error), false) = (&read, failed_before) {
            tracing::warn!(%error, "the keys of the cache could not be read again; the last ones stay in force");
        }
        let mut ring = read?;
        if let Some(before) = before.filter(|before| before.primary.id() == ring.primary.id()) {
            ring.since = before.since;
        }
        *self.lock() = Some(ring);
        Ok(changed)
    }

    fn served(&self) -> Option<KeyRing> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<KeyRing>> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn id(key: &deltaglider_core::keys::CacheEncryptionKey) -> KeyId {
    key.id()
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use deltaglider_core::keys::CacheEncryptionKey;

    use super::*;

    /// Gives what a test put there, in its order.
    #[derive(Debug)]
    struct Script(Mutex<VecDeque<Result<&'static [u8], &'static str>>>);

    impl Script {
        fn ring(answers: &[Result<&'static [u8], &'static str>]) -> ServedRing<Self> {
            ServedRing::new(Self(Mutex::new(answers.iter().copied().collect())))
        }
    }

    #[async_trait]
    impl RingSource for Script {
        fn name(&self) -> String {
            "a script".to_owned()
        }

        async fn read(&self) -> Result<KeyRing, KeyError> {
            let answer = self.0.lock().expect("not poisoned").pop_front().expect("no more was expected");
            let bytes = answer
                .map_err(|reason| KeyError::Unavailable { source_name: self.name(), reason: reason.to_owned() })?;
            let mut ring = KeyRing::of(key(bytes[0]));
            bytes[1..].iter().for_each(|&byte| ring.add_decrypt_only(key(byte)));
            Ok(ring)
        }
    }

    fn key(byte: u8) -> CacheEncryptionKey {
        CacheEncryptionKey::fill_with(|bytes| {
            bytes.fill(byte);
            Ok::<_, KeyError>(())
        })
        .expect("filled")
    }

    #[tokio::test]
    async fn a_source_is_read_once_and_then_when_it_is_asked_again() -> Result<(), KeyError> {
        let ring = Script::ring(&[Ok(&[1]), Ok(&[1]), Ok(&[2, 1])]);
        let first = ring.get().await?;
        assert_eq!(first.primary.id(), ring.get().await?.primary.id());
        assert!(!ring.read_again(Duration::ZERO).await?);
        assert_eq!(ring.get().await?.since, first.since);
        assert!(ring.read_again(Duration::ZERO).await?);
        let changed = ring.get().await?;
        assert_eq!((changed.primary.id(), changed.decrypt_only.len()), (key(2).id(), 1));
        Ok(())
    }

    #[tokio::test]
    async fn a_source_that_fails_is_an_error_at_first_and_goes_unheard_later() -> Result<(), KeyError> {
        let ring = Script::ring(&[Err("down"), Ok(&[1]), Err("down"), Ok(&[2])]);
        assert!(ring.get().await.expect_err("nothing to serve").to_string().contains("down"));
        assert_eq!(ring.get().await?.primary.id(), key(1).id());
        assert!(ring.read_again(Duration::ZERO).await.is_err());
        assert_eq!(ring.get().await?.primary.id(), key(1).id());
        assert!(ring.read_again(Duration::ZERO).await?);
        assert_eq!(ring.get().await?.primary.id(), key(2).id());
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_is_not_read_more_often_than_the_pace_allows() -> Result<(), KeyError> {
        let ring = Script::ring(&[Ok(&[1]), Ok(&[2])]);
        ring.get().await?;
        let pace = Duration::from_secs(30);
        assert!(!ring.read_again(pace).await?);
        tokio::time::advance(pace).await;
        assert!(ring.read_again(pace).await?);
        assert!(!ring.read_again(pace).await?);
        Ok(())
    }
}
