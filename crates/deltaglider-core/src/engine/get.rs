//! Get: whole or a range, from whatever form is stored, proven before the last byte is handed out.

use std::fmt;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use super::bodies::{ContentStream, blocking, content_stream};
use super::coding::{CodecMemory, Decoding, ReadyReference};
use super::head::{Candidate, candidates, logical_head, missing_field, not_found};
use super::plan;
use super::reference::{FoundReference, Loaded, Proof, Search};
use super::{Engine, LogicalHead, MAX_ROUNDS, ReferenceUse};
use crate::codec::DeltaCodec;
use crate::digest::Sha256Hasher;
use crate::error::Error;
use crate::progress::{SharedProgress, Stage, silent};
use crate::record::{DeltaRecord, Record};
use crate::scratch::ScratchWriter;
use crate::store::{ByteRange, ETag, GetObject, GetOptions, ObjectHead, Operation, StoreError, StoreErrorKind, found};
use crate::{DeltaSpace, Location, Sha256};

/// How an object is fetched.
#[derive(Clone, Debug)]
pub struct GetRequest {
    /// Only this part of it.
    pub range: Option<ByteRange>,
    /// Only if its logical entity tag is this one.
    pub if_match: Option<ETag>,
    /// Hears how far it is.
    pub progress: SharedProgress,
}

impl Default for GetRequest {
    fn default() -> Self {
        Self { range: None, if_match: None, progress: silent() }
    }
}

/// An object, its body not yet read.
pub struct GetReport {
    /// Its logical head.
    pub head: LogicalHead,
    /// Which bytes the body holds.
    pub range: Range<u64>,
    /// The bytes. Where they turn out not to be what was recorded, the stream ends in an error before the last of them.
    pub body: ContentStream,
    /// Where the reference came from.
    pub reference: ReferenceUse,
    /// Bytes that had to be fetched: the stored form, and the reference where it was not cached.
    pub fetched: u64,
}

impl fmt::Debug for GetReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetReport").field("head", &self.head).field("range", &self.range).finish_non_exhaustive()
    }
}

/// What a download into a file did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DownloadReport {
    /// The object's logical head.
    pub head: LogicalHead,
    /// Where the reference came from.
    pub reference: ReferenceUse,
    /// Bytes that had to be fetched: the stored form, and the reference where it was not cached.
    pub fetched: u64,
}

/// A stored form, opened.
enum Form {
    Whole(Box<GetObject>),
    Delta(Box<Delta>),
}

/// A delta with its reference in memory.
struct Delta {
    at: Location,
    record: DeltaRecord,
    object: GetObject,
    codec: Arc<dyn DeltaCodec>,
    reference: FoundReference,
    reference_sha256: Sha256,
}

impl Engine {
    /// Fetches an object. Costs 1 request for a delta whose reference is cached and for a name that can be no delta, 2 for a delta
    /// whose reference is not, and for a whole object whose name could be a delta.
    ///
    /// A range of a delta is made of as little of it as the codec needs, and no digest tells of it then: the reference is proven
    /// first, and what is read of the delta is checked by the codec. Where the codec decodes all, all is proven and the range cut
    /// out of it.
    ///
    /// # Errors
    /// [`Error::Store`] with `NotFound` where there is no such object, with `InvalidRange`, with `Conflict` where `if_match` does not
    /// hold; [`Error::ReferenceMissing`], [`Error::Integrity`], [`Error::Damaged`] where the stored bytes do not give it back.
    pub async fn get(&self, at: &Location, request: &GetRequest) -> Result<GetReport, Error> {
        let (head, form) = self.open(at, request).await?;
        match form {
            Form::Whole(object) => Ok(whole_report(head, *object, Arc::clone(&request.progress))),
            Form::Delta(delta) => {
                let delta = *delta;
                let range = resolve(at, request.range, head.size)?;
                let decoded = if delta.codec.decodes_ranges() { range.clone() } else { 0..head.size };
                let writer = self.inner.scratch.writer();
                let (writer, reference, fetched) = self
                    .decode_delta(delta, head.size, decoded.clone(), writer, &request.progress)
                    .await
                    .map_err(|error| match error {
                        Error::Destination(error) => Error::Scratch(error),
                        other => other,
                    })?;
                let content = blocking(move || writer.finish()).await.map_err(Error::Scratch)?;
                let within = range.start - decoded.start..range.end - decoded.start;
                let body = content_stream(Arc::new(content), within).map_err(Error::Scratch).boxed();
                Ok(GetReport { head, range, body, reference, fetched })
            }
        }
    }

