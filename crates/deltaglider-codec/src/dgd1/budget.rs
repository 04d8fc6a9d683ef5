//! Memory: what a call may take, and how it is shared out.

use deltaglider_core::codec::CodecError;

use super::frames;
use crate::Effort;
use crate::packers::UNPACKING;
use crate::threads::processors;

/// Buffers, contexts and the directory of a small delta.
const BASE: u64 = 8 << 20;
/// Frames of the body give so many bytes, and less where memory is scarce.
const FRAME: (usize, usize) = (1 << 20, 8 << 20);
/// A prefix is at most so many times as long as its frame.
const PREFIX: usize = 3;

/// How a call shares its memory out. What is written depends on `frame`, and that on the limit; and
/// where memory is scarce, on what the threads that there are leave for plaintext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    /// Bytes that a frame of the body gives.
    pub(super) frame: usize,
    /// Bytes of prefix for it.
    pub(super) prefix: usize,
    /// Bytes for plaintext of the target, and what it is made of.
    pub(super) expanded: usize,
    /// Bytes for what is looked at while it is decided how streams are stored, before there are frames and a body.
    pub(super) beside: usize,
    /// Threads that work at once.
    pub(super) threads: usize,
}

/// Bytes that no call can do without: the reference and its fingerprints, the target and its body, and one small frame.
pub(super) fn least(reference: u64, target: u64) -> u64 {
    let frame = frame_memory(FRAME.0, Effort::Max) as u64;
    with_prints(reference).saturating_add(target.saturating_mul(3)).saturating_add(BASE + frame)
}

/// Bytes of a reference in memory, and of its fingerprints.
fn with_prints(reference: u64) -> u64 {
    reference.saturating_add(reference / 4)
}

/// Bytes for an ordinary target, which expands to four times its size, beside `held` bytes of reference.
pub(super) fn usual(held: u64, target: u64) -> u64 {
    let frames = (processors() * frame_memory(FRAME.1, Effort::Max)) as u64;
    with_prints(held).saturating_add(target.saturating_mul(9)).saturating_add(BASE + frames)
}

/// Bytes that an ordinary reference takes when it is prepared, and what is held of it then: its size, and four times that
/// expanded.
pub(super) fn usual_reference(stored: u64) -> (u64, u64) {
    (expanding_bytes(stored, stored.saturating_mul(4)), stored.saturating_mul(5))
}

/// Bytes that it takes to prepare a reference of `stored` bytes with `expanded` bytes of plaintext: it lies in memory, the
/// plaintext of its streams does, and the form does, which holds both.
pub(super) fn expanding(stored: usize, expanded: usize) -> u64 {
    expanding_bytes(stored as u64, expanded as u64)
}

fn expanding_bytes(stored: u64, expanded: u64) -> u64 {
    stored.saturating_add(expanded).saturating_mul(2).saturating_add(BASE)
}

/// Bytes of plaintext for which there is room in `memory` while a reference is prepared.
pub(super) fn room_for_expanding(stored: usize, memory: u64) -> Result<usize, CodecError> {
    let needed = expanding(stored, 0);
    let Some(spare) = memory.checked_sub(needed) else { return Err(CodecError::Memory { needed, limit: memory }) };
    Ok(usize::try_from(spare / 2).unwrap_or(usize::MAX))
}

/// Bytes that it takes to make the form of version 2, of a reference of `stored` bytes with `expanded` bytes of plaintext, beside
/// that of version 1, which takes `beside`.
pub(super) fn second(beside: usize, stored: usize, expanded: usize) -> u64 {
    expanding(stored, expanded).saturating_add(beside as u64).saturating_add(UNPACKING as u64)
}

/// Bytes of plaintext for which there is room in `memory` then.
pub(super) fn room_for_second(beside: usize, stored: usize, memory: u64) -> Result<usize, CodecError> {
    let needed = second(beside, stored, 0);
    let Some(spare) = memory.checked_sub(needed) else { return Err(CodecError::Memory { needed, limit: memory }) };
    Ok(usize::try_from(spare / 2).unwrap_or(usize::MAX))
}

/// Bytes to have for an ordinary delta of version 2, beside those of version 1: the form of version 2 and what making it takes, and
/// a packer such as `xz -6`, of which the target's plaintext is in memory twice.
pub(super) fn usual_second(stored: u64) -> u64 {
    stored.saturating_mul(11).saturating_add((UNPACKING + PACKER) as u64)
}

/// Bytes for a packer of ordinary settings.
const PACKER: usize = 192 << 20;

impl Budget {
    /// Shares out what `limit` leaves beside `held` bytes of reference and a target of `target` bytes.
    pub(super) fn share(held: u64, target: u64, limit: u64, effort: Effort) -> Result<Self, CodecError> {
        let needed = least(held, target);
        let Some(spare) = limit.checked_sub(needed) else { return Err(CodecError::Memory { needed, limit }) };
        let spare = usize::try_from(spare).unwrap_or(usize::MAX);
        let mut frame = FRAME.1;
        while frame > FRAME.0 && frame_memory(frame, effort) > spare / 4 {
            frame /= 2;
        }
        let each = frame_memory(frame, effort);
        let threads = (spare / 2 / each).clamp(1, processors());
        // Plaintext is held twice, in the layout and in the body, and the streams that are made of it beside it.
        let expanded = spare.saturating_sub(each * threads) / 5 * 2;
        let beside = expanded + each * threads;
        Ok(Self { frame, prefix: frame * PREFIX, expanded, beside, threads })
    }
}

/// Bytes that packing one frame takes.
fn frame_memory(frame: usize, effort: Effort) -> usize {
    let reach = frame * (PREFIX + 1);
    reach + frame + frames::tables(reach, effort)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scarce_memory_makes_small_frames() {
        let share = |limit| Budget::share(1000, 1000, limit, Effort::Default);
        let roomy = share(4 << 30).expect("fits");
        assert_eq!((roomy.frame, roomy.prefix, roomy.threads), (FRAME.1, 3 * FRAME.1, processors()));
        let tight = share(least(1000, 1000)).expect("fits");
        assert_eq!((tight.frame, tight.threads, tight.expanded), (FRAME.0, 1, 0));
        assert!(matches!(share(least(1000, 1000) - 1), Err(CodecError::Memory { .. })));
    }
}
