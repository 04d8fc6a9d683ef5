//! Contents, each of a size of its own, so that sizes alone tell them apart as `sync` does.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

use crate::random::Random;

/// What a content is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A version of what this family holds: small as a delta against another of the family.
    Version(u64),
    /// Like no other.
    Noise,
    /// Like no other, and of more than a part of an upload.
    Large,
}

/// All contents that were made, by digest.
#[derive(Debug, Default)]
pub(super) struct Contents {
    made: Mutex<Made>,
}

#[derive(Debug, Default)]
struct Made {
    numbers: HashMap<[u8; 32], u64>,
    next: u64,
}

impl Contents {
    /// Makes another content, with its number.
    pub(super) fn make(&self, kind: Kind, seed: u64) -> (u64, Vec<u8>) {
        let number = {
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            made.next += 1;
            made.next
        };
        let content = content(kind, number, seed);
        let digest = Sha256::digest(&content).into();
        self.made.lock().unwrap_or_else(PoisonError::into_inner).numbers.insert(digest, number);
        (number, content)
    }

    /// The number of a file's content; none where no such content was ever made.
    pub(super) fn of_file(&self, path: &Path) -> Result<Option<u64>> {
        let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let (mut digest, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                read => digest.update(&buffer[..read]),
            }
        }
        let digest: [u8; 32] = digest.finalize().into();
        Ok(self.made.lock().unwrap_or_else(PoisonError::into_inner).numbers.get(&digest).copied())
    }
}

fn content(kind: Kind, number: u64, seed: u64) -> Vec<u8> {
    // Up to 200 000 contents, the sizes of the three kinds do not meet.
    let size = number as usize
        + match kind {
            Kind::Version(_) => 300_000,
            Kind::Noise => 60_000,
            Kind::Large => 9_500_000,
        };
    let mut own = Random::new(seed ^ number << 20);
    let Kind::Version(family) = kind else { return own.bytes(size) };
    let mut content = Random::new(seed.wrapping_mul(31) ^ family).bytes(300_000);
    for _ in 0..20 {
        let at = own.below(299_000) as usize;
        let change = own.bytes(100);
        content[at..at + change.len()].copy_from_slice(&change);
    }
    content.extend(own.bytes(size - content.len()));
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_content_is_known_again() {
        let contents = Contents::default();
        let file = std::env::temp_dir().join(format!("xtask-content-{}", std::process::id()));
        let (first, a) = contents.make(Kind::Version(1), 7);
        let (second, b) = contents.make(Kind::Version(1), 7);
        assert!(first != second && a.len() != b.len());
        let same = a.iter().zip(&b).filter(|(a, b)| a == b).count();
        assert!(same > 290_000, "{same}");
        std::fs::write(&file, &b).expect("a file can be written");
        assert_eq!(contents.of_file(&file).expect("it can be read"), Some(second));
        std::fs::write(&file, &b[1..]).expect("a file can be written");
        assert_eq!(contents.of_file(&file).expect("it can be read"), None);
        std::fs::remove_file(file).expect("it can be removed");
    }
}
