//! Digests of contents: SHA-256 proves an object, MD5 is the entity tag that S3 clients expect.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use md5::Digest as _;

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256(pub [u8; 32]);

/// An MD5 digest; an entity tag, never a proof.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Md5(pub [u8; 16]);

/// A text that is no digest in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a digest in hexadecimal")]
pub struct ParseDigestError;

impl Sha256 {
    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }
}

impl Md5 {
    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(md5::Md5::digest(bytes).into())
    }

    /// The digest of all that a reader gives.
    pub fn of_reader(reader: &mut impl Read) -> io::Result<Self> {
        let (mut md5, mut buffer) = (md5::Md5::new(), vec![0; 64 * 1024]);
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(Self(md5.finalize().into())),
                Ok(read) => md5.update(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

macro_rules! hexadecimal {
    ($type:ident, $bytes:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl FromStr for $type {
            type Err = ParseDigestError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut bytes = [0; $bytes];
                hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| ParseDigestError)?;
                Ok(Self(bytes))
            }
        }
    };
}

hexadecimal!(Sha256, 32);
hexadecimal!(Md5, 16);

/// What identifies a content: both digests and the length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentDigest {
    /// The proof.
    pub sha256: Sha256,
    /// The entity tag of the logical object.
    pub md5: Md5,
    /// Length in bytes.
    pub size: u64,
}

impl ContentDigest {
    /// The digests of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = ContentHasher::default();
        hasher.update(bytes);
        hasher.finish()
    }
}

/// Hashes bytes as they pass.
#[derive(Clone, Debug, Default)]
pub struct ContentHasher {
    sha256: sha2::Sha256,
    md5: md5::Md5,
    size: u64,
}

impl ContentHasher {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.md5.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// The digests of all bytes taken.
    #[must_use]
    pub fn finish(self) -> ContentDigest {
        ContentDigest {
            sha256: Sha256(self.sha256.finalize().into()),
            md5: Md5(self.md5.finalize().into()),
            size: self.size,
        }
    }
}

/// Hashes bytes as they pass, by SHA-256 alone: for contents whose entity tag nobody asks for.
#[derive(Clone, Debug, Default)]
pub struct Sha256Hasher {
    sha256: sha2::Sha256,
    size: u64,
}

impl Sha256Hasher {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// How many bytes were taken.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The digest of all bytes taken.
    #[must_use]
    pub fn finish(self) -> Sha256 {
        Sha256(self.sha256.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        let digest = ContentDigest::of(b"abc");
        assert_eq!(digest.sha256.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digest.md5.to_string(), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(Md5::of_reader(&mut &b"abc"[..]).expect("read"), digest.md5);
        assert_eq!(digest.size, 3);
        assert_eq!(digest.sha256.to_string().parse(), Ok(digest.sha256));
        assert_eq!("zz".parse::<Md5>(), Err(ParseDigestError));
    }
}
