//! Measures the DEFLATE room: a reference, then the archives (zip or gzip) whose streams are taken apart.
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant};

use deltaglider_codec::measure;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let reference = arguments.next().map(std::fs::read).transpose()?.unwrap_or_default();
    // The longest stream of the reference, whose tokens are the prefix of the others'.
    let reference = streams(&reference).into_iter().max_by_key(Vec::len).unwrap_or_default();
    let prefix = measure::tokens(&reference).unwrap_or_default();
    for path in arguments {
        let file = std::fs::read(&path)?;
        let streams = streams(&file);
        let mut inflate = Spent::default();
        let mut plains = Vec::new();
        for stream in &streams {
            let (plain, length) = inflate.time(|| measure::inflate(stream, 1 << 30)).ok_or("no stream")?;
            assert_eq!(length, stream.len());
            inflate.plain += plain.len();
            plains.push(plain);
        }
        let compressed: usize = streams.iter().map(Vec::len).sum();
        println!("{path}: {} streams of {compressed} bytes, {} plain", streams.len(), inflate.plain);
        println!("  inflate {:.0} MB/s", inflate.rate());
        let tokens = |stream: &[u8], _: &[u8]| Some((2, measure::tokens(stream)?));
        kinds("tokens", &streams, &plains, tokens, &prefix)?;
        kinds("as it is chosen", &streams, &plains, measure::represent, &prefix)?;
    }
    Ok(())
}

/// Time spent on plaintext.
#[derive(Default)]
struct Spent {
    time: Duration,
    plain: usize,
}

impl Spent {
    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.time += start.elapsed();
        result
    }

    fn rate(&self) -> f64 {
        self.plain as f64 / self.time.as_secs_f64() / 1e6
    }
}

/// Represents all streams, makes them again, and says what each kind took.
fn kinds(
    name: &str,
    streams: &[Vec<u8>],
    plains: &[Vec<u8>],
    represent: impl Fn(&[u8], &[u8]) -> Option<(u8, Vec<u8>)>,
    prefix: &[u8],
) -> Result<(), Box<dyn Error>> {
    let mut found: BTreeMap<u8, (usize, Spent, Spent, Vec<u8>)> = BTreeMap::new();
    let mut packer = zstd::bulk::Compressor::with_dictionary(12, prefix)?;
    packer.window_log(27)?;
    for (stream, plain) in streams.iter().zip(plains) {
        let mut analyse = Spent::default();
        let Some((kind, side)) = analyse.time(|| represent(stream, plain)) else {
            analyse.plain = plain.len();
            let entry = found.entry(0).or_default();
            entry.0 += 1;
            entry.1.time += analyse.time;
            entry.1.plain += plain.len();
            continue;
        };
        let (count, analysed, rebuilt, sides) = found.entry(kind).or_default();
        let again = rebuilt.time(|| measure::rebuild(kind, plain, &side, stream.len(), &[]));
        assert_eq!(again.as_ref(), Some(stream));
        *count += 1;
        analysed.time += analyse.time;
        analysed.plain += plain.len();
        rebuilt.plain += plain.len();
        sides.extend_from_slice(&side);
    }
    for (kind, (count, analysed, rebuilt, sides)) in found {
        let packed = zstd::bulk::compress(&sides, 12)?.len();
        let prefixed = packer.compress(&sides)?.len();
        println!(
            "  {name}: kind {kind}: {count} streams, {} side bytes, {packed} by zstd -12, {prefixed} after the reference's tokens; analyse {:.0} MB/s, rebuild {:.0} MB/s",
            sides.len(),
            analysed.rate(),
            rebuilt.rate()
        );
    }
    Ok(())
}

/// The DEFLATE streams of a gzip of one member, or of a zip whose members have their sizes before them.
fn streams(file: &[u8]) -> Vec<Vec<u8>> {
    if file.starts_with(&[0x1f, 0x8b]) {
        return vec![file[10..file.len() - 8].to_vec()];
    }
    let mut streams = Vec::new();
    let mut rest = file;
    while let Some([b'P', b'K', 3, 4]) = rest.first_chunk::<4>() {
        let number = |at: usize| usize::from(u16::from_le_bytes([rest[at], rest[at + 1]]));
        let size = number(18) | number(20) << 16;
        let start = 30 + number(26) + number(28);
        if number(8) == 8 {
            streams.push(rest[start..start + size].to_vec());
        }
        rest = &rest[start + size..];
    }
    streams
}
