//! Running a codec: on the blocking pool, inside its memory, proven before anything is believed.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use super::bodies::blocking;
use super::{Engine, MEMORY_UNIT};
use crate::codec::{CodecError, CodecLimits, DeltaCodec};
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

/// What an encoding came to.
#[derive(Debug)]
pub(super) enum Encoded {
    /// A delta, proven to give the target.
    Delta(Scratch),
    /// It grew past what is worth keeping.
    TooLarge,
}

impl Engine {
    /// Waits for the memory of a codec run; `None` where it can never be had.
    pub(super) async fn codec_memory(
        &self,
        codec: &Arc<dyn DeltaCodec>,
        reference_size: u64,
        target_size: u64,
    ) -> Option<CodecMemory> {
        let limit = self.inner.limits.memory;
        let needed = codec.memory(reference_size, target_size, limit).filter(|needed| *needed <= limit)?;
        let units = needed.div_ceil(MEMORY_UNIT).max(1);
        // The semaphore holds what `limits.memory` allows, rounded down to whole units.
        let units = units.min(limit / MEMORY_UNIT).clamp(1, u64::from(u32::MAX)) as u32;
        let permit = Arc::clone(&self.inner.memory).acquire_many_owned(units).await.ok()?;
        Some(CodecMemory { _permit: permit, codec: needed })
    }

    /// Encodes a target of at most `max_size` bytes of delta, and proves the delta by decoding it.
    pub(super) async fn encode(
        &self,
        memory: &CodecMemory,
        reference: (Bytes, Sha256),
        target: (Arc<dyn RandomAccess>, ContentDigest),
        max_size: u64,
        progress: SharedProgress,
    ) -> Result<Encoded, Error> {
        let codec = Arc::clone(self.writer_codec());
        let limits = CodecLimits { memory: memory.codec, target_size: target.1.size };
        let mut writer = self.inner.scratch.writer();
        let cancel = CancelOnDrop::default();
        let cancelled = Arc::clone(&cancel.0);
        let _run = Arc::clone(&self.inner.codec_runs).acquire_owned().await;
        blocking(move || {
            let (reference, reference_sha256) = reference;
            let (target, digest) = target;
            // A reference that is not what it claims to be must not reach a delta that others will need it for.
            if Sha256::of(&reference) != reference_sha256 {
                return Err(Error::Scratch(io::Error::other("the reference changed in memory")));
            }
            let mut capped = Capped { inner: &mut writer, left: max_size, full: false, cancelled: &cancelled };
            let encoded = codec.encode(&reference, &*target, &mut capped, &limits);
            if capped.full {
                return Ok(Encoded::TooLarge);
            }
            encoded.map_err(encode_error)?;
            let delta = writer.finish().map_err(Error::Scratch)?;
            progress.advance(Stage::Encode, digest.size);
            let mut proof = Hashing { inner: io::sink(), hasher: Sha256Hasher::default(), cancelled: &cancelled };
            let decoded = codec.decode(&reference, &mut (&delta as &dyn RandomAccess).reader(), &mut proof, &limits);
            if decoded.is_ok() && proof.hasher.finish() == digest.sha256 {
                return Ok(Encoded::Delta(delta));
            }
            if rehash(&*target).map_err(Error::Source)? != digest.sha256 {
                return Err(Error::SourceChanged);
            }
            tracing::error!(codec = %codec.id(), "a delta did not give its target back; the object is stored whole");
            Ok(Encoded::TooLarge)
        })
        .await
    }

    /// Decodes a delta into `destination`, and gives back the digest of what was written.
    pub(super) async fn decode<W: Write + Send + 'static>(
        &self,
        codec: &Arc<dyn DeltaCodec>,
        memory: &CodecMemory,
        reference: Bytes,
        delta: Scratch,
        target_size: u64,
        destination: W,
    ) -> Result<(W, Sha256), Decoding> {
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
                codec.decode(&reference, &mut (&delta as &dyn RandomAccess).reader(), &mut watched, &limits)
            };
            written.map_err(Decoding::Destination)?;
            decoded.map_err(Decoding::Damaged)?;
            hashing.inner.flush().map_err(Decoding::Destination)?;
            Ok((hashing.inner, hashing.hasher.finish()))
        })
        .await
    }
}

/// Why a decoding failed.
#[derive(Debug)]
pub(super) enum Decoding {
    /// The delta cannot be decoded.
    Damaged(CodecError),
    /// What it gives cannot be written.
    Destination(io::Error),
}

fn encode_error(error: CodecError) -> Error {
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
