//! Running a codec: on the blocking pool, inside its memory, proven before anything is believed.

use std::io::{self, Read, Write};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use super::bodies::blocking;
use super::{Engine, MEMORY_UNIT};
use crate::cache::Form;
use crate::codec::{CodecError, CodecLimits, DeltaCodec, DeltaParts, ReferenceSize};
use crate::digest::Sha256Hasher;
use crate::error::Error;
use crate::progress::{SharedProgress, Stage};
use crate::scratch::Scratch;
use crate::{ContentDigest, RandomAccess, Sha256};

/// Memory taken for a codec run and what it works on; given back on drop.
#[derive(Debug)]
pub(super) struct CodecMemory {
    _permit: OwnedSemaphorePermit,
    codec: u64,
}

impl CodecMemory {
    /// Bytes that the codec may use.
    pub(super) fn bytes(&self) -> u64 {
        self.codec
    }
}

/// A reference in memory, in the form in which a codec takes it.
#[derive(Clone, Debug)]
pub(super) struct ReadyReference {
    /// Its bytes in that form.
    pub(super) bytes: Bytes,
    /// The same where it is kept.
    pub(super) kept: KeptReference,
}

/// A reference where it is kept: an entry of the cache that stays readable, mostly, so that it takes no memory for the time that a
/// delta is on its way.
#[derive(Clone, Debug)]
pub(super) struct KeptReference {
    /// What is kept.
    pub(super) content: Arc<dyn RandomAccess>,
    /// Its form.
    pub(super) form: Form,
    /// Digest of the reference as it is stored.
    pub(super) sha256: Sha256,
}

/// What an encoding came to.
#[derive(Debug)]
pub(super) enum Encoded {
    /// A delta, proven to give the target.
    Delta(Scratch, DeltaParts),
    /// It grew past what is worth keeping.
    TooLarge,
    /// It takes so many bytes of memory, or more.
    NeedsMemory(u64),
}

impl Engine {
    /// Waits for the memory of a codec run; `None` where it can never be had.
    pub(super) async fn codec_memory(
        &self,
        codec: &Arc<dyn DeltaCodec>,
        reference: ReferenceSize,
        target_size: u64,
    ) -> Option<CodecMemory> {
        let limit = self.inner.limits.memory;
        let needed = codec.memory(reference, target_size, limit).filter(|needed| *needed <= limit)?;
        Some(self.take_memory(needed).await)
    }

    /// Waits for so many bytes of memory, which are allowed.
    pub(super) async fn take_memory(&self, bytes: u64) -> CodecMemory {
        let units = bytes.div_ceil(MEMORY_UNIT).max(1);
        // The semaphore holds what `limits.memory` allows, rounded down to whole units.
        let units = units.min(self.inner.limits.memory / MEMORY_UNIT).clamp(1, u64::from(u32::MAX)) as u32;
        match Arc::clone(&self.inner.memory).acquire_many_owned(units).await {
            Ok(permit) => CodecMemory { _permit: permit, codec: bytes },
            // It is never closed.
            Err(_) => futures::future::pending().await,
        }
    }

    /// Puts a proven reference into a codec's form, which is proven to give it back.
    pub(super) async fn prepare(
        &self,
        codec: &Arc<dyn DeltaCodec>,
        memory: &CodecMemory,
        stored: Bytes,
        sha256: Sha256,
    ) -> Result<Bytes, CodecError> {
        let (codec, memory) = (Arc::clone(codec), memory.bytes());
        let _run = Arc::clone(&self.inner.codec_runs).acquire_owned().await;
        blocking(move || {
            let prepared = codec.prepare(stored, memory)?;
            if codec.reference_form() == Form::STORED || gives(&*codec, &prepared, sha256) {
                return Ok(prepared);
            }
            Err(CodecError::Damaged("what was prepared does not give the reference back".to_owned()))
        })
        .await
    }

