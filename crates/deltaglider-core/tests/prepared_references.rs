//! References that a codec takes in a form of its own: prepared once, kept in that form, and the reference itself is never lost for
//! it.

use std::fmt;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use bytes::Bytes;
use deltaglider_core::cache::{CacheKey, Form, ReferenceCache as _};
use deltaglider_core::codec::zstd::ZstdCodec;
use deltaglider_core::codec::{CodecError, CodecId, CodecLimits, DeltaCodec, DeltaParts, ReferenceSize};
use deltaglider_core::engine::plan::WhyWhole;
use deltaglider_core::engine::{
    Engine, EngineParts, GetRequest, Limits, PutReport, PutRequest, ReferenceUse, Source, StoredForm,
};
use deltaglider_core::policy::Policy;
use deltaglider_core::scratch::ScratchSpace;
use deltaglider_core::store::memory::MemoryStore;
use deltaglider_core::store::{ByteRange, ObjectStore, Operation, PutBody, PutOptions};
use deltaglider_core::{Error, Location, RandomAccess, Sha256};
use deltaglider_testkit::{CountingStore, MapCache};
use futures::TryStreamExt;

const FORM: Form = Form::prepared("reversed/1");
const MIB: u64 = 1 << 20;

/// Takes references backwards, each byte twice, and makes zstd's deltas; it needs the memory that a test says it needs.
struct Backwards {
    prepared: AtomicUsize,
    /// What it estimates.
    usual: u64,
    prepare_needs: u64,
    encode_needs: u64,
    decode_needs: u64,
    on_encode: Box<dyn Fn() + Send + Sync>,
    /// Whether the next reference cannot be restored.
    loses: Arc<AtomicBool>,
    /// Whether ranges are decoded alone.
    ranges: bool,
}

impl fmt::Debug for Backwards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Backwards")
    }
}

impl Default for Backwards {
    fn default() -> Self {
        let prepared = AtomicUsize::new(0);
        let on_encode = Box::new(|| {});
        let loses = Arc::default();
        Self {
            prepared,
            usual: MIB,
            prepare_needs: 0,
            encode_needs: 0,
            decode_needs: 0,
            on_encode,
            loses,
            ranges: false,
        }
    }
}

fn within(limit: u64, needed: u64) -> Result<(), CodecError> {
    if needed > limit { Err(CodecError::Memory { needed, limit }) } else { Ok(()) }
}

fn forwards(prepared: &dyn RandomAccess) -> Result<Bytes, CodecError> {
    if !prepared.size().is_multiple_of(2) {
        return Err(CodecError::Damaged("half a byte".to_owned()));
    }
    let prepared = prepared.read_vec(0, prepared.size() as usize)?;
    Ok(prepared.into_iter().rev().step_by(2).collect::<Vec<_>>().into())
}

impl DeltaCodec for Backwards {
    fn id(&self) -> CodecId {
        CodecId::new("backwards")
    }

    fn reference_form(&self) -> Form {
        FORM
    }

    fn prepare(&self, reference: Bytes, memory: u64) -> Result<Bytes, CodecError> {
        within(memory, self.prepare_needs)?;
        self.prepared.fetch_add(1, SeqCst);
        Ok(reference.iter().rev().flat_map(|byte| [*byte, *byte]).collect())
    }

    fn restore(&self, prepared: &dyn RandomAccess, stored: &mut dyn Write) -> Result<(), CodecError> {
        if self.loses.swap(false, SeqCst) {
            return Err(CodecError::Damaged("as planned".to_owned()));
        }
        Ok(stored.write_all(&forwards(prepared)?)?)
    }

    fn memory(&self, _: ReferenceSize, _: u64, limit: u64) -> Option<u64> {
        (self.usual <= limit).then_some(self.usual)
    }

    fn encode(
        &self,
        reference: &dyn RandomAccess,
        target: &dyn RandomAccess,
        delta: &mut dyn Write,
        limits: &CodecLimits,
    ) -> Result<DeltaParts, CodecError> {
        within(limits.memory, self.encode_needs)?;
        (self.on_encode)();
        let limits = CodecLimits { memory: 64 * MIB, ..*limits };
        ZstdCodec::new().encode(&forwards(reference)?, target, delta, &limits)
    }

    fn decode(
        &self,
        reference: &dyn RandomAccess,
        delta: &mut dyn Read,
        target: &mut dyn Write,
        limits: &CodecLimits,
    ) -> Result<(), CodecError> {
        within(limits.memory, self.decode_needs)?;
        let limits = CodecLimits { memory: 64 * MIB, ..*limits };
        ZstdCodec::new().decode(&forwards(reference)?, delta, target, &limits)
    }

