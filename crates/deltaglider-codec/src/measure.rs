//! The rooms' doors, opened for the programs that measure them and look for harm; no part of the interface.

use bytes::Bytes;

use crate::deflate;
use crate::dgd1::forged;
use crate::packers::{self, Format, Packer};

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

/// The side of a stream that is guided by another one, whatever it takes.
#[must_use]
pub fn guide(stream: &[u8], plain: &[u8], other: &[u8]) -> Option<Vec<u8>> {
    let (other_plain, _) = inflate(other, usize::MAX)?;
    let other = deflate::Version { number: 0, stream: other, plain: &other_plain };
    deflate::represent_guided(&[], stream, plain, other, usize::MAX).map(|representation| representation.side)
}

/// The stream of `length` bytes with this plaintext and side; `other` is the one stream of the reference.
#[must_use]
pub fn rebuild(kind: u8, plain: &[u8], side: &[u8], length: usize, other: &[u8]) -> Option<Vec<u8>> {
    let kind = deflate::Kind::from_number(kind)?;
    deflate::rebuild(kind, plain, side, length, &|number| (number == 0).then_some(other)).ok()
}

/// A delta of a version with this directory before these frames, and how long a target it promises.
#[must_use]
pub fn delta_of_directory(version: u8, reference: &Bytes, directory: &[u8], frames: &[u8]) -> Option<(Vec<u8>, u64)> {
    forged::of_directory(version, reference, directory, frames).ok()
}

/// Directory and frames of a delta.
#[must_use]
pub fn directory_of(delta: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    forged::directory(delta).ok()
}

/// A delta of a version with this recipe, whose side and body are the first bytes of `content`, and how long a target it promises.
#[must_use]
pub fn delta_of_recipe(version: u8, reference: &Bytes, recipe: &[u8], content: &[u8]) -> Option<(Vec<u8>, u64)> {
    forged::of_recipe(version, reference, recipe, content)
}

/// Recipe, and side and body, of a delta.
#[must_use]
pub fn recipe_of(reference: &Bytes, delta: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    forged::recipe(reference, delta).ok()
}

/// Content and length of the stream of xz, bzip2 or zstd at the start of `input`.
#[must_use]
pub fn unpacked(input: &[u8], limit: usize) -> Option<(Vec<u8>, usize)> {
    packers::unpack(Format::of(input)?, input, limit).ok().map(|unpacked| (unpacked.plain, unpacked.length))
}

/// Number and settings of the packer that gives a stream in at most `memory` bytes.
#[must_use]
pub fn packer_of(stream: &[u8], plain: &[u8], memory: usize) -> Option<(usize, Vec<usize>)> {
    packers::detect(Format::of(stream)?, stream, plain, memory).map(|packer| packer.numbers())
}

/// The stream of `length` bytes that a packer gives, where there is one and it takes at most `memory` bytes.
#[must_use]
pub fn repacked(number: usize, settings: &[usize], plain: &[u8], length: usize, memory: usize) -> Option<Vec<u8>> {
    let packer = Packer::read(number, settings).ok().filter(|packer| packer.memory(plain.len()) <= memory)?;
    packer.rebuild(plain, length)
}
