//! The sections of a window, as its instructions come.

use super::super::address::AddressCache;
use super::super::code_table::{COPIES, LARGEST_ADD, add_code, copy_code};
use super::super::integer;

/// Data, instructions and addresses of one window.
#[derive(Debug)]
pub(super) struct Instructions {
    data: Vec<u8>,
    codes: Vec<u8>,
    addresses: Vec<u8>,
    cache: AddressCache,
    /// The address of the byte of the window that comes next.
    here: u64,
}

impl Default for Instructions {
    fn default() -> Self {
        Self { data: Vec::new(), codes: Vec::new(), addresses: Vec::new(), cache: AddressCache::new(), here: 0 }
    }
}

impl Instructions {
    /// Begins a window behind a segment of so many bytes.
    pub(super) fn clear(&mut self, segment: u64) {
        self.data.clear();
        self.codes.clear();
        self.addresses.clear();
        self.cache = AddressCache::new();
        self.here = segment;
    }

    /// Bytes that are new.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.data.extend_from_slice(bytes);
        match bytes.len() {
            length if length <= usize::from(LARGEST_ADD) => self.codes.push(add_code(length as u8)),
            length => {
                self.codes.push(add_code(0));
                integer::write(&mut self.codes, length as u64);
            }
        }
        self.here += bytes.len() as u64;
    }

    /// `length` bytes of the segment, from an address on.
    pub(super) fn copy(&mut self, address: u64, length: usize) {
        let mode = self.cache.write(&mut self.addresses, address, self.here);
        if (usize::from(COPIES.0)..=usize::from(COPIES.1)).contains(&length) {
            self.codes.push(copy_code(mode, length as u8));
        } else {
            self.codes.push(copy_code(mode, 0));
            integer::write(&mut self.codes, length as u64);
        }
        self.here += length as u64;
    }

    /// What has been told of addresses, and the address of the byte that comes next.
    pub(super) fn addresses(&self) -> (&AddressCache, u64) {
        (&self.cache, self.here)
    }

    /// The three sections in their order.
    pub(super) fn sections(&self) -> [&[u8]; 3] {
        [&self.data, &self.codes, &self.addresses]
    }
}
