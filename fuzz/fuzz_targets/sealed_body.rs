//! Any changes of a sealed body: what is read is the content, or an error.
#![no_main]

use std::io::Write;
use std::sync::LazyLock;

use bytes::Bytes;
use deltaglider_core::seal::{Binding, BodyKey, CHUNK, SealError, SealReader, SealWriter, TAG};
use deltaglider_core::{RandomAccess, Sha256};
use libfuzzer_sys::fuzz_target;

const LENGTH: usize = 2 * CHUNK + 100;

static CONTENT: LazyLock<Vec<u8>> = LazyLock::new(|| (0..LENGTH).map(|at| ((at * at) >> 9) as u8).collect());

/// The bodies with their length bound, and without.
static BODIES: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    [Some(LENGTH as u64), None].map(|length| {
        let mut writer = SealWriter::new(Vec::new(), &key(), binding(length));
        writer.write_all(&CONTENT).expect("written");
        writer.finish().expect("finished")
    })
});

fn key() -> BodyKey {
    BodyKey::fill_with(|key| key.fill(7))
}

fn binding(length: Option<u64>) -> Binding {
    Binding { digest: Sha256::of(b"reference"), entry: [9; 16], length }
}

/// Changes a body as five bytes say.
fn change(body: &mut Vec<u8>, [what, at @ ..]: [u8; 5]) {
    let at = u32::from_le_bytes(at) as usize;
    let place = at % body.len().max(1);
    match what % 5 {
        0 => body.truncate(place),
        1 => body.extend_from_within(..place),
        2 => body.rotate_left(place),
        // Whole chunks away.
        3 => drop(body.drain(..body.len().min(at % 4 * (CHUNK + TAG)))),
        _ => body.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= what >> 2),
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((head, rest)) = input.split_first_chunk::<6>() else { return };
    let bound = head[0] & 1 == 0;
    let mut body = BODIES[usize::from(!bound)].clone();
    rest.as_chunks().0.iter().take(8).for_each(|step| change(&mut body, *step));
    let intact = body == BODIES[usize::from(!bound)];
    let binding = binding(bound.then_some(LENGTH as u64));
    let reader = match SealReader::new(Bytes::from(body), &key(), binding) {
        Ok(reader) => reader,
        Err(error) => return assert!(!intact && error == SealError::Length),
    };
    let at = u64::from(u32::from_le_bytes([head[1], head[2], head[3], 0])) % (LENGTH as u64 + 9);
    let mut buffer = vec![0xaa; usize::from(u16::from_le_bytes([head[4], head[5]])) + 1];
    for (at, whole) in [(at, false), (0, true)] {
        buffer.resize(if whole { LENGTH + 1 } else { buffer.len() }, 0);
        match reader.read_at(&mut buffer, at) {
            Ok(read) => {
                let end = LENGTH.min(at as usize + buffer.len());
                let expected = CONTENT.get(at as usize..end).unwrap_or_default();
                // A body that was cut holds the chunks before the cut; none of it is the last.
                assert!(expected.starts_with(&buffer[..read]), "what is read is the content's");
                assert!(!whole || (intact && read == LENGTH), "the whole is read of an intact body alone");
            }
            Err(error) => assert!(!intact && SealError::of(&error).is_some(), "{error}"),
        }
    }
});
