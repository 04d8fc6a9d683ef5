//! Measures the DEFLATE room over the streams of zips and gzips.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::{Duration, Instant};

use deltaglider_codec::measure;

fn main() -> Result<(), Box<dyn Error>> {
    for path in std::env::args().skip(1) {
        let file = std::fs::read(&path)?;
        let streams = streams(&file);
        let (mut plain, mut length, mut side, mut packed) = (0, 0, 0, 0);
        let (mut inflate, mut analyse, mut rebuild) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        for stream in &streams {
            let start = Instant::now();
            let (bytes, taken) = measure::inflate(stream, 1 << 30).ok_or("no stream")?;
            inflate += start.elapsed();
            assert_eq!(taken, stream.len());
            let start = Instant::now();
            let tokens = measure::tokens(stream).ok_or("no tokens")?;
            analyse += start.elapsed();
            let start = Instant::now();
            let again = measure::rebuild(3, &bytes, &tokens, stream.len()).ok_or("no rebuild")?;
            rebuild += start.elapsed();
            assert_eq!(&again, stream);
            plain += bytes.len();
            length += stream.len();
            side += tokens.len();
            packed += zstd::bulk::compress(&tokens, 12)?.len();
        }
        let rate = |time: Duration| plain as f64 / time.as_secs_f64() / 1e6;
        println!(
            "{path}: {} streams, {length} bytes, {plain} plain; inflate {:.0} MB/s; tokens {side} bytes, {packed} packed, analyse {:.0}, rebuild {:.0} MB/s",
            streams.len(),
            rate(inflate),
            rate(analyse),
            rate(rebuild)
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
