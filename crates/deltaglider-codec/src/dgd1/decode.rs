//! Gives a target back: reads the directory, unpacks the frames, and makes the streams again.

use std::io::{Read, Write};
use std::ops::Range;

use deltaglider_core::codec::{CodecError, CodecLimits};

use super::directory::{Directory, HEADER, Header};
use super::frames::{self, Frame, LONGEST_PREFIX, damaged, gather};
use super::prepared::Prepared;
use super::recipe::Part;
use crate::deflate::{self, Kind};
use crate::threads::{processors, spread};

/// Streams are made again together until they take so many bytes.
const BATCH: usize = 32 << 20;

/// What the next bytes of the target are.
enum Job {
    Bytes(Vec<u8>),
    Copy(Range<usize>),
    Make { kind: Kind, plain: Vec<u8>, side: Vec<u8>, length: usize },
}

impl Job {
    fn memory(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Copy(_) => 0,
            // What guides takes sixteen times its bytes when it is read.
            Self::Make { plain, side, length, .. } => plain.len() + 17 * side.len() + length,
        }
    }
}

/// Writes the target that `delta` gives from `reference`.
pub(super) fn decode(
    reference: &Prepared<'_>,
    delta: &mut dyn Read,
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
    let parts = header.plain.saturating_mul(size_of::<Part>());
    check_memory(reference, parts.saturating_add(header.plain + header.packed), limits)?;
    let mut packed = vec![0; header.packed];
    read_exact(delta, &mut packed)?;
    let streams = reference.map.streams.len();
    let (directory, extent) = Directory::read(&packed, header.plain, reference.form().len(), streams)?;
    if extent.given as u64 != header.target {
        return Err(damaged("its parts are not as long as its target"));
    }
    let frame = directory.body.iter().chain(&directory.side).map(memory_of).max().unwrap_or(0);
    let held = parts.saturating_add(extent.side).saturating_add(extent.memory.saturating_mul(2));
    check_memory(reference, held.saturating_add(frame), limits)?;
    let spare = usize::try_from(limits.memory).unwrap_or(usize::MAX) - reference.memory() - held;
    let threads = (spare / frame.max(1)).clamp(1, processors());

    let mut side = Vec::new();
    for batch in directory.side.chunks(threads) {
        for plain in unpack(batch, delta, threads, |frame| tokens_of(reference, frame))? {
            side.extend_from_slice(&plain);
        }
    }
    let body = Body { reference, delta, frames: &directory.body, threads, ready: Vec::new(), at: 0 };
    Decoder { reference, side: &side, body, target, threads }.run(&directory.parts)?;
    // Nothing stands behind the last frame.
    match delta.read(&mut [0])? {
        0 => Ok(()),
        _ => Err(damaged("something follows its last frame")),
    }
}

/// Bytes that unpacking a frame takes; a prefix of several ranges is put together.
fn memory_of(frame: &Frame) -> usize {
    frame.plain + frame.packed + frame.prefix.iter().map(ExactSizeIterator::len).sum::<usize>() + (1 << 18)
}

fn check_memory(reference: &Prepared<'_>, beside: usize, limits: &CodecLimits) -> Result<(), CodecError> {
    let needed = reference.memory().saturating_add(beside) as u64;
    if needed > limits.memory { Err(CodecError::Memory { needed, limit: limits.memory }) } else { Ok(()) }
}

fn read_exact(delta: &mut dyn Read, buffer: &mut [u8]) -> Result<(), CodecError> {
    delta.read_exact(buffer).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => damaged("it ends too early"),
        _ => CodecError::Io(error),
    })
}

/// Reads and unpacks the next frames of a delta.
fn unpack<'a>(
    batch: &[Frame],
    delta: &mut dyn Read,
    threads: usize,
    prefix: impl Fn(&Frame) -> Result<std::borrow::Cow<'a, [u8]>, CodecError> + Sync,
) -> Result<Vec<Vec<u8>>, CodecError> {
    let mut frames = Vec::with_capacity(batch.len());
    for frame in batch {
        let mut packed = vec![0; frame.packed];
        read_exact(delta, &mut packed)?;
        frames.push((frame, packed));
    }
    spread(&frames, threads, |(frame, packed)| frames::unpack(packed, &prefix(frame)?, frame.plain))
        .into_iter()
        .collect()
}

/// The tokens of the streams of the reference that a frame of the side names.
pub(super) fn tokens_of<'a>(reference: &Prepared<'_>, frame: &Frame) -> Result<std::borrow::Cow<'a, [u8]>, CodecError> {
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

/// The body, unpacked as it is needed.
struct Body<'a> {
    reference: &'a Prepared<'a>,
    delta: &'a mut dyn Read,
    frames: &'a [Frame],
    threads: usize,
    ready: Vec<Vec<u8>>,
    at: usize,
}

