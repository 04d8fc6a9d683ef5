//! What blocks: finding, sealing, rewrapping.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, PoisonError};
use std::time::{Instant, SystemTime};

use deltaglider_core::RandomAccess;
use deltaglider_core::cache::{CacheError, CacheKey, CacheStats, Form, Freed, Rewrapped};
use deltaglider_core::keys::{CacheEncryptionKey, KeyId, KeyRing};
use deltaglider_core::seal::{SealError, SealReader};
use zeroize::Zeroizing;

use super::content::Content;
use super::reader::{Body, EntryReader};
use crate::breaker::Breaker;
use crate::counts::Counts;
use crate::entry::{Draft, EntryId, EntryName, EntryStore, Usage};
use crate::sealed::{self, Contents, HeaderError, Subject};
use crate::sync::Mutex;
use crate::trouble::Trouble;

/// The store and what is known of it.
#[derive(Debug)]
pub(super) struct Inner<S> {
    pub(super) store: S,
    pub(super) counts: Counts,
    pub(super) trouble: Trouble,
    breaker: Breaker,
    key: Mutex<Option<(KeyId, SystemTime)>>,
}

impl<S: EntryStore> Inner<S> {
    pub(super) fn new(store: S) -> Self {
        Self {
            store,
            counts: Counts::default(),
            trouble: Trouble::default(),
            breaker: Breaker::default(),
            key: Mutex::default(),
        }
    }

    pub(super) fn note_key(&self, id: KeyId, since: SystemTime) {
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = Some((id, since));
    }

    /// Whether to go on without the cache: the device ails, or this entry was damaged twice.
    pub(super) fn avoids(&self, entry: &CacheKey) -> bool {
        let now = Instant::now();
        self.breaker.is_off(now) || self.trouble.avoids(entry, now)
    }

    /// Takes note of a failure of the device; other errors say nothing about it.
    pub(super) fn failed(&self, error: &CacheError) {
        if let CacheError::Io(error) = error {
            self.device_failed(error);
        }
    }

    pub(super) fn device_failed(&self, error: &io::Error) {
        // Neither what a clear took away nor a full disk is a failure of the device.
        let said_nothing = matches!(
            error.kind(),
            io::ErrorKind::InvalidInput
                | io::ErrorKind::NotFound
                | io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
        );
        let device = SealError::of(error).is_none() && !said_nothing;
        if device && self.breaker.failed(Instant::now()) {
            tracing::warn!(%error, "the cache keeps failing and is switched off for a while");
        }
    }

    /// Takes note that the device has given what was asked of it. That it takes what is written says little: it may be in memory
    /// still.
    pub(super) fn device_succeeded(&self) {
        self.breaker.succeeded();
    }

    /// Opens an entry; whatever is in the way is dealt with and is a miss.
    pub(super) fn find(self: &Arc<Self>, entry: &CacheKey, ring: &KeyRing) -> Option<Arc<dyn RandomAccess>> {
        self.store.tend();
        let subject = subject_of(entry);
        for key in ring.keys() {
            let name = sealed::entry_name(key, &subject);
            match self.open(entry, &subject, key, name) {
                Ok(Some(found)) => return Some(found),
                Ok(None) => {}
                Err(error) => {
                    self.device_failed(&error);
                    return None;
                }
            }
        }
        None
    }

    fn open(
        self: &Arc<Self>,
        entry: &CacheKey,
        subject: &Subject,
        key: &CacheEncryptionKey,
        name: EntryName,
    ) -> io::Result<Option<Arc<dyn RandomAccess>>> {
        let Some(header) = self.store.header(name)? else { return Ok(None) };
        let contents = match sealed::open(key, subject, &header) {
            Ok(contents) => contents,
            Err(HeaderError::UnknownVersion(version)) => {
                tracing::debug!(version, "met an entry of a later version");
                return Ok(None);
            }
            // The name was made with this key: another key's id under it is damage as well.
            Err(error) => {
                self.corrupt(entry, name, &header, &error);
                return Ok(None);
            }
        };
        let Some(body) = self.store.body(contents.entry)? else {
            // Evicted this moment, or lost: a header without a body is of no use to anybody.
            self.store.remove(name, Some(&header))?;
            return Ok(None);
        };
        match SealReader::new(Body(body), &contents.body_key(), contents.binding(entry.digest)) {
            Ok(reader) => Ok(Some(self.reader(reader, entry, name, header))),
            Err(error) => {
                self.corrupt(entry, name, &header, &error);
                Ok(None)
            }
        }
    }

