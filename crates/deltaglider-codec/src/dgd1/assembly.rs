//! Puts a delta together: walks over the target, takes each part as was decided, and packs what is left.

use std::ops::Range;

use deltaglider_core::Sha256;
use deltaglider_core::codec::{CodecError, DeltaParts};

use super::budget::Budget;
use super::decode;
use super::directory::{Directory, Header};
use super::encode::{Choice, Delta, tokens_of};
use super::frames::{self, Frame, gather};
use super::known::Known;
use super::prepared::Prepared;
use super::recipe::{self, How, Part};
use super::similar::{Copied, Fingerprints};
use crate::Effort;
use crate::containers::{Layout, Piece};
use crate::deflate::{Kind, Representation};
use crate::threads::spread;

/// The prefix of a frame has so many bytes for each of its own at most, and may always have the least.
const PREFIX_PER_BYTE: usize = 3;
const LEAST_PREFIX: usize = 8 << 20;

/// What is put together while the target is walked over.
pub(super) struct Assembly<'a> {
    reference: &'a [u8],
    prints: Fingerprints<'a>,
    body: Vec<u8>,
    side: Vec<u8>,
    /// Where tokens stand in the side, and the stream of the reference whose tokens they resemble.
    tokens: Vec<(usize, usize)>,
    /// Where the body has what was not copied, and where in the reference the copies beside it end and begin.
    beside: Vec<(usize, usize)>,
    /// Where the last copy of plaintext ended in the reference.
    copied: usize,
    pub(super) tally: DeltaParts,
}

impl<'a> Assembly<'a> {
    /// Nothing yet, for a target of which long stretches may stand in `reference`, the start of the reference's form.
    pub(super) fn new(reference: &'a [u8]) -> Self {
        Self {
            reference,
            prints: Fingerprints::of(reference),
            body: Vec::new(),
            side: Vec::new(),
            tokens: Vec::new(),
            beside: Vec::new(),
            copied: 0,
            tally: DeltaParts::default(),
        }
    }

