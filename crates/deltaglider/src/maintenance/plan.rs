//! What is pruned, and why: a pure decision.

use super::{Fill, MaintenancePolicy, Volume};

/// Why entries were removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The interval between clears had gone by.
    Interval,
    /// The cache was over [`MaintenancePolicy::max_bytes`].
    Size,
    /// The volume was over [`MaintenancePolicy::max_disk`].
    Disk,
    /// Memory was over [`MaintenancePolicy::max_memory`].
    Memory,
}

/// Where a cache lies.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// In the memory of the process.
    Process,
    /// On a volume, which may not have been read.
    Volume(Option<Volume>),
}

/// How far the cache is pruned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pruning {
    /// Bytes that may stay; `None` prunes nothing.
    pub(super) down_to: Option<u64>,
    pub(super) reasons: Vec<Reason>,
}

/// Decides for a cache that holds `bytes`, on a volume or in the memory of the process. What was not read decides nothing.
pub(super) fn prune(policy: &MaintenancePolicy, place: Place, bytes: u64, memory: Option<Fill>) -> Pruning {
    let mut pruning = Pruning::default();
    let mut free = |excess: u64, reason| {
        if excess > 0 {
            let left = bytes.saturating_sub(excess);
            pruning.down_to = Some(pruning.down_to.map_or(left, |down_to| down_to.min(left)));
            pruning.reasons.push(reason);
        }
    };
    let over = |fill: Option<Fill>, share: Option<f64>| fill.zip(share).map_or(0, |(fill, share)| fill.excess(share));
    free(policy.max_bytes.map_or(0, |max| bytes.saturating_sub(max)), Reason::Size);
    let (volume, in_memory) = match place {
        Place::Process => (None, true),
        Place::Volume(volume) => (volume.map(|volume| volume.fill), volume.is_some_and(|volume| volume.in_memory)),
    };
    free(over(volume, policy.max_disk), Reason::Disk);
    if in_memory {
        free(over(memory, policy.max_memory), Reason::Memory);
    }
    pruning
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    const PROCESS: Place = Place::Process;
    const UNREAD: Place = Place::Volume(None);

    fn disk(used: u64) -> Place {
        Place::Volume(Some(Volume { fill: Fill { size: 1000 * MB, used }, in_memory: false }))
    }

    fn tmpfs(used: u64) -> Place {
        Place::Volume(Some(Volume { fill: Fill { size: 1000 * MB, used }, in_memory: true }))
    }

    fn memory(used: u64) -> Option<Fill> {
        Some(Fill { size: 1000 * MB, used })
    }

    #[test]
    fn each_rule_prunes_by_what_is_too_much() {
        let policy = MaintenancePolicy::default();
        for (bytes, place, memory, down_to, reasons) in [
            (500 * MB, disk(800 * MB), memory(999 * MB), None, &[][..]),
            (500 * MB + 1, disk(0), None, Some(500 * MB), &[Reason::Size]),
            (300 * MB, disk(900 * MB), None, Some(200 * MB), &[Reason::Disk]),
            (60 * MB, disk(900 * MB), None, Some(0), &[Reason::Disk]),
            (600 * MB, disk(850 * MB), None, Some(500 * MB), &[Reason::Size, Reason::Disk]),
            (600 * MB, disk(950 * MB), None, Some(450 * MB), &[Reason::Size, Reason::Disk]),
            (300 * MB, PROCESS, memory(850 * MB), Some(250 * MB), &[Reason::Memory]),
            (300 * MB, tmpfs(300 * MB), memory(850 * MB), Some(250 * MB), &[Reason::Memory]),
            (300 * MB, UNREAD, memory(850 * MB), None, &[]),
            (300 * MB, UNREAD, None, None, &[]),
            (300 * MB, PROCESS, None, None, &[]),
        ] {
            let expected = Pruning { down_to, reasons: reasons.to_vec() };
            assert_eq!(prune(&policy, place, bytes, memory), expected, "{bytes} {place:?} {memory:?}");
        }
    }

    #[test]
    fn every_figure_can_be_set_and_every_rule_left_out() {
        let full = memory(1000 * MB);
        let off = MaintenancePolicy { max_bytes: None, max_disk: None, max_memory: None, ..Default::default() };
        assert_eq!(prune(&off, disk(1000 * MB), u64::MAX, full), Pruning::default());
        assert_eq!(prune(&off, PROCESS, u64::MAX, full), Pruning::default());
        let half = MaintenancePolicy { max_disk: Some(0.5), ..off.clone() };
        assert_eq!(prune(&half, disk(600 * MB), 700 * MB, None).down_to, Some(600 * MB));
        let half = MaintenancePolicy { max_memory: Some(0.5), ..off.clone() };
        assert_eq!(prune(&half, PROCESS, 700 * MB, memory(600 * MB)).down_to, Some(600 * MB));
        let small = MaintenancePolicy { max_bytes: Some(1), ..off };
        assert_eq!(prune(&small, UNREAD, 2, None).down_to, Some(1));
    }
}
