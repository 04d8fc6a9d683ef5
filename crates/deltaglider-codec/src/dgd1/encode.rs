//! Makes a delta: finds the streams of the target, decides how each is stored, and packs what is left.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use deltaglider_core::Sha256;
use deltaglider_core::codec::{CodecError, DeltaParts};

use super::budget::Budget;
use super::directory::{Directory, Header};
use super::frames::{self, Frame, gather};
use super::known::{Known, place};
use super::prepared::Prepared;
use super::recipe::Part;
use super::similar::Fingerprints;
use crate::Effort;
use crate::containers::{self, Layout, Limits, Piece, Stream};
use crate::deflate::{self, Kind, Representation, Version};
use crate::threads::spread;

/// What header, directory and a frame take of their own, and a little more.
const OVERHEAD: usize = 256;

/// Streams that tell by which encoders all are made, where there are more.
const SAMPLE: usize = 16;
/// A stream with so many bytes of plaintext is worth a try by every encoder.
const LONG: usize = 64 << 10;
/// Streams with less plaintext are made as fast without a guide.
const SHORTEST_GUIDED: usize = 8 << 10;
/// No guide takes fewer bytes.
const LEAST_GUIDED: usize = 16;
/// No tokens take fewer bytes.
const LEAST_TOKENS: usize = 32;

/// How a stream of the target is stored.
enum Choice {
    /// It stands in the expanded reference.
    Copy(usize),
    /// As it is, like what is between streams.
    Raw,
    /// Made again from its plaintext.
    Made(Representation, Vec<Choice>),
}

/// What is put together while the target is walked over.
#[derive(Default)]
struct Assembly<'a> {
    body: Cow<'a, [u8]>,
    side: Vec<u8>,
    /// Where tokens stand in the side, and the stream of the reference whose tokens they resemble.
    tokens: Vec<(usize, usize)>,
    tally: DeltaParts,
}

/// A delta, and what its parts came to.
pub(super) struct Delta {
    pub(super) head: Vec<u8>,
    pub(super) frames: Vec<Vec<u8>>,
    pub(super) parts: DeltaParts,
}

/// Makes the delta of a target that lies in memory. Where nothing helps, it is longer than the target: by 256 bytes, and for each
/// frame by its entry and what zstd adds to bytes that it cannot pack, three in 128 KiB.
pub(super) fn encode(
    reference: &Prepared<'_>,
    target: &[u8],
    budget: &Budget,
    effort: Effort,
) -> Result<Delta, CodecError> {
    let mut known = Known::of(reference);
    let limits = Limits::within(budget.expanded);
    let layout = containers::layout_but(target, &limits, &deflate::inflate, &|stream| known.copy_of(stream));
    known.compare(&layout);
    let choices = Chooser::new(reference, &known, budget, effort, &layout, target).choose(&layout, target);
    let mut assembly = Assembly::default();
    let parts = assembly.walk(&layout, target, &choices, &known);
    let raw = layout.streams.iter().map(|stream| stream.range.len() as u64).sum();
    drop((layout, choices));
    let as_it_stands = matches!(parts[..], [] | [Part::Plain(_)]);
    let expanded = &reference.form()[..reference.map.body];
    let made = assembly.pack(parts, reference, expanded, target, budget, effort)?;
    if as_it_stands || made.length() <= target.len() / 4 * 3 + OVERHEAD {
        return Ok(made);
    }
    // Plaintext and tokens tell in part the same: together they may take more than the streams do. Compressed bytes are like
    // compressed ones.
    let mut tally = DeltaParts::default();
    (tally.raw, tally.plain) = (raw, target.len() as u64 - raw);
    let assembly = Assembly { body: Cow::Borrowed(target), tally, ..Assembly::default() };
    let parts = vec![Part::Plain(target.len())];
    let plainly = assembly.pack(parts, reference, reference.form(), target, budget, effort)?;
    Ok(if plainly.length() < made.length() { plainly } else { made })
}

impl Delta {
    /// Bytes in all.
    fn length(&self) -> usize {
        self.head.len() + self.frames.iter().map(Vec::len).sum::<usize>()
    }
}

