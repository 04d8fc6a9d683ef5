//! Where in the reference the bytes of a target stand.

use super::plan::Plan;

/// Bytes by which a position is found.
const HASHED: usize = 8;
/// Positions of one hash that are looked at, and where a table is so large that each look costs time.
const DEPTH: usize = 8;
const LARGE: (usize, usize) = (48 << 20, 6);
/// Bytes by which a position in the window is found.
const HASHED_RECENT: usize = 5;
const RECENT_BITS: u32 = 16;
/// So many bytes back, the window is known.
const REACH: usize = 64 << 10;
const NONE: u32 = u32::MAX;

/// Positions of the whole reference, one in each stride, by what stands there.
pub(super) struct Index<'a> {
    reference: &'a [u8],
    stride: usize,
    shift: u32,
    depth: usize,
    /// The last position of each hash, in strides.
    head: Vec<u32>,
    /// The position before each one, of the same hash.
    previous: Vec<u32>,
}

impl<'a> Index<'a> {
    pub(super) fn new(reference: &'a [u8], plan: &Plan) -> Self {
        let stride = plan.stride();
        let entries = plan.table_entries();
        let mut index = Self {
            reference,
            stride,
            shift: 64 - entries.trailing_zeros(),
            depth: if reference.len() < LARGE.0 { DEPTH } else { LARGE.1 },
            head: vec![NONE; entries as usize],
            previous: vec![NONE; reference.len() / stride],
        };
        for (slot, at) in (0..reference.len().saturating_sub(HASHED - 1)).step_by(stride).enumerate() {
            let hash = index.hash(word(reference, at));
            if let Some(previous) = index.previous.get_mut(slot) {
                *previous = index.head[hash];
                index.head[hash] = slot as u32;
            }
        }
        index
    }

    pub(super) fn reference(&self) -> &'a [u8] {
        self.reference
    }

    #[inline]
    fn hash(&self, word: u64) -> usize {
        (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }

    /// Positions at which the eight bytes of `wanted` stand, the last first.
    #[inline]
    pub(super) fn find(&self, wanted: u64) -> impl Iterator<Item = usize> {
        let mut slot = self.head[self.hash(wanted)];
        let positions = std::iter::from_fn(move || {
            let found = (slot != NONE).then_some(slot as usize * self.stride)?;
            slot = self.previous[slot as usize];
            Some(found)
        });
        positions.take(self.depth).filter(move |at| word(self.reference, *at) == wanted)
    }
}

/// Positions of the window behind the place that is looked at.
pub(super) struct Recent {
    head: Vec<u32>,
    /// Positions before it are known, or passed over.
    known: usize,
}

impl Recent {
    pub(super) fn new() -> Self {
        Self { head: vec![NONE; 1 << RECENT_BITS], known: 0 }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.head.fill(NONE);
        self.known = 0;
    }

    /// Gets to know what stands before `at`; far behind it, nothing that is not known already.
    #[inline]
    pub(super) fn move_to(&mut self, window: &[u8], at: usize) {
        for at in self.known.max(at.saturating_sub(REACH))..at {
            self.head[Self::hash(word(window, at))] = at as u32;
        }
        self.known = self.known.max(at);
    }

    /// The last position at which the first bytes of `wanted` stand.
    #[inline]
    pub(super) fn find(&self, window: &[u8], wanted: u64) -> Option<usize> {
        let at = self.head[Self::hash(wanted)];
        let differing = if at == NONE { return None } else { word(window, at as usize) ^ wanted };
        (differing << (64 - 8 * HASHED_RECENT) == 0).then_some(at as usize)
    }

    #[inline]
    fn hash(word: u64) -> usize {
        ((word << (64 - 8 * HASHED_RECENT)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - RECENT_BITS)) as usize
    }
}

/// Eight bytes of a text that has them.
#[inline]
pub(super) fn word(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}
