//! The `zstd` codec: concatenated zstd frames, each with the reference as its prefix.

mod frame;
mod plan;
mod sample;

use std::borrow::Cow;
use std::io::{self, Read, Write};

use zstd::zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd::zstd_safe::{self, CCtx, CParameter, DCtx, DParameter, InBuffer, OutBuffer, ParamSwitch};

use self::frame::FrameHeader;
use self::plan::{IO_BUFFER, Plan};
use super::{CodecError, CodecId, CodecLimits, DeltaCodec, DeltaParts, ReferenceSize};
use crate::RandomAccess;

/// Deltas that the standard `zstd -d --patch-from=reference` opens.
///
/// The target is cut into segments of at most 512 MiB, one frame each, so that no match is out of a frame's reach and
/// memory stays bounded. Whether a target is packed already (an archive, an image) or plain decides how much is spent
/// on it: a sample's entropy tells, see [`DeltaCodec::encode`].
///
/// The reference has to lie in memory as a whole. One that does not is read for the call; it counts as memory used in
/// either case, so that a delta depends on its input and the limit alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZstdCodec {
    segment_size: u64,
}

impl ZstdCodec {
    /// The most target bytes in one frame.
    pub const SEGMENT_SIZE: u64 = 512 << 20;

    /// The codec with segments of 512 MiB.
    #[must_use]
    pub const fn new() -> Self {
        Self { segment_size: Self::SEGMENT_SIZE }
    }

    /// The codec with segments of at most `bytes`, between 1 byte and 512 MiB. Every segment indexes the reference
    /// anew: small ones cost time and bytes, and show in a test what large targets go through.
    #[must_use]
    pub const fn with_segment_size(bytes: u64) -> Self {
        let segment_size = match bytes {
            0 => 1,
            Self::SEGMENT_SIZE.. => Self::SEGMENT_SIZE,
            _ => bytes,
        };
        Self { segment_size }
    }
}

impl Default for ZstdCodec {
    fn default() -> Self {
        Self::new()
    }
}

impl DeltaCodec for ZstdCodec {
    fn id(&self) -> CodecId {
        CodecId::ZSTD
    }

    fn memory(&self, reference: ReferenceSize, target_size: u64, limit: u64) -> Option<u64> {
        let plan = |packed| Plan::choose(reference.bytes(), target_size, self.segment_size, packed, limit);
        match (plan(true), plan(false)) {
            (Ok(packed), Ok(plain)) => Some(packed.memory().max(plain.memory())),
            _ => None,
        }
    }

    fn encode(
        &self,
        reference: &dyn RandomAccess,
        target: &dyn RandomAccess,
        delta: &mut dyn Write,
        limits: &CodecLimits,
    ) -> Result<DeltaParts, CodecError> {
        let packed = sample::is_packed(target)?;
        let plan = Plan::choose(reference.size(), target.size(), self.segment_size, packed, limits.memory)?;
        let reference = contiguous(reference, reference.size().saturating_sub(plan.prefix_size()))?;
        let mut context = CCtx::try_create().ok_or_else(out_of_memory)?;
        for parameter in parameters(&plan) {
            context.set_parameter(parameter).map_err(encoder_error)?;
        }
        let mut buffers = Buffers::new();
        let mut offset = 0;
        let mut written = 0;
        loop {
            let length = plan.segment().min(target.size() - offset);
            // zstd forgets the prefix at the end of every frame.
            context.ref_prefix(&reference).map_err(encoder_error)?;
            context.set_pledged_src_size(Some(length)).map_err(encoder_error)?;
            written += encode_frame(&mut context, target, offset..offset + length, delta, &mut buffers)?;
            offset += length;
            if offset == target.size() {
                return Ok(DeltaParts { plain: offset, body: written, ..DeltaParts::default() });
            }
        }
    }

    fn decode(
        &self,
        reference: &dyn RandomAccess,
        delta: &mut dyn Read,
        target: &mut dyn Write,
        limits: &CodecLimits,
    ) -> Result<(), CodecError> {
        let held = if reference.as_slice().is_some() { 0 } else { reference.size() };
        let mut source = Source::new(delta);
        let first = FrameHeader::parse(source.frame_start()?).map_err(CodecError::Damaged)?;
        check_frame(&first, held, limits.target_size, limits)?;
        let reference = contiguous(reference, 0)?;
        let mut context = DCtx::try_create().ok_or_else(out_of_memory)?;
        context.set_parameter(DParameter::WindowLogMax(plan::MAX_WINDOW_LOG)).map_err(decoder_error)?;
        let mut output = vec![0; IO_BUFFER];
        let mut rest = limits.target_size;
        while !source.frame_start()?.is_empty() {
            let header = FrameHeader::parse(source.frame_start()?).map_err(CodecError::Damaged)?;
            check_frame(&header, held, rest, limits)?;
            context.ref_prefix(&reference).map_err(decoder_error)?;
            decode_frame(&mut context, &mut source, target, &mut output, &mut rest, limits.target_size)?;
        }
        if rest > 0 {
            let given = limits.target_size - rest;
            return Err(CodecError::Damaged(format!("it gives {given} bytes of {}", limits.target_size)));
        }
        Ok(())
    }
}

