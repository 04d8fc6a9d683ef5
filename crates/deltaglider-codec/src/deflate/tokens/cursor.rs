//! Walks the tokens that the sections tell of.

use super::super::block::{LONGEST_MATCH, WINDOW};
use super::super::symbols::Copy;
use super::super::varint;

/// A place among the tokens of a stream, and what is left of the sections there.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    plain: &'a [u8],
    at: usize,
    runs: &'a [u8],
    /// Equally long: length less 3, low and high byte of the distance less 1.
    copies: [&'a [u8]; 3],
    long_forms: &'a [u8],
    /// Literals before the next copy; without bound after the last one.
    run: u64,
    /// Copies before the next one in the long form.
    until_long_form: u64,
}

impl<'a> Cursor<'a> {
    /// The first token; None where a section is damaged.
    pub(super) fn new(plain: &'a [u8], runs: &'a [u8], copies: [&'a [u8]; 3], long_forms: &'a [u8]) -> Option<Self> {
        let mut cursor = Self { plain, at: 0, runs, copies, long_forms, run: 0, until_long_form: 0 };
        cursor.run = next(&mut cursor.runs)?;
        cursor.until_long_form = next(&mut cursor.long_forms)?;
        Some(cursor)
    }

    /// Whether nothing is left.
    pub(super) fn is_done(&self) -> bool {
        self.at == self.plain.len() && self.copies[0].is_empty() && (self.run, self.until_long_form) == (NEVER, NEVER)
    }

    /// Takes plaintext that no token stands for.
    pub(super) fn bytes(&mut self, length: u64) -> Option<&'a [u8]> {
        let bytes = self.plain.get(self.at..)?.get(..usize::try_from(length).ok()?)?;
        self.at += bytes.len();
        Some(bytes)
    }

    /// Takes `tokens` tokens; `each` gets literals with the copy after them, if it is one of these tokens, and ends the
    /// walk with `false`.
    #[inline]
    pub(super) fn tokens(&mut self, mut tokens: u64, mut each: impl FnMut(&[u8], Option<Copy>) -> bool) -> Option<()> {
        while tokens > 0 {
            let literals = self.bytes(self.run.min(tokens))?;
            tokens -= literals.len() as u64;
            if self.run != NEVER {
                self.run -= literals.len() as u64;
            }
            let copy = if tokens > 0 && self.run == 0 {
                tokens -= 1;
                Some(self.copy()?)
            } else {
                None
            };
            each(literals, copy).then_some(())?;
        }
        Some(())
    }

    fn copy(&mut self) -> Option<Copy> {
        let mut bytes = [0; 3];
        for (byte, section) in bytes.iter_mut().zip(&mut self.copies) {
            let (&first, rest) = section.split_first()?;
            (*byte, *section) = (first, rest);
        }
        let length = usize::from(bytes[0]) + 3;
        let distance = usize::from(u16::from_le_bytes([bytes[1], bytes[2]])) + 1;
        let long_form = self.until_long_form == 0;
        if distance > WINDOW.min(self.at) || length > self.plain.len() - self.at || long_form && length != LONGEST_MATCH
        {
            return None;
        }
        if long_form {
            self.until_long_form = next(&mut self.long_forms)?;
        } else if self.until_long_form != NEVER {
            self.until_long_form -= 1;
        }
        self.at += length;
        self.run = next(&mut self.runs)?;
        Some(Copy { length, distance, long_form })
    }
}

/// What a count is after the last one of its section.
const NEVER: u64 = u64::MAX;

/// Takes the next count of a section.
#[inline]
fn next(section: &mut &[u8]) -> Option<u64> {
    if section.is_empty() { Some(NEVER) } else { varint::take(section) }
}
