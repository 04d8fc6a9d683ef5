//! Sealing, opening, hits, inserts and rewraps, beside what bounds them in the same run: the AEAD alone, SHA-256, memcpy, the disk;
//! and beside Fernet, as the earlier tool seals its cache.
//!
//! `cargo bench -p deltaglider-cache`; the medians are in `target/criterion/*/*/new/estimates.json`.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aes::Aes128;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt};
use aes_gcm_siv::{AeadInOut, Aes256GcmSiv, KeyInit};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use deltaglider_cache::{FilesystemCache, FilesystemConfig, MemoryCache, MemoryConfig};
use deltaglider_core::cache::{CacheKey, Lookup, ReferenceCache};
use deltaglider_core::keys::{CacheEncryptionKey, KeyError, KeyProvider, KeyRing, Lifetime};
use deltaglider_core::seal::{Binding, BodyKey, CHUNK, SealReader, SealWriter};
use deltaglider_core::{Proven, RandomAccess, Sha256};
use hmac::{Hmac, Mac};
use tokio::runtime::Runtime;

const SIZE: usize = 16 << 20;
/// Entries of a rewrap.
const ENTRIES: u64 = 10_000;

/// Keys that a bench turns over.
#[derive(Debug)]
struct Keys(Mutex<KeyRing>);

impl Keys {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(KeyRing::of(key(1)))))
    }

    fn set(&self, primary: u8, old: u8) {
        let mut ring = KeyRing::of(key(primary));
        ring.decrypt_only.push(key(old));
        *self.0.lock().expect("not poisoned") = ring;
    }
}

fn key(byte: u8) -> CacheEncryptionKey {
    CacheEncryptionKey::fill_with(|key| {
        key.fill(byte);
        Ok::<_, KeyError>(())
    })
    .expect("filled")
}

#[async_trait::async_trait]
impl KeyProvider for Keys {
    async fn key_ring(&self) -> Result<KeyRing, KeyError> {
        Ok(self.0.lock().expect("not poisoned").clone())
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Persistent
    }

    fn source(&self) -> String {
        "a bench".to_owned()
    }
}

fn random(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    getrandom::fill(&mut bytes).expect("random");
    bytes
}

fn read(content: &dyn RandomAccess, buffer: &mut [u8]) {
    let mut at = 0;
    while at < content.size() {
        at += content.read_at(buffer, at).expect("read") as u64;
    }
    black_box(buffer);
}

/// What the content passes through, and what bounds it.
fn bodies(criterion: &mut Criterion) {
    let content = random(SIZE);
    let mut buffer = vec![0; 1 << 20];
    let mut group = criterion.benchmark_group("body");
    group.throughput(Throughput::Bytes(SIZE as u64)).sample_size(20).sampling_mode(SamplingMode::Flat);
    let mut copy = vec![0; SIZE];
    group.bench_function("memcpy", |bench| bench.iter(|| copy.copy_from_slice(black_box(&content))));
    group.bench_function("sha256", |bench| bench.iter(|| Sha256::of(black_box(&content))));

    let cipher = Aes256GcmSiv::new(&[1; 32].into());
    let mut chunks = content.clone();
    let mut tags = Vec::new();
    group.bench_function("aead seal", |bench| {
        bench.iter(|| {
            tags.clear();
            for chunk in chunks.chunks_mut(CHUNK) {
                let sealed = cipher.encrypt_inout_detached(&[2; 12].into(), &[0; 65], chunk.into());
                tags.push(sealed.expect("sealed"));
            }
        });
    });
    let mut out = vec![0; CHUNK];
    group.bench_function("aead open", |bench| {
        bench.iter(|| {
            // What was sealed last opens with the tags of that round.
            for (chunk, tag) in chunks.chunks(CHUNK).zip(&tags) {
                let places = aes_gcm_siv::aead::inout::InOutBuf::new(chunk, &mut out[..chunk.len()]).expect("as long");
                cipher.decrypt_inout_detached(&[2; 12].into(), &[0; 65], places, tag).expect("authentic");
            }
        });
    });

    let body_key = BodyKey::fill_with(|key| key.fill(1));
    let binding = Binding { digest: Sha256([0; 32]), entry: [0; 16], length: Some(SIZE as u64) };
    let mut sealed = Vec::with_capacity(SIZE + SIZE / 1024);
    let mut seal = || {
        sealed.clear();
        let mut writer = SealWriter::new(&mut sealed, &body_key, binding);
        writer.write_all(&content).expect("written");
        writer.finish().expect("finished");
    };
    // Once for the benches that open it, which may be the only ones that were asked for.
    seal();
    group.bench_function("seal", |bench| bench.iter(&mut seal));
    let reader = SealReader::new(Bytes::from(sealed), &body_key, binding).expect("its length");
    group.bench_function("open", |bench| bench.iter(|| read(&reader, &mut buffer)));

    fernet(&mut group, &content);
    group.finish();

    let mut group = criterion.benchmark_group("range");
    let mut at = 0;
    for length in [4096, CHUNK] {
        group.throughput(Throughput::Bytes(length as u64));
        group.bench_function(format!("{length} bytes anywhere"), |bench| {
            bench.iter(|| {
                at = (at + 7_654_321) % (SIZE - length) as u64;
                reader.read_at(black_box(&mut buffer[..length]), at).expect("read")
            });
        });
    }
    group.finish();
}

