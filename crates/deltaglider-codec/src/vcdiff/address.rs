//! The address cache of RFC 3284, section 5.3: addresses of copies, told by what came before.

use super::code_table::MODES;
use super::integer;

const NEAR: usize = 4;
const SAME: usize = 3;
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
}

impl AddressCache {
    /// That of a window that begins.
    pub(super) fn new() -> Self {
        Self { near: [0; NEAR], next: 0, same: [0; SAME * 256] }
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

    /// Appends an address in the mode that takes the fewest bytes, and tells that mode.
    pub(super) fn write(&mut self, section: &mut Vec<u8>, address: u64, here: u64) -> u8 {
        let at = (address % (SAME as u64 * 256)) as usize;
        if self.same[at] == address {
            section.push((at % 256) as u8);
            self.remember(address);
            return FIRST_SAME + (at / 256) as u8;
        }
        let mut best = (SELF, address);
        let nears = (FIRST_NEAR..).zip(self.near).filter_map(|(mode, near)| Some((mode, address.checked_sub(near)?)));
        for (mode, value) in std::iter::once((HERE, here - address)).chain(nears) {
            if integer::length(value) < integer::length(best.1) {
                best = (mode, value);
            }
        }
        integer::write(section, best.1);
        self.remember(address);
        best.0
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