impl Body<'_> {
    /// Appends the next `length` bytes, which are there: the directory was checked.
    fn take(&mut self, mut length: usize, out: &mut Vec<u8>) -> Result<(), CodecError> {
        while length > 0 {
            let piece = self.next(length)?;
            out.extend_from_slice(&piece);
            length -= piece.len();
        }
        Ok(())
    }

    /// The next bytes, at most `length` of them.
    fn next(&mut self, length: usize) -> Result<Vec<u8>, CodecError> {
        if self.ready.is_empty() {
            let (batch, rest) = self.frames.split_at(self.threads.min(self.frames.len()));
            self.frames = rest;
            let form = self.reference.form();
            self.ready = unpack(batch, self.delta, self.threads, |frame| Ok(gather(form, &frame.prefix)))?;
            self.ready.reverse();
        }
        let frame = self.ready.last().ok_or_else(|| damaged("its body ends too early"))?;
        let taken = length.min(frame.len() - self.at);
        let piece = frame[self.at..self.at + taken].to_vec();
        self.at += taken;
        if self.at == frame.len() {
            self.ready.pop();
            self.at = 0;
        }
        Ok(piece)
    }
}

/// Puts the target together.
struct Decoder<'a> {
    reference: &'a Prepared<'a>,
    side: &'a [u8],
    body: Body<'a>,
    target: &'a mut dyn Write,
    threads: usize,
}

impl Decoder<'_> {
    fn run(mut self, parts: &[Part]) -> Result<(), CodecError> {
        let mut jobs: Vec<Job> = Vec::new();
        let mut memory = 0;
        for part in parts {
            match part {
                Part::Plain(length) => {
                    let mut length = *length;
                    while length > 0 {
                        let bytes = self.body.next(length)?;
                        length -= bytes.len();
                        memory += bytes.len();
                        jobs.push(Job::Bytes(bytes));
                        self.flush_if(memory > BATCH, &mut jobs, &mut memory)?;
                    }
                }
                Part::Copy { at, length } => jobs.push(Job::Copy(*at..at + length)),
                Part::Stream { kind, side, length, parts } => {
                    let plain = self.assemble(parts)?;
                    let job = Job::Make { kind: *kind, plain, side: self.take_side(*side)?, length: *length };
                    memory += job.memory();
                    jobs.push(job);
                }
            }
            self.flush_if(memory > BATCH || jobs.len() > 1 << 12, &mut jobs, &mut memory)?;
        }
        self.flush_if(true, &mut jobs, &mut memory)
    }

    /// Writes what is due, if it is time to.
    fn flush_if(&mut self, due: bool, jobs: &mut Vec<Job>, memory: &mut usize) -> Result<(), CodecError> {
        if !due {
            return Ok(());
        }
        let made = spread(jobs, self.threads, |job| match job {
            Job::Make { kind, plain, side, length } => make(self.reference, *kind, plain, side, *length).map(Some),
            _ => Ok(None),
        });
        for (job, made) in jobs.drain(..).zip(made) {
            match (job, made?) {
                (_, Some(stream)) => self.target.write_all(&stream)?,
                (Job::Bytes(bytes), None) => self.target.write_all(&bytes)?,
                (Job::Copy(range), None) => self.target.write_all(&self.reference.form()[range])?,
                (Job::Make { .. }, None) => {}
            }
        }
        *memory = 0;
        Ok(())
    }

    fn take_side(&mut self, length: usize) -> Result<Vec<u8>, CodecError> {
        let (taken, rest) = self.side.split_at_checked(length).ok_or_else(|| damaged("its side ends too early"))?;
        self.side = rest;
        Ok(taken.to_vec())
    }

    /// The plaintext that parts give.
    fn assemble(&mut self, parts: &[Part]) -> Result<Vec<u8>, CodecError> {
        let mut plain = Vec::new();
        for part in parts {
            match part {
                Part::Plain(length) => self.body.take(*length, &mut plain)?,
                Part::Copy { at, length } => plain.extend_from_slice(&self.reference.form()[*at..at + length]),
                Part::Stream { kind, side, length, parts } => {
                    let inner = self.assemble(parts)?;
                    let side = self.take_side(*side)?;
                    plain.extend_from_slice(&make(self.reference, *kind, &inner, &side, *length)?);
                }
            }
        }
        Ok(plain)
    }
}

fn make(reference: &Prepared<'_>, kind: Kind, plain: &[u8], side: &[u8], length: usize) -> Result<Vec<u8>, CodecError> {
    let made = deflate::rebuild(kind, plain, side, length, &|number| reference.stream(number));
    made.map_err(|error| CodecError::Damaged(error.to_string()))
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
    use super::super::{encode, prepared};
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
        let plain = text(1, 60_000);
        let changed = [&plain[..30_000], b"another line\n", &plain[30_000..]].concat();
        let whole = gzip(&plain[..40_000], 9);
        let reference = [&gzip(&plain, 6)[..], GO_HUFFMAN.0, LIBDEFLATE.0, &whole, &noise(3, 3000)].concat();
        let target = [&gzip(&changed, 6)[..], GO_HUFFMAN.1, LIBDEFLATE.1, &whole, &noise(3, 2000), b"end"].concat();
        let form = Bytes::from(prepared::prepare(&reference, LIMITS).expect("prepared"));
        let read = Prepared::read(&form).expect("read");
        let budget = Budget::share(1 << 20, target.len() as u64, LIMITS, Effort::Default).expect("fits");
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
        let packed = super::frames::pack(directory, &[], Effort::Fast).expect("packed");
        let header = Header {
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
        let result = decode(&reference, &mut &delta[..], &mut target, &limits);
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
