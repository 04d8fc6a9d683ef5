//! Vectors by real encoders: the same two plaintexts, compressed by the programs that make compressed files in the world.
//!
//! The vectors are committed; making them again needs the programs, the tests do not. What is missing here keeps the
//! vectors that it has.

mod encoder;
mod plaintext;
mod toolbox;

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};

use self::encoder::{ENCODERS, Encoder};
use crate::folder::size_of;

/// The folder of the vectors.
pub(crate) const VECTORS: &str = "crates/deltaglider-codec/tests/vectors/encoders";
/// The page beside them.
const PAGE: &str = "README.md";
/// The file's name inside of archives.
const NAME: &str = "plaintext.bin";
/// When it was changed, by the archives' word: 2020-01-01T00:00:00Z.
const CHANGED: Duration = Duration::from_secs(1_577_836_800);
/// The most that all vectors may take.
const BUDGET: u64 = 3 << 20;

const HEAD: &str = "\
# Vectors by real encoders

Two versions of a file, `plaintext-1.bin` and `plaintext-2.bin`, each compressed by the programs that make gzip, zip, xz, bzip2 and zstd files and Debian's packages in the world: `1/gzip-6.gz` holds the first, `2/gzip-6.gz` the second. `cargo xtask encoders` makes them again, and this page; a program that is not there is named by it and keeps its vectors. The programs `deflate.*` are in `xtask/encoders`.

| name | format | levels | encoder | command |
|---|---|---|---|---|
";

/// Makes every vector whose encoder is there; false where one is missing.
pub(crate) fn run(root: &Path) -> Result<bool> {
    let (place, folder) = (root.join("target/encoders"), root.join(VECTORS));
    let page = fs::read_to_string(folder.join(PAGE)).unwrap_or_default();
    for version in [1, 2] {
        let content = plaintext::plaintext(version);
        let directory = place.join(version.to_string());
        for directory in [&directory, &folder.join(version.to_string())] {
            fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        }
        fs::write(folder.join(format!("plaintext-{version}.bin")), &content)?;
        fs::write(directory.join(NAME), content)?;
        File::options().write(true).open(directory.join(NAME))?.set_modified(SystemTime::UNIX_EPOCH + CHANGED)?;
    }
    let (mut rows, mut complete) = (String::new(), true);
    for encoder in &ENCODERS {
        match make(root, &place, &folder, encoder) {
            Ok(row) => rows.push_str(&row),
            Err(error) => {
                println!("encoders: {} is not made again: {error:#}", encoder.name);
                complete = false;
                rows.push_str(known_row(&page, encoder).unwrap_or_default());
            }
        }
    }
    fs::write(folder.join(PAGE), format!("{HEAD}{rows}"))?;
    let size = size_of(&folder)?;
    println!("encoders: {size} bytes in {VECTORS}");
    ensure!(size < BUDGET, "the vectors take {size} bytes, over {BUDGET}");
    Ok(complete)
}

/// Makes the vectors of one encoder, and tells its row of the page.
fn make(root: &Path, place: &Path, folder: &Path, encoder: &Encoder) -> Result<String> {
    let tool = toolbox::tool(root, place, encoder.program)?;
    for version in ["1", "2"] {
        for level in encoder.levels {
            let draft = place.join(format!("draft.{}", encoder.extension));
            tool.compress(encoder.program, level, &place.join(version), NAME, &draft)?;
            fs::copy(&draft, folder.join(version).join(encoder.file(level)))?;
        }
    }
    let levels = encoder.levels.join(" ");
    let command = tool.cell(encoder.program);
    Ok(format!("{}{levels} | {} | `{command}` |\n", row_head(encoder), tool.version))
}

/// The row of an encoder that the page has already, with its line feed.
fn known_row<'a>(page: &'a str, encoder: &Encoder) -> Option<&'a str> {
    page.split_inclusive('\n').find(|line| line.starts_with(&row_head(encoder)))
}

fn row_head(encoder: &Encoder) -> String {
    format!("| {} | {} | ", encoder.name, encoder.extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vector_is_committed_and_on_the_page() {
        let folder = crate::workspace::root().join(VECTORS);
        let page = fs::read_to_string(folder.join(PAGE)).expect("there is a page");
        assert!(page.starts_with(HEAD));
        for encoder in &ENCODERS {
            let row = known_row(&page, encoder).unwrap_or_else(|| panic!("{} is on the page", encoder.name));
            assert!(row.contains(&format!(" {} |", encoder.levels.join(" "))), "{row}");
            for level in encoder.levels {
                for version in ["1", "2"] {
                    let path = folder.join(version).join(encoder.file(level));
                    assert!(path.exists(), "{} is missing", path.display());
                }
            }
        }
        assert!(size_of(&folder).expect("it can be read") < BUDGET);
    }
}