    /// Fetches an object into a file, from where the file stands; its content is proven when this returns without an error.
    /// Costs as [`Engine::get`].
    pub async fn download(
        &self,
        at: &Location,
        file: File,
        progress: &SharedProgress,
    ) -> Result<DownloadReport, Error> {
        let request = GetRequest { progress: Arc::clone(progress), ..GetRequest::default() };
        let (head, form) = self.open(at, &request).await?;
        match form {
            Form::Delta(delta) => {
                let delta = *delta;
                let destination = Behind::new(file);
                let (_, reference, fetched) =
                    self.decode_delta(delta, head.size, 0..head.size, destination, progress).await?;
                Ok(DownloadReport { head, reference, fetched })
            }
            Form::Whole(object) => {
                let fetched = object.head.size;
                let mut report = whole_report(head, *object, Arc::clone(progress));
                write_stream(&mut report.body, file).await?;
                Ok(DownloadReport { head: report.head, reference: ReferenceUse::None, fetched })
            }
        }
    }

    /// Reads an object to its end, to nowhere, and compares it with its record. Gives its head as far as that could be read. Costs as
    /// [`Engine::get`].
    pub(super) async fn prove(&self, at: &Location, head: &mut Option<LogicalHead>) -> Result<(), Error> {
        let request = GetRequest::default();
        let (logical, form) = self.open(at, &request).await?;
        let size = logical.size;
        match form {
            Form::Whole(object) => {
                let mut report = whole_report(logical, *object, Arc::clone(&request.progress));
                *head = Some(report.head);
                while report.body.try_next().await?.is_some() {}
            }
            Form::Delta(delta) => {
                *head = Some(logical);
                self.decode_delta(*delta, size, 0..size, Nowhere, &request.progress).await?;
            }
        }
        Ok(())
    }

    /// Finds the form that stands for the object now.
    ///
    /// A delta whose reference is missing is not the end: a writer may be putting the reference back, or the object may have been
    /// stored anew. It is an error only when two rounds have seen the same thing. The whole form is never taken for a delta that
    /// still stands: it would be an older object.
    async fn open(&self, at: &Location, request: &GetRequest) -> Result<(LogicalHead, Form), Error> {
        let mut seen: Option<Option<ETag>> = None;
        for _ in 0..MAX_ROUNDS {
            let mut lost = None;
            for candidate in candidates(at) {
                let Some(object) = self.get_candidate(&candidate, request).await? else { continue };
                let Some(head) = logical_head(&candidate, &object.head)? else { continue };
                if let Some(wanted) = &request.if_match
                    && *wanted != head.e_tag
                {
                    let message = "At least one of the pre-conditions you specified did not hold";
                    return Err(StoreError::new(Operation::Get, at, StoreErrorKind::Conflict, message).into());
                }
                let Candidate::Delta(delta_at) = &candidate else {
                    return Ok((head, Form::Whole(Box::new(object))));
                };
                match self.open_delta(delta_at, object).await? {
                    Ok(delta) => return Ok((head, Form::Delta(Box::new(delta)))),
                    Err(missing) => lost = Some(missing),
                }
                break;
            }
            let now = lost.as_ref().map(|missing| missing.e_tag.clone());
            if seen.as_ref() == Some(&now) {
                return Err(lost.map_or_else(|| not_found(Operation::Get, at).into(), |missing| missing.error));
            }
            seen = Some(now);
        }
        Err(Error::Contended { at: at.clone(), rounds: MAX_ROUNDS })
    }