/// What makes zstd follow the plan. Every value is named, so that a delta does not change with a level's meaning.
fn parameters(plan: &Plan) -> Vec<CParameter> {
    let search = plan.search();
    vec![
        CParameter::WindowLog(plan.window_log()),
        CParameter::Strategy(search.strategy),
        CParameter::HashLog(search.hash_log),
        CParameter::ChainLog(plan::CHAIN_LOG),
        CParameter::SearchLog(search.search_log),
        CParameter::MinMatch(search.min_match),
        CParameter::TargetLength(search.target_length),
        CParameter::UseRowMatchFinder(ParamSwitch::Enable),
        CParameter::EnableLongDistanceMatching(true),
        CParameter::LdmHashLog(search.far_hash_log),
        CParameter::LdmHashRateLog(plan::FAR_RATE_LOG),
        CParameter::LdmBucketSizeLog(plan::FAR_BUCKET_LOG),
        CParameter::LdmMinMatch(search.far_min_match),
        CParameter::ContentSizeFlag(true),
        CParameter::ChecksumFlag(true),
        // Otherwise the result depends on where the reference happens to lie in memory.
        CParameter::DeterministicRefPrefix(true),
    ]
}

/// Writes one frame over `range` of the target; gives how many bytes it has.
fn encode_frame(
    context: &mut CCtx<'_>,
    target: &dyn RandomAccess,
    range: std::ops::Range<u64>,
    delta: &mut dyn Write,
    buffers: &mut Buffers,
) -> Result<u64, CodecError> {
    let mut offset = range.start;
    let mut written = 0;
    loop {
        let length = (range.end - offset).min(IO_BUFFER as u64) as usize;
        read_exact_at(target, &mut buffers.input[..length], offset)?;
        offset += length as u64;
        let last = offset == range.end;
        let directive = if last { ZSTD_EndDirective::ZSTD_e_end } else { ZSTD_EndDirective::ZSTD_e_continue };
        let mut input = InBuffer::around(&buffers.input[..length]);
        loop {
            let mut output = OutBuffer::around(&mut buffers.output[..]);
            let left = context.compress_stream2(&mut output, &mut input, directive).map_err(encoder_error)?;
            if output.pos() > 0 {
                delta.write_all(output.as_slice())?;
                written += output.pos() as u64;
            }
            if if last { left == 0 } else { input.pos() == length } {
                break;
            }
        }
        if last {
            return Ok(written);
        }
    }
}

/// Refuses a frame that gives too much or takes too much, before anything is allocated for it.
fn check_frame(header: &FrameHeader, held: u64, rest: u64, limits: &CodecLimits) -> Result<(), CodecError> {
    let FrameHeader::Data { window, content } = *header else { return Ok(()) };
    if content.is_some_and(|content| content > rest) {
        return Err(CodecError::TooLong(limits.target_size));
    }
    let needed = held.saturating_add(plan::decoder_memory(window, content));
    if needed > limits.memory {
        return Err(CodecError::Memory { needed, limit: limits.memory });
    }
    Ok(())
}

/// Decodes one frame, skippable or not, and takes what it wrote from `rest`.
fn decode_frame(
    context: &mut DCtx<'_>,
    source: &mut Source<'_>,
    target: &mut dyn Write,
    output: &mut [u8],
    rest: &mut u64,
    target_size: u64,
) -> Result<(), CodecError> {
    loop {
        let (consumed, written, hint) = {
            let mut input = InBuffer::around(source.buffered());
            let mut output = OutBuffer::around(&mut *output);
            let hint = context.decompress_stream(&mut output, &mut input).map_err(decoder_error)?;
            (input.pos(), output.pos(), hint)
        };
        source.consume(consumed);
        if written as u64 > *rest {
            return Err(CodecError::TooLong(target_size));
        }
        if written > 0 {
            target.write_all(&output[..written])?;
            *rest -= written as u64;
        }
        if hint == 0 {
            return Ok(());
        }
        // A full output buffer may leave more in the decoder without further input.
        if written < output.len() && source.buffered().is_empty() && !source.fill(1)? {
            return Err(CodecError::Damaged("it ends inside a frame".to_owned()));
        }
    }
}

