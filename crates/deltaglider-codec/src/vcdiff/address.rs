//! The address cache of RFC 3284, section 5.3: addresses of copies, told by what came before.

use super::code_table::MODES;
use super::integer;

const NEAR: usize = 4;
const SAME: usize = 3;
/// Diagonals that the writer knows again.
pub(super) const DISTANCES: usize = 4;
/// The address itself.
pub(super) const SELF: u8 = 0;
/// How far before the place that is being written.
pub(super) const HERE: u8 = 1;
const FIRST_NEAR: u8 = 2;
const FIRST_SAME: u8 = FIRST_NEAR + NEAR as u8;

/// What both sides remember of the addresses of a window.
#[derive(Clone, Debug)]
pub(super) struct AddressCache {
    near: [u64; NEAR],
    next: usize,
    same: [u64; SAME * 256],
    /// How far before the place that was written the last copies from there began, for the writer.
    distances: [u64; DISTANCES],
}

impl AddressCache {
    /// That of a window that begins.
    pub(super) fn new() -> Self {
        Self { near: [0; NEAR], next: 0, same: [0; SAME * 256], distances: [0; DISTANCES] }
    }

    fn remember(&mut self, address: u64) {
        self.near[self.next] = address;
        self.next = (self.next + 1) % NEAR;
        self.same[(address % (SAME as u64 * 256)) as usize] = address;
    }

    /// Takes an address in this mode from the front of the address section; `None` where it is cut short or before the
    /// beginning. Whether it is below `here` the caller sees.
    #[inline]
    pub(super) fn read(&mut self, section: &mut &[u8], mode: u8, here: u64) -> Option<u64> {
        let address = match mode {
            SELF => integer::read(section)?,
            HERE => here.checked_sub(integer::read(section)?)?,
            FIRST_NEAR..FIRST_SAME => self.near[usize::from(mode - FIRST_NEAR)].checked_add(integer::read(section)?)?,
            FIRST_SAME..MODES => {
                let (&byte, rest) = section.split_first()?;
                *section = rest;
                self.same[usize::from(mode - FIRST_SAME) * 256 + usize::from(byte)]
            }
            _ => return None,
        };
        self.remember(address);
        Some(address)
    }

    /// Appends an address in the mode that takes the fewest bytes, and tells that mode. An address on a diagonal of the last few copies
    /// is told by its distance, whose bytes have come before: what packs the section makes little of them.
    pub(super) fn write(&mut self, section: &mut Vec<u8>, address: u64, here: u64) -> u8 {
        let (mode, value) = self.shortest(address, here);
        match mode {
            FIRST_SAME.. => section.push(value as u8),
            _ => integer::write(section, value),
        }
        self.remember(address);
        if !self.is_known(address, here) {
            self.distances.rotate_right(1);
            self.distances[0] = here - address;
        }
        mode
    }

    /// Whether a copy from an address is on a diagonal of the last few.
    #[inline]
    pub(super) fn is_known(&self, address: u64, here: u64) -> bool {
        self.distances.contains(&(here - address))
    }

    /// How far before the place that was written the last few copies began, each once.
    pub(super) fn distances(&self) -> [u64; DISTANCES] {
        self.distances
    }

    /// Bytes that an address takes.
    #[inline]
    pub(super) fn cost(&self, address: u64, here: u64) -> usize {
        match self.shortest(address, here) {
            (FIRST_SAME.., _) => 1,
            (_, value) => integer::length(value),
        }
    }

    #[inline]
    fn shortest(&self, address: u64, here: u64) -> (u8, u64) {
        if self.is_known(address, here) {
            return (HERE, here - address);
        }
        let at = (address % (SAME as u64 * 256)) as usize;
        if self.same[at] == address {
            return (FIRST_SAME + (at / 256) as u8, at as u64 % 256);
        }
        let mut best = (SELF, address);
        let mut consider = |mode, value| {
            if integer::length(value) < integer::length(best.1) {
                best = (mode, value);
            }
        };
        consider(HERE, here - address);
        for (mode, near) in (FIRST_NEAR..).zip(self.near) {
            if let Some(value) = address.checked_sub(near) {
                consider(mode, value);
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(copies in prop::collection::vec((0..5000_u64, 1..300_u64), 0..200)) {
            let (mut writing, mut reading) = (AddressCache::new(), AddressCache::new());
            let mut section = Vec::new();
            let mut here = 6000;
            let mut modes = Vec::new();
            for (address, size) in &copies {
                modes.push(writing.write(&mut section, *address, here));
                here += size;
            }
            let mut rest = &section[..];
            here = 6000;
            for ((address, size), mode) in copies.iter().zip(modes) {
                prop_assert_eq!(reading.read(&mut rest, mode, here), Some(*address));
                here += size;
            }
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn addresses_out_of_reach_are_refused() {
        let mut cache = AddressCache::new();
        assert_eq!(cache.read(&mut &[11][..], HERE, 10), None);
        assert_eq!(cache.read(&mut &[][..], FIRST_SAME, 10), None);
        assert_eq!(cache.read(&mut &[][..], SELF, 10), None);
        assert_eq!(cache.read(&mut &[1][..], MODES, 10), None);
        let largest = [&[0x81][..], &[0xff; 8], &[0x7f]].concat();
        assert_eq!(cache.read(&mut &largest[..], SELF, 10), Some(u64::MAX));
        assert_eq!(cache.read(&mut &[1][..], FIRST_NEAR, 10), None);
    }
}