    fn decodes_ranges(&self) -> bool {
        self.ranges
    }
}

/// An engine that writes by that codec, and what it stands on.
struct Bench {
    engine: Engine,
    codec: Arc<Backwards>,
    store: CountingStore,
    cache: Arc<MapCache>,
}

impl Bench {
    fn new(codec: Backwards) -> Self {
        Self::over(CountingStore::new(Arc::new(MemoryStore::with_bucket("b"))), MapCache::default(), codec)
    }

    fn over(store: CountingStore, cache: MapCache, codec: Backwards) -> Self {
        let (codec, cache) = (Arc::new(codec), Arc::new(cache));
        let engine = Engine::new(EngineParts {
            store: Arc::new(store.clone()),
            cache: Arc::clone(&cache) as _,
            codecs: vec![Arc::clone(&codec) as _, Arc::new(ZstdCodec::new())],
            writers: 2,
            policy: Policy::default(),
            limits: Limits { memory: 64 * MIB, ..Limits::default() },
            scratch: ScratchSpace::new(std::env::temp_dir(), MIB),
        });
        Self { engine, codec, store, cache }
    }

    async fn put(&self, number: u8) -> PutReport {
        let source = Source::Bytes(version(number).into());
        self.engine.put(&at(&format!("r/{number}.zip")), source, &PutRequest::default()).await.expect("put")
    }

    async fn get(&self, number: u8) -> Result<ReferenceUse, Error> {
        let report = self.engine.get(&at(&format!("r/{number}.zip")), &GetRequest::default()).await?;
        let reference = report.reference;
        assert_eq!(report.body.try_collect::<Vec<_>>().await?.concat(), version(number));
        Ok(reference)
    }

    fn prepared(&self) -> usize {
        self.codec.prepared.load(SeqCst)
    }

    /// GETs of the reference.
    fn fetched(&self) -> usize {
        let reference = |at: &Location| at.key() == "r/reference.bin";
        let log = self.store.requests();
        log.iter().filter(|request| request.operation == Operation::Get && reference(&request.at)).count()
    }

    async fn holds(&self, form: Form) -> bool {
        let entry = CacheKey { digest: Sha256::of(&version(0)), form };
        self.cache.peek(&entry).await.expect("looked up").is_some()
    }
}

fn at(key: &str) -> Location {
    Location::new("b", key)
}

/// Bytes that do not compress, and later versions of them.
fn version(number: u8) -> Vec<u8> {
    let mut content: Vec<u8> = (0u32..3000).flat_map(|block| Sha256::of(&block.to_le_bytes()).0).collect();
    content[1000 * usize::from(number)..][..50].fill(number);
    content
}

fn codec_of(report: &PutReport) -> &str {
    match &report.stored {
        StoredForm::Delta { codec, .. } => codec,
        _ => "none",
    }
}

#[tokio::test]
async fn a_reference_is_prepared_once() {
    let bench = Bench::new(Backwards::default());
    for number in 0..4 {
        let report = bench.put(number).await;
        assert_eq!(codec_of(&report), "backwards");
        assert!(report.parts.is_some_and(|parts| parts.plain == report.size && parts.body == report.stored_size));
        assert_eq!(report.reference, if number == 0 { ReferenceUse::Created } else { ReferenceUse::Cached });
    }
    for number in 0..4 {
        assert_eq!(bench.get(number).await.expect("got"), ReferenceUse::Cached);
    }
    assert_eq!((bench.prepared(), bench.fetched()), (1, 0));
    assert_eq!((bench.holds(FORM).await, bench.holds(Form::STORED).await), (true, false));
    let stats = bench.cache.stats();
    assert_eq!((stats.entries, stats.misses), (1, 0));

    // A client with a cold cache fetches and prepares it once as well.
    let other = Bench::over(bench.store.clone(), MapCache::default(), Backwards::default());
    bench.store.reset();
    assert_eq!(other.get(3).await.expect("got"), ReferenceUse::Fetched);
    assert_eq!(other.get(2).await.expect("got"), ReferenceUse::Cached);
    assert_eq!(other.put(4).await.reference, ReferenceUse::Cached);
    assert_eq!((other.prepared(), other.fetched(), other.cache.stats().misses), (1, 1, 1));
}