    async fn get_candidate(&self, candidate: &Candidate, request: &GetRequest) -> Result<Option<GetObject>, Error> {
        let range = match candidate {
            Candidate::Delta(_) => None,
            Candidate::Whole(_) | Candidate::Foreign(_) => request.range,
        };
        let (store, at) = (&self.inner.store, candidate.at());
        match found(store.get(at, GetOptions { range, if_match: None }).await) {
            // What has no such range may be an object of ours, which is not the user's of that name.
            Err(error) if error.kind == StoreErrorKind::InvalidRange && matches!(candidate, Candidate::Foreign(_)) => {
                match found(store.head(at).await)? {
                    Some(head) if logical_head(candidate, &head)?.is_some() => Err(error.into()),
                    _ => Ok(None),
                }
            }
            answer => Ok(answer?),
        }
    }

    async fn open_delta(&self, at: &Location, object: GetObject) -> Result<Result<Delta, MissingReference>, Error> {
        let record = delta_record(at, &object.head)?;
        let Some(codec) = self.reader_codec(&record.codec).cloned() else {
            return Err(Error::UnsupportedCodec { at: at.clone(), codec: record.codec });
        };
        let form = codec.reference_form();
        let digest = record.reference_sha256.ok_or_else(|| missing_field(at, "ref-sha256"))?;
        let space = DeltaSpace::of_stored(at);
        let key = record.reference_key.as_deref();
        match self.search_reference(&space, digest, key, &form, Search::CacheFirst).await? {
            Some(reference) => {
                Ok(Ok(Delta { at: at.clone(), record, object, codec, reference, reference_sha256: digest }))
            }
            None => {
                let error = Error::ReferenceMissing { at: at.clone(), reference: space.reference(), digest };
                Ok(Err(MissingReference { e_tag: object.head.e_tag, error }))
            }
        }
    }

    /// Decodes a range of a delta into a writer, and proves what was written where that is all.
    async fn decode_delta<W: Destination>(
        &self,
        delta: Delta,
        size: u64,
        range: Range<u64>,
        mut destination: W,
        progress: &SharedProgress,
    ) -> Result<(W, ReferenceUse, u64), Error> {
        let Delta { at, record, object, codec, reference, reference_sha256 } = delta;
        let is_whole = range == (0..size);
        let proof = if is_whole { Proof::OnFailure } else { Proof::First };
        let wanted = Wanted { delta_at: &at, record: &record, codec: &codec, digest: reference_sha256, proof };
        let recorded = record.content.sha256.ok_or_else(|| missing_field(&at, "file-sha256"))?;
        let expected = is_whole.then_some(recorded);
        let limit = self.inner.limits.memory;
        let too_much = |needed| Error::Memory { at: at.clone(), needed, limit };
        let reference_size = reference.size();
        let mut memory = self
            .codec_memory(&codec, reference_size, size)
            .await
            .ok_or_else(|| too_much(codec.memory(reference_size, size, u64::MAX).unwrap_or(u64::MAX)))?;
        let mut fetched = object.head.size;
        let delta_size = fetched;
        // Both bodies come at the same time.
        let (delta, mut loaded) =
            futures::try_join!(self.spool_object(object), self.load_again(&wanted, reference, &memory, &mut fetched))?;
        progress.advance(Stage::Download, fetched);
        let delta = Arc::new(delta.0);
        loop {
            let needed = match loaded {
                Err(needed) => needed,
                Ok((reference, used)) => {
                    let body = Arc::clone(&delta);
                    let decoded =
                        self.decode(&codec, &memory, reference.clone(), body, (size, range.clone()), destination).await;
                    match outcome(decoded, &at, expected)? {
                        Outcome::Proven(written) => {
                            progress.advance(Stage::Decode, range.end - range.start);
                            let is_cached = fetched == delta_size;
                            let used = if is_cached { ReferenceUse::Cached } else { ReferenceUse::Fetched };
                            return Ok((written, used, fetched));
                        }
                        Outcome::NeedsMemory(unused, needed) => {
                            destination = unused;
                            needed
                        }
                        Outcome::Wrong(written, error) => {
                            // The delta is to blame, unless it is what the cache gave.
                            if used != ReferenceUse::Cached || self.is_proven(&codec, &reference).await {
                                return Err(match (error, self.doubt(&codec, delta).await) {
                                    (Error::Integrity { at, .. }, Some(source)) => Error::Damaged { at, source },
                                    (error, _) => error,
                                });
                            }
                            self.drop_damaged(&reference.kept).await;
                            let Some(anew) = blocking(move || written.restart()).await else { return Err(error) };
                            destination = anew;
                            let reference = self.search_again(&wanted, Search::StoreAlone).await?;
                            loaded = self.load_again(&wanted, reference, &memory, &mut fetched).await?;
                            continue;
                        }
                    }
                }
            };
            let more = plan::more_memory(memory.bytes(), needed, limit).ok_or_else(|| too_much(needed))?;
            // Given back before anything is waited for: two who hold some would wait for each other.
            drop(memory);
            let reference = self.search_again(&wanted, Search::CacheFirst).await?;
            memory = self.take_memory(more).await;
            loaded = self.load_again(&wanted, reference, &memory, &mut fetched).await?;
        }
    }