/// AES-128-CBC and HMAC-SHA256 over all of it, in base64: <https://github.com/fernet/spec/blob/master/Spec.md>.
fn fernet(group: &mut BenchmarkGroup<'_, WallTime>, content: &[u8]) {
    let cipher = Aes128::new(&[3; 16].into());
    let tag_of = |bytes: &[u8]| {
        let mut mac = <Hmac<sha2::Sha256> as hmac::KeyInit>::new_from_slice(&[4; 16]).expect("a key of any length");
        mac.update(bytes);
        mac.finalize().into_bytes()
    };
    let encrypt = || {
        let mut token = vec![0x80];
        token.extend([0; 8 + 16]);
        let mut last = [0_u8; 16];
        for block in content.chunks_exact(16) {
            last.iter_mut().zip(block).for_each(|(byte, plain)| *byte ^= plain);
            cipher.encrypt_block((&mut last).into());
            token.extend_from_slice(&last);
        }
        let tag = tag_of(&token);
        token.extend_from_slice(&tag);
        URL_SAFE.encode(token)
    };
    let decrypt = |token: &str| {
        let mut token = URL_SAFE.decode(token).expect("base64");
        let tag = token.split_off(token.len() - 32);
        assert_eq!(tag_of(&token)[..], tag[..]);
        let sealed = &token[9 + 16..];
        let mut plain = Vec::with_capacity(sealed.len());
        let mut before = [0_u8; 16];
        for block in sealed.chunks_exact(16) {
            let mut opened: [u8; 16] = block.try_into().expect("a block");
            cipher.decrypt_block((&mut opened).into());
            opened.iter_mut().zip(before).for_each(|(byte, before)| *byte ^= before);
            plain.extend_from_slice(&opened);
            before = block.try_into().expect("a block");
        }
        plain
    };
    let token = encrypt();
    assert_eq!(decrypt(&token), content);
    group.sample_size(10);
    group.bench_function("fernet encrypt", |bench| bench.iter(encrypt));
    group.bench_function("fernet decrypt", |bench| bench.iter(|| decrypt(black_box(&token))));
}

/// Writes as an insert does, without sealing.
fn write(place: &Path, content: &[u8], sync: bool) {
    let path = place.join("written");
    let mut file = File::create(&path).expect("made");
    for portion in content.chunks(CHUNK) {
        file.write_all(portion).expect("written");
    }
    if sync {
        file.sync_data().expect("on the disk");
    }
    fs::remove_file(path).expect("removed");
}

fn caches(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let place = tempfile::tempdir().expect("a directory");
    let disk = FilesystemCache::open(FilesystemConfig::new(place.path().join("cache")), Keys::new());
    let disk = runtime.block_on(disk).expect("opened");
    let memory = runtime.block_on(MemoryCache::open(MemoryConfig::new(4 * SIZE as u64), Keys::new())).expect("opened");
    let content = random(SIZE);
    let entry = CacheKey::stored(Sha256::of(&content));
    let proven = Proven::of(Bytes::from(content));
    let content = proven.content();
    // A reference is read whole, by one call.
    let mut buffer = vec![0; SIZE];

    let mut group = criterion.benchmark_group("cache");
    group.throughput(Throughput::Bytes(SIZE as u64)).sample_size(20).sampling_mode(SamplingMode::Flat);
    for (name, cache) in [("disk", &disk as &dyn ReferenceCache), ("memory", &memory)] {
        group.bench_function(format!("insert, {name}"), |bench| {
            bench.iter_batched(
                || runtime.block_on(cache.evict(&entry)).expect("evicted"),
                |_| runtime.block_on(cache.insert_proven(&entry, proven.clone())).expect("kept"),
                BatchSize::PerIteration,
            );
        });
        group.bench_function(format!("insert and hash, {name}"), |bench| {
            bench.iter_batched(
                || runtime.block_on(cache.evict(&entry)).expect("evicted"),
                |_| runtime.block_on(cache.insert(&entry, Arc::clone(content))).expect("kept"),
                BatchSize::PerIteration,
            );
        });
        group.bench_function(format!("hit, {name}"), |bench| {
            bench.iter(|| match runtime.block_on(cache.lookup(&entry)).expect("looked up") {
                Lookup::Hit(found) => read(&*found, &mut buffer),
                Lookup::Miss(_) => unreachable!("it is there"),
            });
        });
    }
    let bytes = content.as_slice().expect("in memory");
    group.bench_function("write, disk", |bench| bench.iter(|| write(place.path(), bytes, false)));
    group.bench_function("write and sync, disk", |bench| bench.iter(|| write(place.path(), bytes, true)));
    group.finish();

    let mut group = criterion.benchmark_group("lookup");
    for (name, cache) in [("disk", &disk as &dyn ReferenceCache), ("memory", &memory)] {
        group.bench_function(name, |bench| bench.iter(|| runtime.block_on(cache.lookup(&entry)).expect("looked up")));
    }
    group.finish();
}

fn rewraps(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let place = tempfile::tempdir().expect("a directory");
    let keys = Keys::new();
    let open = FilesystemCache::open(FilesystemConfig::new(place.path()), Arc::clone(&keys) as _);
    let cache = runtime.block_on(open).expect("opened");
    for number in 0..ENTRIES {
        let content = Bytes::copy_from_slice(&number.to_le_bytes());
        let entry = CacheKey::stored(Sha256::of(&content));
        runtime.block_on(cache.insert(&entry, Arc::new(content))).expect("kept");
    }
    let mut group = criterion.benchmark_group("rewrap");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).measurement_time(Duration::from_secs(10));
    let mut ring = (1, 2);
    group.bench_function(format!("{ENTRIES} entries"), |bench| {
        bench.iter(|| {
            ring = (ring.1, ring.0);
            keys.set(ring.0, ring.1);
            let done = runtime.block_on(cache.rewrap()).expect("rewrapped");
            assert_eq!((done.rewrapped, done.failed), (ENTRIES, 0));
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default();
    targets = bodies, caches, rewraps
}
criterion_main!(benches);
