//! Makes a delta: finds the streams of the target, decides how each is stored, and packs what is left.

use std::collections::HashMap;

use deltaglider_core::codec::{CodecError, DeltaParts};

use super::assembly::Assembly;
use super::budget::Budget;
use super::frames;
use super::known::{Known, place};
use super::prepared::Prepared;
use super::recipe::Part;
use crate::Effort;
use crate::containers::{self, Layout, Limits, Stream};
use crate::deflate::{self, Representation, Version};
use crate::packers::{self, Format, Packer};
use crate::threads::{Room, spread};

/// What header, directory and a frame take of their own, and a little more.
const OVERHEAD: usize = 256;

/// Streams that tell by which encoders all are made, where there are more.
const SAMPLE: usize = 16;
/// A stream with so many bytes of plaintext is worth a try by every encoder.
const LONG: usize = 64 << 10;
/// Streams with less plaintext are made as fast without a guide.
const SHORTEST_GUIDED: usize = 8 << 10;
/// Any guide may take so many bytes.
const LEAST_GUIDED: usize = 16;
/// No tokens take fewer bytes.
const LEAST_TOKENS: usize = 32;

/// How a stream of the target is stored.
pub(super) enum Choice {
    /// It stands in the expanded reference.
    Copy(usize),
    /// As it is, like what is between streams.
    Raw,
    /// Made again from its plaintext.
    Made(Representation, Vec<Choice>),
    /// Made again by a packer.
    Packed(Packer, Vec<Choice>),
}

/// A delta, and what its parts came to.
pub(super) struct Delta {
    pub(super) head: Vec<u8>,
    pub(super) frames: Vec<Vec<u8>>,
    pub(super) parts: DeltaParts,
    /// Whether streams are made again by packers.
    pub(super) has_packed: bool,
    /// Bytes of memory that decoding it takes.
    pub(super) memory: u64,
}

/// Makes the delta of a target that lies in memory. Where nothing helps, it is longer than the target: by 256 bytes, and for each
/// frame by its entry and what zstd adds to bytes that it cannot pack, three in 128 KiB.
pub(super) fn encode(
    reference: &Prepared<'_>,
    target: &[u8],
    budget: &Budget,
    effort: Effort,
) -> Result<Delta, CodecError> {
    let limits = Limits::within(budget.expanded);
    let known = Known::of(reference);
    let layout = containers::layout_but(target, &limits, &deflate::inflate, &|stream| known.copy_of(stream));
    let raw = layout.streams.iter().map(|stream| stream.range.len() as u64).sum();
    let (made, as_it_stands) = encode_layout(reference, known, layout, target, budget, effort)?;
    if as_it_stands || made.length() <= target.len() / 4 * 3 + OVERHEAD {
        return Ok(made);
    }
    // Plaintext and tokens tell in part the same: together they may take more than the streams do. Compressed bytes are like
    // compressed ones.
    let mut assembly = Assembly::new(reference.form());
    let mut parts = Vec::new();
    assembly.plain(target, &mut parts);
    (assembly.tally.raw, assembly.tally.plain) = (raw, target.len() as u64 - raw);
    let plainly = assembly.pack(parts, reference, target, budget, effort)?;
    Ok(if plainly.length() < made.length() { plainly } else { made })
}

/// Makes the delta of a target whose streams are found, and tells whether none of them is made again.
pub(super) fn encode_layout(
    reference: &Prepared<'_>,
    mut known: Known,
    layout: Layout,
    target: &[u8],
    budget: &Budget,
    effort: Effort,
) -> Result<(Delta, bool), CodecError> {
    known.compare(&layout);
    let choices = Chooser::new(reference, &known, budget, effort, &layout, target).choose(&layout, target);
    let expanded = &reference.form()[..reference.map.body];
    let mut assembly = Assembly::new(expanded);
    let parts = assembly.walk(&layout, target, &choices, &known);
    drop((layout, choices));
    let as_it_stands = parts.iter().all(|part| matches!(part, Part::Plain(_) | Part::Copy { .. }));
    Ok((assembly.pack(parts, reference, target, budget, effort)?, as_it_stands))
}

impl Delta {
    /// Bytes in all.
    pub(super) fn length(&self) -> usize {
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
    room: Room,
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
        let mut own = Self {
            reference,
            known,
            budget,
            effort,
            sampled: HashMap::new(),
            usual: Vec::new(),
            room: Room::new(budget.beside),
        };
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
                found.extend(stream.format.is_none().then_some((stream, bytes)));
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
            if let Choice::Made(_, inner) | Choice::Packed(_, inner) = choice {
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
        if let Some(format) = stream.format {
            let packer = self.packer(format, &stream.plain, bytes);
            return packer.map_or(Choice::Raw, |packer| Choice::Packed(packer, Vec::new()));
        }
        let representation = match self.sampled.get(&place(stream)) {
            Some(found) => found.clone(),
            None => self.represent(stream, bytes),
        };
        representation.map_or(Choice::Raw, |representation| Choice::Made(representation, Vec::new()))
    }

    /// The packer that gives a stream.
    fn packer(&self, format: Format, plain: &[u8], bytes: &[u8]) -> Option<Packer> {
        // One after the other: which one it is, and what it takes, is not known before.
        let taken = self.room.take(self.budget.beside)?;
        let packer = packers::detect(format, bytes, plain, self.budget.beside);
        drop(taken);
        packer
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
        // Where no encoder is known of an archive with many streams, none is looked for in each of them.
        let is_strange = !self.sampled.is_empty() && self.usual.is_empty();
        if stream.plain.len() < SHORTEST_GUIDED || other.plain > deflate::guide_reach(stream.plain.len()) || is_strange
        {
            return None;
        }
        // Its plaintext, what is found alike in both, and the stream that is made.
        let needed = other.plain + (other.plain + stream.plain.len()) / 2 + bytes.len();
        let _taken = self.room.take(needed)?;
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
        let number = self.known.alike(stream)?;
        // What is read for a stream is in proportion to it.
        if self.reference.map.streams[number].packed.len() > deflate::guide_reach(bytes.len()) {
            return None;
        }
        let alike = tokens_of(self.reference, number)?;
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
pub(super) fn tokens_of(reference: &Prepared<'_>, stream: usize) -> Option<Vec<u8>> {
    deflate::tokens(&reference.form()[reference.map.streams[stream].packed.clone()])
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
