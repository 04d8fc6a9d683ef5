//! Writes the archives that the tests read.

use std::io::Write;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Decompress, FlushDecompress, Status};

use super::{Inflated, Layout, Limits, NotInflated, layout};
use crate::packers::{self, Format};

/// The layout within 64 MiB of plaintext.
pub(super) fn find(content: &[u8]) -> Layout {
    layout(content, &Limits::within(64 << 20), &inflate)
}

/// The layout that version 2 finds.
pub(super) fn find_2(content: &[u8]) -> Layout {
    layout(content, &Limits::within(64 << 20).second(), &inflate)
}

/// A stream of this format.
pub(super) fn pack(format: Format, plain: &[u8]) -> Vec<u8> {
    packers::samples::pack(format, plain)
}

/// An archive of `ar`.
pub(super) fn ar(members: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, content) in members {
        let field = String::from_utf8_lossy(name);
        out.extend_from_slice(
            format!("{field:<16}1700000000  0     0     100644  {:<10}`\n", content.len()).as_bytes(),
        );
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(2), b'\n');
    }
    out
}

/// Inflates by `flate2`, into no more memory than what comes out needs.
pub(super) fn inflate(input: &[u8], limit: usize) -> Result<Inflated, NotInflated> {
    let mut stream = Decompress::new(false);
    let mut plain = Vec::new();
    loop {
        let before = (stream.total_in(), plain.len());
        plain.reserve(limit.saturating_sub(plain.len()).saturating_add(1).min(plain.len().max(1 << 10)));
        let read = stream.total_in() as usize;
        let status = stream
            .decompress_vec(&input[read..], &mut plain, FlushDecompress::None)
            .map_err(|_| NotInflated::Invalid)?;
        if plain.len() > limit {
            return Err(NotInflated::TooLong);
        }
        if status == Status::StreamEnd {
            return Ok(Inflated { plain, length: stream.total_in() as usize });
        }
        if before == (stream.total_in(), plain.len()) {
            return Err(NotInflated::Invalid);
        }
    }
}

pub(super) fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(plain).expect("a vector takes all");
    encoder.finish().expect("a vector takes all")
}

/// Bytes that deflate to about a third.
pub(super) fn text_of(length: usize) -> Vec<u8> {
    noise(length).into_iter().map(|byte| b"etaoin shrdlu,.\n"[usize::from(byte & 15)]).collect()
}

/// Bytes that do not deflate.
pub(super) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ length as u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// A member of gzip.
#[derive(Clone, Copy, Default)]
pub(super) struct Gzip<'a> {
    pub(super) flags: u8,
    pub(super) name: &'a [u8],
}

impl Gzip<'_> {
    pub(super) fn member(self, plain: &[u8]) -> Vec<u8> {
        let mut out = vec![0x1f, 0x8b, 8, self.flags, 0, 0, 0, 0, 0, 3];
        if self.flags & 4 != 0 {
            out.extend(b"\x06\x00BC\x02\x00\x1b\x00");
        }
        if self.flags & 8 != 0 {
            out.extend(self.name);
            out.push(0);
        }
        if self.flags & 16 != 0 {
            out.extend(b"a comment\0");
        }
        if self.flags & 2 != 0 {
            out.extend([1, 2]);
        }
        out.extend(deflate(plain));
        // The sum is not asked for.
        out.extend([9; 4]);
        out.extend((plain.len() as u32).to_le_bytes());
        out
    }
}

/// A member of a zip, as its headers tell it.
#[derive(Clone)]
pub(super) struct Member<'a> {
    pub(super) name: &'a [u8],
    pub(super) method: u16,
    pub(super) flags: u16,
    pub(super) packed: u32,
    pub(super) size: u32,
    pub(super) data: Vec<u8>,
}

impl<'a> Member<'a> {
    pub(super) fn deflated(name: &'a [u8], plain: &[u8]) -> Self {
        let data = deflate(plain);
        Self { name, method: 8, flags: 0, packed: data.len() as u32, size: plain.len() as u32, data }
    }

    pub(super) fn stored(name: &'a [u8], content: &[u8]) -> Self {
        let size = content.len() as u32;
        Self { name, method: 0, flags: 0, packed: size, size, data: content.to_vec() }
    }
}

/// A zip, with what may stand around its members.
#[derive(Clone, Default)]
pub(super) struct Zip {
    /// Before the archive; offsets do not count it.
    pub(super) prefix: Vec<u8>,
    /// Between the members and the directory, as the signatures of an APK.
    pub(super) block: Vec<u8>,
    pub(super) comment: Vec<u8>,
    pub(super) zip64: bool,
    pub(super) members: Vec<u8>,
    pub(super) directory: Vec<u8>,
    pub(super) count: usize,
}

impl Zip {
    pub(super) fn deflated(self, name: &[u8], plain: &[u8]) -> Self {
        self.member(&Member::deflated(name, plain))
    }

    pub(super) fn stored(self, name: &[u8], content: &[u8]) -> Self {
        self.member(&Member::stored(name, content))
    }

    /// A member whose sizes stand behind it.
    pub(super) fn streamed(self, name: &[u8], plain: &[u8]) -> Self {
        self.member(&Member { flags: 8, ..Member::deflated(name, plain) })
    }

    pub(super) fn member(mut self, member: &Member<'_>) -> Self {
        let at = self.members.len();
        self.local(member);
        self.listed(member, at)
    }

