//! Deltas of version 2: into xz, bzip2 and zstd as well, by packers that make their streams again. They take minutes for what takes
//! seconds otherwise, so that only the highest effort asks for them.

use deltaglider_core::codec::CodecError;

use super::budget::Budget;
use super::encode::{Delta, encode_layout};
use super::known::Known;
use super::prepared::Prepared;
use crate::Effort;
use crate::containers::{self, Limits};
use crate::deflate;

/// Makes the delta of version 2, in so much memory that it is decoded in as much; None where the target has no stream that needs
/// it, where no packer gives one, and where memory does not suffice.
pub(super) fn encode(
    first: &Prepared<'_>,
    target: &[u8],
    budget: &Budget,
    memory: u64,
    effort: Effort,
) -> Result<Option<Delta>, CodecError> {
    let limits = Limits::within(budget.expanded).second();
    let layout = containers::layout_but(target, &limits, &deflate::inflate, &|_| None);
    if !layout.has_packed() {
        return Ok(None);
    }
    let plaintext = layout.plaintext();
    let Some(spare) = memory.checked_sub(plaintext as u64) else { return Ok(None) };
    let Some(reference) = if_it_fits(first.second(spare))? else { return Ok(None) };
    let Some(budget) = if_it_fits(Budget::share(reference.memory() as u64, target.len() as u64, memory, effort))?
    else {
        return Ok(None);
    };
    if plaintext > budget.expanded {
        return Ok(None);
    }
    let known = Known::of(&reference);
    let (delta, _) = encode_layout(&reference, known, layout, target, &budget, effort)?;
    let making = reference.as_second().map_or(0, |second| first.memory_with(second).0);
    Ok(Some(delta).filter(|delta| delta.has_packed && delta.memory.max(making) <= memory))
}

fn if_it_fits<T>(result: Result<T, CodecError>) -> Result<Option<T>, CodecError> {
    match result {
        Ok(fits) => Ok(Some(fits)),
        Err(CodecError::Memory { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
