//! Memory for one body: what is freed goes back to the system at once, whatever an allocator would keep of it.

use std::io;
use std::ops::Range;

use bytes::Bytes;
use memmap2::{MmapMut, MmapOptions};

/// From this size on a body has a mapping of its own; smaller ones would waste too much of their last page.
const MAPPED: usize = 128 << 10;
/// Bytes of a huge page, where there are such.
const HUGE: usize = 2 << 20;

/// A body being written, of a length that is known.
pub(super) struct Buffer {
    room: Room,
    filled: usize,
}

enum Room {
    Allocated(Vec<u8>),
    Mapped(Mapping),
}

impl Room {
    fn bytes(&mut self) -> &mut [u8] {
        match self {
            Self::Allocated(bytes) => bytes,
            Self::Mapped(mapping) => &mut mapping.whole[mapping.used.clone()],
        }
    }
}

/// A part of a mapping; what lies around it is never touched, and takes no memory.
struct Mapping {
    whole: MmapMut,
    used: Range<usize>,
}

impl Mapping {
    /// Fewer, larger pages where the system has them: whoever fills them meets one fault for 2 MiB instead of 512. They are
    /// aligned to their size, and so is what is used of the mapping, or one of them would come in small pages after all.
    fn new(length: usize) -> io::Result<Self> {
        let spare = if cfg!(target_os = "linux") && length >= HUGE { HUGE } else { 0 };
        let whole = MmapOptions::new().len(length.saturating_add(spare)).map_anon()?;
        let begin = if spare > 0 { whole.as_ptr().addr().wrapping_neg() % HUGE } else { 0 };
        #[cfg(target_os = "linux")]
        if spare > 0 {
            let huge = length / HUGE * HUGE;
            // Behind the last whole one a huge page would take more than the body does.
            let _ = whole.advise_range(memmap2::Advice::HugePage, begin, huge);
            let _ = whole.advise_range(memmap2::Advice::NoHugePage, begin + huge, length + spare - begin - huge);
        }
        Ok(Self { whole, used: begin..begin + length })
    }
}

impl AsRef<[u8]> for Mapping {
    fn as_ref(&self) -> &[u8] {
        &self.whole[self.used.clone()]
    }
}

impl Buffer {
    /// Takes the memory; fails where there is none.
    pub(super) fn new(length: usize) -> io::Result<Self> {
        // Mappings are limited in number; where there are too many, the allocator does.
        if length >= MAPPED
            && let Ok(mapping) = Mapping::new(length)
        {
            return Ok(Self { room: Room::Mapped(mapping), filled: 0 });
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
        bytes.resize(length, 0);
        Ok(Self { room: Room::Allocated(bytes), filled: 0 })
    }

    /// All of it, to be filled by the caller.
    pub(super) fn room(&mut self) -> &mut [u8] {
        let room = self.room.bytes();
        self.filled = room.len();
        room
    }

    /// Appends; fails where that is more than was announced.
    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(place) = self.room.bytes()[self.filled..].get_mut(..bytes.len()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "more than was announced"));
        };
        place.copy_from_slice(bytes);
        self.filled += bytes.len();
        Ok(())
    }

    /// What was written, never to change again.
    pub(super) fn freeze(self) -> Bytes {
        let whole = match self.room {
            Room::Allocated(bytes) => Bytes::from(bytes),
            Room::Mapped(mapping) => Bytes::from_owner(mapping),
        };
        whole.slice(..self.filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_length_comes_back_and_no_more_fits() {
        for length in [0, 1, MAPPED - 1, MAPPED, MAPPED + 1, HUGE - 1, HUGE, 2 * HUGE + 1] {
            let content: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let mut buffer = Buffer::new(length).expect("there is memory");
            for portion in content.chunks(1000) {
                buffer.push(portion).expect("announced");
            }
            assert!(buffer.push(b"x").is_err());
            assert_eq!(buffer.freeze(), content);
        }
        assert!(Buffer::new(usize::MAX).is_err());
        assert!(Buffer::new(usize::MAX - HUGE).is_err());
        let mut shorter = Buffer::new(MAPPED).expect("there is memory");
        shorter.push(b"short").expect("announced");
        assert_eq!(&*shorter.freeze(), b"short");
    }
}