    /// A member that the directory does not list.
    pub(super) fn local(&mut self, member: &Member<'_>) {
        let streamed = member.flags & 8 != 0;
        let (packed, size) = if streamed { (0, 0) } else { (member.packed, member.size) };
        self.members.extend(b"PK\x03\x04\x14\x00");
        self.members.extend([member.flags.to_le_bytes(), member.method.to_le_bytes()].concat());
        self.members.extend([7; 8]);
        self.members.extend([packed.to_le_bytes(), size.to_le_bytes()].concat());
        self.members.extend((member.name.len() as u16).to_le_bytes());
        self.members.extend(4_u16.to_le_bytes());
        self.members.extend(member.name);
        self.members.extend(b"\xfe\xca\x00\x00");
        self.members.extend(&member.data);
        if streamed {
            self.members.extend(b"PK\x07\x08\x07\x07\x07\x07");
            self.members.extend([member.packed.to_le_bytes(), member.size.to_le_bytes()].concat());
        }
    }

    /// An entry of the directory for a member at `at`.
    pub(super) fn listed(mut self, member: &Member<'_>, at: usize) -> Self {
        let lengths = [u64::from(member.size), u64::from(member.packed), at as u64];
        let mut extra = b"\x55\x54\x01\x00\x03".to_vec();
        if self.zip64 {
            extra.extend([1, 0, 24, 0]);
            extra.extend(lengths.map(u64::to_le_bytes).concat());
        }
        let [size, packed, at] = lengths.map(|length| if self.zip64 { u32::MAX } else { length as u32 });
        self.directory.extend(b"PK\x01\x02\x14\x03\x14\x00");
        self.directory.extend([member.flags.to_le_bytes(), member.method.to_le_bytes()].concat());
        self.directory.extend([7; 8]);
        self.directory.extend([packed.to_le_bytes(), size.to_le_bytes()].concat());
        self.directory.extend([member.name.len() as u16, extra.len() as u16, 3].map(u16::to_le_bytes).concat());
        self.directory.extend([0; 8]);
        self.directory.extend(at.to_le_bytes());
        self.directory.extend(member.name);
        self.directory.extend(extra);
        self.directory.extend(b"own");
        self.count += 1;
        self
    }

    pub(super) fn finish(self) -> Vec<u8> {
        let offset = self.members.len() + self.block.len();
        let size = self.directory.len();
        let mut out = [self.prefix, self.members, self.block, self.directory].concat();
        let (mut count, mut size_field, mut offset_field) = (self.count as u16, size as u32, offset as u32);
        if self.zip64 {
            out.extend(b"PK\x06\x06\x2c\x00\x00\x00\x00\x00\x00\x00\x2d\x03\x2d\x00");
            out.extend([0; 8]);
            let lengths = [self.count, self.count, size, offset];
            out.extend(lengths.map(|length| (length as u64).to_le_bytes()).concat());
            out.extend(b"PK\x06\x07\x00\x00\x00\x00");
            out.extend(((offset + size) as u64).to_le_bytes());
            out.extend([1, 0, 0, 0]);
            (count, size_field, offset_field) = (u16::MAX, u32::MAX, u32::MAX);
        }
        out.extend(b"PK\x05\x06\x00\x00\x00\x00");
        out.extend([count, count].map(u16::to_le_bytes).concat());
        out.extend([size_field, offset_field].map(u32::to_le_bytes).concat());
        out.extend((self.comment.len() as u16).to_le_bytes());
        out.extend(self.comment);
        out
    }
}

/// A tar.
#[derive(Clone, Default)]
pub(super) struct Tar {
    bytes: Vec<u8>,
}

impl Tar {
    pub(super) fn ustar(self, name: &[u8], kind: u8, data: &[u8]) -> Self {
        let size = format!("{:011o}\0", data.len());
        self.header(name, kind, size.as_bytes()).data(data)
    }

    /// A file with its size as the field tells it.
    pub(super) fn sized(self, name: &[u8], size: &[u8], data: &[u8]) -> Self {
        self.header(name, b'0', size).data(data)
    }

    pub(super) fn pax(self, records: &[(&[u8], &[u8])]) -> Self {
        let records: Vec<u8> = records.iter().flat_map(|(key, value)| record(key, value)).collect();
        self.ustar(b"PaxHeaders/x", b'x', &records)
    }

    pub(super) fn header(mut self, name: &[u8], kind: u8, size: &[u8]) -> Self {
        let mut block = [0; 512];
        block[..name.len()].copy_from_slice(name);
        block[100..124].copy_from_slice(b"0000644\x000000000\x000000000\0");
        block[124..136].copy_from_slice(size);
        block[136..148].copy_from_slice(b"14720000000\0");
        block[148..156].copy_from_slice(b"        ");
        block[156] = kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = block.iter().copied().map(u32::from).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.bytes.extend(block);
        self
    }

    pub(super) fn data(mut self, data: &[u8]) -> Self {
        self.bytes.extend(data);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.extend([0; 1024]);
        self.bytes
    }
}

/// A pax record, whose length counts its own digits.
fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = [b" ", key, b"=", value, b"\n"].concat();
    let length =
        (1..8).map(|digits| rest.len() + digits).find(|length| length.to_string().len() + rest.len() == *length);
    [length.expect("it has an answer").to_string().into_bytes(), rest].concat()
}
