//! Gives a target back, or a range of it: reads the directory, unpacks the frames, and makes the streams again.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::ops::Range;

use deltaglider_core::codec::{CodecError, CodecLimits};

use super::directory::{Directory, HEADER, Header};
use super::frames::{Frame, LONGEST_PREFIX, damaged, gather};
use super::prepared::Prepared;
use super::recipe::{self, Part, Selection};
use super::source::{Source, read_exact};
use super::streams::{Place, Stream, Streams};
use crate::deflate;
use crate::threads::{processors, spread};

/// Streams are made again together until they take so many bytes.
const BATCH: usize = 32 << 20;
/// So many parts at most are looked at together.
const MOST_JOBS: usize = 1 << 12;
/// Plain bytes are handed on in pieces of so many.
const PIECE: usize = 4 << 20;

/// What the next bytes of the target are.
enum Job<'a> {
    /// Bytes of the body.
    Plain(Range<usize>),
    /// Bytes of the expanded reference.
    Copy(Range<usize>),
    /// Bytes of a stream.
    Make { stream: Stream<'a>, within: Range<usize> },
}

/// Writes the `range` of the target that `delta` gives from `reference`.
pub(super) fn decode(
    reference: &Prepared<'_>,
    delta: &mut dyn Read,
    range: Range<u64>,
    target: &mut dyn Write,
    limits: &CodecLimits,
) -> Result<(), CodecError> {
    let mut head = [0; HEADER];
    read_exact(delta, &mut head)?;
    let header = Header::read(&head)?;
    if header.target > limits.target_size {
        return Err(CodecError::TooLong(limits.target_size));
    }
    if header.target < limits.target_size {
        return Err(CodecError::Damaged(format!("it gives {} bytes of {}", header.target, limits.target_size)));
    }
    if header.reference_sha256 != reference.sha256 || header.reference != reference.map.content as u64 {
        return Err(damaged("it was made against another reference"));
    }
    check_memory(reference.memory().saturating_add(listed(&header)), limits)?;
    let mut packed = vec![0; header.packed];
    read_exact(delta, &mut packed)?;
    let streams = reference.map.streams.len();
    let (directory, extent) = Directory::read(&packed, &header, reference.form().len(), streams)?;
    if extent.given as u64 != header.target {
        return Err(damaged("its parts are not as long as its target"));
    }
    drop(packed);
    let is_whole = range == (0..header.target);
    // What the parts give can be counted, and the range is within it.
    let selection = recipe::select(&directory.parts, range.start as usize..range.end as usize);
    let (held, frame) = (held(&header, &selection), largest_frame(&directory));
    let second = match directory.second {
        None => None,
        Some(second) => {
            let (making, made) = reference.memory_with(second);
            // All of it is told before anything is made: whoever allows as much has enough.
            let needed = making.max(made.saturating_add(held).saturating_add(frame) as u64);
            if needed > limits.memory {
                return Err(CodecError::Memory { needed, limit: limits.memory });
            }
            let form = reference.second(limits.memory)?;
            if form.as_second() != Some(second) {
                return Err(damaged("its reference has another form"));
            }
            Some(form)
        }
    };
    let reference = second.as_ref().unwrap_or(reference);
    check_memory(reference.memory().saturating_add(held).saturating_add(frame), limits)?;
    let spare = usize::try_from(limits.memory).unwrap_or(usize::MAX) - reference.memory() - held;
    let threads = (spare / frame.max(1)).clamp(1, processors());

    let mut frames = Source::open(&directory.side, &selection.side, delta)?;
    frames.fill(selection.side.end, delta, threads, &|frame: &Frame| tokens_of(reference, frame))?;
    frames.close(delta)?;
    let side = frames.bytes(selection.side.clone());
    let body = Source::open(&directory.body, &selection.body, delta)?;
    let at = Place { body: selection.body.start, side: 0 };
    let streams = Streams::new(reference, &side, body, selection.packer);
    Decoder { streams, delta, target, threads, at }.run(&selection)?;
    // Nothing stands behind the last frame.
    if is_whole && delta.read(&mut [0])? != 0 {
        return Err(damaged("something follows its last frame"));
    }
    Ok(())
}

