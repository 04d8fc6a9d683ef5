//! Tells packed content (archives, images) from plain content by a sample's entropy.

use std::io;

use crate::RandomAccess;

/// Bytes in one probe: enough that packed bytes come out near 7.95 bits each.
const PROBE: usize = 4096;
/// Probes at most, spread over the content: 512 KiB are read.
const PROBES: u64 = 128;
/// A probe under this many bits a byte is plain. Deflate, zstd, xz, JPEG and encrypted bytes give 7.9 and more; text and
/// executables rarely more than 6.5.
const PACKED_BITS: f64 = 7.75;
/// Where more than one probe in so many is plain, the content is.
const PLAIN_SHARE: u64 = 8;

/// Whether nearly all of the content is packed already, so that a search for short matches finds nothing in it.
pub(super) fn is_packed(content: &dyn RandomAccess) -> io::Result<bool> {
    let size = content.size();
    let probes = (size / PROBE as u64).min(PROBES);
    let mut buffer = [0; PROBE];
    let mut plain = 0;
    for probe in 0..probes {
        let offset = (u128::from(size - PROBE as u64) * u128::from(probe) / u128::from(probes.max(2) - 1)) as u64;
        let read = content.read_at(&mut buffer, offset)?;
        plain += u64::from(bits(&buffer[..read]) < PACKED_BITS);
    }
    Ok(probes > 0 && plain * PLAIN_SHARE <= probes)
}

/// Shannon's entropy of the bytes, in bits a byte.
fn bits(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for &byte in bytes {
        counts[usize::from(byte)] += 1;
    }
    let total = bytes.len() as f64;
    counts.iter().filter(|&&count| count > 0).map(|&count| f64::from(count)).fold(0.0, |sum, count| {
        let share = count / total;
        sum - share * share.log2()
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn text_is_plain_and_noise_is_packed() {
        let text: Vec<u8> = b"a line of text, and again ".iter().copied().cycle().take(1 << 20).collect();
        let noise: Vec<u8> = (0_u64..1 << 17)
            .flat_map(|n| {
                (n ^ 0x5deece66d).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(n | 1).to_le_bytes()
            })
            .collect();
        let mixed = [&noise[..], &text[..1 << 18]].concat();
        assert!(!is_packed(&Bytes::from(text)).expect("read"));
        assert!(is_packed(&Bytes::from(noise)).expect("read"));
        assert!(!is_packed(&Bytes::from(mixed)).expect("read"));
        assert!(!is_packed(&Bytes::new()).expect("read"));
        assert!(!is_packed(&Bytes::from_static(&[1; PROBE])).expect("read"));
    }
}