    fn reader(
        self: &Arc<Self>,
        reader: SealReader<Body>,
        entry: &CacheKey,
        name: EntryName,
        header: Vec<u8>,
    ) -> Arc<dyn RandomAccess> {
        let cache = Arc::downgrade(self);
        Arc::new(EntryReader { reader, cache, entry: entry.clone(), name, header })
    }

    /// Drops an entry that failed its check, if it still is the same.
    pub(super) fn corrupt(&self, entry: &CacheKey, name: EntryName, header: &[u8], error: &dyn std::error::Error) {
        // Counted once, by whoever removes it.
        if let Ok(Some(_)) = self.store.remove(name, Some(header)) {
            self.counts.corruptions.add(1);
            self.trouble.damaged(entry, Instant::now());
            tracing::warn!(digest = %entry.digest, %error, "decryption failed: dropped a damaged entry of the cache");
        }
    }

    /// Begins an entry whose sealed body is `sealed` bytes long.
    pub(super) fn begin(&self, sealed: u64) -> Result<(EntryId, Box<dyn Draft>), CacheError> {
        let mut id = [0; 16];
        random(&mut id)?;
        let id = EntryId(id);
        Ok((id, self.store.draft(id, sealed)?))
    }

    /// Seals a content, publishes it, and opens it.
    pub(super) fn seal(
        self: &Arc<Self>,
        entry: &CacheKey,
        ring: &KeyRing,
        id: EntryId,
        draft: Box<dyn Draft>,
        content: &Content,
    ) -> Result<Arc<dyn RandomAccess>, CacheError> {
        let mut data_key = Zeroizing::new([0; 32]);
        random(&mut *data_key)?;
        let mut nonce = [0; 12];
        random(&mut nonce)?;
        let created = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let sha256 = entry.digest;
        let mut contents = Contents { entry: id, data_key, sha256, length: content.source().size(), created };
        let (body_key, binding) = (contents.body_key(), contents.binding(entry.digest));

        let (draft, sha256) = content.seal(draft, &body_key, binding).map_err(no_space)?;
        contents.sha256 = sha256;
        if entry.form == Form::STORED && contents.sha256 != entry.digest {
            return Err(CacheError::WrongDigest);
        }

        let subject = subject_of(entry);
        let name = sealed::entry_name(&ring.primary, &subject);
        let header = sealed::seal(&ring.primary, &subject, &contents, nonce).map_err(io::Error::other)?;
        let body = draft.publish(name, &header).map_err(no_space)?;
        let reader = SealReader::new(Body(body), &body_key, binding).map_err(io::Error::from)?;
        Ok(self.reader(reader, entry, name, header.to_vec()))
    }

    pub(super) fn evict(&self, entry: &CacheKey, ring: &KeyRing) -> Result<bool, CacheError> {
        let subject = subject_of(entry);
        let mut evicted = false;
        for key in ring.keys() {
            evicted |= self.store.remove(sealed::entry_name(key, &subject), None)?.is_some();
        }
        Ok(evicted)
    }

    pub(super) fn rewrap(&self, ring: &KeyRing) -> Result<Rewrapped, CacheError> {
        let mut done = Rewrapped::default();
        for (name, header) in self.store.headers()? {
            match self.rewrap_one(ring, name, &header) {
                Ok(Outcome::Rewrapped) => {
                    self.counts.rewraps.add(1);
                    done.rewrapped += 1;
                }
                Ok(Outcome::Current) => done.current += 1,
                Ok(Outcome::Unknown) => done.unknown += 1,
                Ok(Outcome::Gone) => {}
                Err(error) => {
                    tracing::warn!(%name, %error, "an entry of the cache could not be put under the new key");
                    done.failed += 1;
                }
            }
        }
        Ok(done)
    }

