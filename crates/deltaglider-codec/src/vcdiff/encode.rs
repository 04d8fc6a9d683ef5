//! From a target to its delta: copies from the reference, and LZMA over all that tells them and is new.

mod index;
mod instructions;
mod matches;
mod plan;

use std::io::Write;

use bytes::Bytes;
use deltaglider_core::RandomAccess;
use deltaglider_core::codec::{CodecError, CodecLimits, DeltaParts};

use self::index::Index;
use self::instructions::Instructions;
use self::matches::Matches;
pub(super) use self::plan::Plan;
use super::header::{self, CHECKSUM, SOURCE};
use super::integer;
use super::packing::{self, Tool};
use super::secondary::{LzmaEncoder, LzmaSettings};

/// A section that is shorter is not worth the flush of its stream.
const SHORTEST_PACKED: usize = 24;

/// Of bytes that are packed, zstd leaves more than this share.
const PACKED: f64 = 0.97;

/// Writes a delta that gives `target`.
pub(super) fn encode(
    reference: &dyn RandomAccess,
    target: &dyn RandomAccess,
    delta: &mut dyn Write,
    limits: &CodecLimits,
) -> Result<DeltaParts, CodecError> {
    let plan = Plan::choose(reference.size(), target.size(), limits.memory)?;
    let read;
    let reference = match reference.as_slice() {
        Some(slice) => slice,
        None => {
            read = reference.read_vec(0, reference.size() as usize)?;
            &read
        }
    };
    let Some(tool) = Tool::of(reference) else { return write(reference, target, b"", &plan, delta) };
    let sides = Unpacked::of(tool, reference, target, limits.memory)?;
    let target = sides.target.as_ref().map_or(target, |target| target as &dyn RandomAccess);
    let held = limits.memory.saturating_sub(sides.held);
    let plan = Plan::choose(sides.reference.len() as u64, target.size(), held).map_err(|error| match error {
        CodecError::Memory { needed, .. } => {
            CodecError::Memory { needed: needed.saturating_add(sides.held), limit: limits.memory }
        }
        other => other,
    })?;
    write(&sides.reference, target, &sides.application, &plan, delta)
}

/// What a delta is made of where the reference is packed: xdelta3 unpacks such a source, whatever the delta says.
struct Unpacked {
    reference: Vec<u8>,
    /// None where it is taken as it stands.
    target: Option<Bytes>,
    application: Vec<u8>,
    /// Bytes of memory that lie beside the plan's.
    held: u64,
}

impl Unpacked {
    fn of(tool: Tool, reference: &[u8], target: &dyn RandomAccess, memory: u64) -> Result<Self, CodecError> {
        let too_much = || CodecError::Memory { needed: memory.saturating_add(1), limit: memory };
        let mut held = reference.len() as u64;
        let unpacked = match tool.unpack(reference, memory.saturating_sub(held)) {
            Ok(unpacked) => unpacked.ok_or_else(too_much)?,
            // Nobody can unpack it: there is no source.
            Err(_) => return Ok(Self { reference: Vec::new(), target: None, application: Vec::new(), held }),
        };
        let mut sides = Self { reference: unpacked, target: None, application: packing::application(None, tool), held };
        let mut head = [0; packing::MAGIC];
        let read = target.read_at(&mut head, 0)?;
        let Some(tool_of_target) = Tool::of(&head[..read]) else { return Ok(sides) };
        held += sides.reference.len() as u64 + target.size() * 2;
        let left = memory.checked_sub(held).ok_or_else(too_much)?;
        let packed = target.read_vec(0, target.size() as usize)?;
        let Ok(content) = tool_of_target.unpack(&packed, left) else { return Ok(sides) };
        let content = content.ok_or_else(too_much)?;
        if tool_of_target.gives(&packed, &content) {
            sides.held += content.len() as u64;
            sides.target = Some(content.into());
            sides.application = packing::application(Some(tool_of_target), tool);
        }
        Ok(sides)
    }
}

