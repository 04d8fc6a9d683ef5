//! Compresses a file by flate2, over the implementation that it was built with: `deflate gz LEVEL FILE OUT`.

use std::error::Error;
use std::fs::{self, File};
use std::io::Write;

use flate2::{Compression, GzBuilder};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, _, level, file, out] = &arguments[..] else { return Err("usage: deflate gz LEVEL FILE OUT".into()) };
    let mut writer = GzBuilder::new().write(File::create(out)?, Compression::new(level.parse()?));
    writer.write_all(&fs::read(file)?)?;
    writer.finish()?;
    Ok(())
}