#[tokio::test]
async fn every_form_is_evicted() {
    let bench = Bench::new(Backwards::default());
    bench.put(0).await;
    let digest = Sha256::of(&version(0));
    bench.cache.insert(&CacheKey::stored(digest), Arc::new(Bytes::from(version(0)))).await.expect("kept");
    assert!(bench.engine.evict_reference(digest).await.expect("evicted"));
    assert_eq!((bench.holds(FORM).await, bench.holds(Form::STORED).await), (false, false));
    assert!(!bench.engine.evict_reference(digest).await.expect("evicted"));
}

/// Puts other bytes into the cache in the place of a form of the reference.
async fn damage(bench: &Bench, form: Form, bytes: Vec<u8>) {
    let entry = CacheKey { digest: Sha256::of(&version(0)), form };
    bench.cache.evict(&entry).await.expect("evicted");
    bench.cache.insert(&entry, Arc::new(Bytes::from(bytes))).await.expect("kept");
    bench.store.reset();
}

/// What can be wrong with an entry that opens: another reference's form, one that ends early, no form at all.
fn damages() -> [Vec<u8>; 4] {
    let form = |content: Vec<u8>| content.into_iter().rev().flat_map(|byte| [byte, byte]).collect::<Vec<u8>>();
    [form(version(9)), form(version(0)[..50_000].to_vec()), b"odd".to_vec(), Vec::new()]
}

#[tokio::test]
async fn a_put_fetches_the_reference_anew_where_the_cached_form_does_not_give_it() {
    for bytes in damages() {
        let bench = Bench::new(Backwards::default());
        bench.put(0).await;
        damage(&bench, FORM, bytes).await;
        let report = bench.put(1).await;
        assert_eq!((codec_of(&report), report.reference), ("backwards", ReferenceUse::Fetched));
        assert_eq!((bench.put(2).await.reference, bench.fetched()), (ReferenceUse::Cached, 1));
        let cold = Bench::over(bench.store.clone(), MapCache::default(), Backwards::default());
        for number in 0..3 {
            cold.get(number).await.expect("got");
        }
    }
}

#[tokio::test]
async fn a_get_fetches_the_reference_anew_where_the_cached_form_does_not_give_it() {
    for bytes in damages() {
        let bench = Bench::new(Backwards::default());
        bench.put(0).await;
        bench.put(1).await;
        damage(&bench, FORM, bytes.clone()).await;
        assert_eq!(bench.get(1).await.expect("got"), ReferenceUse::Fetched);
        assert_eq!((bench.get(1).await.expect("got"), bench.fetched()), (ReferenceUse::Cached, 1));

        // Into a file, behind what stands there already.
        damage(&bench, FORM, bytes).await;
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"before").expect("written");
        let progress = GetRequest::default().progress;
        let report = bench.engine.download(&at("r/1.zip"), file.try_clone().expect("a handle"), &progress).await;
        assert_eq!(report.expect("got").reference, ReferenceUse::Fetched);
        let mut content = Vec::new();
        file.seek(SeekFrom::Start(0)).expect("at the start");
        file.read_to_end(&mut content).expect("read");
        assert_eq!(content, [b"before".to_vec(), version(1)].concat());
    }
}

#[tokio::test]
async fn a_range_is_made_of_a_proven_reference() {
    for bytes in damages() {
        let bench = Bench::new(Backwards { ranges: true, ..Backwards::default() });
        bench.put(0).await;
        bench.put(1).await;
        damage(&bench, FORM, bytes).await;
        let whole = version(1);
        let last = whole.len() - 5..whole.len();
        let ranges = [(ByteRange::Bounded(1000, 2000), 1000..2000), (ByteRange::Last(5), last)];
        for ((range, expected), used) in ranges.into_iter().zip([ReferenceUse::Fetched, ReferenceUse::Cached]) {
            let request = GetRequest { range: Some(range), ..GetRequest::default() };
            let report = bench.engine.get(&at("r/1.zip"), &request).await.expect("got");
            assert_eq!((report.reference, bench.fetched()), (used, 1));
            assert_eq!(report.range, expected.start as u64..expected.end as u64);
            assert_eq!(report.body.try_collect::<Vec<_>>().await.expect("read").concat(), whole[expected]);
        }
    }
}

#[tokio::test]
async fn the_stored_form_is_fetched_anew_where_it_is_damaged_in_the_cache() {
    let bench = Bench::new(Backwards { usual: 65 * MIB, ..Backwards::default() });
    bench.put(0).await;
    assert_eq!(codec_of(&bench.put(1).await), "zstd");
    damage(&bench, Form::STORED, version(9)).await;
    assert_eq!(bench.put(2).await.reference, ReferenceUse::Fetched);
    damage(&bench, Form::STORED, version(9)).await;
    assert_eq!((bench.get(2).await.expect("got"), bench.fetched()), (ReferenceUse::Fetched, 1));
    assert_eq!((bench.get(1).await.expect("got"), bench.fetched()), (ReferenceUse::Cached, 1));
}

