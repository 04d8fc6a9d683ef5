//! One fetch at a time for one reference, in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deltaglider_core::cache::CacheKey;
use tokio::sync::watch;

/// The fetches under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flights(Arc<Mutex<HashMap<CacheKey, watch::Sender<Stage>>>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Somebody fetches.
    Fetching,
    /// What is fetched will not be kept: there is nothing to wait for.
    Futile,
}

/// Whose turn it is to fetch.
pub(crate) enum Turn {
    /// The caller's.
    Lead(Leader),
    /// Somebody else's.
    Wait(watch::Receiver<Stage>),
}

/// How waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// The leader is done, one way or the other.
    Done,
    /// Waiting is of no use.
    Futile,
}

/// Leads a fetch until it is dropped.
#[derive(Debug)]
pub(crate) struct Leader {
    flights: Flights,
    entry: CacheKey,
    stage: watch::Sender<Stage>,
}

impl Flights {
    /// Takes the lead, or finds who has it.
    pub(crate) fn join(&self, entry: &CacheKey) -> Turn {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stage) = flights.get(entry) {
            return Turn::Wait(stage.subscribe());
        }
        let (stage, _) = watch::channel(Stage::Fetching);
        flights.insert(entry.clone(), stage.clone());
        Turn::Lead(Leader { flights: self.clone(), entry: entry.clone(), stage })
    }

    /// Tells those who wait for an entry that it will not be kept.
    pub(crate) fn give_up(&self, entry: &CacheKey) {
        let flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stage) = flights.get(entry) {
            stage.send_replace(Stage::Futile);
        }
    }
}

impl Leader {
    /// Tells those who wait that the fetch goes on.
    pub(crate) fn progress(&self) {
        self.stage.send_modify(|_| {});
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.flights.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.entry);
    }
}

/// Waits until the leader is done, or makes no progress for `patience`.
pub(crate) async fn wait(mut stage: watch::Receiver<Stage>, patience: Duration) -> Waited {
    loop {
        if *stage.borrow_and_update() == Stage::Futile {
            return Waited::Futile;
        }
        match tokio::time::timeout(patience, stage.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Waited::Done,
            Err(_) => return Waited::Futile,
        }
    }
}
