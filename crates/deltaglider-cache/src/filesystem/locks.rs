//! The right to fetch a reference, among processes: lock files, several references to each.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io;
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use crate::directory::{Directory, is_hex_name};
use crate::entry::EntryName;
use crate::sync::Mutex;

/// Name of the lock of whoever evicts.
const EVICTOR: &str = "evictor";
/// Progress is written down at most this often.
const PROGRESS: Duration = Duration::from_secs(1);

/// The stripes that this process holds. Two fetches that share a stripe do not wait for one another inside the process: only
/// other processes do, and for them a duplicate fetch is harmless.
#[derive(Debug, Default)]
pub(super) struct Stripes(Mutex<HashMap<String, Weak<Stripe>>>);

/// A stripe that is held until the last reference goes.
#[derive(Debug)]
pub(super) struct Stripe {
    file: File,
    progress: Mutex<Instant>,
}

impl Stripes {
    /// Takes a stripe; `None` while another process holds it.
    pub(super) fn try_claim(&self, locks: &Directory, name: EntryName) -> io::Result<Option<Arc<Stripe>>> {
        let stripe = stripe_of(name);
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, stripe| stripe.strong_count() > 0);
        if let Some(stripe) = held.get(&stripe).and_then(Weak::upgrade) {
            return Ok(Some(stripe));
        }
        let Some(file) = try_lock(locks, &stripe)? else { return Ok(None) };
        let claimed = Arc::new(Stripe { file, progress: Mutex::new(Instant::now()) });
        let _ = claimed.file.set_modified(SystemTime::now());
        held.insert(stripe, Arc::downgrade(&claimed));
        Ok(Some(claimed))
    }
}

impl Stripe {
    /// Tells other processes that the fetch goes on.
    pub(super) fn progress(&self) {
        let mut last = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= PROGRESS {
            *last = Instant::now();
            let _ = self.file.set_modified(SystemTime::now());
        }
    }
}

/// When the holder of a stripe last said that its fetch goes on.
pub(super) fn progress(locks: &Directory, name: EntryName) -> Option<SystemTime> {
    locks.status(&stripe_of(name)).ok().map(|status| status.modified)
}

/// Becomes the only evictor among processes, until the file is dropped; `None` while there is another.
pub(super) fn try_evictor(locks: &Directory) -> io::Result<Option<File>> {
    try_lock(locks, EVICTOR)
}

pub(super) fn is_lock_name(name: &str) -> bool {
    name == EVICTOR || is_hex_name(name, "", 3)
}

fn try_lock(locks: &Directory, name: &str) -> io::Result<Option<File>> {
    let file = locks.lock_file(name)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn stripe_of(name: EntryName) -> String {
    name.to_string()[..3].to_owned()
}
