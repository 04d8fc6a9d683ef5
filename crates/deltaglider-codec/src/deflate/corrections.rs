//! What `preflate-rs` 0.7.6 needs besides the plaintext: where an encoder chose otherwise than it foretells.
//!
//! The side is the first eight bytes of the SHA-256 of the corrections, then the corrections. They are a format of that
//! version alone, and it panics on damaged ones: they are compared with the digest before it sees them, and a panic
//! goes no farther than here. The digest holds damage off, not malice: who forges it along with the corrections can have
//! `preflate-rs` write empty blocks without end, which nothing outside of it can stop.
//!
//! So that no expected panic is printed, the first call puts a hook before the process's own; a hook that is set later
//! prints them again.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use deltaglider_core::Sha256;
use preflate_rs::{PreflateConfig, preflate_whole_deflate_stream, recreate_whole_deflate_stream};

use super::DeflateError;

/// Plaintext that is given to it, at most: it panics on more than 2 GiB.
pub(super) const MAX_PLAIN: usize = 1 << 30;
const DIGEST: usize = 8;

/// The side of exactly `stream`, which has this plaintext; None where there is none.
pub(crate) fn corrections(stream: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    if plain.len() > MAX_PLAIN {
        return None;
    }
    let config =
        PreflateConfig { plain_text_limit: plain.len().max(1), verify_compression: false, ..PreflateConfig::default() };
    let (chunk, text) = quietly(|| preflate_whole_deflate_stream(stream, &config).ok())??;
    if chunk.compressed_size != stream.len() || text.text() != plain {
        return None;
    }
    let mut side = digest(&chunk.corrections).to_vec();
    side.extend_from_slice(&chunk.corrections);
    Some(side)
}

/// The stream with this plaintext and side.
pub(super) fn rebuild(plain: &[u8], side: &[u8]) -> Result<Vec<u8>, DeflateError> {
    let (expected, corrections) = side.split_first_chunk::<DIGEST>().ok_or(DeflateError::Damaged)?;
    if plain.len() > MAX_PLAIN || digest(corrections) != *expected {
        return Err(DeflateError::Damaged);
    }
    quietly(|| recreate_whole_deflate_stream(plain, corrections).ok()).flatten().ok_or(DeflateError::Damaged)
}

fn digest(corrections: &[u8]) -> [u8; DIGEST] {
    let digest = Sha256::of(corrections);
    std::array::from_fn(|index| digest.0[index])
}

thread_local! {
    /// Whether a panic of this thread is expected.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What `work` gives; None where it panics, of which nothing is printed.
fn quietly<T>(work: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                before(panic);
            }
        }));
    });
    QUIET.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(false);
    result.ok()
}