    /// Loads a reference; where the cached one is damaged, fetches it. `Err` in it: the bytes of memory that it takes, or more.
    async fn load_again(
        &self,
        wanted: &Wanted<'_>,
        mut reference: FoundReference,
        memory: &CodecMemory,
        fetched: &mut u64,
    ) -> Result<Result<(ReadyReference, ReferenceUse), u64>, Error> {
        let at = DeltaSpace::of_stored(wanted.delta_at).reference();
        let mut rounds = Search::ROUNDS.into_iter().skip(1);
        loop {
            *fetched += reference.to_fetch();
            match self.load_reference(reference, wanted.digest, wanted.codec, memory, wanted.proof).await? {
                Loaded::Ready(ready, used) => return Ok(Ok((ready, used))),
                Loaded::NeedsMemory(needed) => return Ok(Err(needed)),
                Loaded::DamagedInStore(actual) => {
                    return Err(Error::Integrity { at, expected: wanted.digest, actual });
                }
                Loaded::DamagedInCache => {}
            }
            let Some(search) = rounds.next() else {
                return Err(Error::Contended { at, rounds: Search::ROUNDS.len() as u32 });
            };
            reference = self.search_again(wanted, search).await?;
        }
    }

    async fn search_again(&self, wanted: &Wanted<'_>, search: Search) -> Result<FoundReference, Error> {
        let Wanted { delta_at, record, codec, digest, .. } = *wanted;
        let space = DeltaSpace::of_stored(delta_at);
        let form = codec.reference_form();
        let found = self.search_reference(&space, digest, record.reference_key.as_deref(), &form, search).await?;
        found.ok_or_else(|| Error::ReferenceMissing { at: delta_at.clone(), reference: space.reference(), digest })
    }
}

/// Where a content is written.
trait Destination: Write + Send + Sized + 'static {
    /// Takes back what was written; `None` where that cannot be. Blocks.
    fn restart(self) -> Option<Self>;
}

impl Destination for ScratchWriter {
    fn restart(self) -> Option<Self> {
        Some(self.emptied())
    }
}

/// Where contents are compared, and not kept.
struct Nowhere;

