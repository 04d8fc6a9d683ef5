//! An entry, opened: damage that shows while it is read drops it, so that the next lookup is a miss.

use std::io;
use std::sync::{Arc, Weak};

use deltaglider_core::RandomAccess;
use deltaglider_core::cache::CacheKey;
use deltaglider_core::seal::{SealError, SealReader};

use super::inner::Inner;
use crate::entry::{EntryName, EntryStore};

/// A sealed body, wherever it lies.
#[derive(Debug)]
pub(super) struct Body(pub(super) Arc<dyn RandomAccess>);

impl RandomAccess for Body {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn as_slice(&self) -> Option<&[u8]> {
        self.0.as_slice()
    }
}

/// Reads an entry, and knows which one it is.
#[derive(Debug)]
pub(super) struct EntryReader<S> {
    pub(super) reader: SealReader<Body>,
    /// Not held: a reader outlives its cache without keeping an ephemeral directory alive.
    pub(super) cache: Weak<Inner<S>>,
    pub(super) entry: CacheKey,
    pub(super) name: EntryName,
    pub(super) header: Vec<u8>,
}

impl<S: EntryStore> RandomAccess for EntryReader<S> {
    fn size(&self) -> u64 {
        self.reader.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let read = self.reader.read_at(buffer, offset);
        if let Some(cache) = self.cache.upgrade() {
            match &read {
                Ok(_) => cache.device_succeeded(),
                Err(error) => match SealError::of(error) {
                    Some(damage) => cache.corrupt(&self.entry, self.name, &self.header, &damage),
                    None => cache.device_failed(error),
                },
            }
        }
        read
    }
}