/// Decides how streams are stored.
struct Chooser<'a> {
    reference: &'a Prepared<'a>,
    known: &'a Known,
    budget: &'a Budget,
    effort: Effort,
    /// What the largest streams came to, where there are many, by their places in memory.
    sampled: HashMap<usize, Option<Representation>>,
    /// The sides of their encoders.
    usual: Vec<Vec<u8>>,
}

impl<'a> Chooser<'a> {
    /// Where there are many streams, looks at the largest: an archive is made by one program, mostly, and to try every encoder on
    /// a small stream takes as long as to make hundreds of them.
    fn new(
        reference: &'a Prepared<'a>,
        known: &'a Known,
        budget: &'a Budget,
        effort: Effort,
        layout: &Layout,
        target: &[u8],
    ) -> Self {
        let mut own = Self { reference, known, budget, effort, sampled: HashMap::new(), usual: Vec::new() };
        let mut streams = Vec::new();
        own.changed(layout, target, &mut streams);
        if streams.len() > SAMPLE {
            streams.sort_by_key(|(stream, _)| std::cmp::Reverse(stream.plain.len()));
            streams.truncate(SAMPLE);
            let found = spread(&streams, budget.threads, |(stream, bytes)| own.represent(stream, bytes));
            for ((stream, _), found) in streams.iter().zip(found) {
                if let Some(encoder) = found.as_ref().and_then(Representation::encoder)
                    && !own.usual.iter().any(|usual| usual == encoder)
                {
                    own.usual.push(encoder.to_vec());
                }
                own.sampled.insert(place(stream), found);
            }
        }
        own
    }

    /// All streams, however deep, that are not in the reference, with their bytes.
    fn changed<'s>(&self, layout: &'s Layout, parent: &'s [u8], found: &mut Vec<(&'s Stream, &'s [u8])>) {
        for stream in &layout.streams {
            let bytes = &parent[stream.range.clone()];
            if stream.known.or_else(|| self.known.copy_of(bytes)).is_none() {
                found.push((stream, bytes));
                self.changed(&stream.inner, &stream.plain, found);
            }
        }
    }

    /// Decides for all streams of one parent, and for those in them that are made again.
    fn choose(&self, layout: &Layout, parent: &[u8]) -> Vec<Choice> {
        // The longest first, so that no thread is left with one at the end.
        let mut order: Vec<usize> = (0..layout.streams.len()).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(layout.streams[at].plain.len()));
        let streams: Vec<&Stream> = order.iter().map(|&at| &layout.streams[at]).collect();
        let decide = |stream: &&Stream| self.decide(stream, &parent[stream.range.clone()]);
        let decided = spread(&streams, self.budget.threads, decide);
        let mut decided: Vec<(usize, Choice)> = order.iter().copied().zip(decided).collect();
        decided.sort_unstable_by_key(|(at, _)| *at);
        for (at, choice) in &mut decided {
            let stream = &layout.streams[*at];
            if let Choice::Made(_, inner) = choice {
                *inner = self.choose(&stream.inner, &stream.plain);
            }
        }
        decided.into_iter().map(|(_, choice)| choice).collect()
    }

    fn decide(&self, stream: &Stream, bytes: &[u8]) -> Choice {
        // Of gzip's streams it is not known before they are inflated how long they are.
        if let Some(at) = stream.known.or_else(|| self.known.copy_of(bytes)) {
            return Choice::Copy(at);
        }
        let representation = match self.sampled.get(&place(stream)) {
            Some(found) => found.clone(),
            None => self.represent(stream, bytes),
        };
        representation.map_or(Choice::Raw, |representation| Choice::Made(representation, Vec::new()))
    }

    fn represent(&self, stream: &Stream, bytes: &[u8]) -> Option<Representation> {
        if let Some(cheap) = self.guided(stream, bytes).or_else(|| self.cheap_tokens(stream, bytes)) {
            return Some(cheap);
        }
        let plain = &stream.plain;
        let is_long = plain.len() >= LONG && !self.usual.is_empty();
        match self.sampled.is_empty() || is_long {
            true => deflate::represent(bytes, plain),
            false => deflate::represent_by(&self.usual, bytes, plain),
        }
    }

    /// A stream by its encoder, guided by the stream of the same name in the reference, where that tells nearly all that the encoder
    /// chose: it is made several times as fast.
    fn guided(&self, stream: &Stream, bytes: &[u8]) -> Option<Representation> {
        let most = LEAST_GUIDED + bytes.len() / cheap_share(self.effort)?;
        let number = self.known.alike(stream)?;
        let other = &self.reference.map.streams[number];
        if stream.plain.len() < SHORTEST_GUIDED || other.plain > self.budget.prefix.max(2 * stream.plain.len()) {
            return None;
        }
        let packed = self.reference.stream(number)?;
        let plain = deflate::inflate(packed, other.plain).ok()?.plain;
        let other = Version { number, stream: packed, plain: &plain };
        let usual = if self.sampled.is_empty() { &[] } else { &self.usual[..] };
        deflate::represent_guided(usual, bytes, &stream.plain, other, most)
    }

    /// The tokens of a stream, where they are much like those of the stream of the same name in the reference: a stream is made
    /// again from them many times as fast as by its encoder.
    fn cheap_tokens(&self, stream: &Stream, bytes: &[u8]) -> Option<Representation> {
        let most = bytes.len() / cheap_share(self.effort)?;
        if most < LEAST_TOKENS {
            return None;
        }
        let alike = tokens_of(self.reference, self.known.alike(stream)?)?;
        if alike.len() > self.budget.prefix {
            return None;
        }
        let representation = deflate::represent_tokens(bytes, &stream.plain)?;
        let mut packed = 0;
        for piece in representation.side.chunks(self.budget.frame) {
            packed += frames::pack(piece, &alike, Effort::Fast).ok()?.len();
            if packed > most {
                return None;
            }
        }
        Some(representation)
    }
}

