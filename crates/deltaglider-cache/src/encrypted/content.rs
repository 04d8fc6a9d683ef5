//! A content to be kept: how it is sealed, and by whom it was hashed.

use std::io::{self, Write};
use std::sync::Arc;

use deltaglider_core::cache::Form;
use deltaglider_core::digest::Sha256Hasher;
use deltaglider_core::seal::{Binding, BodyKey, SEALED_PART, SealError, SealWriter, seal_parts};
use deltaglider_core::{Proven, RandomAccess, Sha256};

use crate::entry::Draft;

/// Contents that do not lie in memory are read in portions of so many bytes.
const PORTION: usize = 1 << 18;

/// From this size on a content is hashed beside being sealed; starting a thread costs less than a tenth of that then.
const BESIDE: usize = 1 << 20;

/// What is to be kept.
#[derive(Clone)]
pub(super) enum Content {
    /// Its digest is known.
    Proven(Proven),
    /// Its digest is taken while it is sealed.
    Unproven(Arc<dyn RandomAccess>),
    /// A prepared form: there is no digest to compare its own with, and none is taken. The seal alone proves it.
    Prepared(Arc<dyn RandomAccess>),
}

/// What stands in a header in place of a digest that was not taken.
const NOT_TAKEN: Sha256 = Sha256([0; 32]);

impl Content {
    /// A content whose digest is not known.
    pub(super) fn new(form: &Form, content: Arc<dyn RandomAccess>) -> Self {
        if *form == Form::STORED { Self::Unproven(content) } else { Self::Prepared(content) }
    }

    pub(super) fn source(&self) -> &Arc<dyn RandomAccess> {
        match self {
            Self::Proven(proven) => proven.content(),
            Self::Unproven(source) | Self::Prepared(source) => source,
        }
    }

    /// The digest, where none has to be taken.
    fn sha256(&self) -> Option<Sha256> {
        match self {
            Self::Proven(proven) => Some(proven.sha256()),
            Self::Unproven(_) => None,
            Self::Prepared(_) => Some(NOT_TAKEN),
        }
    }

    /// Seals the content into a draft; gives the draft back, and the digest for the header.
    pub(super) fn seal(
        &self,
        mut draft: Box<dyn Draft>,
        key: &BodyKey,
        binding: Binding,
    ) -> io::Result<(Box<dyn Draft>, Sha256)> {
        if let Some(bytes) = self.source().as_slice() {
            let sha256 = self.seal_slice(bytes, &mut *draft, key, binding)?;
            return Ok((draft, sha256));
        }
        let mut writer = SealWriter::new(draft, key, binding);
        let sha256 = self.copy(&mut writer)?;
        Ok((writer.finish()?, sha256))
    }

    /// Several threads seal; where the content is still to be hashed, that takes longest, and has a thread of its own where that
    /// pays and can be had.
    fn seal_slice(&self, bytes: &[u8], draft: &mut dyn Draft, key: &BodyKey, binding: Binding) -> io::Result<Sha256> {
        let seal = |draft: &mut dyn Draft| seal_parts(bytes, key, binding, draft.parts(SEALED_PART)?);
        if let Some(sha256) = self.sha256() {
            seal(draft)?;
            return Ok(sha256);
        }
        let hash = || Sha256::of(bytes);
        std::thread::scope(|scope| {
            let beside =
                (bytes.len() >= BESIDE).then(|| std::thread::Builder::new().spawn_scoped(scope, hash).ok()).flatten();
            seal(draft)?;
            match beside {
                Some(thread) => thread.join().map_err(|_| io::Error::other("hashing panicked")),
                None => Ok(hash()),
            }
        })
    }

    /// Copies from wherever the content lies.
    fn copy(&self, out: &mut impl Write) -> io::Result<Sha256> {
        let (source, known) = (self.source(), self.sha256());
        let mut hasher = Sha256Hasher::default();
        let mut buffer = vec![0; PORTION.min(usize::try_from(source.size()).unwrap_or(PORTION))];
        let mut at = 0;
        while at < source.size() {
            let read = source.read_at(&mut buffer, at)?;
            if read == 0 {
                return Err(SealError::Announced.into());
            }
            if known.is_none() {
                hasher.update(&buffer[..read]);
            }
            out.write_all(&buffer[..read])?;
            at += read as u64;
        }
        Ok(known.unwrap_or_else(|| hasher.finish()))
    }
}
