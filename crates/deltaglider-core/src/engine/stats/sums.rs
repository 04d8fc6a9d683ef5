//! Sums over delta spaces, and what they mean.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::GroupBy;
use crate::engine::survey::StoredSpace;
use crate::policy::may_be_delta;
use crate::store::ListedObject;

/// A delta of at most this many bytes is small, whatever its share.
const SMALL_DELTA: u64 = 200_000;
const GOOD_DELTA: u64 = 1_000_000;

/// What a prefix holds, what it takes, and what was saved. Sizes are in bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stats {
    /// Objects as their users know them: deltas and plain ones.
    pub objects: u64,
    /// Bytes of their contents.
    pub logical: u64,
    /// Bytes that are stored, references and internals included.
    pub stored: u64,
    /// References.
    pub references: u64,
    /// Bytes of the references.
    pub reference_bytes: u64,
    /// Deltas.
    pub deltas: u64,
    /// Bytes of the contents of deltas.
    pub delta_logical: u64,
    /// Bytes of the deltas themselves.
    pub delta_stored: u64,
    /// Objects that are stored whole.
    pub plain: u64,
    /// Their bytes.
    pub plain_bytes: u64,
    /// Objects that nobody sees: trash, temporary copies, whole forms that deltas hide.
    pub internal: u64,
    /// Their bytes.
    pub internal_bytes: u64,
    /// Delta spaces that hold a delta or a reference.
    pub spaces: u64,
    /// The groups, the largest first.
    pub groups: Vec<Group>,
    /// Whether the logical size of every delta was asked for; else some are estimated.
    pub exact: bool,
    /// Seconds since 1970 at which it was counted.
    pub computed_at: u64,
    /// Whether it was kept from an earlier count.
    #[serde(skip)]
    pub cached: bool,
}

/// Objects that belong together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Group {
    /// Its prefix or extension.
    pub name: String,
    /// Objects as their users know them.
    pub objects: u64,
    /// Bytes of their contents.
    pub logical: u64,
    /// Bytes that are stored, references included.
    pub stored: u64,
    /// The median of delta ÷ reference, where there are both.
    pub median_ratio: Option<f64>,
    /// How well its deltas do; `None` where it holds none.
    pub verdict: Option<Verdict>,
}

/// How well the deltas of a group do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// The median delta has at most 200 kB and 5 % of its reference.
    Excellent,
    /// At most 1 MB, or 20 %.
    Good,
    /// Less than half.
    Fair,
    /// Half or more: the reference is a wrong one.
    Poor,
    /// Deltas without a reference.
    NoReference,
    /// Objects that could be deltas, and neither a delta nor a reference yet.
    NotMigrated,
    /// Too few objects to tell.
    Few,
}

impl Verdict {
    /// Its name for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Excellent => "excellent",
            Self::Good => "good",
            Self::Fair => "fair",
            Self::Poor => "poor",
            Self::NoReference => "no_reference",
            Self::NotMigrated => "not_migrated",
            Self::Few => "few",
        }
    }

    /// The verdict on a group whose delta in the middle takes so many bytes, and that share of its reference or of its object.
    #[must_use]
    pub fn of(median: u64, ratio: f64) -> Self {
        if median <= SMALL_DELTA && ratio <= 0.05 {
            Self::Excellent
        } else if ratio >= 0.5 {
            Self::Poor
        } else if median <= GOOD_DELTA || ratio <= 0.2 {
            Self::Good
        } else {
            Self::Fair
        }
    }
}

impl Stats {
    /// The share of the logical bytes that is not stored; negative where more is stored. `None` where there is nothing.
    #[must_use]
    pub fn saved(&self) -> Option<f64> {
        share(self.stored, self.logical)
    }
}

impl Group {
    /// As [`Stats::saved`].
    #[must_use]
    pub fn saved(&self) -> Option<f64> {
        share(self.stored, self.logical)
    }
}

fn share(stored: u64, logical: u64) -> Option<f64> {
    (logical > 0).then(|| 1.0 - stored as f64 / logical as f64)
}

/// By what a listing is known again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    objects: u64,
    bytes: u64,
    /// Nanoseconds since 1970 of the newest object.
    newest: u64,
}

impl Fingerprint {
    pub(super) fn take(&mut self, object: &ListedObject) {
        let written = object.last_modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.objects += 1;
        self.bytes += object.size;
        self.newest = self.newest.max(u64::try_from(written.as_nanos()).unwrap_or(u64::MAX));
    }
}

/// What was asked of the objects of a space, by their place in the listing.
#[derive(Debug, Default)]
pub(super) struct SpaceSizes {
    /// Logical sizes of deltas.
    pub(super) deltas: HashMap<usize, u64>,
    /// Objects that only have the name of a delta.
    pub(super) foreign: BTreeSet<usize>,
    pub(super) reference_is_ours: bool,
}

/// Sums under way.
#[derive(Debug)]
pub(super) struct Sums {
    by: GroupBy,
    prefix: String,
    stats: Stats,
    groups: BTreeMap<String, Partial>,
}

#[derive(Debug, Default)]
struct Partial {
    objects: u64,
    logical: u64,
    stored: u64,
    /// Lengths of deltas, and their shares of their references.
    deltas: Vec<(u64, f64)>,
    without_reference: bool,
}

impl Sums {
    pub(super) fn new(by: GroupBy, prefix: String) -> Self {
        Self { by, prefix, stats: Stats { exact: true, ..Stats::default() }, groups: BTreeMap::new() }
    }

