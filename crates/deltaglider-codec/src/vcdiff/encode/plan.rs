//! What is spent on a delta, in the memory that there is.

use deltaglider_core::codec::CodecError;

use super::super::decode;
use super::super::secondary::LzmaSettings;

/// The most bytes of reference that one window copies from: xdelta3 counts segment and window in 32 bits.
pub(super) const LARGEST_SEGMENT: usize = (u32::MAX - (1 << 25)) as usize;
/// The target is encoded in pieces of so many bytes, as xdelta3 does it, and smaller ones where memory is scarce. Beside each of them,
/// bytes of dictionary for what is new.
const SIZES: [(u64, u64); 5] =
    [(8 << 20, 8 << 20), (8 << 20, 4 << 20), (4 << 20, 1 << 20), (2 << 20, 1 << 18), (1 << 20, 1 << 16)];
const LARGEST_STRIDE: u64 = 64;
/// Bytes of dictionary for instructions and for addresses.
const SMALL_DICTIONARY: u64 = 1 << 20;
/// The least that LZMA takes.
const SMALLEST_DICTIONARY: u64 = 4 << 10;

/// How a delta is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Plan {
    reference: u64,
    window: u64,
    dictionary: u64,
    stride: u64,
}

impl Plan {
    /// The best that fits into `limit`.
    pub(in super::super) fn choose(reference: u64, target: u64, limit: u64) -> Result<Self, CodecError> {
        let mut least = u64::MAX;
        let first = usual_stride(reference);
        let strides = (first.trailing_zeros()..=LARGEST_STRIDE.trailing_zeros()).map(|bits| 1 << bits);
        for stride in strides {
            for (window, dictionary) in SIZES {
                let window = window.min(target);
                let dictionary = dictionary.min(target.min(dictionary).next_power_of_two()).max(SMALLEST_DICTIONARY);
                let plan = Self { reference, window, dictionary, stride };
                if plan.memory() <= limit {
                    return Ok(plan);
                }
                least = least.min(plan.memory());
            }
        }
        Err(CodecError::Memory { needed: least, limit })
    }

    /// Bytes of memory that encoding takes, the reference included, and decoding again.
    pub(in super::super) fn memory(&self) -> u64 {
        let streams: u64 = self.streams().map(LzmaSettings::memory).iter().sum();
        // The window, its sections, those packed, and the whole of it as it is written.
        let window = self.window * 5 + (1 << 16);
        let index = self.table_entries().saturating_add(self.reference / self.stride).saturating_mul(4);
        [decode::BASE, window, index, self.reference].iter().fold(streams, |sum, part| sum.saturating_add(*part))
    }

    /// Bytes of target in a window.
    pub(super) fn window(&self) -> usize {
        self.window as usize
    }

    /// Bytes of reference from one indexed position to the next.
    pub(super) fn stride(&self) -> usize {
        self.stride as usize
    }

    /// Entries of the table of hashes, a power of two.
    pub(super) fn table_entries(&self) -> u64 {
        (self.reference / self.stride).next_power_of_two().max(1 << 10)
    }

    /// How data, instructions and addresses are packed.
    pub(super) fn streams(&self) -> [LzmaSettings; 3] {
        let small = SMALL_DICTIONARY.min(self.dictionary);
        [self.dictionary, small, small].map(|dictionary| LzmaSettings { dictionary: dictionary as u32, fast: false })
    }
}

fn usual_stride(reference: u64) -> u64 {
    match reference >> 20 {
        0..16 => 2,
        16..64 => 4,
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scarce_memory_makes_small_plans() {
        let roomy = Plan::choose(10 << 20, 100 << 20, 1 << 30).expect("fits");
        assert_eq!((roomy.window, roomy.dictionary, roomy.stride), (8 << 20, 8 << 20, 2));
        let CodecError::Memory { needed, limit: 0 } = Plan::choose(10 << 20, 100 << 20, 0).expect_err("nothing fits")
        else {
            panic!("another error");
        };
        let tight = Plan::choose(10 << 20, 100 << 20, needed).expect("fits");
        assert_eq!((tight.window, tight.dictionary, tight.stride), (1 << 20, 1 << 16, LARGEST_STRIDE));
        assert!(Plan::choose(10 << 20, 100 << 20, needed - 1).is_err());
        assert_eq!(tight.memory(), needed);
    }

    #[test]
    fn sizes_are_those_of_the_target() {
        let small = Plan::choose(0, 1000, 1 << 30).expect("fits");
        assert_eq!((small.window, small.dictionary), (1000, 4096));
        assert!(Plan::choose(u64::MAX, u64::MAX, 1 << 40).is_err());
    }
}
