//! zip and all that are zips: members as the central directory has them, else as local headers are found.

mod directory;
mod local;
mod scan;

use self::directory::{Directory, Entry};
use self::local::LocalHeader;
use super::search::{Place, Search};

const STORED: u16 = 0;
const DEFLATED: u16 = 8;
const ENCRYPTED: u16 = 1;

/// Takes the members.
pub(super) fn look(search: &mut Search<'_>, place: &Place) {
    let archive = &search.content()[place.range.clone()];
    let Some(directory) = Directory::find(archive) else { return scan::look(search, place) };
    let mut entries: Vec<Entry<'_>> = directory.entries().collect();
    entries.sort_by_key(|entry| entry.header);
    let before = &archive[..directory.start()];
    // Where the last member taken ends: one that begins before shares bytes with it, and is none.
    let mut free = 0;
    for entry in entries.iter().filter(|entry| entry.flags & ENCRYPTED == 0) {
        let Some(data) = local::data(before, entry).filter(|_| entry.header >= free) else { continue };
        let range = place.range.start + data.start..place.range.start + data.end;
        let taken = match entry.method {
            STORED if entry.packed == entry.size => {
                search.look(&place.member(range, entry.name));
                true
            }
            DEFLATED => search.take(range, entry.size, || place.path_of(entry.name)),
            _ => false,
        };
        if taken {
            free = data.end;
        }
    }
}

#[cfg(test)]
mod tests;