/// Tokens are cheap where they take no more than one byte in so many of their stream.
fn cheap_share(effort: Effort) -> Option<usize> {
    match effort {
        Effort::Fast => Some(8),
        Effort::Default => Some(64),
        Effort::Max => None,
    }
}

/// The tokens of a stream of the reference.
fn tokens_of(reference: &Prepared<'_>, stream: usize) -> Option<Vec<u8>> {
    deflate::tokens(&reference.form()[reference.map.streams[stream].packed.clone()])
}

impl Assembly<'_> {
    fn walk(&mut self, layout: &Layout, content: &[u8], choices: &[Choice], known: &Known) -> Vec<Part> {
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
                    match parts.last_mut() {
                        Some(Part::Copy { at: before, length: more }) if *before + *more == *at => *more += length,
                        _ => parts.push(Part::Copy { at: *at, length }),
                    }
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
                    parts.push(Part::Stream { kind: *kind, side: side.len(), length, parts: inner });
                }
                raw => {
                    match raw {
                        Some(_) => self.tally.raw += length as u64,
                        None => self.tally.plain += length as u64,
                    }
                    self.body.to_mut().extend_from_slice(&content[range]);
                    match parts.last_mut() {
                        Some(Part::Plain(more)) => *more += length,
                        _ => parts.push(Part::Plain(length)),
                    }
                }
            }
        }
        parts
    }

    /// Packs what the parts take; the body like what it resembles in `alike`, which is the start of the reference's form.
    fn pack(
        self,
        parts: Vec<Part>,
        reference: &Prepared<'_>,
        alike: &[u8],
        target: &[u8],
        budget: &Budget,
        effort: Effort,
    ) -> Result<Delta, CodecError> {
        let Self { body, side, tokens, mut tally } = self;
        let side_frames = pack_side(reference, &side, &tokens, budget, effort)?;
        let body_frames = pack_body(alike, &body, budget, effort)?;
        let list = |frames: &[(Frame, Vec<u8>)]| frames.iter().map(|(frame, _)| frame.clone()).collect();
        let directory = Directory { parts, side: list(&side_frames), body: list(&body_frames) };
        let (packed, plain) = directory.write()?;
        let header = Header {
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
        Ok(Delta { head: [header.write(), packed].concat(), frames, parts: tally })
    }
}