    /// The reference as it is stored; `None` where what is kept of it cannot be read.
    pub(super) async fn restore(&self, kept: &KeptReference) -> Option<(Bytes, ContentDigest)> {
        let KeptReference { content, form, sha256 } = kept.clone();
        let made_by = self.inner.codecs.iter().find(|codec| codec.reference_form() == form).cloned();
        blocking(move || {
            let mut stored = Vec::new();
            let restored = match made_by {
                Some(codec) if form != Form::STORED => codec.restore(&*content, &mut stored),
                _ => {
                    io::copy(&mut (&*content as &dyn RandomAccess).reader(), &mut stored).map(drop).map_err(Into::into)
                }
            };
            let digest = ContentDigest::of(&stored);
            match restored {
                Ok(()) if digest.sha256 == sha256 => Some((stored.into(), digest)),
                Ok(()) => None,
                Err(error) => {
                    tracing::debug!(%error, %sha256, "a kept reference cannot be read");
                    None
                }
            }
        })
        .await
    }

    /// Whether what the cache gave, in a codec's form, gives the reference back.
    pub(super) async fn is_proven(&self, codec: &Arc<dyn DeltaCodec>, reference: &ReadyReference) -> bool {
        let (codec, ReadyReference { bytes, kept }) = (Arc::clone(codec), reference.clone());
        let proven = blocking(move || gives(&*codec, &bytes, kept.sha256)).await;
        if !proven {
            let KeptReference { form, sha256, .. } = &reference.kept;
            tracing::warn!(%sha256, form = form.as_str(), "an entry of the cache is not the reference that it is named after");
        }
        proven
    }

    /// Encodes a target against a proven reference to at most `max_size` bytes of delta, and proves the delta by decoding it.
    pub(super) async fn encode(
        &self,
        codec: &Arc<dyn DeltaCodec>,
        memory: &CodecMemory,
        reference: Bytes,
        target: (Arc<dyn RandomAccess>, ContentDigest),
        max_size: u64,
        progress: SharedProgress,
    ) -> Result<Encoded, Error> {
        let codec = Arc::clone(codec);
        let limits = CodecLimits { memory: memory.codec, target_size: target.1.size };
        let mut writer = self.inner.scratch.writer();
        let cancel = CancelOnDrop::default();
        let cancelled = Arc::clone(&cancel.0);
        let _run = Arc::clone(&self.inner.codec_runs).acquire_owned().await;
        blocking(move || {
            let (target, digest) = target;
            let mut capped = Capped { inner: &mut writer, left: max_size, full: false, cancelled: &cancelled };
            let encoded = codec.encode(&reference, &*target, &mut capped, &limits);
            if capped.full {
                return Ok(Encoded::TooLarge);
            }
            let parts = match encoded {
                Ok(parts) => parts,
                Err(CodecError::Memory { needed, .. }) => return Ok(Encoded::NeedsMemory(needed)),
                Err(error) => return Err(codec_error(error)),
            };
            let delta = writer.finish().map_err(Error::Scratch)?;
            progress.advance(Stage::Encode, digest.size);
            let mut proof = Hashing { inner: io::sink(), hasher: Sha256Hasher::default(), cancelled: &cancelled };
            let mut body = (&delta as &dyn RandomAccess).reader();
            let decoded = codec.decode(&reference, &mut body, &mut proof, &limits);
            if let Err(CodecError::Memory { needed, .. }) = decoded {
                return Ok(Encoded::NeedsMemory(needed));
            }
            if decoded.is_ok() && proof.hasher.finish() == digest.sha256 {
                return Ok(Encoded::Delta(delta, parts));
            }
            if rehash(&*target).map_err(Error::Source)? != digest.sha256 {
                return Err(Error::SourceChanged);
            }
            tracing::error!(codec = %codec.id(), "a delta did not give its target back; the object is stored whole");
            Ok(Encoded::TooLarge)
        })
        .await
    }

