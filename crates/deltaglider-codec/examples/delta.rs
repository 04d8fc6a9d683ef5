//! Makes a delta of two files by a named codec, gives the target back, or tells what a delta is made of:
//!
//! ```text
//! delta encode CODEC EFFORT REFERENCE TARGET DELTA [MEMORY]
//! delta decode CODEC EFFORT REFERENCE DELTA SIZE TARGET
//! delta parts CODEC EFFORT DELTA
//! ```
//!
//! MEMORY is what making the delta may take, in bytes; 1 GiB unless it is told.
//!
//! Each prints one line of JSON. A call is a process of its own, so that whoever measures a codec from outside sees the
//! CPU and the peak memory of one thing alone.

#![allow(clippy::print_stdout, reason = "the line of JSON is what it is for")]

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write};

use bytes::Bytes;
use deltaglider_codec::{Dgd1Codec, Effort};
use deltaglider_core::RandomAccess;
use deltaglider_core::cache::Form;
use deltaglider_core::codec::zstd::ZstdCodec;
use deltaglider_core::codec::{CodecLimits, DeltaCodec};
use deltaglider_core::random_access::FileAccess;

/// What the client allows unless it is told otherwise.
const MEMORY: u64 = 1 << 30;
const USAGE: &str = "usage: delta encode CODEC EFFORT REFERENCE TARGET DELTA [MEMORY]\n       \
                     delta decode CODEC EFFORT REFERENCE DELTA SIZE TARGET\n       \
                     delta parts CODEC EFFORT DELTA";

/// A codec at one effort, and what tells how many bytes of a delta each of its representations takes.
struct Measured {
    codec: Box<dyn DeltaCodec>,
    parts: fn(&[u8]) -> Vec<(&'static str, usize)>,
}

/// Every codec that can be measured.
fn measured(codec: &str, effort: &str) -> Result<Measured, String> {
    match (codec, effort) {
        ("zstd", "default") => {
            Ok(Measured { codec: Box::new(ZstdCodec::new()), parts: |delta| vec![("plain", delta.len())] })
        }
        ("dgd1", "fast") => Ok(dgd1(Effort::Fast)),
        ("dgd1", "default") => Ok(dgd1(Effort::Default)),
        ("dgd1", "max") => Ok(dgd1(Effort::Max)),
        _ => Err(format!("there is no codec {codec} of effort {effort}")),
    }
}

fn dgd1(effort: Effort) -> Measured {
    Measured { codec: Box::new(Dgd1Codec::new(effort)), parts: |delta| vec![("delta", delta.len())] }
}

/// A reference as the codec takes it.
fn prepared(codec: &dyn DeltaCodec, reference: &str) -> Result<Bytes, Box<dyn Error>> {
    let stored = Bytes::from(fs::read(reference)?);
    if codec.reference_form() == Form::STORED {
        return Ok(stored);
    }
    Ok(codec.prepare(&stored, MEMORY)?.into())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["encode", codec, effort, reference, target, delta, ref memory @ ..] if memory.len() < 2 => {
            let memory = memory.first().map_or(Ok(MEMORY), |bytes| bytes.parse())?;
            let Measured { codec, .. } = measured(codec, effort)?;
            let target = FileAccess::new(File::open(target)?)?;
            let limits = CodecLimits { memory, target_size: target.size() };
            let mut body = BufWriter::new(File::create(delta)?);
            codec.encode(&prepared(&*codec, reference)?, &target, &mut body, &limits)?;
            body.flush()?;
            let size = fs::metadata(delta)?.len();
            println!(r#"{{"codec": "{}", "target": {}, "delta": {size}}}"#, codec.id(), target.size());
        }
        ["decode", codec, effort, reference, delta, size, target] => {
            let Measured { codec, .. } = measured(codec, effort)?;
            let limits = CodecLimits { memory: MEMORY, target_size: size.parse()? };
            let mut delta = BufReader::new(File::open(delta)?);
            let mut body = BufWriter::new(File::create(target)?);
            codec.decode(&prepared(&*codec, reference)?, &mut delta, &mut body, &limits)?;
            body.flush()?;
            println!(r#"{{"codec": "{}", "target": {size}}}"#, codec.id());
        }
        ["parts", codec, effort, delta] => {
            let Measured { codec, parts } = measured(codec, effort)?;
            let parts = parts(&fs::read(delta)?);
            let parts: Vec<String> = parts.iter().map(|(name, bytes)| format!("\"{name}\": {bytes}")).collect();
            println!(r#"{{"codec": "{}", "parts": {{{}}}}}"#, codec.id(), parts.join(", "));
        }
        _ => return Err(USAGE.into()),
    }
    Ok(())
}