/// Packs the body, each frame with the ranges of `plain` that it resembles.
fn pack_body(plain: &[u8], body: &[u8], budget: &Budget, effort: Effort) -> Result<Vec<(Frame, Vec<u8>)>, CodecError> {
    let whole = plain.len() <= budget.prefix;
    let prints = if whole || body.is_empty() { None } else { Some(Fingerprints::of(plain)) };
    let pieces: Vec<&[u8]> = body.chunks(budget.frame).collect();
    let packed = spread(&pieces, budget.threads, |piece| {
        let prefix = match &prints {
            Some(prints) => prints.alike(piece, budget.prefix),
            None if plain.is_empty() => Vec::new(),
            None => std::iter::once(0..plain.len()).collect(),
        };
        let packed = frames::pack(piece, &gather(plain, &prefix), effort)?;
        Ok((Frame { plain: piece.len(), packed: packed.len(), prefix }, packed))
    });
    packed.into_iter().collect()
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use deltaglider_testkit::codec_conformance::{noise, text};

    use super::super::prepared;
    use super::*;
    use crate::deflate::samples::valid_stream;

    #[test]
    fn a_stream_whose_parts_take_more_than_itself_is_kept_as_it_is() {
        let stream = valid_stream(&noise(1, 4000));
        let target = [b"\x1f\x8b\x08\0\0\0\0\0\0\xff", &stream[..], &[0; 8]].concat();
        let form = Bytes::from(prepared::prepare(b"nothing like it", 256 << 20).expect("prepared"));
        let reference = Prepared::read(&form).expect("read");
        let budget = Budget::share(1 << 20, target.len() as u64, 256 << 20, Effort::Default).expect("fits");
        let layout = containers::layout_but(&target, &Limits::within(1 << 20), &deflate::inflate, &|_| None);
        assert_eq!(layout.streams.len(), 1, "it is seen as a stream");
        let delta = encode(&reference, &target, &budget, Effort::Default).expect("encoded");
        assert!(delta.length() <= target.len() + OVERHEAD, "{} bytes of {}", delta.length(), target.len());
        assert_eq!((delta.parts.raw, delta.parts.plain), (stream.len() as u64, 18));
    }

    #[test]
    fn of_many_streams_a_few_tell_the_encoder() {
        let form = Bytes::from(prepared::prepare(b"nothing like it", 256 << 20).expect("prepared"));
        let reference = Prepared::read(&form).expect("read");
        let member = |stream: &[u8]| [b"\x1f\x8b\x08\0\0\0\0\0\0\xff", stream, &[0; 8]].concat();
        let by_miniz = |seed| member(&miniz_oxide::deflate::compress_to_vec(&text(seed, 3000), 6));
        let by_nobody = |seed| member(&valid_stream(&noise(seed, 300)));
        let chosen = |target: Vec<u8>| {
            let budget = Budget::share(1 << 20, target.len() as u64, 256 << 20, Effort::Default).expect("fits");
            let mut known = Known::of(&reference);
            let limits = Limits::within(1 << 24);
            let layout = containers::layout_but(&target, &limits, &deflate::inflate, &|_| None);
            known.compare(&layout);
            let chooser = Chooser::new(&reference, &known, &budget, Effort::Default, &layout, &target);
            let sampled = (chooser.sampled.len(), chooser.usual.len());
            let delta = encode(&reference, &target, &budget, Effort::Default).expect("encoded");
            (layout.streams.len(), sampled, delta.parts)
        };
        let (streams, sampled, parts) = chosen((0..40).flat_map(by_miniz).collect());
        // Short streams are given by several encoders alike.
        assert_eq!((streams, sampled.0, parts.tokens), (40, SAMPLE, 0));
        assert!((1..10).contains(&sampled.1), "{sampled:?}");
        let (streams, sampled, parts) = chosen((0..40).flat_map(by_nobody).collect());
        assert_eq!((streams, sampled, parts.reencoded), (40, (SAMPLE, 0), 0));
        // Few are each looked at.
        let mixed: Vec<u8> = (0..1).flat_map(by_nobody).chain((0..9).flat_map(by_miniz)).collect();
        let (streams, sampled, parts) = chosen(mixed);
        assert_eq!((streams, sampled), (10, (0, 0)));
        assert!(parts.reencoded > 0, "{parts:?}");
    }
}
