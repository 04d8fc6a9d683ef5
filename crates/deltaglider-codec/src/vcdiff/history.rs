//! Earlier output, as far as a later window copies from it.

use std::ops::Range;

/// Ranges of the target, kept as they pass.
#[derive(Debug, Default)]
pub(super) struct History {
    /// In order, apart from each other.
    kept: Vec<(Range<u64>, Vec<u8>)>,
}

impl History {
    /// Will keep these ranges.
    pub(super) fn new(mut ranges: Vec<Range<u64>>) -> Self {
        ranges.sort_unstable_by_key(|range| range.start);
        let mut kept: Vec<(Range<u64>, Vec<u8>)> = Vec::new();
        for range in ranges.into_iter().filter(|range| !range.is_empty()) {
            match kept.last_mut() {
                Some((last, _)) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => kept.push((range, Vec::new())),
            }
        }
        Self { kept }
    }

    /// Bytes that it will hold.
    pub(super) fn size(&self) -> u64 {
        self.kept.iter().map(|(range, _)| range.end - range.start).sum()
    }

    /// Keeps what is wanted of the bytes that come at this offset; offsets go up.
    pub(super) fn pass(&mut self, offset: u64, bytes: &[u8]) {
        let passing = offset..offset + bytes.len() as u64;
        let from = self.kept.partition_point(|(range, _)| range.end <= passing.start);
        for (range, held) in &mut self.kept[from..] {
            let (start, end) = (range.start.max(passing.start), range.end.min(passing.end));
            if start >= end {
                break;
            }
            held.extend_from_slice(&bytes[(start - offset) as usize..(end - offset) as usize]);
        }
    }

    /// The bytes of a range that was wanted and has passed.
    pub(super) fn get(&self, range: Range<u64>) -> Option<&[u8]> {
        if range.is_empty() {
            return Some(&[]);
        }
        let at = self.kept.partition_point(|(kept, _)| kept.end <= range.start);
        let (kept, held) = self.kept.get(at)?;
        let start = range.start.checked_sub(kept.start)?;
        held.get(start as usize..(range.end - kept.start) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_kept_and_nothing_else() {
        let content: Vec<u8> = (0..100).collect();
        let mut history = History::new(vec![50..60, 10..20, 15..25, 60..61, 90..100, 5..5]);
        assert_eq!(history.size(), 15 + 11 + 10);
        for at in (0..100).step_by(7) {
            history.pass(at as u64, &content[at..(at + 7).min(100)]);
        }
        for range in [10..25, 12..13, 50..61, 90..100, 3..3] {
            assert_eq!(history.get(range.clone()), Some(&content[range.start as usize..range.end as usize]));
        }
        for range in [9..12, 20..26, 30..31, 61..62, 99..101] {
            assert_eq!(history.get(range), None);
        }
    }

    #[test]
    fn what_has_not_passed_is_not_there() {
        let mut history = History::new(vec![Range { start: 0, end: 10 }]);
        history.pass(0, &[1, 2, 3]);
        assert_eq!((history.get(0..3), history.get(0..4)), (Some(&[1, 2, 3][..]), None));
    }
}
