//! Streams that an encoder of ours gives, so that its name and settings are all that need be kept.
//!
//! | id | encoder | whose streams |
//! |---|---|---|
//! | 1 | zlib, made anew in [`zlib`] | zlib's: Python, Java, Info-ZIP's and most other archivers |
//! | 2 | the same with Chromium's hash | Node.js's: npm |
//! | 3 | `zlib-rs` 0.6.8 | zlib-ng's and its own: cargo |
//! | 4 | `miniz_oxide` 0.9.1 | that of Rust's `flate2` by default |
//! | 5 | 1, with blocks ended as GNU gzip ends them | gzip's: most `.tar.gz` |
//!
//! The side is four bytes: id, level, memory level, strategy. The last two are 0 for `miniz_oxide`. An id stands for
//! the bytes that its encoder gives: another version that gives others has another id.

mod blocks;
mod detect;
mod guided;
mod zlib;

pub(super) use detect::{detect, likely};
pub(crate) use guided::{Version, reach as guide_reach};
pub(super) use guided::{rebuild as rebuild_guided, side as guided_side};

use zlib::{Family, Parameters, Strategy};

/// An encoder with its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoder {
    Zlib(Parameters),
    ZlibRs { level: u8, memory: u8 },
    Miniz { level: u8 },
}

/// Bytes of the side that names an encoder.
pub(super) const SIDE: usize = 4;

const STRATEGIES: [Strategy; 5] =
    [Strategy::Default, Strategy::Filtered, Strategy::HuffmanOnly, Strategy::Rle, Strategy::Fixed];

impl Encoder {
    fn side(self) -> Vec<u8> {
        match self {
            Self::Zlib(Parameters { family, level, memory, strategy }) => {
                let id = match family {
                    Family::Zlib => 1,
                    Family::Chromium => 2,
                    Family::Gzip => 5,
                };
                let strategy = STRATEGIES.iter().position(|other| *other == strategy).unwrap_or(0);
                vec![id, level, memory, strategy as u8]
            }
            Self::ZlibRs { level, memory } => vec![3, level, memory, 0],
            Self::Miniz { level } => vec![4, level, 0, 0],
        }
    }

    fn from_side(side: &[u8]) -> Option<Self> {
        let &[id, level @ 1..=10, memory, strategy] = side else { return None };
        let strategy = *STRATEGIES.get(usize::from(strategy))?;
        match (id, level, memory) {
            (1 | 2, 1..=9, 1..=9) => {
                let family = if id == 1 { Family::Zlib } else { Family::Chromium };
                Some(Self::Zlib(Parameters { family, level, memory, strategy }))
            }
            (5, 1..=9, 8) if strategy == Strategy::Default => {
                Some(Self::Zlib(Parameters { family: Family::Gzip, level, memory, strategy }))
            }
            (3, 1..=9, 1..=9) if strategy == Strategy::Default => Some(Self::ZlibRs { level, memory }),
            (4, _, 0) if strategy == Strategy::Default => Some(Self::Miniz { level }),
            _ => None,
        }
    }

    /// The stream for `plain`; None where it is longer than `limit`, or is seen not to be `expected`.
    fn deflate(self, plain: &[u8], limit: usize, expected: Option<&[u8]>) -> Option<Vec<u8>> {
        let stream = match self {
            Self::Zlib(parameters) => zlib::deflate(plain, parameters, limit, expected)?,
            Self::ZlibRs { level, memory } => {
                let config = zlib_rs::DeflateConfig {
                    level: i32::from(level),
                    mem_level: i32::from(memory),
                    window_bits: -15,
                    ..zlib_rs::DeflateConfig::default()
                };
                let mut output = vec![0; zlib_rs::compress_bound(plain.len())];
                let (stream, code) = zlib_rs::compress_slice(&mut output, plain, config);
                if code != zlib_rs::ReturnCode::Ok {
                    return None;
                }
                stream.to_vec()
            }
            Self::Miniz { level } => miniz_oxide::deflate::compress_to_vec(plain, level),
        };
        (stream.len() <= limit).then_some(stream)
    }
}

/// Whether the encoder named by `side` gives exactly `stream`.
pub(super) fn gives(side: &[u8], stream: &[u8], plain: &[u8]) -> bool {
    let encoder = Encoder::from_side(side);
    encoder.and_then(|encoder| encoder.deflate(plain, stream.len(), Some(stream))).is_some_and(|other| other == stream)
}

/// The stream of `length` bytes that the encoder named by `side` gives.
pub(super) fn rebuild(plain: &[u8], side: &[u8], length: usize) -> Option<Vec<u8>> {
    Encoder::from_side(side)?.deflate(plain, length, None).filter(|stream| stream.len() == length)
}

#[cfg(test)]
pub(super) mod samples {
    use super::*;

    /// What each encoder gives with each setting, and its name.
    pub(in super::super) fn every_encoder(plain: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut encoders = Vec::new();
        for level in 1..=9 {
            for family in [Family::Zlib, Family::Chromium] {
                for memory in [8, 9] {
                    let parameters = Parameters { family, level, memory, strategy: Strategy::Default };
                    encoders.push(Encoder::Zlib(parameters));
                }
            }
            let strategy = Strategy::Default;
            encoders.push(Encoder::Zlib(Parameters { family: Family::Gzip, level, memory: 8, strategy }));
            encoders.extend([Encoder::ZlibRs { level, memory: 8 }, Encoder::Miniz { level }]);
        }
        for strategy in STRATEGIES {
            encoders.push(Encoder::Zlib(Parameters { family: Family::Zlib, level: 6, memory: 8, strategy }));
        }
        let stream = |encoder: Encoder| {
            assert_eq!(Encoder::from_side(&encoder.side()), Some(encoder));
            (format!("{encoder:?}"), encoder.deflate(plain, usize::MAX, None).unwrap())
        };
        encoders.into_iter().map(stream).collect()
    }
}
