//! How a delta is made: segments, table sizes and the memory that they take.

use zstd::zstd_safe::Strategy;

use crate::codec::CodecError;

/// Bytes of each buffer between zstd and its surroundings; zstd's own block size.
pub(super) const IO_BUFFER: usize = 128 << 10;
/// zstd's longest window: no match reaches further.
pub(super) const MAX_WINDOW_LOG: u32 = 31;
/// The row match finder and the `fast` strategy have no chains; zstd wants a valid number.
pub(super) const CHAIN_LOG: u32 = 6;
/// One position in `1 << FAR_RATE_LOG` goes into the table of far matches.
pub(super) const FAR_RATE_LOG: u32 = 7;
/// Far matches with the same hash: `1 << FAR_BUCKET_LOG`.
pub(super) const FAR_BUCKET_LOG: u32 = 4;

/// No segment is made smaller than this to save memory: each indexes the reference again.
const MIN_SEGMENT: u64 = 4 << 20;
/// What is packed already has few matches within itself, so that small segments lose nothing, and a window is as large as its
/// segment: a segment is this share of the reference, and each byte of the target costs the indexing of so many of it at most.
const PACKED_INDEXINGS: u64 = 6;
/// The smallest segment of what is packed.
const MIN_PACKED_SEGMENT: u64 = 2 << 20;
/// Table sizes are halved so often before segments are made smaller.
const MAX_SHRINK: u32 = 3;
/// What zstd allocates besides window and tables (1.2 MiB), and both buffers.
const ENCODER_BASE: u64 = 2 << 20;
/// What zstd's decoder takes besides its window (160 KiB), and both buffers.
const DECODER_BASE: u64 = 1 << 20;
/// zstd's decoder keeps two blocks and two copies' slack behind its window.
const DECODER_SLACK: u64 = 2 * IO_BUFFER as u64 + 64;

/// One way to make a delta that fits into a memory limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    reference_size: u64,
    segment: u64,
    packed: bool,
    shrink: u32,
}

/// How zstd searches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search {
    pub strategy: Strategy,
    pub hash_log: u32,
    pub search_log: u32,
    pub min_match: u32,
    pub target_length: u32,
    pub far_hash_log: u32,
    pub far_min_match: u32,
}

impl Plan {
    /// The plan with the largest segments, then the largest tables, that fits into `limit` bytes. Where none does, the
    /// error tells what the smallest needs.
    pub(super) fn choose(
        reference_size: u64,
        target_size: u64,
        segment_size: u64,
        packed: bool,
        limit: u64,
    ) -> Result<Self, CodecError> {
        let mut segment = segment_size.min(target_size.max(1));
        if packed {
            segment = segment.min((reference_size / PACKED_INDEXINGS).max(MIN_PACKED_SEGMENT));
        }
        loop {
            let mut needed = 0;
            for shrink in 0..=MAX_SHRINK {
                let plan = Self { reference_size, segment, packed, shrink };
                needed = plan.memory();
                if needed <= limit {
                    return Ok(plan);
                }
            }
            if segment <= MIN_SEGMENT {
                return Err(CodecError::Memory { needed, limit });
            }
            segment = (segment / 2).max(MIN_SEGMENT);
        }
    }

    /// Target bytes in each frame but the last.
    pub(super) fn segment(&self) -> u64 {
        self.segment
    }

    /// Bytes of the reference's end that the encoder uses: all, unless it is longer than a match reaches.
    pub(super) fn prefix_size(&self) -> u64 {
        self.reference_size.min((1 << MAX_WINDOW_LOG) - self.segment)
    }

    /// The logarithm of the window that holds prefix and segment.
    pub(super) fn window_log(&self) -> u32 {
        let reach = self.prefix_size() + self.segment;
        reach.next_power_of_two().ilog2().clamp(10, MAX_WINDOW_LOG)
    }

