//! The encoders: what makes compressed files in the world, each in the hands of its own program.

/// How to run an encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// A command of a Debian package: `(package, words)`.
    Command(&'static str, &'static [&'static str]),
    /// A program of this folder, in Go, by the format.
    Go(&'static str),
    /// The one in Java, by the format.
    Java(&'static str),
    /// The one in JavaScript.
    Node,
    /// The one in Python, by the encoder and the format.
    Python(&'static str, &'static str),
    /// The one in Rust, by the feature of flate2.
    Rust(&'static str),
}

/// An encoder, and the levels at which it is heard. In words, `LEVEL`, `PLAINTEXT` and `OUT` stand for what they say; where
/// there is no `OUT`, the result is what the command prints.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encoder {
    pub(super) name: &'static str,
    pub(super) extension: &'static str,
    pub(super) levels: &'static [&'static str],
    pub(super) program: Program,
}

const ONE_TO_NINE: &[&str] = &["1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// All of them.
pub(super) const ENCODERS: [Encoder; 31] = [
    command("gzip", "gz", ONE_TO_NINE, "gzip", &["gzip", "-n", "-LEVEL", "-c", "PLAINTEXT"]),
    command("infozip", "zip", ONE_TO_NINE, "zip", &["zip", "-q", "-X", "-LEVEL", "OUT", "PLAINTEXT"]),
    // From standard input the sizes are not known: a data descriptor follows the member.
    command("infozip-stream", "zip", &["6"], "zip", &["sh", "-c", "zip -q -X -LEVEL - - <PLAINTEXT"]),
    command(
        "libdeflate",
        "gz",
        &["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"],
        "libdeflate-tools",
        &["libdeflate-gzip", "-LEVEL", "-c", "PLAINTEXT"],
    ),
    command("zopfli", "gz", &["1", "15"], "zopfli", &["zopfli", "--iLEVEL", "-c", "PLAINTEXT"]),
    command(
        "7zip",
        "gz",
        &["1", "5", "9"],
        "7zip",
        &["7zz", "a", "-bd", "-bso0", "-tgzip", "-mxLEVEL", "OUT", "PLAINTEXT"],
    ),
    command(
        "7zip",
        "zip",
        &["1", "3", "5", "7", "9"],
        "7zip",
        &["7zz", "a", "-bd", "-bso0", "-tzip", "-mxLEVEL", "OUT", "PLAINTEXT"],
    ),
    command("pigz", "gz", &["1", "6", "9", "11"], "pigz", &["pigz", "-n", "-p1", "-LEVEL", "-c", "PLAINTEXT"]),
    // Blocks of 32 KiB, so that several threads have one each.
    command(
        "pigz-threads",
        "gz",
        &["1", "6", "9"],
        "pigz",
        &["pigz", "-n", "-p4", "-b32", "-LEVEL", "-c", "PLAINTEXT"],
    ),
    command(
        "pigz-independent",
        "gz",
        &["6"],
        "pigz",
        &["pigz", "-n", "-p4", "-b32", "-i", "-LEVEL", "-c", "PLAINTEXT"],
    ),
    command("gzip-rsyncable", "gz", &["6"], "gzip", &["gzip", "-n", "--rsyncable", "-LEVEL", "-c", "PLAINTEXT"]),
    // Two members, one after the other.
    command(
        "gzip-members",
        "gz",
        &["6"],
        "gzip",
        &["sh", "-c", "head -c 20000 PLAINTEXT | gzip -n -LEVEL; tail -c +20001 PLAINTEXT | gzip -n -LEVEL"],
    ),
    encoder("go", "gz", &["-2", "1", "2", "3", "4", "5", "6", "7", "8", "9"], Program::Go("gz")),
    encoder("go", "zip", &["6"], Program::Go("zip")),
    encoder("java", "gz", &["1", "3", "6", "9"], Program::Java("gz")),
    encoder("java", "zip", &["1", "6", "9"], Program::Java("zip")),
    command(
        "jar",
        "zip",
        &["6"],
        "default-jdk-headless",
        &["jar", "--create", "--date=2020-01-01T00:00:00Z", "--file=OUT", "PLAINTEXT"],
    ),
    encoder("node", "gz", &["1", "2", "4", "6", "8", "9"], Program::Node),
    encoder("python", "gz", &["1", "6", "9"], Program::Python("python", "gz")),
    encoder("python", "zip", &["1", "6", "9"], Program::Python("python", "zip")),
    encoder("zlib-ng", "gz", ONE_TO_NINE, Program::Python("zlib-ng", "gz")),
    encoder("miniz", "gz", &["1", "3", "6", "9"], Program::Rust("rust_backend")),
    encoder("zlib-rs", "gz", ONE_TO_NINE, Program::Rust("zlib-rs")),
    encoder("miniz-stored", "gz", &["0"], Program::Rust("rust_backend")),
    command("xz", "xz", &["0", "1", "6", "6e"], "xz-utils", &["xz", "-T1", "-LEVEL", "-c", "PLAINTEXT"]),
    // Blocks of 16 KiB, with their sizes in their headers, as several threads write them.
    command("xz-blocks", "xz", &["6"], "xz-utils", &["xz", "-T2", "--block-size=16KiB", "-LEVEL", "-c", "PLAINTEXT"]),
    command("bzip2", "bz2", &["1", "9"], "bzip2", &["bzip2", "-LEVEL", "-c", "PLAINTEXT"]),
    command("zstd", "zst", &["1", "3", "19"], "zstd", &["zstd", "-q", "-LEVEL", "-c", "PLAINTEXT"]),
    encoder("python-zstandard", "zst", &["3", "19"], Program::Python("zstandard", "zst")),
    command(
        "dpkg-deb",
        "deb",
        &["6"],
        "dpkg",
        &[
            "sh",
            "-c",
            "rm -rf package && mkdir -p package/DEBIAN package/usr && cp -p PLAINTEXT package/usr && printf 'Package: plaintext\\nVersion: \
             1\\nArchitecture: all\\nMaintainer: nobody\\nDescription: a file\\n' >package/DEBIAN/control && SOURCE_DATE_EPOCH=1577836800 \
             dpkg-deb --root-owner-group -Zxz -zLEVEL --build package OUT",
        ],
    ),
    command("infozip-stored", "zip", &["0"], "zip", &["zip", "-q", "-X", "-LEVEL", "OUT", "PLAINTEXT"]),
];

const fn encoder(
    name: &'static str,
    extension: &'static str,
    levels: &'static [&'static str],
    program: Program,
) -> Encoder {
    Encoder { name, extension, levels, program }
}

const fn command(
    name: &'static str,
    extension: &'static str,
    levels: &'static [&'static str],
    package: &'static str,
    words: &'static [&'static str],
) -> Encoder {
    encoder(name, extension, levels, Program::Command(package, words))
}

impl Encoder {
    /// The name of a file that it makes.
    pub(super) fn file(&self, level: &str) -> String {
        // Go's name for codes without matches.
        let level = if level == "-2" { "huffman" } else { level };
        format!("{}-{level}.{}", self.name, self.extension)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_make_the_same_file() {
        let files: Vec<String> =
            ENCODERS.iter().flat_map(|encoder| encoder.levels.iter().map(|level| encoder.file(level))).collect();
        assert_eq!(files.iter().collect::<BTreeSet<_>>().len(), files.len());
    }

    #[test]
    fn a_command_is_told_the_level_and_the_file() {
        for encoder in &ENCODERS {
            let Program::Command(_, words) = encoder.program else { continue };
            let has = |name: &str| words.iter().any(|word| word.contains(name));
            assert!(has("PLAINTEXT") && (has("LEVEL") || encoder.levels.len() == 1), "{}", encoder.name);
        }
    }
}
