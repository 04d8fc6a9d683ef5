//! How much has to be freed before something is kept: a pure decision.

/// Evicting goes on down to this share of the budget, so that it does not begin anew with each insert.
const DOWN_TO_PERCENT: u64 = 90;
/// Free inodes that are left to others.
const INODE_FLOOR: u64 = 1024;

/// What a volume has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Volume {
    /// Bytes in all.
    pub(crate) size: u64,
    /// Bytes that may still be written.
    pub(crate) available: u64,
    /// Inodes in all; 0 where the file system does not count them.
    pub(crate) inodes: u64,
    /// Inodes that may still be used.
    pub(crate) inodes_available: u64,
}

/// Bounds of a cache on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The byte budget.
    pub(crate) limit: u64,
    /// Bytes that are left free on the volume; `None` for the smaller of 1 GiB and 5 % of it.
    pub(crate) min_free: Option<u64>,
}

/// What must go before something new may come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Excess {
    /// Bytes over the budget.
    pub(crate) budget: u64,
    /// Bytes missing on the volume.
    pub(crate) space: u64,
}

impl Bounds {
    /// What must be freed so that `incoming` more bytes fit beside the `used` ones, leaving some air.
    pub(crate) fn excess(&self, used: u64, incoming: u64, volume: Option<Volume>) -> Excess {
        let wanted = used.saturating_add(incoming);
        let air = |bytes: u64| if bytes == 0 { 0 } else { bytes.max(used / 100 * (100 - DOWN_TO_PERCENT)) };
        let budget = if wanted > self.limit { wanted.saturating_sub(self.limit / 100 * DOWN_TO_PERCENT) } else { 0 };
        let space = volume.map_or(0, |volume| {
            let bytes = self.floor(volume).saturating_add(incoming).saturating_sub(volume.available);
            let inodes_low = volume.inodes > 0 && volume.inodes_available < INODE_FLOOR.min(volume.inodes / 100);
            air(if inodes_low { bytes.max(1) } else { bytes })
        });
        Excess { budget, space }
    }

    /// Whether `incoming` bytes fit now.
    pub(crate) fn fits(&self, used: u64, incoming: u64, volume: Option<Volume>) -> bool {
        self.excess(used, incoming, volume) == Excess::default()
    }

    fn floor(&self, volume: Volume) -> u64 {
        self.min_free.unwrap_or_else(|| (volume.size / 20).min(1 << 30))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn volume(size: u64, available: u64) -> Option<Volume> {
        Some(Volume { size, available, inodes: 0, inodes_available: 0 })
    }

    #[test]
    fn over_budget_goes_down_to_nine_tenths() {
        let bounds = Bounds { limit: 1000, min_free: None };
        assert_eq!(bounds.excess(900, 100, None).budget, 0);
        assert_eq!(bounds.excess(950, 100, None).budget, 150);
        assert!(bounds.fits(900, 100, None) && !bounds.fits(901, 100, None));
    }

    #[test]
    fn the_floor_is_small_on_a_small_disk() {
        let bounds = Bounds { limit: 10 << 30, min_free: None };
        assert!(bounds.fits(0, 96 * MIB, volume(512 * MIB, 512 * MIB)));
        assert!(!bounds.fits(0, 96 * MIB, volume(512 * MIB, 100 * MIB)));
        assert_eq!(bounds.excess(0, MIB, volume(1 << 40, 1 << 30)).space, MIB);
        assert!(Bounds { min_free: Some(0), ..bounds }.fits(0, MIB, volume(1 << 40, MIB)));
    }

    #[test]
    fn few_inodes_count_as_no_space() {
        let bounds = Bounds { limit: 1 << 40, min_free: Some(0) };
        let volume = Volume { size: 1 << 40, available: 1 << 40, inodes: 1 << 20, inodes_available: 10 };
        assert_eq!(bounds.excess(1000, 1, Some(volume)).space, 100);
    }
}