/// Bytes of memory that decoding all takes, the reference included, which is in the form that the directory says.
pub(super) fn memory(reference: &Prepared<'_>, header: &Header, directory: &Directory) -> u64 {
    let selection = recipe::select(&directory.parts, 0..header.target as usize);
    let held = held(header, &selection).saturating_add(largest_frame(directory));
    reference.memory().saturating_add(held) as u64
}

/// Bytes of the directory, and of its parts at most.
fn listed(header: &Header) -> usize {
    parts_of(header).saturating_add(header.plain + header.packed)
}

fn parts_of(header: &Header) -> usize {
    header.plain.saturating_mul(size_of::<Part>())
}

/// Bytes that are held beside the reference while frames are unpacked.
fn held(header: &Header, selection: &Selection<'_>) -> usize {
    let made = selection.memory.saturating_mul(2).saturating_add(selection.packer);
    parts_of(header).saturating_add(selection.side.len()).saturating_add(made)
}

fn largest_frame(directory: &Directory) -> usize {
    directory.body.iter().chain(&directory.side).map(memory_of).max().unwrap_or(0)
}

/// Bytes that unpacking a frame takes; a prefix of several ranges is put together.
fn memory_of(frame: &Frame) -> usize {
    frame.plain + frame.packed + frame.prefix.iter().map(ExactSizeIterator::len).sum::<usize>() + (1 << 18)
}

fn check_memory(needed: usize, limits: &CodecLimits) -> Result<(), CodecError> {
    let needed = needed as u64;
    if needed > limits.memory { Err(CodecError::Memory { needed, limit: limits.memory }) } else { Ok(()) }
}

/// The tokens of the streams of the reference that a frame of the side names.
pub(super) fn tokens_of<'a>(reference: &Prepared<'_>, frame: &Frame) -> Result<Cow<'a, [u8]>, CodecError> {
    let mut gathered = Vec::new();
    for stream in frame.prefix.iter().cloned().flatten() {
        let packed = &reference.form()[reference.map.streams[stream].packed.clone()];
        let tokens = deflate::tokens(packed).ok_or_else(|| damaged("a stream of the reference has no tokens"))?;
        if gathered.len() + tokens.len() > LONGEST_PREFIX {
            return Err(damaged("a prefix is too long"));
        }
        gathered.extend_from_slice(&tokens);
    }
    Ok(gathered.into())
}

/// Puts the target together.
struct Decoder<'a> {
    streams: Streams<'a>,
    delta: &'a mut dyn Read,
    target: &'a mut dyn Write,
    threads: usize,
    at: Place,
}

