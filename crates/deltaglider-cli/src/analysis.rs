//! What a bucket's deltas save, by delta space, and whether each space has the right reference: pure facts and verdicts.

use std::collections::BTreeMap;
use std::time::SystemTime;

use deltaglider::core::engine::stats::Verdict;

/// One object that is, or could be, a delta.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) name: String,
    pub(crate) stored_at: SystemTime,
    pub(crate) size: u64,
    /// Bytes stored under its name; the size for a whole object.
    pub(crate) stored: u64,
    pub(crate) is_delta: bool,
}

/// The archives of a delta space.
#[derive(Clone, Debug, Default)]
pub(crate) struct Space {
    pub(crate) prefix: String,
    /// Bytes of its reference.
    pub(crate) reference: Option<u64>,
    /// In the order of their times.
    pub(crate) points: Vec<Point>,
}

/// A whole bucket, prefix or directory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Analysis {
    spaces: BTreeMap<String, Space>,
    pub(crate) other_objects: u64,
    pub(crate) other_bytes: u64,
}

impl Point {
    /// Stored ÷ size.
    pub(crate) fn ratio(&self) -> f64 {
        if self.size == 0 { 1.0 } else { self.stored as f64 / self.size as f64 }
    }

    pub(crate) fn extension(&self) -> String {
        match self.name.rsplit_once('.') {
            Some((_, extension)) => extension.to_ascii_lowercase(),
            None => "none".to_owned(),
        }
    }
}

impl Space {
    pub(crate) fn deltas(&self) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(|point| point.is_delta)
    }

    pub(crate) fn logical(&self) -> u64 {
        self.points.iter().map(|point| point.size).sum()
    }

    pub(crate) fn stored(&self) -> u64 {
        self.reference.unwrap_or(0) + self.points.iter().map(|point| point.stored).sum::<u64>()
    }

    /// The share of the content that does not have to be stored; below 0 where the reference costs more than it saves.
    pub(crate) fn saved(&self) -> f64 {
        saved(self.stored(), self.logical())
    }

    /// The stored size in the middle, over everything that could be a delta.
    pub(crate) fn median_stored(&self) -> Option<u64> {
        let mut sizes: Vec<u64> = self.points.iter().map(|point| point.stored).collect();
        sizes.sort_unstable();
        sizes.get(sizes.len() / 2).copied()
    }

    /// Stored ÷ object in the middle, over everything that could be a delta. Not beside the reference: small objects that stay whole
    /// beside a large one would look well.
    pub(crate) fn median_ratio(&self) -> Option<f64> {
        self.reference?;
        let mut ratios: Vec<f64> = self.points.iter().map(Point::ratio).collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied()
    }

    /// By the object in the middle; too few to tell where there are fewer than `min_deltas`.
    pub(crate) fn verdict(&self, min_deltas: usize) -> Verdict {
        let deltas = self.deltas().count();
        let Some(reference) = self.reference else {
            return if deltas > 0 { Verdict::NoReference } else { Verdict::NotMigrated };
        };
        if self.points.len() < min_deltas || reference == 0 {
            return Verdict::Few;
        }
        let (Some(median), Some(ratio)) = (self.median_stored(), self.median_ratio()) else { return Verdict::Few };
        Verdict::of(median, ratio)
    }
}

impl Analysis {
    /// Takes note of an archive, by its name below the source.
    pub(crate) fn add(&mut self, relative: &str, point: Point) {
        let prefix = &relative[..relative.rfind('/').map_or(0, |slash| slash + 1)];
        self.space(prefix).points.push(point);
    }

    /// Takes note of a reference.
    pub(crate) fn add_reference(&mut self, prefix: &str, size: u64) {
        self.space(prefix).reference = Some(size);
    }

    /// Takes note of what can be no delta.
    pub(crate) fn add_other(&mut self, size: u64) {
        self.other_objects += 1;
        self.other_bytes += size;
    }

    /// The spaces, the largest first, their objects in the order of time.
    pub(crate) fn by_size(&self) -> Vec<Space> {
        let mut spaces: Vec<Space> = self.spaces.values().cloned().collect();
        for space in &mut spaces {
            space.points.sort_by(|a, b| (a.stored_at, &a.name).cmp(&(b.stored_at, &b.name)));
        }
        spaces.sort_by_key(|space| std::cmp::Reverse(space.logical()));
        spaces
    }

    pub(crate) fn has_reference(&self, prefix: &str) -> bool {
        self.spaces.get(prefix).is_some_and(|space| space.reference.is_some())
    }