/// The content from `offset` to its end, as one slice.
fn contiguous(content: &dyn RandomAccess, offset: u64) -> Result<Cow<'_, [u8]>, CodecError> {
    let from = usize::try_from(offset).map_err(|_| out_of_memory())?;
    if let Some(slice) = content.as_slice() {
        return Ok(Cow::Borrowed(&slice[from..]));
    }
    let length = usize::try_from(content.size() - offset).map_err(|_| out_of_memory())?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).map_err(|_| out_of_memory())?;
    bytes.resize(length, 0);
    read_exact_at(content, &mut bytes, offset)?;
    Ok(Cow::Owned(bytes))
}

fn read_exact_at(content: &dyn RandomAccess, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    if content.read_at(buffer, offset)? == buffer.len() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn out_of_memory() -> CodecError {
    CodecError::Io(io::ErrorKind::OutOfMemory.into())
}

fn encoder_error(code: usize) -> CodecError {
    CodecError::Io(io::Error::other(zstd_safe::get_error_name(code)))
}

fn decoder_error(code: usize) -> CodecError {
    CodecError::Damaged(zstd_safe::get_error_name(code).to_owned())
}

/// The two buffers between the encoder and its input and output.
struct Buffers {
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Buffers {
    fn new() -> Self {
        Self { input: vec![0; IO_BUFFER], output: vec![0; IO_BUFFER] }
    }
}

/// A delta as it is read: at the start of a frame its whole header is in sight.
struct Source<'a> {
    delta: &'a mut dyn Read,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl<'a> Source<'a> {
    fn new(delta: &'a mut dyn Read) -> Self {
        Self { delta, buffer: vec![0; IO_BUFFER], start: 0, end: 0 }
    }

    fn buffered(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    fn consume(&mut self, bytes: usize) {
        self.start += bytes;
    }

    /// What the next frame begins with, as long as a header may be; less at the end, nothing behind the last frame.
    fn frame_start(&mut self) -> io::Result<&[u8]> {
        self.fill(frame::MAX_HEADER)?;
        Ok(self.buffered())
    }

    /// Reads until `least` bytes are buffered; `false` where the delta ends before.
    fn fill(&mut self, least: usize) -> io::Result<bool> {
        if self.end - self.start >= least {
            return Ok(true);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < least {
            match self.delta.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn the_planned_memory_is_what_zstd_takes() {
        let text: Vec<u8> = (0_u32..3 << 20).flat_map(|n| n.wrapping_mul(0x9e37_79b1).to_be_bytes()).collect();
        for (reference, target) in [(0, 0), (10, 1000), (100_000, 3 << 20), (3 << 20, 100_000), (5 << 20, 7 << 20)] {
            for (packed, limit) in [(true, 1 << 30), (false, 1 << 30), (true, 17 << 20), (false, 17 << 20)] {
                let plan = Plan::choose(reference as u64, target as u64, 512 << 20, packed, limit).expect("fits");
                let reference = &text[..reference];
                let target = Bytes::copy_from_slice(&text[text.len() - target..]);
                let segment = plan.segment().min(target.size());
                let mut context = CCtx::create();
                for parameter in parameters(&plan) {
                    context.set_parameter(parameter).expect("valid");
                }
                context.ref_prefix(reference).expect("set");
                context.set_pledged_src_size(Some(segment)).expect("set");
                let mut delta = Vec::new();
                encode_frame(&mut context, &target, 0..segment, &mut delta, &mut Buffers::new()).expect("encoded");
                let taken = (context.sizeof() + 2 * IO_BUFFER + reference.len()) as u64;
                assert!(taken <= plan.memory(), "{taken} of {plan:?}");
                assert!(plan.memory() < taken + (3 << 20), "{taken} of {plan:?}");

                let mut context = DCtx::create();
                context.ref_prefix(reference).expect("set");
                let mut given = vec![0; IO_BUFFER];
                let mut rest = segment;
                let mut source: &[u8] = &delta;
                let mut source = Source::new(&mut source);
                let header = FrameHeader::parse(source.frame_start().expect("read")).expect("a header");
                let FrameHeader::Data { window, content } = header else { panic!("a frame of data") };
                assert_eq!(content, Some(segment));
                decode_frame(&mut context, &mut source, &mut io::sink(), &mut given, &mut rest, segment)
                    .expect("decoded");
                let taken = (context.sizeof() + 2 * IO_BUFFER) as u64;
                assert!(taken <= plan::decoder_memory(window, content), "{taken} for {window}");
                assert!(taken + reference.len() as u64 <= plan.memory());
            }
        }
    }
}