impl Decoder<'_> {
    fn run(mut self, selection: &Selection<'_>) -> Result<(), CodecError> {
        let mut jobs: Vec<Job<'_>> = Vec::new();
        let mut memory = 0;
        let (mut before, mut left) = (selection.before, selection.length);
        for part in selection.parts {
            let within = before..part.given().min(before + left);
            (before, left) = (0, left - within.len());
            match part {
                Part::Plain(_) => {
                    let mut rest = within.len();
                    while rest > 0 {
                        let taken = rest.min(PIECE);
                        jobs.push(Job::Plain(self.at.body..self.at.body + taken));
                        self.at.body += taken;
                        rest -= taken;
                        memory += taken;
                        self.flush_if(memory > BATCH, &mut jobs, &mut memory)?;
                    }
                }
                Part::Copy { at, .. } => jobs.push(Job::Copy(at + within.start..at + within.end)),
                Part::Stream { how, side, length, parts } => {
                    let stream = Stream { how: *how, side: *side, length: *length, parts, at: self.at };
                    self.at = stream.end();
                    memory += stream.memory();
                    jobs.push(Job::Make { stream, within });
                }
            }
            self.flush_if(memory > BATCH || jobs.len() > MOST_JOBS, &mut jobs, &mut memory)?;
        }
        self.flush_if(true, &mut jobs, &mut memory)
    }

    /// Writes what is due, if it is time to.
    fn flush_if(&mut self, due: bool, jobs: &mut Vec<Job<'_>>, memory: &mut usize) -> Result<(), CodecError> {
        if !due {
            return Ok(());
        }
        let form = self.streams.reference.form();
        self.streams
            .body
            .fill(self.at.body, self.delta, self.threads, &|frame: &Frame| Ok(gather(form, &frame.prefix)))?;
        let streams: Vec<Stream<'_>> = jobs
            .iter()
            .filter_map(|job| match job {
                Job::Make { stream, .. } => Some(*stream),
                _ => None,
            })
            .collect();
        let own = &self.streams;
        let mut made = spread(&streams, self.threads, |stream| own.make(stream)).into_iter();
        for job in jobs.drain(..) {
            match job {
                Job::Plain(range) => {
                    self.streams.body.pieces(range).try_for_each(|piece| self.target.write_all(piece))?;
                }
                Job::Copy(range) => self.target.write_all(&form[range])?,
                Job::Make { within, .. } => {
                    if let Some(stream) = made.next() {
                        self.target.write_all(&stream?[within])?;
                    }
                }
            }
        }
        self.streams.body.release(self.at.body);
        *memory = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use bytes::Bytes;
    use deltaglider_testkit::codec_conformance::{noise, text};
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::super::budget::Budget;
    use super::super::{encode, frames, prepared};
    use super::*;
    use crate::Effort;

    const LIMITS: u64 = 256 << 20;
    /// Two versions by encoders whose streams are kept as tokens.
    const GO_HUFFMAN: (&[u8], &[u8]) = (
        include_bytes!("../../tests/vectors/encoders/1/go-huffman.gz"),
        include_bytes!("../../tests/vectors/encoders/2/go-huffman.gz"),
    );
    const LIBDEFLATE: (&[u8], &[u8]) = (
        include_bytes!("../../tests/vectors/encoders/1/libdeflate-6.gz"),
        include_bytes!("../../tests/vectors/encoders/2/libdeflate-6.gz"),
    );

    fn gzip(plain: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(plain).expect("written");
        encoder.finish().expect("finished")
    }

    /// A prepared reference, and a delta with copies, streams of every kind that is made, and plain bytes: its directory, and
    /// what stands behind that.
    fn example() -> (Bytes, Vec<u8>, Vec<u8>, Vec<u8>) {
        example_in_frames(None)
    }

    /// The same, in frames of so many bytes.
    fn example_in_frames(frame: Option<usize>) -> (Bytes, Vec<u8>, Vec<u8>, Vec<u8>) {
        let plain = text(1, 60_000);
        let changed = [&plain[..30_000], b"another line\n", &plain[30_000..]].concat();
        let whole = gzip(&plain[..40_000], 9);
        let reference = [&gzip(&plain, 6)[..], GO_HUFFMAN.0, LIBDEFLATE.0, &whole, &noise(3, 3000)].concat();
        let target = [&gzip(&changed, 6)[..], GO_HUFFMAN.1, LIBDEFLATE.1, &whole, &noise(3, 2000), b"end"].concat();
        let form = Bytes::from(prepared::prepare(&reference, LIMITS).expect("prepared"));
        let read = Prepared::read(&form).expect("read");
        let budget = Budget::share(1 << 20, target.len() as u64, LIMITS, Effort::Default).expect("fits");
        let budget = Budget { frame: frame.unwrap_or(budget.frame), ..budget };
        let delta = encode::encode(&read, &target, &budget, Effort::Default).expect("encoded");
        let told = delta.parts;
        assert!(told.copied > 0 && told.reencoded > 0 && told.tokens > 0 && told.plain > 0, "{told:?}");
        let header = Header::read(delta.head[..HEADER].try_into().expect("a header")).expect("read");
        let directory = frames::unpack(&delta.head[HEADER..], &[], header.plain).expect("unpacked");
        drop(read);
        (form, target, directory, delta.frames.concat())
    }

    /// A delta with another directory, all of its checks in order.
    fn with_directory(form: &Bytes, target: &[u8], directory: &[u8], frames: &[u8]) -> Vec<u8> {
        let reference = Prepared::read(form).expect("read");
        let packed = frames::pack(directory, &[], Effort::Fast).expect("packed");
        let header = Header {
            version: 1,
            reference: reference.map.content as u64,
            target: target.len() as u64,
            reference_sha256: reference.sha256,
            target_sha256: deltaglider_core::Sha256::of(target),
            packed: packed.len(),
            plain: directory.len(),
        };
        [header.write(), packed, frames.to_vec()].concat()
    }

    fn decoded(form: &Bytes, delta: &[u8], size: u64) -> (Vec<u8>, Result<(), CodecError>) {
        let mut target = Vec::new();
        let limits = CodecLimits { memory: LIMITS, target_size: size };
        let reference = Prepared::read(form).expect("read");
        let result = decode(&reference, &mut &delta[..], 0..size, &mut target, &limits);
        (target, result)
    }

    #[test]
    fn a_directory_in_order_gives_the_target() {
        let (form, target, directory, frames) = example();
        let delta = with_directory(&form, &target, &directory, &frames);
        let (given, result) = decoded(&form, &delta, target.len() as u64);
        result.expect("decoded");
        assert!(given == target);
        let (_, result) = decoded(&form, &[&delta[..], b"more"].concat(), target.len() as u64);
        assert!(result.is_err(), "something follows");
    }

    /// Ranges of all lengths, some of them without bytes.
    fn ranges(size: usize) -> Vec<Range<u64>> {
        let mut ranges = vec![0..size as u64, 0..0, size as u64..size as u64];
        for ends in noise(5, 60 * 8).chunks_exact(8) {
            let [start, length] =
                [0, 4].map(|at| u32::from_le_bytes(ends[at..at + 4].try_into().expect("four")) as usize);
            let start = start % (size + 1);
            let end = start + length % (size - start + 1) / (1 << (4 * (length >> 29)));
            ranges.push(start as u64..end as u64);
        }
        ranges
    }

    #[test]
    fn a_range_reads_no_frame_that_it_does_not_touch() {
        const FRAME: usize = 2000;
        let (form, target, directory, frames) = example_in_frames(Some(FRAME));
        let reference = Prepared::read(&form).expect("read");
        let streams = reference.map.streams.len();
        let packed = frames::pack(&directory, &[], Effort::Fast).expect("packed");
        let delta = with_directory(&form, &target, &directory, &frames);
        let header = Header::read(delta[..HEADER].try_into().expect("a header")).expect("read");
        let (read, _) = Directory::read(&packed, &header, reference.form().len(), streams).expect("read");
        assert!(read.body.len() > 4 && read.side.len() > 2, "{} {}", read.body.len(), read.side.len());
        let limits = CodecLimits { memory: LIMITS, target_size: target.len() as u64 };
        let mut fewest = usize::MAX;
        for range in ranges(target.len()) {
            let (from, to) = (range.start as usize, range.end as usize);
            let selection = recipe::select(&read.parts, from..to);
            let (mut at, mut touched) = (0, Vec::new());
            let mut damaged = frames.clone();
            for (list, wanted) in [(&read.side, &selection.side), (&read.body, &selection.body)] {
                let mut start = 0;
                for frame in list {
                    let place = at..at + frame.packed;
                    if start < wanted.end && wanted.start < start + frame.plain && !wanted.is_empty() {
                        touched.push(place.clone());
                    } else {
                        damaged[place.clone()].fill(0xff);
                    }
                    (start, at) = (start + frame.plain, place.end);
                }
            }
            let decoded = |frames: &[u8]| {
                let mut given = Vec::new();
                let delta = with_directory(&form, &target, &directory, frames);
                decode(&reference, &mut &delta[..], range.clone(), &mut given, &limits).map(|()| given)
            };
            assert!(decoded(&damaged).expect("decoded") == target[from..to], "{range:?}");
            fewest = fewest.min(touched.len());
            assert!(touched.len() <= (selection.body.len() + selection.side.len()) / FRAME + 4, "{range:?}");
            for place in touched {
                damaged[place].fill(0xff);
                assert!(decoded(&damaged).is_err(), "{range:?}");
            }
        }
        assert_eq!(fewest, 0, "what is copied needs no frame");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn a_lying_directory_does_no_harm(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut in prop::option::of(any::<prop::sample::Index>()),
        ) {
            thread_local! {
                static EXAMPLE: (Bytes, Vec<u8>, Vec<u8>, Vec<u8>) = example();
            }
            EXAMPLE.with(|(form, target, directory, frames)| {
                let mut directory = directory.clone();
                for (at, byte) in &changes {
                    let at = at.index(directory.len());
                    directory[at] = *byte;
                }
                if let Some(cut) = &cut {
                    directory.truncate(cut.index(directory.len()) + 1);
                }
                let delta = with_directory(form, target, &directory, frames);
                let (given, result) = decoded(form, &delta, target.len() as u64);
                assert!(given.len() <= target.len());
                match result {
                    Ok(()) => assert_eq!(given.len(), target.len()),
                    Err(error) => {
                        assert!(matches!(error, CodecError::Damaged(_) | CodecError::Memory { .. }), "{error:?}");
                    }
                }
            });
        }
    }
}
