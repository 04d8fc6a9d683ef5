//! The form of a stream apart from its plaintext: where its blocks end, with which codes, and which copies it makes.
//!
//! The layout is in `docs/formats/deflate-tokens.md`. What two streams of one encoder share are stretches of copies;
//! each property of the copies stands in a section of its own, so that where one differs, the others go on alike.

mod cursor;
mod read;
mod write;

pub(super) use read::rebuild;
pub(super) use write::tokens;

/// Bits of the byte that begins a block.
mod flag {
    /// No block follows.
    pub(super) const LAST: u8 = 1;
    /// The kind of the block: 0 stored, 1 fixed, 2 dynamic.
    pub(super) const KIND: u8 = 0b110;
    pub(super) const KIND_SHIFT: u32 = 1;
    /// A stored block: the bits before it are not all 0; they follow in a byte.
    pub(super) const PADDING: u8 = 0b1000;
    /// A dynamic block: its codes are not zlib's; they follow.
    pub(super) const HEADER: u8 = 0b1_0000;
    /// No other bit is set.
    pub(super) const ALL: u8 = 0b1_1111;
}
