//! Makes a delta of two files, or gives the target back:
//! `zstd_delta encode REFERENCE TARGET DELTA` and `zstd_delta decode REFERENCE DELTA SIZE TARGET`.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write};

use bytes::Bytes;
use deltaglider_core::RandomAccess;
use deltaglider_core::codec::zstd::ZstdCodec;
use deltaglider_core::codec::{CodecLimits, DeltaCodec};
use deltaglider_core::random_access::FileAccess;

const MEMORY: u64 = 1 << 30;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let codec = ZstdCodec::new();
    match arguments[..] {
        ["encode", reference, target, delta] => {
            let target = FileAccess::new(File::open(target)?)?;
            let mut delta = BufWriter::new(File::create(delta)?);
            let limits = CodecLimits { memory: MEMORY, target_size: target.size() };
            codec.encode(&Bytes::from(fs::read(reference)?), &target, &mut delta, &limits)?;
            delta.flush()?;
        }
        ["decode", reference, delta, size, target] => {
            let mut target = BufWriter::new(File::create(target)?);
            let limits = CodecLimits { memory: MEMORY, target_size: size.parse()? };
            let mut delta = BufReader::new(File::open(delta)?);
            codec.decode(&Bytes::from(fs::read(reference)?), &mut delta, &mut target, &limits)?;
            target.flush()?;
        }
        _ => return Err("usage: zstd_delta encode REFERENCE TARGET DELTA | decode REFERENCE DELTA SIZE TARGET".into()),
    }
    Ok(())
}
