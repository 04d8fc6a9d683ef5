//! A counted store with a bucket, a directory for caches, and archives to put.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use deltaglider::core::store::Operation;
use deltaglider::core::store::memory::MemoryStore;
use deltaglider::{Client, ClientBuilder, Config};
use deltaglider_testkit::CountingStore;
use tempfile::TempDir;

pub const BUCKET: &str = "releases";
pub const KEY: &str = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=";
pub const OTHER_KEY: &str = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urqzA=";

/// What a test works on.
pub struct Fixture {
    pub directory: TempDir,
    pub memory: MemoryStore,
    pub store: CountingStore,
}

impl Fixture {
    pub fn new() -> Self {
        let memory = MemoryStore::with_bucket(BUCKET);
        let store = CountingStore::new(Arc::new(memory.clone()));
        Self { directory: tempfile::tempdir().expect("a directory"), memory, store }
    }

    /// Settings of a client over the store, with its cache in [`cache_directory`](Self::cache_directory).
    pub fn builder(&self) -> ClientBuilder {
        Client::builder()
            .store(Arc::new(self.store.clone()), Arc::new(self.memory.clone()))
            .cache_directory(self.cache_directory())
    }

    pub async fn client(&self) -> Client {
        self.builder().build().await.expect("a client")
    }

    pub fn cache_directory(&self) -> PathBuf {
        let directory = self.directory.path().join("cache");
        std::fs::create_dir_all(&directory).expect("made");
        directory
    }

    /// Names in the cache directory.
    pub fn cached(&self) -> Vec<String> {
        names(&self.cache_directory())
    }

    /// Every file in the cache directory.
    pub fn files(&self) -> Vec<PathBuf> {
        files(&self.cache_directory())
    }

    /// How often a reference was fetched since the last reset.
    pub fn reference_gets(&self) -> usize {
        let requests = self.store.requests();
        requests
            .iter()
            .filter(|request| request.operation == Operation::Get && request.at.name() == "reference.bin")
            .count()
    }
}

/// Settings of a client with persistent keys, as the environment gives them.
pub fn persistent(fixture: &Fixture, key: &str, old_key: Option<&str>) -> ClientBuilder {
    let directory = fixture.cache_directory();
    let config = Config::from_variables(|name| match name {
        "DG_CACHE_ENCRYPTION_KEY" => Some(key.into()),
        "DG_CACHE_ENCRYPTION_KEYS_OLD" => old_key.map(Into::into),
        "DG_CACHE_DIR" => Some(directory.clone().into()),
        _ => None,
    });
    let mut config = config.expect("settings");
    std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o700)).expect("set");
    config.buckets = fixture.builder().into_config().buckets;
    Client::builder().config(config)
}

pub fn names(directory: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("listed");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn files(directory: &std::path::Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// Archives that differ in a few bytes.
pub fn archive(version: u64) -> Vec<u8> {
    let mut state = 42_u64;
    let mut bytes: Vec<u8> = (0..60_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect();
    bytes[30_000..30_008].copy_from_slice(&version.to_le_bytes());
    bytes
}

pub async fn put(client: &Client, key: &str, version: u64) -> deltaglider::object::put::PutObjectOutput {
    client.put_object().bucket(BUCKET).key(key).body(archive(version)).send().await.expect("put")
}

pub async fn get(client: &Client, key: &str) -> Vec<u8> {
    let got = client.get_object().bucket(BUCKET).key(key).send().await.expect("got");
    got.body.collect().await.expect("read").to_vec()
}
