//! The tokens of a stream, one after the other, for whoever walks along another stream beside them.

use super::bits::BitReader;
use super::block::{BlockStart, Decoders, Symbol, start};

/// What a token gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A byte.
    Literal(u8),
    /// A byte of a stored block, which hides the tokens that it was made of.
    Stored,
    /// A copy of `length` bytes from `distance` bytes before.
    Copy { length: u16, distance: u16 },
}

impl Token {
    /// Bytes that it gives.
    #[inline]
    pub(super) fn length(self) -> usize {
        match self {
            Self::Literal(_) | Self::Stored => 1,
            Self::Copy { length, .. } => usize::from(length),
        }
    }
}

/// Walks over the tokens of a stream; ends at its end, and where it is invalid or was cut short.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    bits: BitReader<'a>,
    block: Block<'a>,
    /// Whether the block is the last one.
    last: bool,
}

#[derive(Debug)]
enum Block<'a> {
    Stored(&'a [u8]),
    Symbols(Box<Decoders>),
}

impl<'a> Walk<'a> {
    pub(super) fn new(stream: &'a [u8]) -> Self {
        Self { bits: BitReader::new(stream), block: Block::Stored(&[]), last: false }
    }

    /// Begins the next block.
    #[cold]
    fn next_block(&mut self) -> Option<()> {
        if self.last {
            return None;
        }
        let (last, block, decoders) = start(&mut self.bits)?;
        self.last = last;
        self.block = match (block, decoders) {
            (_, Some(decoders)) => Block::Symbols(Box::new(decoders)),
            (BlockStart::Stored { bytes, .. }, None) => Block::Stored(bytes),
            _ => return None,
        };
        Some(())
    }
}

impl Iterator for Walk<'_> {
    type Item = Token;

    #[inline]
    fn next(&mut self) -> Option<Token> {
        loop {
            match &mut self.block {
                Block::Stored(bytes) => {
                    if bytes.split_off_first().is_some() {
                        return Some(Token::Stored);
                    }
                }
                Block::Symbols(decoders) => match decoders.next(&mut self.bits)? {
                    Symbol::Literal(byte) => return Some(Token::Literal(byte)),
                    Symbol::Copy { length, distance, .. } => {
                        return Some(Token::Copy { length: length as u16, distance: distance as u16 });
                    }
                    Symbol::End => {}
                },
            }
            self.next_block()?;
        }
    }
}