    /// The search that pays for this content, with tables as large as the plan allows.
    pub(super) fn search(&self) -> Search {
        let window_log = self.window_log();
        let far_hash_log = window_log.saturating_sub(FAR_RATE_LOG + self.shrink).clamp(10, 29);
        if self.packed {
            Search {
                strategy: Strategy::ZSTD_fast,
                // 1 MiB is enough for what is near: the far matches carry packed content.
                hash_log: shrunk((window_log - 6).max(window_log.min(19) - 1), self.shrink),
                search_log: 1,
                min_match: 4,
                target_length: 0,
                far_hash_log,
                far_min_match: 32,
            }
        } else {
            Search {
                strategy: Strategy::ZSTD_lazy2,
                hash_log: shrunk(window_log - 3, self.shrink),
                search_log: 5,
                min_match: 6,
                target_length: 32,
                far_hash_log,
                far_min_match: 256,
            }
        }
    }

    /// Bytes of memory that encoding takes at most, the reference included; decoding takes less. The sum that
    /// `ZSTD_estimateCCtxSize_usingCCtxParams_internal` makes.
    pub(super) fn memory(&self) -> u64 {
        let search = self.search();
        // Four bytes an entry, and a tag of one byte in the row match finder.
        let entry = if self.packed { 4 } else { 5 };
        let far = (8 << search.far_hash_log) + (1 << (search.far_hash_log - FAR_BUCKET_LOG));
        let tables = (entry << search.hash_log) + far;
        self.reference_size.saturating_add(self.segment + tables + ENCODER_BASE)
    }
}

fn shrunk(log: u32, shrink: u32) -> u32 {
    log.saturating_sub(shrink).clamp(12, 29)
}

/// Bytes of memory that decoding a frame takes at most, without the reference.
pub(super) fn decoder_memory(window: u64, content: Option<u64>) -> u64 {
    let ring = window.saturating_add(DECODER_SLACK);
    DECODER_BASE + content.map_or(ring, |content| content.min(ring))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn large_targets_are_cut() {
        let plan = Plan::choose(64 * MIB, 2048 * MIB, 512 * MIB, false, 4096 * MIB).expect("fits");
        assert_eq!((plan.segment(), plan.shrink, plan.window_log()), (512 * MIB, 0, 30));
        let plan = Plan::choose(64 * MIB, 2048 * MIB, 512 * MIB, false, 300 * MIB).expect("fits");
        assert!(plan.segment() < 512 * MIB);
    }

    #[test]
    fn segments_of_what_is_packed_follow_the_reference() {
        let segment =
            |reference, target| Plan::choose(reference, target, 512 * MIB, true, 64 << 30).expect("fits").segment();
        assert_eq!(segment(18 * MIB, 18 * MIB), 3 * MIB);
        assert_eq!(segment(MIB, 100 * MIB), MIN_PACKED_SEGMENT);
        assert_eq!(segment(1024 * MIB, 100 * MIB), 100 * MIB);
        assert_eq!(segment(4096 * MIB, 4096 * MIB), 512 * MIB);
    }

    #[test]
    fn tables_shrink_before_segments_do() {
        let roomy = Plan::choose(100 * MIB, 100 * MIB, 512 * MIB, false, 1024 * MIB).expect("fits");
        let tight = Plan::choose(100 * MIB, 100 * MIB, 512 * MIB, false, roomy.memory() - 1).expect("fits");
        assert_eq!((tight.segment(), tight.shrink), (roomy.segment(), 1));
    }

    #[test]
    fn what_cannot_fit_says_what_it_needs() {
        let Err(CodecError::Memory { needed, limit }) = Plan::choose(100 * MIB, MIB, 512 * MIB, true, 100 * MIB) else {
            panic!("100 MiB do not fit beside themselves")
        };
        assert_eq!(limit, 100 * MIB);
        assert!(Plan::choose(100 * MIB, MIB, 512 * MIB, true, needed).is_ok());
    }

    #[test]
    fn references_beyond_the_reach_are_used_from_their_end() {
        let plan = Plan::choose(5 << 30, 1 << 30, 512 * MIB, true, 64 << 30).expect("fits");
        assert_eq!((plan.prefix_size(), plan.window_log()), ((1 << 31) - (512 << 20), 31));
        assert!(Plan::choose(u64::MAX, u64::MAX, 512 * MIB, true, 1 << 30).is_err());
    }

    #[test]
    fn nothing_at_all_fits() {
        assert!(Plan::choose(0, 0, 512 * MIB, false, 8 * MIB).is_ok());
    }
}