    pub(super) fn take(&mut self, stored: &StoredSpace, sizes: &SpaceSizes) {
        let reference = stored.reference.as_ref().filter(|_| sizes.reference_is_ours);
        let known: u64 = sizes.deltas.values().sum();
        let mean = known / (sizes.deltas.len() as u64).max(1);
        let mut deltas = 0;
        for (index, (key, object)) in stored.deltas.iter().enumerate() {
            if sizes.foreign.contains(&index) {
                self.plain(&object.key, object.size);
                continue;
            }
            deltas += 1;
            let logical = sizes.deltas.get(&index).copied();
            self.stats.exact &= logical.is_some();
            let logical = logical.unwrap_or(mean);
            self.stats.deltas += 1;
            self.stats.delta_logical += logical;
            self.stats.delta_stored += object.size;
            let group = self.group(key);
            group.objects += 1;
            group.logical += logical;
            group.stored += object.size;
            match reference {
                Some(reference) if reference.size > 0 => {
                    group.deltas.push((object.size, object.size as f64 / reference.size as f64));
                }
                _ => group.without_reference = true,
            }
        }
        let ours = stored.deltas.iter().enumerate().filter(|(index, _)| !sizes.foreign.contains(index));
        let hiding: HashSet<&str> = ours.map(|(_, (key, _))| key.as_str()).collect();
        for (key, object) in &stored.whole {
            let archive = may_be_delta(key.rsplit('/').next().unwrap_or_default());
            if archive && hiding.contains(key.as_str()) {
                self.stats.internal += 1;
                self.stats.internal_bytes += object.size;
            } else {
                self.plain(key, object.size);
            }
        }
        match (&stored.reference, reference) {
            (Some(object), Some(_)) => {
                self.stats.references += 1;
                self.stats.reference_bytes += object.size;
                // Of objects with another extension it may be a part as well: it is that of the first one's.
                let first = stored.deltas.first().map_or(object.key.as_str(), |(key, _)| key.as_str()).to_owned();
                self.group(&first).stored += object.size;
            }
            (Some(object), None) => self.plain(&object.key, object.size),
            (None, _) => {}
        }
        if deltas > 0 || reference.is_some() {
            self.stats.spaces += 1;
        }
        self.stats.internal += stored.internal.len() as u64;
        self.stats.internal_bytes += stored.internal.iter().map(|object| object.size).sum::<u64>();
    }

    pub(super) fn finish(self, now: SystemTime) -> Stats {
        let mut stats = self.stats;
        stats.objects = stats.deltas + stats.plain;
        stats.logical = stats.delta_logical + stats.plain_bytes;
        stats.stored = stats.reference_bytes + stats.delta_stored + stats.plain_bytes + stats.internal_bytes;
        stats.computed_at = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        stats.groups = self.groups.into_iter().map(|(name, partial)| partial.finish(name)).collect();
        stats.groups.sort_by(|a, b| b.logical.cmp(&a.logical).then_with(|| a.name.cmp(&b.name)));
        stats
    }

    fn plain(&mut self, key: &str, size: u64) {
        self.stats.plain += 1;
        self.stats.plain_bytes += size;
        let group = self.group(key);
        group.objects += 1;
        group.logical += size;
        group.stored += size;
    }

    fn group(&mut self, key: &str) -> &mut Partial {
        let name = group_name(self.by, &self.prefix, key);
        self.groups.entry(name).or_default()
    }
}

impl Partial {
    fn finish(mut self, name: String) -> Group {
        self.deltas.sort_by(|a, b| a.1.total_cmp(&b.1));
        let median = self.deltas.get(self.deltas.len() / 2).copied();
        let verdict = match median {
            _ if self.without_reference => Some(Verdict::NoReference),
            Some((size, ratio)) => Some(Verdict::of(size, ratio)),
            None => None,
        };
        let Self { objects, logical, stored, .. } = self;
        Group { name, objects, logical, stored, median_ratio: median.map(|(_, ratio)| ratio), verdict }
    }
}

fn group_name(by: GroupBy, prefix: &str, key: &str) -> String {
    let slash = key.rfind('/').map_or(0, |slash| slash + 1);
    match by {
        GroupBy::DeltaSpace => key[..slash].to_owned(),
        GroupBy::Prefix(depth) => {
            let start = if key.starts_with(prefix) { prefix.len() } else { 0 };
            let below = &key[start.min(slash)..slash];
            let length: usize = below.split_inclusive('/').take(depth).map(str::len).sum();
            key[..start.min(slash) + length].to_owned()
        }
        GroupBy::Extension => {
            let name = &key[slash..];
            name.rsplit_once('.').map_or_else(String::new, |(_, extension)| format!(".{}", extension.to_lowercase()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_named_by_what_their_keys_share() {
        let name = |by, key| group_name(by, "r/", key);
        assert_eq!(name(GroupBy::DeltaSpace, "r/es/1/a.zip"), "r/es/1/");
        assert_eq!(name(GroupBy::Prefix(1), "r/es/1/a.zip"), "r/es/");
        assert_eq!(name(GroupBy::Prefix(2), "r/es/1/2/a.zip"), "r/es/1/");
        assert_eq!(name(GroupBy::Prefix(3), "r/a.zip"), "r/");
        assert_eq!(name(GroupBy::Extension, "r/a.TAR.GZ"), ".gz");
        assert_eq!(name(GroupBy::Extension, "r.x/a"), "");
    }

    #[test]
    fn verdicts_follow_the_median() {
        assert_eq!(Verdict::of(200_000, 0.05), Verdict::Excellent);
        assert_eq!(Verdict::of(900_000, 0.3), Verdict::Good);
        assert_eq!(Verdict::of(5_000_000, 0.2), Verdict::Good);
        assert_eq!(Verdict::of(5_000_000, 0.3), Verdict::Fair);
        assert_eq!(Verdict::of(100, 0.5), Verdict::Poor);
    }
}
