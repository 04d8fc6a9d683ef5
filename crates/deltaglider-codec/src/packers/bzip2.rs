//! bzip2, by libbz2 1.0.8.

use bzip2::{Action, Compress, Compression, Decompress, Status};

use super::{PIECE, Unpacked};
use crate::deflate::{Inflated, NotInflated};

/// More than level 9 takes to pack.
pub(super) const MEMORY: usize = 10 << 20;

/// The level of a stream: it stands in its header.
pub(super) fn level(stream: &[u8]) -> Option<u8> {
    stream.get(3).map(|digit| digit.wrapping_sub(b'0')).filter(|level| (1..=9).contains(level))
}

pub(super) fn unpack(input: &[u8], limit: usize) -> Result<Inflated, NotInflated> {
    let mut decoder = Decompress::new(false);
    let mut unpacked = Unpacked::within(limit);
    loop {
        let (read, given) = (decoder.total_in() as usize, decoder.total_out());
        let status = decoder.decompress(&input[read..], &mut unpacked.piece).map_err(|_| NotInflated::Invalid)?;
        let (taken, came) = (decoder.total_in() as usize - read, (decoder.total_out() - given) as usize);
        unpacked.take(came)?;
        match status {
            Status::StreamEnd => {
                return Ok(unpacked.finish(read + taken));
            }
            Status::MemNeeded => return Err(NotInflated::Invalid),
            _ if taken == 0 && came == 0 => return Err(NotInflated::Invalid),
            _ => {}
        }
    }
}

pub(super) fn pack(level: u8, plain: &[u8], taken: &mut dyn FnMut(&[u8]) -> bool) -> Option<()> {
    // As the program does it: no other work factor.
    let mut encoder = Compress::new(Compression::new(u32::from(level)), 0);
    let mut piece = vec![0; PIECE];
    loop {
        let (read, given) = (encoder.total_in() as usize, encoder.total_out());
        // One call takes four gigabytes at most, and may not be told of its end before that comes.
        let rest = &plain[read..];
        let (rest, action) = match rest.get(..1 << 30) {
            Some(first) if rest.len() > first.len() => (first, Action::Run),
            _ => (rest, Action::Finish),
        };
        let status = encoder.compress(rest, &mut piece, action).ok()?;
        let came = (encoder.total_out() - given) as usize;
        if !taken(&piece[..came]) {
            return None;
        }
        if status == Status::StreamEnd {
            return Some(());
        }
    }
}