    pub(super) fn walk(&mut self, layout: &Layout, content: &[u8], choices: &[Choice], known: &Known) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        let mut choices = choices.iter();
        for piece in layout.pieces(content.len()) {
            let (range, stream) = match piece {
                Piece::Plain(range) => (range, None),
                Piece::Stream(stream) => (stream.range.clone(), Some(stream)),
            };
            let choice = stream.and_then(|stream| choices.next().map(|choice| (stream, choice)));
            let length = range.len();
            match choice {
                Some((_, Choice::Copy(at))) => {
                    self.tally.copied += length as u64;
                    copy(*at, length, &mut parts);
                }
                Some((stream, Choice::Made(representation, inner))) => {
                    let inner = self.walk(&stream.inner, &stream.plain, inner, known);
                    let Representation { kind, side } = representation;
                    if *kind == Kind::Tokens
                        && let Some(alike) = known.alike(stream)
                    {
                        self.tokens.push((self.side.len(), alike));
                    }
                    self.side.extend_from_slice(side);
                    match kind {
                        Kind::Encoder | Kind::Guided => self.tally.reencoded += length as u64,
                        Kind::Tokens => self.tally.tokens += length as u64,
                    }
                    let how = How::Deflate(*kind);
                    parts.push(Part::Stream { how, side: side.len(), length, parts: inner });
                }
                Some((stream, Choice::Packed(packer, inner))) => {
                    let parts_of_it = self.walk(&stream.inner, &stream.plain, inner, known);
                    self.tally.repacked += length as u64;
                    let how = How::Packed(*packer);
                    parts.push(Part::Stream { how, side: 0, length, parts: parts_of_it });
                }
                raw => {
                    match raw {
                        Some(_) => self.tally.raw += length as u64,
                        None => self.tally.plain += length as u64,
                    }
                    self.plain(&content[range], &mut parts);
                }
            }
        }
        parts
    }

    /// Takes bytes as they are: those that stand in the reference are copied, the others come to the body.
    pub(super) fn plain(&mut self, bytes: &[u8], parts: &mut Vec<Part>) {
        let copies = self.prints.copies(bytes, self.copied);
        let mut at = 0;
        for Copied { within, from } in copies {
            self.keep(&bytes[at..within.start], Some(from), parts);
            at = within.end;
            self.copied = from + within.len();
            copy(from, within.len(), parts);
        }
        self.keep(&bytes[at..], None, parts);
    }

    /// Takes bytes into the body; what is copied behind them begins at `next`.
    fn keep(&mut self, bytes: &[u8], next: Option<usize>, parts: &mut Vec<Part>) {
        if bytes.is_empty() {
            return;
        }
        self.beside.push((self.body.len(), self.copied));
        self.body.extend_from_slice(bytes);
        self.beside.extend(next.map(|next| (self.body.len() - 1, next)));
        match parts.last_mut() {
            Some(Part::Plain(more)) => *more += bytes.len(),
            _ => parts.push(Part::Plain(bytes.len())),
        }
    }

    /// Packs what the parts take.
    pub(super) fn pack(
        self,
        parts: Vec<Part>,
        reference: &Prepared<'_>,
        target: &[u8],
        budget: &Budget,
        effort: Effort,
    ) -> Result<Delta, CodecError> {
        let side_frames = pack_side(reference, &self.side, &self.tokens, budget, effort)?;
        let body_frames = self.pack_body(budget, effort)?;
        let mut tally = self.tally;
        let list = |frames: &[(Frame, Vec<u8>)]| frames.iter().map(|(frame, _)| frame.clone()).collect();
        let second = reference.as_second();
        let directory = Directory { second, parts, side: list(&side_frames), body: list(&body_frames) };
        let (packed, plain) = directory.write()?;
        let header = Header {
            version: directory.version(),
            reference: reference.map.content as u64,
            target: target.len() as u64,
            reference_sha256: reference.sha256,
            target_sha256: Sha256::of(target),
            packed: packed.len(),
            plain,
        };
        tally.side = side_frames.iter().map(|(_, packed)| packed.len() as u64).sum();
        tally.body = body_frames.iter().map(|(_, packed)| packed.len() as u64).sum();
        let frames = side_frames.into_iter().chain(body_frames).map(|(_, packed)| packed).collect();
        let has_packed = recipe::has_packed(&directory.parts);
        let memory = decode::memory(reference, &header, &directory);
        Ok(Delta { head: [header.write(), packed].concat(), frames, parts: tally, has_packed, memory })
    }

    /// Packs the body, each frame with the ranges of the reference that it resembles.
    fn pack_body(&self, budget: &Budget, effort: Effort) -> Result<Vec<(Frame, Vec<u8>)>, CodecError> {
        let pieces: Vec<(usize, &[u8])> = self.body.chunks(budget.frame).enumerate().collect();
        let packed = spread(&pieces, budget.threads, |&(number, piece)| {
            let start = number * budget.frame;
            let first = self.beside.partition_point(|(at, _)| *at < start);
            let end = self.beside.partition_point(|(at, _)| *at < start + piece.len());
            let beside: Vec<usize> = self.beside[first..end].iter().map(|(_, there)| *there).collect();
            let limit = budget.prefix.min((piece.len() * PREFIX_PER_BYTE).max(LEAST_PREFIX));
            let prefix = self.prints.alike(piece, &beside, limit);
            let packed = frames::pack(piece, &gather(self.reference, &prefix), effort)?;
            Ok((Frame { plain: piece.len(), packed: packed.len(), prefix }, packed))
        });
        packed.into_iter().collect()
    }
}

/// Adds a copy, to the one before where it goes on.
fn copy(at: usize, length: usize, parts: &mut Vec<Part>) {
    match parts.last_mut() {
        Some(Part::Copy { at: before, length: more }) if *before + *more == at => *more += length,
        _ => parts.push(Part::Copy { at, length }),
    }
}

/// Packs the side, each frame with the tokens of the streams of the reference that are named as its own are.
fn pack_side(
    reference: &Prepared<'_>,
    side: &[u8],
    tokens: &[(usize, usize)],
    budget: &Budget,
    effort: Effort,
) -> Result<Vec<(Frame, Vec<u8>)>, CodecError> {
    let pieces: Vec<(usize, &[u8])> = side.chunks(budget.frame).enumerate().collect();
    let packed = spread(&pieces, budget.threads, |&(number, piece)| {
        let within = number * budget.frame..number * budget.frame + piece.len();
        let mut alike: Vec<usize> =
            tokens.iter().filter(|(at, _)| within.contains(at)).map(|(_, stream)| *stream).collect();
        alike.sort_unstable();
        alike.dedup();
        let mut prefix: Vec<Range<usize>> = Vec::new();
        let mut gathered = Vec::new();
        for stream in alike {
            let Some(own) = tokens_of(reference, stream) else { continue };
            if gathered.len() + own.len() > budget.prefix {
                break;
            }
            gathered.extend_from_slice(&own);
            match prefix.last_mut() {
                Some(last) if last.end == stream => last.end += 1,
                _ => prefix.push(stream..stream + 1),
            }
        }
        let packed = frames::pack(piece, &gathered, effort)?;
        Ok((Frame { plain: piece.len(), packed: packed.len(), prefix }, packed))
    });
    packed.into_iter().collect()
}
