//! Samples: what a content would take as a delta against another one, with nothing stored.

use std::sync::Arc;

use bytes::Bytes;

use super::Engine;
use super::coding::{CodecMemory, Encoded};
use super::plan;
use super::source::Source;
use crate::RandomAccess;
use crate::codec::{CodecError, DeltaCodec, ReferenceSize};
use crate::error::Error;
use crate::progress::silent;

/// A content that others are encoded against, in memory, with the memory that this takes.
#[derive(Debug)]
pub struct Sampler {
    engine: Engine,
    codec: Arc<dyn DeltaCodec>,
    memory: CodecMemory,
    reference: Bytes,
}

impl Engine {
    /// Takes a content as a reference for samples, by the codec that would write, into the bucket where one is named: 1 request then,
    /// for what the bucket asks of its clients, unless that is known. Holds memory until it is dropped: several
    /// at a time may wait for one another.
    ///
    /// `None` where that takes more memory than is allowed, for targets of up to `target_size` bytes.
    pub async fn sampler(
        &self,
        bucket: Option<&str>,
        reference: Source,
        target_size: u64,
    ) -> Result<Option<Sampler>, Error> {
        let prepared = self.open_source(reference, &silent()).await?.hash(silent()).await?;
        let limit = self.inner.limits.memory;
        let stored = ReferenceSize::Stored(prepared.digest.size);
        let writers = match bucket {
            Some(bucket) => self.writers(bucket).await?,
            None => self.inner.codecs[..self.inner.writers].to_vec(),
        };
        for codec in &writers {
            let mut wanted = codec.memory(stored, target_size, limit).filter(|bytes| *bytes <= limit);
            while let Some(bytes) = wanted {
                let memory = self.take_memory(bytes).await;
                let content = prepared.bytes().await?;
                match self.prepare(codec, &memory, content, prepared.digest.sha256).await {
                    Ok(reference) => {
                        let size = ReferenceSize::Prepared(reference.len() as u64);
                        let needed = codec.memory(size, target_size, limit).unwrap_or(u64::MAX);
                        if needed <= memory.bytes() {
                            let (engine, codec) = (self.clone(), Arc::clone(codec));
                            return Ok(Some(Sampler { engine, codec, memory, reference }));
                        }
                        wanted = plan::more_memory(bytes, needed, limit);
                    }
                    Err(CodecError::Memory { needed, .. }) => wanted = plan::more_memory(bytes, needed, limit),
                    Err(CodecError::Io(error)) => return Err(Error::Scratch(error)),
                    Err(_) => wanted = None,
                }
            }
        }
        Ok(None)
    }
}

impl Sampler {
    /// Length of the delta that gives a target, in bytes, however large; `None` where it would be larger than the target, or take more
    /// memory than was foreseen.
    pub async fn delta_size(&self, target: Source) -> Result<Option<u64>, Error> {
        let prepared = self.engine.open_source(target, &silent()).await?.hash(silent()).await?;
        let target = (Arc::clone(prepared.content()), prepared.digest);
        let (reference, most) = (self.reference.clone(), prepared.digest.size);
        match self.engine.encode(&self.codec, &self.memory, reference, target, most, silent()).await? {
            Encoded::Delta(delta, _) => Ok(Some(delta.size())),
            Encoded::TooLarge | Encoded::NeedsMemory(_) => Ok(None),
        }
    }
}