#[tokio::test]
async fn a_form_that_does_not_give_its_reference_is_neither_used_nor_kept() {
    let bench = Bench::new(Backwards { loses: Arc::new(AtomicBool::new(true)), ..Backwards::default() });
    assert_eq!(codec_of(&bench.put(0).await), "zstd");
    assert_eq!((bench.holds(FORM).await, bench.holds(Form::STORED).await), (false, true));
    // The next time it can be restored.
    let report = bench.put(1).await;
    assert_eq!((codec_of(&report), report.reference), ("backwards", ReferenceUse::Cached));
    for number in 0..2 {
        bench.get(number).await.expect("got");
    }
}

#[tokio::test]
async fn a_damaged_delta_costs_the_cache_nothing() {
    let bench = Bench::new(Backwards::default());
    bench.put(0).await;
    bench.put(1).await;
    let delta = at("r/1.zip.delta");
    let head = bench.store.head(&delta).await.expect("a head");
    let options = PutOptions { attributes: head.attributes, ..PutOptions::default() };
    bench.store.put(&delta, PutBody::Bytes(Bytes::from_static(b"no delta")), options).await.expect("put");
    bench.store.reset();
    let error = bench.get(1).await.expect_err("damaged");
    assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
    assert_eq!((bench.fetched(), bench.holds(FORM).await), (0, true));
}

#[tokio::test]
async fn a_reference_that_is_removed_meanwhile_is_put_back_as_it_was() {
    let store: Arc<dyn ObjectStore> = Arc::new(MemoryStore::with_bucket("b"));
    let removed = Arc::clone(&store);
    let remove = move || {
        let reference = at("r/reference.bin");
        let gone = removed.delete_one(&reference, None);
        tokio::runtime::Handle::current().block_on(gone).expect("removed");
    };
    let codec = Backwards { on_encode: Box::new(remove), ..Backwards::default() };
    let first = Bench::over(CountingStore::new(Arc::clone(&store)), MapCache::default(), Backwards::default());
    first.put(0).await;
    let second = Bench::over(CountingStore::new(store), MapCache::default(), codec);
    let report = second.put(1).await;
    assert_eq!((codec_of(&report), report.sent), ("backwards", report.stored_size + version(0).len() as u64));
    let cold = Bench::over(first.store.clone(), MapCache::default(), Backwards::default());
    for number in 0..2 {
        cold.get(number).await.expect("got");
    }
    assert_eq!(cold.fetched(), 1);
}

#[tokio::test]
async fn where_a_reference_is_removed_and_lost_the_object_takes_its_place() {
    let store: Arc<dyn ObjectStore> = Arc::new(MemoryStore::with_bucket("b"));
    let (removed, lost, first_run) = (Arc::clone(&store), Arc::new(AtomicBool::new(false)), AtomicBool::new(true));
    let loses = Arc::clone(&lost);
    let remove = move || {
        if first_run.swap(false, SeqCst) {
            let reference = at("r/reference.bin");
            let gone = removed.delete_one(&reference, None);
            tokio::runtime::Handle::current().block_on(gone).expect("removed");
            lost.store(true, SeqCst);
        }
    };
    Bench::over(CountingStore::new(Arc::clone(&store)), MapCache::default(), Backwards::default()).put(0).await;
    let codec = Backwards { on_encode: Box::new(remove), loses, ..Backwards::default() };
    let bench = Bench::over(CountingStore::new(Arc::clone(&store)), MapCache::default(), codec);
    let report = bench.put(1).await;
    assert_eq!((codec_of(&report), report.reference), ("backwards", ReferenceUse::Created));
    let cold = Bench::over(CountingStore::new(store), MapCache::default(), Backwards::default());
    cold.get(1).await.expect("got");
}

#[tokio::test]
async fn a_form_too_large_for_the_cache_is_made_each_time_without_a_fetch() {
    let stored = version(0).len() as u64;
    let first = Bench::new(Backwards::default());
    first.put(0).await;
    let bench = Bench::over(first.store.clone(), MapCache::of(stored), Backwards::default());
    assert_eq!(bench.put(1).await.reference, ReferenceUse::Fetched);
    assert_eq!((bench.holds(FORM).await, bench.holds(Form::STORED).await), (false, true));
    assert_eq!(bench.put(2).await.reference, ReferenceUse::Cached);
    assert_eq!(bench.get(1).await.expect("got"), ReferenceUse::Cached);
    assert_eq!((bench.prepared(), bench.fetched()), (3, 1));
    // The first of a space is kept as well.
    let fresh = Bench::over(
        CountingStore::new(Arc::new(MemoryStore::with_bucket("b"))),
        MapCache::of(stored),
        Backwards::default(),
    );
    fresh.put(0).await;
    assert_eq!(fresh.put(1).await.reference, ReferenceUse::Cached);
}

