//! Prepares a reference for a named codec, makes a delta of two files by it, or gives the target back:
//!
//! ```text
//! delta prepare CODEC EFFORT REFERENCE PREPARED
//! delta encode CODEC EFFORT REFERENCE TARGET DELTA [MEMORY]
//! delta decode CODEC EFFORT REFERENCE DELTA SIZE TARGET
//! ```
//!
//! REFERENCE is the file as it is, or `prepared:FILE` with what was made of it before. Each prints one line of JSON; encoding tells
//! what the delta is made of. A call is a process of its own, so that whoever measures a codec from outside sees the CPU and the
//! peak memory of one thing alone.

#![allow(clippy::print_stdout, reason = "the line of JSON is what it is for")]

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write};

use bytes::Bytes;
use deltaglider_codec::{Dgd1Codec, Effort, VcdiffCodec};
use deltaglider_core::RandomAccess;
use deltaglider_core::codec::zstd::ZstdCodec;
use deltaglider_core::codec::{CodecLimits, DeltaCodec, DeltaParts};
use deltaglider_core::random_access::FileAccess;

/// What the client allows unless it is told otherwise.
const MEMORY: u64 = 1 << 30;
const USAGE: &str = "usage: delta prepare CODEC EFFORT REFERENCE PREPARED\n       \
                     delta encode CODEC EFFORT REFERENCE TARGET DELTA [MEMORY]\n       \
                     delta decode CODEC EFFORT REFERENCE DELTA SIZE TARGET";

/// Every codec that can be measured.
fn measured(codec: &str, effort: &str) -> Result<Box<dyn DeltaCodec>, String> {
    match (codec, effort) {
        ("zstd", "default") => Ok(Box::new(ZstdCodec::new())),
        ("vcdiff", "default") => Ok(Box::new(VcdiffCodec)),
        ("dgd1", "fast") => Ok(Box::new(Dgd1Codec::new(Effort::Fast))),
        ("dgd1", "default") => Ok(Box::new(Dgd1Codec::new(Effort::Default))),
        ("dgd1", "max") => Ok(Box::new(Dgd1Codec::new(Effort::Max))),
        _ => Err(format!("there is no codec {codec} of effort {effort}")),
    }
}

/// A reference as the codec takes it.
fn prepared(codec: &dyn DeltaCodec, reference: &str) -> Result<Bytes, Box<dyn Error>> {
    if let Some(prepared) = reference.strip_prefix("prepared:") {
        return Ok(fs::read(prepared)?.into());
    }
    Ok(codec.prepare(fs::read(reference)?.into(), MEMORY)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["encode", codec, effort, reference, target, delta, ref memory @ ..] if memory.len() < 2 => {
            let memory = memory.first().map_or(Ok(MEMORY), |bytes| bytes.parse())?;
            let codec = measured(codec, effort)?;
            let target = FileAccess::new(File::open(target)?)?;
            let limits = CodecLimits { memory, target_size: target.size() };
            let mut body = BufWriter::new(File::create(delta)?);
            let parts = codec.encode(&prepared(&*codec, reference)?, &target, &mut body, &limits)?;
            body.flush()?;
            let size = fs::metadata(delta)?.len();
            let DeltaParts { copied, reencoded, tokens, repacked, raw, plain, side, body, .. } = parts;
            println!(
                r#"{{"codec": "{}", "target": {}, "delta": {size}, "parts": {{"copied": {copied}, "reencoded": {reencoded}, "tokens": {tokens}, "repacked": {repacked}, "raw": {raw}, "plain": {plain}, "side": {side}, "body": {body}}}}}"#,
                codec.id(),
                target.size()
            );
        }
        ["decode", codec, effort, reference, delta, size, target] => {
            let codec = measured(codec, effort)?;
            let limits = CodecLimits { memory: MEMORY, target_size: size.parse()? };
            let mut delta = BufReader::new(File::open(delta)?);
            let mut body = BufWriter::new(File::create(target)?);
            codec.decode(&prepared(&*codec, reference)?, &mut delta, &mut body, &limits)?;
            body.flush()?;
            println!(r#"{{"codec": "{}", "target": {size}}}"#, codec.id());
        }
        ["prepare", codec, effort, reference, form] => {
            let codec = measured(codec, effort)?;
            let prepared = prepared(&*codec, reference)?;
            fs::write(form, &prepared)?;
            println!(r#"{{"codec": "{}", "prepared": {}}}"#, codec.id(), prepared.len());
        }
        _ => return Err(USAGE.into()),
    }
    Ok(())
}