/// Writes a delta as the plan says, with this application header, if any.
fn write(
    reference: &[u8],
    target: &dyn RandomAccess,
    application: &[u8],
    plan: &Plan,
    delta: &mut dyn Write,
) -> Result<DeltaParts, CodecError> {
    let index = Index::new(&reference[..reference.len().min(plan::LARGEST_SEGMENT)], plan);
    let mut streams = plan.streams().map(Stream::new);
    let mut matches = Matches::new(&index);
    let head = header::written(application);
    delta.write_all(&head)?;
    let mut written = head.len() as u64;
    let mut window = vec![0; plan.window()];
    let mut instructions = Instructions::default();
    let mut at = 0;
    loop {
        let length = (plan.window() as u64).min(target.size() - at) as usize;
        let window = &mut window[..length];
        if target.read_at(window, at)? != length {
            return Err(CodecError::Io(std::io::ErrorKind::UnexpectedEof.into()));
        }
        if at == 0 {
            // Of what is packed already, LZMA makes little, whatever is spent.
            streams[0].settings = streams[0].settings.for_packed(matches::packed_share(window) > PACKED);
        }
        instructions.clear(index.reference().len() as u64);
        matches.find(window, &mut instructions);
        let made = write_window(&instructions, &mut streams, window, index.reference().len())?;
        delta.write_all(&made)?;
        written += made.len() as u64;
        at += length as u64;
        if at == target.size() {
            let mut parts = DeltaParts::default();
            (parts.plain, parts.body) = (at, written);
            return Ok(parts);
        }
    }
}

/// A window in its stored form.
fn write_window(
    instructions: &Instructions,
    streams: &mut [Stream; 3],
    window: &[u8],
    segment: usize,
) -> Result<Vec<u8>, CodecError> {
    let mut indicator = 0;
    let mut sections: [std::borrow::Cow<'_, [u8]>; 3] = instructions.sections().map(Into::into);
    for (kind, (section, stream)) in sections.iter_mut().zip(streams).enumerate() {
        if let Some(packed) = stream.pack(section)? {
            *section = packed.into();
            indicator |= 1 << kind;
        }
    }
    let mut head = Vec::new();
    integer::write(&mut head, window.len() as u64);
    head.push(indicator);
    for section in &sections {
        integer::write(&mut head, section.len() as u64);
    }
    head.extend_from_slice(&zlib_rs::adler32::adler32(1, window).to_be_bytes());
    let body: usize = sections.iter().map(|section| section.len()).sum();
    let mut made = Vec::with_capacity(body + header::LONGEST_WINDOW_HEADER);
    if segment > 0 {
        made.push(SOURCE | CHECKSUM);
        integer::write(&mut made, segment as u64);
        integer::write(&mut made, 0);
    } else {
        made.push(CHECKSUM);
    }
    integer::write(&mut made, (head.len() + body) as u64);
    made.extend_from_slice(&head);
    for section in &sections {
        made.extend_from_slice(section);
    }
    Ok(made)
}

/// One kind of section, from window to window.
struct Stream {
    settings: LzmaSettings,
    encoder: Option<LzmaEncoder>,
}

impl Stream {
    fn new(settings: LzmaSettings) -> Self {
        Self { settings, encoder: None }
    }

    /// A section as the stream goes on with it; `None` where it is better left as it is.
    fn pack(&mut self, section: &[u8]) -> Result<Option<Vec<u8>>, CodecError> {
        if section.len() < SHORTEST_PACKED {
            return Ok(None);
        }
        if let Some(encoder) = &mut self.encoder {
            return encoder.pack(section).map(Some);
        }
        let mut encoder = LzmaEncoder::new(self.settings)?;
        let packed = encoder.pack(section)?;
        if packed.len() >= section.len() {
            // A stream that nobody has seen can begin anew.
            return Ok(None);
        }
        self.encoder = Some(encoder);
        Ok(Some(packed))
    }
}
