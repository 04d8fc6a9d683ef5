//! Measures sealing, opening and a hit against the speed of the AEAD alone: run with `--release`.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use aes_gcm_siv::{AeadInOut, Aes256GcmSiv, KeyInit};
use bytes::Bytes;
use deltaglider_cache::{FilesystemCache, FilesystemConfig, MemoryCache, MemoryConfig};
use deltaglider_core::cache::{CacheKey, Lookup, ReferenceCache};
use deltaglider_core::keys::{CacheEncryptionKey, KeyError, KeyProvider, KeyRing, Lifetime};
use deltaglider_core::seal::{Binding, BodyKey, SealReader, SealWriter};
use deltaglider_core::{RandomAccess, Sha256};

const SIZE: usize = 64 << 20;
const ROUNDS: usize = 9;

#[derive(Debug)]
struct OneKey(KeyRing);

#[async_trait::async_trait]
impl KeyProvider for OneKey {
    async fn key_ring(&self) -> Result<KeyRing, KeyError> {
        Ok(self.0.clone())
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Persistent
    }

    fn source(&self) -> String {
        "an example".to_owned()
    }
}

/// Prints the median of some rounds, in MB/s.
fn measure(
    what: &str,
    bytes: usize,
    mut round: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let mut seconds = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        round()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    println!("{what:<28} {:>7.0} MB/s", bytes as f64 / seconds[ROUNDS / 2] / 1e6);
    Ok(())
}

fn read(content: &dyn RandomAccess, buffer: &mut [u8]) -> Result<(), Box<dyn Error>> {
    let mut at = 0;
    while at < content.size() {
        at += content.read_at(buffer, at)? as u64;
    }
    black_box(buffer);
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut content = vec![0; SIZE];
    getrandom::fill(&mut content)?;
    let mut buffer = vec![0; 1 << 20];

    let cipher = Aes256GcmSiv::new(&[1; 32].into());
    let mut chunks = content.clone();
    let mut tags = Vec::new();
    measure("AEAD alone, seal", SIZE, || {
        tags.clear();
        for chunk in chunks.chunks_mut(1 << 16) {
            tags.push(cipher.encrypt_inout_detached(&[2; 12].into(), &[0; 65], chunk.into()).map_err(|_| "seal")?);
        }
        Ok(())
    })?;
    measure("AEAD alone, open", SIZE, || {
        for (chunk, tag) in chunks.chunks(1 << 16).zip(&tags) {
            let mut chunk = chunk.to_vec();
            // The rounds above have sealed what was sealed: the last tags are those of the last round.
            cipher
                .decrypt_inout_detached(&[2; 12].into(), &[0; 65], chunk.as_mut_slice().into(), tag)
                .map_err(|_| "open")?;
        }
        Ok(())
    })?;
    measure("SHA-256", SIZE, || {
        black_box(Sha256::of(&content));
        Ok(())
    })?;

    let key = BodyKey::fill_with(|key| key.fill(1));
    let binding = Binding { digest: Sha256([0; 32]), entry: [0; 16], length: Some(SIZE as u64) };
    let mut sealed = Vec::with_capacity(SIZE + SIZE / 4096);
    measure("SealWriter into memory", SIZE, || {
        sealed.clear();
        let mut writer = SealWriter::new(&mut sealed, &key, binding);
        writer.write_all(&content)?;
        writer.finish()?;
        Ok(())
    })?;
    let reader = SealReader::new(Bytes::from(sealed), &key, binding)?;
    measure("SealReader from memory", SIZE, || read(&reader, &mut buffer))?;

    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let place = tempfile::tempdir()?;
    let one = CacheEncryptionKey::fill_with(|key| getrandom::fill(key))?;
    let keys: Arc<dyn KeyProvider> = Arc::new(OneKey(KeyRing::of(one)));
    let mut config = MemoryConfig::new(SIZE as u64 * 2);
    config.ttl = None;
    let disk = runtime.block_on(FilesystemCache::open(FilesystemConfig::new(place.path()), Arc::clone(&keys)))?;
    let memory = runtime.block_on(MemoryCache::open(config, keys))?;
    let entry = CacheKey::stored(Sha256::of(&content));
    let content: Arc<dyn RandomAccess> = Arc::new(Bytes::from(content));
    for (name, cache) in [("disk", &disk as &dyn ReferenceCache), ("memory", &memory)] {
        measure(&format!("insert, {name}"), SIZE, || {
            runtime.block_on(cache.evict(&entry))?;
            runtime.block_on(cache.insert(&entry, Arc::clone(&content)))?;
            Ok(())
        })?;
        measure(&format!("hit and read, {name}"), SIZE, || {
            let Lookup::Hit(found) = runtime.block_on(cache.lookup(&entry))? else { return Err("no hit".into()) };
            read(&*found, &mut buffer)
        })?;
        let start = Instant::now();
        for _ in 0..1000 {
            runtime.block_on(cache.lookup(&entry))?;
        }
        println!("{:<28} {:>7.1} µs", format!("lookup, {name}"), start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(())
}
