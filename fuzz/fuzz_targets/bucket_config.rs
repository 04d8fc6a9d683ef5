//! Any bytes as the configuration of a bucket: one that is read, or an error; what is written is read again.
#![no_main]

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use deltaglider_cache::{MemoryCache, MemoryConfig};
use deltaglider_core::Error;
use deltaglider_core::delta_space::configuration;
use deltaglider_core::engine::{Engine, EngineParts, Limits};
use deltaglider_core::policy::Policy;
use deltaglider_core::scratch::ScratchSpace;
use deltaglider_core::store::memory::MemoryStore;
use deltaglider_core::store::{ObjectStore, PutOptions};
use deltaglider_fuzz::{seed, wait};
use deltaglider_keys::EphemeralKeys;
use libfuzzer_sys::fuzz_target;

static STORE: LazyLock<MemoryStore> = LazyLock::new(|| MemoryStore::with_bucket("bucket"));

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let keys = Arc::new(EphemeralKeys::new().expect("random bytes"));
    let cache = wait(MemoryCache::open(MemoryConfig::default(), keys)).expect("a cache");
    Engine::new(EngineParts {
        store: Arc::new(STORE.clone()),
        cache: Arc::new(cache),
        codecs: Vec::new(),
        writers: 1,
        policy: Policy::default(),
        limits: Limits::default(),
        scratch: ScratchSpace::new(std::env::temp_dir(), 1 << 20),
    })
});

fn seeds() -> Vec<Vec<u8>> {
    let texts =
        [r#"{"version":1,"codec":"zstd"}"#, r#"{"version":1}"#, r#"{"version":2,"codec":"vcdiff","new":[]}"#, ""];
    texts.map(|text| text.as_bytes().to_vec()).into()
}

fuzz_target!(init: seed(seeds), |input: &[u8]| {
    let at = configuration("bucket");
    let put = STORE.put(&at, Bytes::copy_from_slice(input).into(), PutOptions::default());
    wait(put).expect("put");
    match wait(ENGINE.bucket_config("bucket")) {
        Ok(config) => match wait(ENGINE.put_bucket_config("bucket", &config)) {
            Ok(()) => assert_eq!(wait(ENGINE.bucket_config("bucket")).expect("read again"), config),
            Err(error) => assert!(matches!(error, Error::Invalid(_)), "{error}"),
        },
        Err(error) => assert!(matches!(error, Error::BucketConfig { .. }), "{error}"),
    }
});
