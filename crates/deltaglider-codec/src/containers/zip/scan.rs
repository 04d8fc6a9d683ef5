//! Members without a central directory: an archive that is cut short, or damaged at its end.

use super::super::search::{Place, Search};
use super::{DEFLATED, ENCRYPTED, LocalHeader, STORED, local};

/// Takes the members of an archive that begins with one, by their local headers.
pub(super) fn look(search: &mut Search<'_>, place: &Place) {
    let archive = &search.content()[..place.range.end];
    if !archive[place.range.start..].starts_with(local::SIGNATURE) {
        return;
    }
    let mut at = place.range.start;
    while let Some(found) = find(archive, at) {
        at = member(search, place, archive, found).unwrap_or(found + local::SIGNATURE.len());
    }
}

fn find(archive: &[u8], from: usize) -> Option<usize> {
    let mut windows = archive.get(from..)?.windows(local::SIGNATURE.len());
    windows.position(|window| window == local::SIGNATURE).map(|at| from + at)
}

/// Takes the member at `at`; gives where it ends.
fn member(search: &mut Search<'_>, place: &Place, archive: &[u8], at: usize) -> Option<usize> {
    let header = LocalHeader::parse(archive, at).filter(|header| header.flags & ENCRYPTED == 0)?;
    let path = || place.path_of(header.name);
    match (header.method, header.sizes) {
        (DEFLATED, None) => search.take_first(header.data..archive.len(), path),
        (DEFLATED, Some((packed, size))) => {
            let end = header.data.checked_add(packed).filter(|end| *end <= archive.len())?;
            search.take(header.data..end, size, path).then_some(end)
        }
        (STORED, Some((packed, size))) if packed == size => {
            let end = header.data.checked_add(packed).filter(|end| *end <= archive.len())?;
            search.look(&place.member(header.data..end, header.name));
            Some(end)
        }
        _ => None,
    }
}
