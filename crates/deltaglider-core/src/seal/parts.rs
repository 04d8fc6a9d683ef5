//! Seals a content that lies in memory, by several threads.

use std::io::{self, Write};

use aes_gcm_siv::aead::inout::InOutBuf;

use super::threads::{for_each_part, processors};
use super::{Binding, BodyKey, CHUNK, ChunkCipher, SealError, TAG};

/// Chunks of a part.
const CHUNKS: usize = 16;
/// Bytes of the content in a part; only the last one has fewer.
const PART: usize = CHUNKS * CHUNK;
/// Bytes of the sealed body in a part; only the last one has fewer.
pub const SEALED_PART: usize = CHUNKS * (CHUNK + TAG);

/// Writes the sealed body of a content in parts of [`SEALED_PART`] bytes, each to a place of its own, by up to four threads.
///
/// `places` are those of the parts, in their order, one for an empty content; each is written from its beginning, a chunk at a
/// time. Memory is one chunk for each thread. The body is whole only when this succeeds. Fails with [`SealError::Announced`] where
/// the content is not as long as the binding says, or has another number of parts.
pub fn seal_parts<W: Write + Send>(content: &[u8], key: &BodyKey, binding: Binding, places: Vec<W>) -> io::Result<()> {
    let announced = binding.length.is_none_or(|length| length == content.len() as u64);
    if !announced || places.len() != content.len().div_ceil(PART).max(1) {
        return Err(SealError::Announced.into());
    }
    let cipher = ChunkCipher::new(key, binding);
    let last = content.len().saturating_sub(1) / CHUNK;
    let threads = places.len().min(processors());
    for_each_part(places.into_iter().enumerate().collect(), threads, |(number, mut place)| {
        let mut sealed = vec![0; CHUNK.min(content.len()) + TAG];
        for index in (number * CHUNKS..=last).take(CHUNKS) {
            let rest = &content[index * CHUNK..];
            let chunk = &rest[..rest.len().min(CHUNK)];
            let (body, tag) = sealed[..chunk.len() + TAG].split_at_mut(chunk.len());
            let buffer = InOutBuf::new(chunk, body).map_err(io::Error::other)?;
            tag.copy_from_slice(&cipher.seal(index as u64, index == last, buffer));
            place.write_all(&sealed[..chunk.len() + TAG])?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::super::{SealWriter, sealed_length};
    use super::*;
    use crate::Sha256;

    #[test]
    fn the_body_is_that_of_the_writer() {
        let all: Vec<u8> =
            (0..3 * PART as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
        let key = BodyKey::fill_with(|key| key.fill(3));
        for length in [0, 1, CHUNK, CHUNK + 1, PART - 1, PART, PART + 1, 2 * PART + CHUNK, 3 * PART] {
            let content = &all[..length];
            for bound in [None, Some(length as u64)] {
                let binding = Binding { digest: Sha256::of(b"reference"), entry: [9; 16], length: bound };
                let mut writer = SealWriter::new(Vec::new(), &key, binding);
                writer.write_all(content).expect("written");
                let expected = writer.finish().expect("finished");
                let mut body = vec![0; sealed_length(length as u64).expect("short enough") as usize];
                seal_parts(content, &key, binding, body.chunks_mut(SEALED_PART).collect()).expect("sealed");
                assert!(body == expected, "{length}");
            }
        }
    }

    #[test]
    fn too_little_room_and_another_length_are_errors() {
        let content = vec![1; PART + 1];
        let key = BodyKey::fill_with(|key| key.fill(3));
        let mut body = vec![0; sealed_length(content.len() as u64).expect("short enough") as usize];
        let mut seal = |length, room: usize| {
            let binding = Binding { digest: Sha256([0; 32]), entry: [0; 16], length: Some(length) };
            seal_parts(&content, &key, binding, body[..room].chunks_mut(SEALED_PART).collect())
        };
        let whole = SEALED_PART + 17;
        assert!(seal(PART as u64 + 1, whole).is_ok());
        assert!(seal(PART as u64, whole).is_err(), "another length than was announced");
        assert!(seal(PART as u64 + 1, SEALED_PART).is_err(), "a part has no place");
        assert!(seal(PART as u64 + 1, whole - 1).is_err(), "a place is too small");
    }
}
