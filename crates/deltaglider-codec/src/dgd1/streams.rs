//! Makes the streams of a target again.

use std::sync::{Mutex, PoisonError};

use deltaglider_core::codec::CodecError;

use super::frames::{damaged, out_of_memory};
use super::prepared::Prepared;
use super::recipe::{self, How, Part};
use super::source::Source;
use crate::deflate;
use crate::threads::Room;

/// Memory for plaintext is used again where it has no more bytes.
const KEPT: usize = 4 << 20;

/// A stream, and where in body and side what it takes begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream<'a> {
    pub(super) how: How,
    pub(super) side: usize,
    pub(super) length: usize,
    pub(super) parts: &'a [Part],
    pub(super) at: Place,
}

/// A place in the body and in the side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) body: usize,
    pub(super) side: usize,
}

/// What streams are made of.
pub(super) struct Streams<'a> {
    pub(super) reference: &'a Prepared<'a>,
    /// From what is taken of it first.
    side: &'a [u8],
    /// What a stream takes of it is filled before the stream is made.
    pub(super) body: Source<'a>,
    /// Memory for plaintext, to be used again.
    buffers: Mutex<Vec<Vec<u8>>>,
    /// Memory for packers: there is enough for the one that takes most.
    packers: Room,
}

impl<'a> Streams<'a> {
    pub(super) fn new(reference: &'a Prepared<'a>, side: &'a [u8], body: Source<'a>, packers: usize) -> Self {
        Self { reference, side, body, buffers: Mutex::default(), packers: Room::new(packers) }
    }

    /// Makes one again.
    pub(super) fn make(&self, stream: &Stream<'_>) -> Result<Vec<u8>, CodecError> {
        let mut plain = self.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        let given = stream.parts.iter().map(Part::given).sum();
        plain.try_reserve_exact(given).map_err(|_| out_of_memory())?;
        let Place { side, .. } = self.assemble(stream.parts, stream.at, &mut plain)?;
        let side = self.side.get(side..side + stream.side).ok_or_else(|| damaged("its side ends too early"))?;
        let of_reference = |number| self.reference.stream(number);
        let made = match stream.how {
            How::Deflate(kind) => deflate::rebuild(kind, &plain, side, stream.length, &of_reference).ok(),
            How::Packed(packer) => {
                let taken = self.packers.take(packer.memory(plain.len()));
                taken.and_then(|_taken| packer.rebuild(&plain, stream.length))
            }
        };
        if plain.capacity() <= KEPT {
            plain.clear();
            self.buffers.lock().unwrap_or_else(PoisonError::into_inner).push(plain);
        }
        made.ok_or_else(|| damaged("the parts of a stream don't fit each other"))
    }

    /// Appends the plaintext that parts give; where they end in body and side.
    fn assemble(&self, parts: &[Part], mut place: Place, plain: &mut Vec<u8>) -> Result<Place, CodecError> {
        for part in parts {
            match part {
                Part::Plain(length) => {
                    self.body.pieces(place.body..place.body + length).for_each(|piece| plain.extend_from_slice(piece));
                    place.body += length;
                }
                Part::Copy { at, length } => plain.extend_from_slice(&self.reference.form()[*at..at + length]),
                Part::Stream { how, side, length, parts } => {
                    let stream = Stream { how: *how, side: *side, length: *length, parts, at: place };
                    plain.extend_from_slice(&self.make(&stream)?);
                    place = stream.end();
                }
            }
        }
        Ok(place)
    }
}

impl Stream<'_> {
    /// Where what stands behind it begins in body and side.
    pub(super) fn end(&self) -> Place {
        let mut end = self.at;
        pass(self.parts, &mut end);
        end.side += self.side;
        end
    }

    /// Bytes of memory that making it takes.
    pub(super) fn memory(&self) -> usize {
        let inner = recipe::extent(self.parts, usize::MAX).unwrap_or_default();
        // What guides takes sixteen times its bytes when it is read.
        inner.given + inner.memory + 17 * self.side + self.length
    }
}

/// Moves a place over what parts take.
fn pass(parts: &[Part], place: &mut Place) {
    for part in parts {
        match part {
            Part::Plain(length) => place.body += length,
            Part::Copy { .. } => {}
            Part::Stream { side, parts, .. } => {
                pass(parts, place);
                place.side += side;
            }
        }
    }
}