impl Write for Nowhere {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Destination for Nowhere {
    fn restart(self) -> Option<Self> {
        Some(self)
    }
}

/// A file, written from where it stands.
struct Behind {
    file: io::BufWriter<File>,
    written: i64,
}

impl Behind {
    fn new(file: File) -> Self {
        Self { file: io::BufWriter::with_capacity(256 << 10, file), written: 0 }
    }
}

impl Write for Behind {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.written += written as i64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Destination for Behind {
    /// What is behind is left there: all of it will be written over, since no codec writes more than the recorded size.
    fn restart(mut self) -> Option<Self> {
        self.file.seek_relative(-self.written).ok()?;
        Some(Self { written: 0, ..self })
    }
}

/// What came of a decoding.
enum Outcome<W> {
    /// The recorded content, or a range of it, of which no digest tells.
    Proven(W),
    /// Another one, or none.
    Wrong(W, Error),
    /// It takes so many bytes of memory, or more; nothing was written.
    NeedsMemory(W, u64),
}

fn outcome<W>(
    decoded: Result<(W, Sha256), Decoding<W>>,
    at: &Location,
    expected: Option<Sha256>,
) -> Result<Outcome<W>, Error> {
    let at = at.clone();
    match decoded {
        Ok((written, actual)) => Ok(match expected.filter(|expected| *expected != actual) {
            None => Outcome::Proven(written),
            Some(expected) => Outcome::Wrong(written, Error::Integrity { at, expected, actual }),
        }),
        Err(Decoding::Damaged { source, destination }) => {
            Ok(Outcome::Wrong(destination, Error::Damaged { at, source }))
        }
        Err(Decoding::NeedsMemory { needed, destination }) => Ok(Outcome::NeedsMemory(destination, needed)),
        Err(Decoding::Destination(error)) => Err(Error::Destination(error)),
    }
}

/// Which reference is needed, by which delta, and by which codec.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    delta_at: &'a Location,
    record: &'a DeltaRecord,
    codec: &'a Arc<dyn DeltaCodec>,
    digest: Sha256,
    proof: Proof,
}

/// A delta that stands without its reference.
struct MissingReference {
    e_tag: ETag,
    error: Error,
}

pub(super) fn delta_record(at: &Location, head: &ObjectHead) -> Result<DeltaRecord, Error> {
    match Record::read(&head.attributes.metadata) {
        Ok(Record::Delta(record)) => Ok(record),
        Ok(_) => Err(missing_field(at, "ref-sha256")),
        Err(source) => Err(Error::Record { at: at.clone(), source }),
    }
}

fn resolve(at: &Location, range: Option<ByteRange>, size: u64) -> Result<Range<u64>, Error> {
    match range {
        None => Ok(0..size),
        Some(range) => range.resolve(size).ok_or_else(|| {
            let message = "The requested range is not satisfiable";
            StoreError::new(Operation::Get, at, StoreErrorKind::InvalidRange, message).into()
        }),
    }
}

fn whole_report(head: LogicalHead, object: GetObject, progress: SharedProgress) -> GetReport {
    let range = object.range.clone();
    let fetched = range.end - range.start;
    let complete = range == (0..head.size);
    let body = match head.sha256 {
        Some(expected) if complete => proven(object, expected, head.stored.at().clone()),
        _ => object.body.map_err(Error::from).boxed(),
    };
    let body = body
        .inspect_ok(move |chunk| {
            progress.advance(Stage::Download, chunk.len() as u64);
        })
        .boxed();
    GetReport { head, range, body, reference: ReferenceUse::None, fetched }
}

/// A body that keeps its last chunk back until all of it was proven.
fn proven(object: GetObject, expected: Sha256, at: Location) -> ContentStream {
    async_stream::try_stream! {
        let mut body = object.body;
        let mut hasher = Sha256Hasher::default();
        let mut held: Option<Bytes> = None;
        while let Some(chunk) = body.try_next().await? {
            if chunk.is_empty() {
                continue;
            }
            hasher.update(&chunk);
            if let Some(previous) = held.replace(chunk) {
                yield previous;
            }
        }
        let actual = hasher.finish();
        if actual != expected {
            Err(Error::Integrity { at, expected, actual })?;
        }
        if let Some(last) = held {
            yield last;
        }
    }
    .boxed()
}

async fn write_stream(body: &mut ContentStream, file: File) -> Result<(), Error> {
    const BATCH: usize = 1 << 20;
    let mut file = file;
    let mut batch = Vec::new();
    let mut batched = 0;
    loop {
        let chunk = body.try_next().await?;
        let last = chunk.is_none();
        if let Some(chunk) = chunk {
            batched += chunk.len();
            batch.push(chunk);
        }
        if last || batched >= BATCH {
            let chunks = std::mem::take(&mut batch);
            batched = 0;
            let written = blocking(move || {
                for chunk in chunks {
                    file.write_all(&chunk)?;
                }
                Ok::<_, io::Error>(file)
            });
            file = written.await.map_err(Error::Destination)?;
        }
        if last {
            return Ok(());
        }
    }
}
