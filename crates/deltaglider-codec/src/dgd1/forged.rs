//! Deltas that no encoder wrote, all of their checks in order, for the programs that look for harm in them.

use bytes::Bytes;
use deltaglider_core::Sha256;
use deltaglider_core::codec::CodecError;

use super::decode::tokens_of;
use super::directory::{Directory, HEADER, Header};
use super::frames::{self, Frame, gather};
use super::prepared::Prepared;
use super::recipe;
use crate::Effort;
use crate::varint;

/// What a forged recipe takes of side and body together, in bytes.
const CONTENT: usize = 1 << 20;
/// What making a form of version 2 may take.
const FORMS: u64 = 512 << 20;

/// A delta of a version with this directory before these frames, and how long a target it promises: what the directory gives.
pub(crate) fn of_directory(
    version: u8,
    reference: &Bytes,
    directory: &[u8],
    frames: &[u8],
) -> Result<(Vec<u8>, u64), CodecError> {
    let reference = Prepared::read(reference)?;
    let mut rest = directory;
    let form = match version {
        2 => varint::read(&mut rest).and_then(|form| varint::read(&mut rest).map(|_| form)).unwrap_or(0),
        _ => reference.form().len(),
    };
    let parts = recipe::read(&mut rest, version).unwrap_or_default();
    let given = recipe::extent(&parts, form).map_or(0, |extent| extent.given as u64);
    let packed = frames::pack(directory, &[], Effort::Fast)?;
    Ok(([header(version, &reference, given, &packed, directory.len()), packed, frames.to_vec()].concat(), given))
}

/// A delta of a version with this recipe, whose side is the first bytes of `content` and whose body is those behind it, as many as
/// it takes; zeros stand where there are none. None where the bytes are no recipe, or take too much.
pub(crate) fn of_recipe(version: u8, reference: &Bytes, recipe: &[u8], content: &[u8]) -> Option<(Vec<u8>, u64)> {
    let reference = Prepared::read(reference).ok()?;
    let second = if version == 2 { Some(reference.second(FORMS).ok()?) } else { None };
    let form = second.as_ref().unwrap_or(&reference);
    let parts = recipe::read(&mut &recipe[..], version).ok()?;
    let extent = recipe::extent(&parts, form.form().len())?;
    let taken = extent.side.checked_add(extent.body).filter(|taken| *taken <= CONTENT)?;
    let mut content = content.to_vec();
    content.resize(taken, 0);
    let (side, body) = content.split_at(extent.side);
    let frame = |plain: &[u8]| {
        let packed = frames::pack(plain, &[], Effort::Fast).ok()?;
        Some((Frame { plain: plain.len(), packed: packed.len(), prefix: Vec::new() }, packed))
    };
    let mut directory = Directory { second: form.as_second(), parts, ..Directory::default() };
    let mut bytes = Vec::new();
    for (list, plain) in [(&mut directory.side, side), (&mut directory.body, body)] {
        if !plain.is_empty() {
            let (frame, packed) = frame(plain)?;
            list.push(frame);
            bytes.extend_from_slice(&packed);
        }
    }
    let (packed, plain) = directory.write().ok()?;
    let given = extent.given as u64;
    Some(([header(version, &reference, given, &packed, plain), packed, bytes].concat(), given))
}

/// The directory of a delta, and its frames.
pub(crate) fn directory(delta: &[u8]) -> Result<(Vec<u8>, Vec<u8>), CodecError> {
    let (head, rest) = delta.split_first_chunk::<HEADER>().ok_or_else(short)?;
    let header = Header::read(head)?;
    let (packed, frames) = rest.split_at_checked(header.packed).ok_or_else(short)?;
    Ok((frames::unpack(packed, &[], header.plain)?, frames.to_vec()))
}

/// The recipe of a delta, and its side and body: what [`of_recipe`] takes.
pub(crate) fn recipe(reference: &Bytes, delta: &[u8]) -> Result<(Vec<u8>, Vec<u8>), CodecError> {
    let first = Prepared::read(reference)?;
    let (head, rest) = delta.split_first_chunk::<HEADER>().ok_or_else(short)?;
    let header = Header::read(head)?;
    let second = if header.version == 2 { Some(first.second(FORMS)?) } else { None };
    let reference = second.as_ref().unwrap_or(&first);
    let form = reference.form();
    let (packed, mut rest) = rest.split_at_checked(header.packed).ok_or_else(short)?;
    let (directory, _) = Directory::read(packed, &header, form.len(), reference.map.streams.len())?;
    let mut content = Vec::new();
    let side = directory.side.iter().map(|frame| (frame, true));
    for (frame, is_side) in side.chain(directory.body.iter().map(|frame| (frame, false))) {
        let (packed, behind) = rest.split_at_checked(frame.packed).ok_or_else(short)?;
        let prefix = if is_side { tokens_of(reference, frame)? } else { gather(form, &frame.prefix) };
        content.extend_from_slice(&frames::unpack(packed, &prefix, frame.plain)?);
        rest = behind;
    }
    let mut written = Vec::new();
    recipe::write(&directory.parts, &mut written);
    Ok((written, content))
}

fn header(version: u8, reference: &Prepared<'_>, target: u64, packed: &[u8], plain: usize) -> Vec<u8> {
    let header = Header {
        version,
        reference: reference.map.content as u64,
        target,
        reference_sha256: reference.sha256,
        target_sha256: Sha256([0; 32]),
        packed: packed.len(),
        plain,
    };
    header.write()
}

fn short() -> CodecError {
    frames::damaged("it ends too early")
}

#[cfg(test)]
mod tests {
    use deltaglider_core::codec::{CodecLimits, DeltaCodec};
    use deltaglider_testkit::codec_conformance::text;

    use super::*;
    use crate::Dgd1Codec;
    use crate::packers::Format;
    use crate::packers::samples::pack;

    #[test]
    fn what_is_taken_apart_is_put_together_to_the_same_target() {
        let vector = |version: &[u8]| Bytes::from([version, &[7; 5000]].concat());
        let reference = vector(include_bytes!("../../tests/vectors/encoders/1/libdeflate-6.gz"));
        let target = vector(include_bytes!("../../tests/vectors/encoders/2/libdeflate-6.gz"));
        taken_apart_and_together(Dgd1Codec::default(), reference, &target, 1);
    }

    #[test]
    fn so_is_one_of_version_2() {
        let vector = |seed| Bytes::from(pack(Format::Bzip2, &[text(1, 50_000), text(seed, 500)].concat()));
        taken_apart_and_together(Dgd1Codec::new(Effort::Max), vector(2), &vector(3), 2);
    }

    fn taken_apart_and_together(codec: Dgd1Codec, reference: Bytes, target: &Bytes, version: u8) {
        let limits = CodecLimits { memory: 1 << 30, target_size: target.len() as u64 };
        let reference = codec.prepare(reference, limits.memory).expect("prepared");
        let mut delta = Vec::new();
        codec.encode(&reference, target, &mut delta, &limits).expect("encoded");
        assert_eq!(delta[4], version);
        let (whole, frames) = directory(&delta).expect("a delta");
        let (recipe, content) = recipe(&reference, &delta).expect("a delta");
        assert!(!content.is_empty());
        let again = [
            of_directory(version, &reference, &whole, &frames).expect("a delta"),
            of_recipe(version, &reference, &recipe, &content).expect("a recipe"),
        ];
        for (delta, size) in again {
            let mut given = Vec::new();
            codec.decode(&reference, &mut &delta[..], &mut given, &limits).expect("decoded");
            assert!(given == *target && size == limits.target_size);
        }
    }
}