    fn rewrap_one(&self, ring: &KeyRing, name: EntryName, header: &[u8]) -> io::Result<Outcome> {
        let clear = match sealed::peek(header) {
            Ok(clear) => clear,
            Err(HeaderError::UnknownVersion(_)) => return Ok(Outcome::Unknown),
            Err(error) => return Err(io::Error::other(error)),
        };
        if clear.key == ring.primary.id() {
            return Ok(Outcome::Current);
        }
        let Some(key) = ring.find(clear.key) else { return Ok(Outcome::Unknown) };
        let subject = sealed::open_subject(key, header).map_err(io::Error::other)?;
        let contents = sealed::open(key, &subject, header).map_err(io::Error::other)?;
        let mut nonce = [0; 12];
        random(&mut nonce)?;
        let fresh = sealed::seal(&ring.primary, &subject, &contents, nonce).map_err(io::Error::other)?;
        let fresh_name = sealed::entry_name(&ring.primary, &subject);
        let replaced = self.store.replace(name, header, fresh_name, &fresh)?;
        Ok(if replaced { Outcome::Rewrapped } else { Outcome::Gone })
    }

    pub(super) fn purge_key(&self, id: KeyId) -> Result<Freed, CacheError> {
        let mut freed = Freed::default();
        for (name, header) in self.store.headers()? {
            if sealed::peek(&header).is_ok_and(|clear| clear.key == id) {
                match self.store.remove(name, Some(&header)) {
                    Ok(Some(bytes)) => {
                        freed.entries += 1;
                        freed.bytes += bytes;
                    }
                    Ok(None) => {}
                    Err(_) => freed.failed += 1,
                }
            }
        }
        Ok(freed)
    }

    pub(super) fn has_unknown_key(&self, known: &[KeyId]) -> bool {
        self.keys_in_use().keys().any(|id| !known.contains(id))
    }

    fn keys_in_use(&self) -> BTreeMap<KeyId, u64> {
        let mut entries = BTreeMap::new();
        for (_, header) in self.store.headers().unwrap_or_default() {
            if let Ok(clear) = sealed::peek(&header) {
                *entries.entry(clear.key).or_default() += 1;
            }
        }
        entries
    }

    pub(super) fn stats(&self) -> CacheStats {
        let usage = self.store.usage().unwrap_or_else(|_| Usage::default());
        let key = *self.key.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stats = CacheStats::default();
        stats.backend = self.store.backend();
        stats.entries = usage.entries;
        stats.bytes = usage.bytes;
        stats.limit = self.store.limit();
        stats.hits = self.counts.hits.get();
        stats.misses = self.counts.misses.get();
        stats.coalesced = self.counts.coalesced.get();
        stats.evicted_for_budget = usage.evicted_for_budget;
        stats.evicted_for_space = usage.evicted_for_space;
        stats.evicted_for_age = usage.evicted_for_age;
        stats.bypasses = self.counts.bypasses.get();
        stats.corruptions = self.counts.corruptions.get();
        stats.unknown_keys = self.counts.unknown_keys.get();
        stats.rewraps = self.counts.rewraps.get();
        stats.oldest_use = usage.oldest_use;
        stats.entries_by_key = self.keys_in_use().into_iter().collect();
        stats.key_id = key.map(|(id, _)| id);
        stats.key_since = key.map(|(_, since)| since);
        stats.path = usage.path;
        stats
    }
}

/// What became of one entry.
enum Outcome {
    Rewrapped,
    Current,
    Unknown,
    Gone,
}

/// What an entry's header is bound to.
pub(super) fn subject_of(entry: &CacheKey) -> Subject {
    Subject { digest: entry.digest, form: entry.form.as_str().to_owned() }
}

fn no_space(error: io::Error) -> CacheError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => CacheError::NoSpace,
        _ => error.into(),
    }
}

fn random(bytes: &mut [u8]) -> io::Result<()> {
    getrandom::fill(bytes).map_err(io::Error::other)
}
