//! What the other version leads one to expect.

use super::super::super::block::LONGEST_MATCH;
use super::super::super::varint;
use super::super::super::walk::{self, Walk};
use super::super::zlib::{LARGEST_DISTANCE, SHORTEST_MATCH, TOO_FAR, Token};
use crate::bytes::common;

/// From here on, up to the next one, the plaintext goes on like the other one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Where it begins.
    pub at: usize,
    /// Where the other one has the same.
    pub from: usize,
}

/// Writes stretches: how many there are, and of each how far it is from the one before, and how much further it lies in the other
/// version than that. Before the first one, both are at their starts.
pub(super) fn write(stretches: &[Stretch], side: &mut Vec<u8>) {
    varint::put(side, stretches.len() as u64);
    let (mut at, mut shift) = (0, 0);
    for stretch in stretches {
        varint::put(side, (stretch.at - at) as u64);
        at = stretch.at;
        let change = (stretch.from as i64 - at as i64) - shift;
        shift += change;
        varint::put(side, ((change << 1) ^ (change >> 63)) as u64);
    }
}

/// Reads stretches; None where they are cut short or lie nowhere.
pub(super) fn read(side: &mut &[u8]) -> Option<Vec<Stretch>> {
    let count = usize::try_from(varint::take(side)?).ok().filter(|count| *count <= side.len() / 2)?;
    let mut stretches = Vec::with_capacity(count);
    let (mut at, mut shift) = (0_usize, 0_i64);
    for _ in 0..count {
        at = at.checked_add(usize::try_from(varint::take(side)?).ok()?)?;
        let folded = varint::take(side)?;
        shift = shift.checked_add((folded >> 1) as i64 ^ -((folded & 1) as i64))?;
        let from = usize::try_from(i64::try_from(at).ok()?.checked_add(shift)?).ok()?;
        stretches.push(Stretch { at, from });
    }
    Some(stretches)
}

/// Walks along the other version.
pub(super) struct Guide<'a> {
    walk: Walk<'a>,
    /// The token that the walk came to, and where it begins.
    token: Option<walk::Token>,
    start: usize,
    stretches: std::vec::IntoIter<Stretch>,
    next: Option<Stretch>,
    /// How much further the other version has what is here.
    shift: isize,
    /// Where shifts began in the other version, in ascending order, the first at its start.
    shifts: Vec<(usize, isize)>,
}

impl<'a> Guide<'a> {
    pub(super) fn new(stretches: Vec<Stretch>, other: &'a [u8]) -> Self {
        let mut stretches = stretches.into_iter();
        let next = stretches.next();
        let mut walk = Walk::new(other);
        let token = walk.next();
        Self { walk, token, start: 0, stretches, next, shift: 0, shifts: vec![(0, 0)] }
    }

    /// The token at `at` of `plain`, as far as the other version tells.
    #[inline]
    pub(super) fn hint(&mut self, plain: &[u8], at: usize) -> Option<Token> {
        while let Some(stretch) = self.next.filter(|stretch| stretch.at <= at) {
            self.begin(stretch);
        }
        let there = at.checked_add_signed(self.shift)?;
        while self.start < there {
            self.start += self.token?.length();
            self.token = self.walk.next();
        }
        if self.start > there {
            return None;
        }
        match self.token? {
            walk::Token::Stored => None,
            walk::Token::Literal(byte) => (plain[at] == byte).then_some(Token::LITERAL),
            walk::Token::Copy { length, distance } => {
                let length = usize::from(length);
                let source = there.checked_sub(usize::from(distance))?;
                let source = source.checked_add_signed(-self.shift_of(source)?)?;
                let distance = at.checked_sub(source).filter(|distance| (1..=LARGEST_DISTANCE).contains(distance))?;
                let ahead = &plain[at..plain.len().min(at + LONGEST_MATCH)];
                // Another one would be longer, or this one is not there any more.
                let is_whole = common(ahead, &plain[source..]) == length;
                (is_whole && !(length == SHORTEST_MATCH && distance > TOO_FAR)).then(|| Token::copy(length, distance))
            }
        }
    }

    #[cold]
    fn begin(&mut self, Stretch { at, from }: Stretch) {
        self.next = self.stretches.next();
        self.shift = from as isize - at as isize;
        // Back in the other version, what is behind it there leads nowhere any more.
        while self.shifts.last().is_some_and(|last| last.0 >= from) {
            self.shifts.pop();
        }
        self.shifts.push((from, self.shift));
    }

    /// How much further the other version has what it has at `there`.
    #[inline]
    fn shift_of(&self, there: usize) -> Option<isize> {
        let (from, shift) = self.shifts.last()?;
        if *from <= there {
            return Some(*shift);
        }
        let later = self.shifts.partition_point(|(from, _)| *from <= there);
        Some(self.shifts[later.checked_sub(1)?].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_come_back() {
        let stretches = [(0, 7), (5, 3), (5, 3), (1000, 0), (70_000, 1 << 40)].map(|(at, from)| Stretch { at, from });
        let mut side = Vec::new();
        write(&stretches, &mut side);
        for cut in 0..side.len() {
            assert_eq!(read(&mut &side[..cut]), None, "{cut}");
        }
        side.push(9);
        let mut rest = &side[..];
        assert_eq!(read(&mut rest), Some(stretches.to_vec()));
        assert_eq!(rest, [9]);
        // Before the start of the other version.
        assert_eq!(read(&mut &[1, 2, 5][..]), None);
    }
}