#[tokio::test]
async fn who_needs_more_memory_than_was_estimated_is_given_it() {
    for codec in [
        Backwards { prepare_needs: 3 * MIB, ..Backwards::default() },
        Backwards { encode_needs: 3 * MIB, ..Backwards::default() },
        Backwards { decode_needs: 64 * MIB, ..Backwards::default() },
    ] {
        let bench = Bench::new(codec);
        for number in 0..2 {
            assert_eq!(codec_of(&bench.put(number).await), "backwards");
        }
        for number in 0..2 {
            bench.get(number).await.expect("got");
        }
        let needy = Backwards { prepare_needs: 40 * MIB, decode_needs: 50 * MIB, ..Backwards::default() };
        let cold = Bench::over(bench.store.clone(), MapCache::default(), needy);
        bench.store.reset();
        assert_eq!(cold.get(1).await.expect("got"), ReferenceUse::Fetched);
        assert_eq!((cold.prepared(), cold.fetched()), (1, 1), "what was fetched is not fetched again");
    }
}

#[tokio::test]
async fn where_memory_is_short_the_next_codec_writes() {
    for codec in [
        Backwards { usual: 65 * MIB, ..Backwards::default() },
        Backwards { prepare_needs: 65 * MIB, ..Backwards::default() },
        Backwards { encode_needs: 65 * MIB, ..Backwards::default() },
        Backwards { decode_needs: 65 * MIB, ..Backwards::default() },
    ] {
        let bench = Bench::new(codec);
        for number in 0..3 {
            let report = bench.put(number).await;
            assert_eq!((codec_of(&report), report.stored_size < 1000), ("zstd", true));
        }
        for number in 0..3 {
            assert_eq!(bench.get(number).await.expect("got"), ReferenceUse::Cached);
        }
        assert_eq!(bench.fetched(), 0);
    }
}

#[tokio::test]
async fn a_delta_of_another_codec_finds_its_reference_in_the_form_that_is_kept() {
    let bench = Bench::new(Backwards::default());
    bench.put(0).await;
    let needy = Backwards { usual: 65 * MIB, ..Backwards::default() };
    let other = Bench::over(bench.store.clone(), MapCache::default(), needy);
    assert_eq!(codec_of(&other.put(1).await), "zstd");
    bench.store.reset();
    assert!(!bench.holds(Form::STORED).await);
    assert_eq!(bench.get(1).await.expect("got"), ReferenceUse::Cached);
    assert_eq!((bench.fetched(), bench.cache.stats().misses), (0, 1));
}

#[tokio::test]
async fn who_has_too_little_memory_to_read_is_told_how_much_it_takes() {
    let bench = Bench::new(Backwards::default());
    bench.put(0).await;
    bench.put(1).await;
    for codec in [
        Backwards { usual: 65 * MIB, ..Backwards::default() },
        Backwards { prepare_needs: 65 * MIB, ..Backwards::default() },
        Backwards { decode_needs: 65 * MIB, ..Backwards::default() },
    ] {
        let poor = Bench::over(bench.store.clone(), MapCache::default(), codec);
        let error = poor.get(1).await.expect_err("too little");
        assert!(matches!(error, Error::Memory { limit, .. } if limit == 64 * MIB), "{error:?}");
        assert!(!error.is_integrity());
    }
}

#[tokio::test]
async fn a_codec_alone_that_is_short_of_memory_stores_whole() {
    let needy: Arc<dyn DeltaCodec> = Arc::new(Backwards { usual: 65 * MIB, ..Backwards::default() });
    let engine = Engine::new(EngineParts {
        store: Arc::new(MemoryStore::with_bucket("b")),
        cache: Arc::new(MapCache::default()),
        codecs: vec![needy, Arc::new(ZstdCodec::new())],
        writers: 1,
        policy: Policy::default(),
        limits: Limits { memory: 64 * MIB, ..Limits::default() },
        scratch: ScratchSpace::new(std::env::temp_dir(), MIB),
    });
    let source = Source::Bytes(version(1).into());
    let report = engine.put(&at("r/1.zip"), source, &PutRequest::default()).await.expect("put");
    assert_eq!((codec_of(&report), report.why_whole), ("none", Some(WhyWhole::Memory)));
}
