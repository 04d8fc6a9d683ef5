//! What the encoders compress: two versions of a file such as archives hold, of text and of machine data.

use crate::random::Random;

const WORDS: [&str; 48] = [
    "the",
    "of",
    "and",
    "to",
    "a",
    "in",
    "is",
    "that",
    "for",
    "it",
    "as",
    "was",
    "with",
    "be",
    "by",
    "on",
    "not",
    "he",
    "this",
    "are",
    "or",
    "his",
    "from",
    "at",
    "which",
    "reference",
    "target",
    "delta",
    "version",
    "archive",
    "member",
    "stream",
    "window",
    "literal",
    "distance",
    "length",
    "header",
    "checksum",
    "encoder",
    "level",
    "block",
    "table",
    "symbol",
    "prefix",
    "release",
    "package",
    "signature",
    "manifest",
];
const LEVELS: [&str; 4] = ["DEBUG", "INFO", "INFO", "WARN"];

/// A version of the file, 1 or 2; the second has changed and new lines, another table and another block of noise.
pub(super) fn plaintext(version: u64) -> Vec<u8> {
    let mut content = Vec::new();
    prose(&mut content, version, 0..150);
    log(&mut content, version, 0..120);
    table(&mut content, version);
    noise(&mut content, version);
    content.resize(content.len() + 1500, 0);
    records(&mut content, version);
    // Once more, farther back than a match of DEFLATE reaches for the most part, and partly within its reach.
    prose(&mut content, version, 100..190);
    content
}

/// What a numbered item is drawn from: one in fifteen differs between the versions.
fn item(kind: u64, number: u64, version: u64) -> Random {
    let seed = kind << 32 | number;
    let changed = Random::new(seed).below(15) == 0;
    Random::new(if changed { seed | version << 48 } else { seed })
}

fn prose(content: &mut Vec<u8>, version: u64, lines: std::ops::Range<u64>) {
    for number in lines {
        let mut random = item(1, number, version);
        for _ in 0..7 + random.below(7) {
            // The lower of two draws: words are not equally frequent.
            let word = random.below(48).min(random.below(48));
            content.extend_from_slice(WORDS[word as usize].as_bytes());
            content.push(b' ');
        }
        content.push(b'\n');
    }
}

fn log(content: &mut Vec<u8>, version: u64, lines: std::ops::Range<u64>) {
    for number in lines.start..lines.end + 5 * (version - 1) {
        let mut random = item(2, number, version);
        let line = format!(
            "2024-05-{:02}T{:02}:{:02}:{:02}.{:03}Z {} worker-{} request {:08x} took {} ms\n",
            1 + number / 40,
            number / 6 % 24,
            random.below(60),
            random.below(60),
            random.below(1000),
            LEVELS[random.below(4) as usize],
            random.below(8),
            random.below(1 << 32),
            random.below(400),
        );
        content.extend_from_slice(line.as_bytes());
    }
}

/// Rows of four little-endian numbers, as a symbol table has them.
fn table(content: &mut Vec<u8>, version: u64) {
    let mut address = 0x0040_0000_u32 + 64 * version as u32;
    for number in 0..300 {
        let mut random = item(3, number, version);
        let size = 16 * (1 + random.below(40) as u32);
        for value in [number as u32, address, size, 0x12 + random.below(3) as u32] {
            content.extend_from_slice(&value.to_le_bytes());
        }
        address += size;
    }
}

/// What does not compress, three quarters of it the same in both versions.
fn noise(content: &mut Vec<u8>, version: u64) {
    for number in 0..256 {
        let kind = if number % 64 < 16 { 4 + version } else { 4 };
        content.extend_from_slice(&Random::new(kind << 32 | number).number().to_le_bytes());
    }
}

fn records(content: &mut Vec<u8>, version: u64) {
    content.extend_from_slice(b"{\"records\": [\n");
    for number in 0..110 + 4 * (version - 1) {
        let mut random = item(8, number, version);
        let word = WORDS[25 + random.below(23) as usize];
        let line = format!(
            "  {{\"id\": {number}, \"name\": \"{word}-{}\", \"size\": {}, \"enabled\": {}}},\n",
            random.below(100),
            random.below(1_000_000),
            random.below(2) == 0,
        );
        content.extend_from_slice(line.as_bytes());
    }
    content.extend_from_slice(b"]}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_are_alike_and_not_the_same() {
        let (first, second) = (plaintext(1), plaintext(2));
        assert!((20 << 10..60 << 10).contains(&first.len()), "{}", first.len());
        assert_ne!(first, second);
        let lines = |content: &[u8]| content.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
        let (first, second) = (lines(&first), lines(&second));
        let kept = first.iter().filter(|line| second.contains(line)).count();
        assert!(kept * 10 > first.len() * 8 && kept < first.len(), "{kept} of {}", first.len());
    }

    #[test]
    fn what_is_committed_is_what_is_made() {
        let folder = crate::workspace::root().join(crate::encoders::VECTORS);
        for version in [1, 2] {
            let committed = std::fs::read(folder.join(format!("plaintext-{version}.bin"))).expect("it is committed");
            assert!(committed == plaintext(version), "version {version}");
        }
    }
}
