//! The rooms' doors, opened for the examples that measure them; no part of the interface.

use crate::deflate;

/// Plaintext and length of the stream at the start of `input`.
#[must_use]
pub fn inflate(input: &[u8], limit: usize) -> Option<(Vec<u8>, usize)> {
    deflate::inflate(input, limit).ok().map(|inflated| (inflated.plain, inflated.length))
}

/// Number of the kind, and the side.
#[must_use]
pub fn represent(stream: &[u8], plain: &[u8]) -> Option<(u8, Vec<u8>)> {
    deflate::represent(stream, plain).map(|representation| (representation.kind as u8, representation.side))
}

/// The token side of a stream.
#[must_use]
pub fn tokens(stream: &[u8]) -> Option<Vec<u8>> {
    deflate::tokens(stream)
}

/// The stream of `length` bytes with this plaintext and side.
#[must_use]
pub fn rebuild(kind: u8, plain: &[u8], side: &[u8], length: usize) -> Option<Vec<u8>> {
    deflate::rebuild(deflate::Kind::from_number(kind)?, plain, side, length).ok()
}
