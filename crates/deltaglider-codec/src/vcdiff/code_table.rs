//! The default code table of RFC 3284, section 5.6.

/// Address modes: two without a cache, four near, three the same.
pub(super) const MODES: u8 = 9;

/// What a byte of an instruction section stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing: the code has one instruction.
    Noop,
    /// Bytes of the data section.
    Add,
    /// One byte of the data section, over and over.
    Run,
    /// Bytes at an address that is told in this mode.
    Copy(u8),
}

/// An instruction; its size stands behind the code where it is 0 here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) kind: Kind,
    pub(super) size: u8,
}

const NOOP: Instruction = Instruction { kind: Kind::Noop, size: 0 };
/// The largest size of an addition that a code of its own has.
pub(super) const LARGEST_ADD: u8 = 17;
/// The sizes of copies that codes of their own have.
pub(super) const COPIES: (u8, u8) = (4, 18);
/// Additions of these sizes go with a copy behind them.
pub(super) const LARGEST_PAIRED_ADD: u8 = 4;
/// From here on, codes stand for an addition and a copy behind it.
const ADD_COPY: usize = 163;
const SAME_MODE_PAIRS: usize = ADD_COPY + 6 * 4 * 3;
const COPY_ADD: usize = SAME_MODE_PAIRS + 3 * 4;

/// What each code stands for.
pub(super) const TABLE: [[Instruction; 2]; 256] = table();

const fn table() -> [[Instruction; 2]; 256] {
    let mut table = [[NOOP; 2]; 256];
    table[0][0].kind = Kind::Run;
    let mut size = 0;
    while size <= LARGEST_ADD {
        table[1 + size as usize][0] = Instruction { kind: Kind::Add, size };
        size += 1;
    }
    let mut mode = 0;
    while mode < MODES {
        let mut size = COPIES.0 - 1;
        while size <= COPIES.1 {
            let copied = if size < COPIES.0 { 0 } else { size };
            table[copy_code(mode, copied) as usize][0] = Instruction { kind: Kind::Copy(mode), size: copied };
            size += 1;
        }
        let mut added = 1;
        while added <= LARGEST_PAIRED_ADD {
            let mut copied = COPIES.0;
            while copied <= largest_paired_copy(mode) {
                let pair = [
                    Instruction { kind: Kind::Add, size: added },
                    Instruction { kind: Kind::Copy(mode), size: copied },
                ];
                table[add_copy_code(added, mode, copied) as usize] = pair;
                copied += 1;
            }
            added += 1;
        }
        table[copy_add_code(mode) as usize] =
            [Instruction { kind: Kind::Copy(mode), size: COPIES.0 }, Instruction { kind: Kind::Add, size: 1 }];
        mode += 1;
    }
    table
}

/// The code of an addition; of one whose size is told behind it where `size` is 0.
pub(super) const fn add_code(size: u8) -> u8 {
    1 + size
}

/// The code of a copy; of one whose size is told behind it where `size` is 0.
pub(super) const fn copy_code(mode: u8, size: u8) -> u8 {
    let of_size = if size == 0 { 0 } else { size - COPIES.0 + 1 };
    19 + mode * (COPIES.1 - COPIES.0 + 2) + of_size
}

/// The largest copy that goes with an addition before it.
pub(super) const fn largest_paired_copy(mode: u8) -> u8 {
    if mode < 6 { 6 } else { 4 }
}

/// The code of an addition and a copy behind it.
pub(super) const fn add_copy_code(added: u8, mode: u8, copied: u8) -> u8 {
    let (added, mode, copied) = (added as usize - 1, mode as usize, (copied - COPIES.0) as usize);
    let code =
        if mode < 6 { ADD_COPY + mode * 12 + added * 3 + copied } else { SAME_MODE_PAIRS + (mode - 6) * 4 + added };
    code as u8
}

/// The code of a copy of four bytes and an addition of one behind it.
pub(super) const fn copy_add_code(mode: u8) -> u8 {
    COPY_ADD as u8 + mode
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_that_of_the_rfc() {
        let single = |kind, size| [Instruction { kind, size }, NOOP];
        assert_eq!(TABLE[0], single(Kind::Run, 0));
        assert_eq!(TABLE[1], single(Kind::Add, 0));
        assert_eq!(TABLE[18], single(Kind::Add, 17));
        assert_eq!(TABLE[19], single(Kind::Copy(0), 0));
        assert_eq!(TABLE[20], single(Kind::Copy(0), 4));
        assert_eq!(TABLE[34], single(Kind::Copy(0), 18));
        assert_eq!(TABLE[35], single(Kind::Copy(1), 0));
        assert_eq!(TABLE[162], single(Kind::Copy(8), 18));
        let pair = |added, mode, copied| {
            [Instruction { kind: Kind::Add, size: added }, Instruction { kind: Kind::Copy(mode), size: copied }]
        };
        assert_eq!(TABLE[163], pair(1, 0, 4));
        assert_eq!(TABLE[174], pair(4, 0, 6));
        assert_eq!(TABLE[175], pair(1, 1, 4));
        assert_eq!(TABLE[234], pair(4, 5, 6));
        assert_eq!(TABLE[235], pair(1, 6, 4));
        assert_eq!(TABLE[246], pair(4, 8, 4));
        let turned = |mode| [Instruction { kind: Kind::Copy(mode), size: 4 }, Instruction { kind: Kind::Add, size: 1 }];
        assert_eq!(TABLE[247], turned(0));
        assert_eq!(TABLE[255], turned(8));
        let mut seen = TABLE.to_vec();
        seen.dedup();
        assert_eq!(seen.len(), 256);
        assert!(TABLE.iter().all(|[first, _]| first.kind != Kind::Noop));
    }
}
