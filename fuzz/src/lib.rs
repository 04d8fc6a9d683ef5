//! What the fuzz targets share: seeds, a reference, and a bound of memory that is held.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use bytes::Bytes;
use deltaglider_codec::{Dgd1Codec, Effort};
use deltaglider_core::codec::{CodecLimits, DeltaCodec};
use deltaglider_core::digest::Sha256;
use peak_alloc::PeakAlloc;
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Bytes of memory that every codec is given.
pub const MEMORY: u64 = 64 << 20;

/// The versions of `dgd1`, and the memory that each is given: the second one unpacks what takes a window.
pub const VERSIONS: [(u8, u64); 2] = [(1, MEMORY), (2, 512 << 20)];

/// Two versions of an archive whose streams an encoder makes again, are kept as tokens, and lie in one another, with what is
/// plain between them.
static ARCHIVES: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    ["1", "2"].map(|version| {
        let vector = |name: &str| read(&vectors().join("encoders").join(version).join(name));
        let plain = read(&vectors().join(format!("encoders/plaintext-{version}.bin")));
        [&vector("python-6.gz")[..], &vector("libdeflate-6.gz"), &vector("infozip-6.zip"), &plain[..3000]].concat()
    })
});

/// The reference of the targets that decode.
pub static REFERENCE: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(ARCHIVES[0].clone()));

/// The same, prepared for `dgd1`.
pub static PREPARED: LazyLock<Bytes> =
    LazyLock::new(|| Dgd1Codec::default().prepare(REFERENCE.clone(), MEMORY).expect("prepared"));

/// Targets whose deltas are seeds: another version, the reference itself, parts of them, archives that are small, and nothing.
pub fn targets() -> Vec<Bytes> {
    let [first, second] = &*ARCHIVES;
    let mut targets = archives();
    targets.retain(|archive| archive.len() < 4000);
    let parts = [second, first, &first[..5000], &second[second.len() - 4000..], b""];
    targets.extend(parts.map(<[u8]>::to_vec));
    targets.into_iter().map(Bytes::from).collect()
}

/// The codec's delta of a target.
pub fn delta(codec: &dyn DeltaCodec, reference: &Bytes, target: &Bytes) -> Vec<u8> {
    let mut delta = Vec::new();
    codec.encode(reference, target, &mut delta, &limits(target.len() as u64)).expect("encoded");
    delta
}

/// Deltas of version 2, against the same reference.
pub fn second_deltas() -> Vec<Vec<u8>> {
    let deltas = packed().into_iter().map(|target| {
        let (codec, target) = (Dgd1Codec::new(Effort::Max), Bytes::from(target));
        let mut delta = Vec::new();
        let limits = limits_within(1 << 30, target.len() as u64);
        codec.encode(&*PREPARED, &target, &mut delta, &limits).expect("encoded");
        delta
    });
    deltas.filter(|delta| delta[4] == 2).collect()
}

/// Streams of xz, bzip2 and zstd, and a package of Debian.
pub fn packed() -> Vec<Vec<u8>> {
    let names = ["xz-6.xz", "xz-blocks-6.xz", "bzip2-9.bz2", "python-zstandard-3.zst", "dpkg-deb-6.deb"];
    names.map(|name| read(&vectors().join("encoders/2").join(name))).into()
}

/// The bounds of a call.
pub fn limits(target_size: u64) -> CodecLimits {
    limits_within(MEMORY, target_size)
}

/// The bounds of a call that is given so much memory.
pub fn limits_within(memory: u64, target_size: u64) -> CodecLimits {
    CodecLimits { memory, target_size }
}

/// Archives of every container that the project has vectors of, all of them small.
pub fn archives() -> Vec<Vec<u8>> {
    let encoders = ["7zip-9.gz", "go-huffman.gz", "gzip-members-6.gz", "libdeflate-6.gz", "zopfli-15.gz"];
    let archives = std::fs::read_dir(vectors().join("containers")).expect("the vectors");
    let mut archives: Vec<PathBuf> = archives.map(|entry| entry.expect("a vector").path()).collect();
    archives.retain(|path| path.extension().is_some_and(|extension| extension != "txt"));
    archives.sort();
    archives.extend(encoders.map(|name| vectors().join("encoders/1").join(name)));
    archives.iter().map(|path| read(path)).collect()
}

/// Writes seeds into the corpus that the fuzzer was started with. A seed stands there under its digest.
pub fn seed(seeds: impl FnOnce() -> Vec<Vec<u8>>) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let corpus = arguments.iter().map(Path::new).find(|path| path.is_dir());
    let Some(corpus) = corpus.filter(|_| !arguments.iter().any(|argument| argument.starts_with("-merge"))) else {
        return;
    };
    for seed in seeds() {
        std::fs::write(corpus.join(Sha256::of(&seed).to_string()), &seed).expect("written");
    }
}

/// Runs what is asynchronous to its end.
pub fn wait<T>(work: impl Future<Output = T>) -> T {
    static RUNTIME: LazyLock<Runtime> =
        LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime"));
    RUNTIME.block_on(work)
}

/// An empty directory of this process alone, for what lies in files.
pub fn directory(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("deltaglider-fuzz-{}-{name}", std::process::id()));
    // One of an earlier process of the same number may be there: a fuzzer ends without a word to its target.
    drop(std::fs::remove_dir_all(&directory));
    std::fs::create_dir_all(&directory).expect("a directory");
    directory
}

/// The input before and behind a place that its last two bytes name.
pub fn split(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (rest, at) = input.split_last_chunk()?;
    rest.split_at_checked(u16::from_le_bytes(*at).into())
}

/// An input that [`split`] takes apart into these; none where the first is too long.
pub fn joined(first: &[u8], second: &[u8]) -> Option<Vec<u8>> {
    let at = u16::try_from(first.len()).ok()?;
    Some([first, second, &at.to_le_bytes()].concat())
}

/// Calls `work`, and holds it to allocating at most `memory` bytes at once. What C allocates is not seen.
pub fn within<T>(memory: u64, work: impl FnOnce() -> T) -> T {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let done = work();
    let taken = ALLOCATOR.peak_usage().saturating_sub(before);
    assert!(taken as u64 <= memory, "{taken} bytes were allocated at once, and {memory} are allowed");
    done
}

/// Counts what is written, and refuses more than a target may have.
#[derive(Debug)]
pub struct Bounded {
    /// Bytes that may be written yet.
    pub rest: u64,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rest = self.rest.checked_sub(bytes.len() as u64).expect("no more is written than the target has");
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file among the vectors of the tests.
pub fn vector(path: &str) -> Vec<u8> {
    read(&vectors().join(path))
}

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/deltaglider-codec/tests/vectors")
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