    pub(crate) fn objects(&self) -> u64 {
        self.other_objects + self.spaces.values().map(|space| space.points.len() as u64).sum::<u64>()
    }

    pub(crate) fn logical(&self) -> u64 {
        self.other_bytes + self.spaces.values().map(Space::logical).sum::<u64>()
    }

    pub(crate) fn stored(&self) -> u64 {
        self.other_bytes + self.spaces.values().map(Space::stored).sum::<u64>()
    }

    fn space(&mut self, prefix: &str) -> &mut Space {
        let new = || Space { prefix: prefix.to_owned(), ..Space::default() };
        self.spaces.entry(prefix.to_owned()).or_insert_with(new)
    }
}

/// The share of `logical` that is not stored.
pub(crate) fn saved(stored: u64, logical: u64) -> f64 {
    if logical == 0 { 0.0 } else { 1.0 - stored as f64 / logical as f64 }
}

/// Eight heights of a bar, the highest for 1 and above.
pub(crate) fn sparkline(ratios: &[f64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let bar = |ratio: f64| BARS[((ratio.clamp(0.0, 1.0) * 7.999) as usize).min(7)];
    ratios.iter().map(|ratio| bar(*ratio)).collect()
}

/// At most so many values: means of equal stretches.
pub(crate) fn condensed(values: &[f64], most: usize) -> Vec<f64> {
    if values.len() <= most {
        return values.to_vec();
    }
    (0..most)
        .map(|part| {
            let (from, to) = (part * values.len() / most, (part + 1) * values.len() / most);
            let stretch = &values[from..to.max(from + 1)];
            stretch.iter().sum::<f64>() / stretch.len() as f64
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(reference: Option<u64>, stored: &[u64], size: u64) -> Space {
        let point = |stored: &u64| Point {
            name: "a.zip".to_owned(),
            stored_at: SystemTime::UNIX_EPOCH,
            size,
            stored: *stored,
            is_delta: *stored < size,
        };
        Space { prefix: "p/".to_owned(), reference, points: stored.iter().map(point).collect() }
    }

    #[test]
    fn verdicts_follow_the_delta_in_the_middle() {
        const MIB: u64 = 1 << 20;
        let of = |deltas: &[u64]| space(Some(100 * MIB), deltas, 100 * MIB).verdict(3);
        assert_eq!(of(&[1000, 2000, 3000]), Verdict::Excellent);
        assert_eq!(of(&[MIB, 10 * MIB, 10 * MIB]), Verdict::Good);
        assert_eq!(of(&[MIB, 30 * MIB, 30 * MIB]), Verdict::Fair);
        assert_eq!(of(&[MIB, 60 * MIB, 100 * MIB]), Verdict::Poor);
        assert_eq!(of(&[1000, 100 * MIB, 100 * MIB]), Verdict::Poor, "what stays whole counts");
        assert_eq!(of(&[1000, 1000]), Verdict::Few);
        assert_eq!(space(None, &[10, 10, 10], 100).verdict(3), Verdict::NoReference);
        assert_eq!(space(None, &[100, 100, 100], 100).verdict(3), Verdict::NotMigrated);
        assert_eq!(space(Some(1000), &[100, 100, 100], 1000).verdict(3), Verdict::Good, "small, and a tenth");
        let beside_a_large_one = space(Some(1000 * MIB), &[MIB, MIB, MIB], MIB);
        assert_eq!(beside_a_large_one.verdict(3), Verdict::Poor, "whole, however large the reference");
    }

    #[test]
    fn a_line_shows_the_course() {
        assert_eq!(sparkline(&[0.0, 0.3, 0.6, 1.0, 2.0]), "▁▃▅██");
        assert_eq!(condensed(&[0.0, 1.0, 0.5, 0.5], 2), [0.5, 0.5]);
        assert_eq!(condensed(&[0.1, 0.2], 5), [0.1, 0.2]);
    }

    #[test]
    fn a_reference_is_stored_besides() {
        let mut analysis = Analysis::default();
        for point in space(None, &[10, 20], 100).points {
            analysis.add("p/a.zip", point);
        }
        analysis.add_reference("p/", 100);
        analysis.add_other(50);
        assert_eq!((analysis.objects(), analysis.logical(), analysis.stored()), (3, 250, 180));
        assert!((analysis.by_size()[0].saved() - 0.35).abs() < 1e-9);
    }
}
