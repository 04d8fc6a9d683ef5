//! The contents of a bucket as a store, for what comes before and after the play.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::call::{Answer, Call};
use super::call_store::{Answers, CallStore};
use super::contents::Contents;

/// A store with one bucket, of any name unless that is said, whose contents can be put in and taken out. It keeps every promise of the port.
pub type ValueStore = CallStore<Shared>;

/// Contents that several may change.
#[derive(Clone, Debug)]
pub struct Shared {
    contents: Arc<Mutex<Contents>>,
    now: u64,
    bucket: Option<Arc<str>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ValueStore {
    /// A store with these contents, in which it is so many seconds after 1970.
    #[must_use]
    pub fn new(contents: Contents, now: u64) -> Self {
        Self(Shared { contents: Arc::new(Mutex::new(contents)), now, bucket: None })
    }

    /// The same, with a bucket of this name alone.
    #[must_use]
    pub fn with_bucket(self, name: &str) -> Self {
        Self(Shared { bucket: Some(name.into()), ..self.0 })
    }

    /// What it holds now.
    #[must_use]
    pub fn contents(&self) -> Contents {
        self.0.lock().clone()
    }
}

#[async_trait]
impl Answers for Shared {
    async fn ask(&self, call: Call) -> Answer {
        self.lock().apply(&call, self.now)
    }

    fn has_bucket(&self, name: &str) -> bool {
        self.bucket.as_deref().is_none_or(|bucket| bucket == name)
    }
}