    /// Decodes a range of a delta, whose target has so many bytes, into `destination`, and gives back the digest of what was written.
    pub(super) async fn decode<W: Write + Send + 'static>(
        &self,
        codec: &Arc<dyn DeltaCodec>,
        memory: &CodecMemory,
        reference: ReadyReference,
        delta: Arc<Scratch>,
        (target_size, range): (u64, Range<u64>),
        destination: W,
    ) -> Result<(W, Sha256), Decoding<W>> {
        let codec = Arc::clone(codec);
        let limits = CodecLimits { memory: memory.codec, target_size };
        let cancel = CancelOnDrop::default();
        let cancelled = Arc::clone(&cancel.0);
        let _run = Arc::clone(&self.inner.codec_runs).acquire_owned().await;
        blocking(move || {
            let mut hashing = Hashing { inner: destination, hasher: Sha256Hasher::default(), cancelled: &cancelled };
            let mut written = Ok(());
            let decoded = {
                let mut watched = Watched { inner: &mut hashing, failed: &mut written };
                let mut body = (&*delta as &dyn RandomAccess).reader();
                match range == (0..target_size) {
                    true => codec.decode(&reference.bytes, &mut body, &mut watched, &limits),
                    false => codec.decode_range(&reference.bytes, &mut body, range, &mut watched, &limits),
                }
            };
            written.map_err(Decoding::Destination)?;
            match decoded {
                // Nothing was written then.
                Err(CodecError::Memory { needed, .. }) => {
                    return Err(Decoding::NeedsMemory { needed, destination: hashing.inner });
                }
                Err(source) => return Err(Decoding::Damaged { source, destination: hashing.inner }),
                Ok(()) => {}
            }
            hashing.inner.flush().map_err(Decoding::Destination)?;
            Ok((hashing.inner, hashing.hasher.finish()))
        })
        .await
    }

    /// Why a codec may have given other bytes than were put.
    pub(super) async fn doubt(&self, codec: &Arc<dyn DeltaCodec>, delta: Arc<Scratch>) -> Option<CodecError> {
        let codec = Arc::clone(codec);
        blocking(move || codec.doubt(&mut (&*delta as &dyn RandomAccess).reader())).await
    }
}

/// Why a decoding failed.
#[derive(Debug)]
pub(super) enum Decoding<W> {
    /// The delta cannot be decoded with this reference; something may have been written.
    Damaged { source: CodecError, destination: W },
    /// What it gives cannot be written.
    Destination(io::Error),
    /// It takes so many bytes of memory, or more; nothing was written.
    NeedsMemory { needed: u64, destination: W },
}

/// Whether the reference with this digest can be restored from a codec's form of it.
fn gives(codec: &dyn DeltaCodec, form: &Bytes, sha256: Sha256) -> bool {
    let goes_on = AtomicBool::new(false);
    let mut stored = Hashing { inner: io::sink(), hasher: Sha256Hasher::default(), cancelled: &goes_on };
    match codec.restore(form, &mut stored) {
        Ok(()) => stored.hasher.finish() == sha256,
        Err(error) => {
            tracing::debug!(%error, %sha256, "a kept reference cannot be read");
            false
        }
    }
}

fn codec_error(error: CodecError) -> Error {
    match error {
        CodecError::Io(error) => Error::Scratch(error),
        other => Error::Scratch(io::Error::other(other)),
    }
}

fn rehash(content: &dyn RandomAccess) -> io::Result<Sha256> {
    let mut hasher = Sha256Hasher::default();
    let mut reader = content.reader();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(&buffer[..read]),
        }
    }
}

/// Tells a run on the blocking pool that nobody waits for it any more.
#[derive(Debug, Default)]
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn check(cancelled: &AtomicBool) -> io::Result<()> {
    if cancelled.load(Ordering::Relaxed) { Err(io::Error::other("cancelled")) } else { Ok(()) }
}

/// Ends a run whose output is larger than it is worth.
struct Capped<'a, W> {
    inner: &'a mut W,
    left: u64,
    full: bool,
    cancelled: &'a AtomicBool,
}

impl<W: Write> Write for Capped<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        check(self.cancelled)?;
        if bytes.len() as u64 > self.left {
            self.full = true;
            return Err(io::Error::other("the delta is too large"));
        }
        let written = self.inner.write(bytes)?;
        self.left -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Hashes what passes.
struct Hashing<'a, W> {
    inner: W,
    hasher: Sha256Hasher,
    cancelled: &'a AtomicBool,
}

impl<W: Write> Write for Hashing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        check(self.cancelled)?;
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Keeps the destination's own error apart from the codec's.
struct Watched<'a, W> {
    inner: &'a mut W,
    failed: &'a mut io::Result<()>,
}

impl<W: Write> Write for Watched<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes).inspect_err(|error| {
            *self.failed = Err(io::Error::new(error.kind(), error.to_string()));
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
