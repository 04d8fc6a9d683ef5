//! A store that makes values of its calls, for whoever answers them.

use std::fmt::{self, Debug};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use deltaglider_core::Location;
use deltaglider_core::store::{
    Attributes, CopyOptions, DeleteTarget, GetObject, GetOptions, ListEntry, ListRequest, ObjectHead, ObjectStore,
    Operation, Promises, PutBody, PutOptions, PutReceipt, StoreError, StoreErrorKind,
};
use futures::stream::BoxStream;
use futures::{StreamExt, stream};

use super::call::{Answer, Call};
use super::contents::Object;

/// Who answers calls.
#[async_trait]
pub trait Answers: Clone + Debug + Send + Sync + 'static {
    /// The answer to a call.
    async fn ask(&self, call: Call) -> Answer;

    /// What a key is called there.
    fn name(&self, key: &str) -> String {
        key.to_owned()
    }

    /// Whether there is a bucket of this name.
    fn has_bucket(&self, _: &str) -> bool {
        true
    }

    /// What it says of conditions.
    fn promises(&self) -> Promises {
        Promises::Kept
    }
}

/// A store before somebody who answers.
#[derive(Clone, Debug)]
pub struct CallStore<A>(pub(super) A);

impl<A> fmt::Display for CallStore<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("calls")
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<A: Answers> ObjectStore for CallStore<A> {
    async fn get(&self, at: &Location, options: GetOptions) -> Result<GetObject, StoreError> {
        let call = Call::Get { key: self.0.name(at.key()), range: options.range, if_match: options.if_match };
        match self.ask(at, call).await {
            Answer::Object(object) => {
                let head = object.head();
                let range = options.range.and_then(|range| range.resolve(head.size)).unwrap_or(0..head.size);
                let content = object.content.slice(range.start as usize..range.end as usize);
                Ok(GetObject { head, range, body: stream::iter([Ok(content)]).boxed() })
            }
            other => Err(refused(Operation::Get, at, &other)),
        }
    }

    async fn head(&self, at: &Location) -> Result<ObjectHead, StoreError> {
        match self.ask(at, Call::Head { key: self.0.name(at.key()) }).await {
            Answer::Object(object) => Ok(object.head()),
            other => Err(refused(Operation::Head, at, &other)),
        }
    }

    async fn put(&self, at: &Location, body: PutBody, options: PutOptions) -> Result<PutReceipt, StoreError> {
        let object = Arc::new(Object::new(collect(at, body).await?, timeless(options.attributes)));
        match self.ask(at, Call::Put { key: self.0.name(at.key()), object, mode: options.mode }).await {
            Answer::Stored(e_tag) => Ok(PutReceipt { e_tag, version_id: None }),
            other => Err(refused(Operation::Put, at, &other)),
        }
    }

    async fn copy(&self, from: &Location, to: &Location, options: CopyOptions) -> Result<PutReceipt, StoreError> {
        let CopyOptions { source_if_match, mode, replace, .. } = options;
        let (from, key) = (self.0.name(from.key()), self.0.name(to.key()));
        let replace = replace.map(timeless);
        match self.ask(to, Call::Copy { from, to: key, source_if_match, mode, replace }).await {
            Answer::Stored(e_tag) => Ok(PutReceipt { e_tag, version_id: None }),
            other => Err(refused(Operation::Copy, to, &other)),
        }
    }

    fn delete(&self, targets: BoxStream<'static, DeleteTarget>) -> BoxStream<'static, Result<Location, StoreError>> {
        let store = self.clone();
        let answers = targets.then(move |DeleteTarget { at, if_match }| {
            let store = store.clone();
            async move {
                match store.ask(&at, Call::Delete { key: store.0.name(at.key()), if_match }).await {
                    Answer::Deleted => Ok(at),
                    other => Err(refused(Operation::Delete, &at, &other)),
                }
            }
        });
        answers.boxed()
    }

    fn list(&self, request: ListRequest) -> BoxStream<'static, Result<ListEntry, StoreError>> {
        let store = self.clone();
        let entries = async move {
            let at = Location::new(request.bucket.as_str(), request.prefix.as_str());
            match store.ask(&at, Call::List { request }).await {
                Answer::Listed(listed) => Answer::entries(&listed).into_iter().map(Ok).collect(),
                other => vec![Err(refused(Operation::List, &at, &other))],
            }
        };
        stream::once(entries).flat_map(stream::iter).boxed()
    }

    fn promises(&self) -> Promises {
        self.0.promises()
    }

    fn clock_ahead(&self) -> Option<i64> {
        None
    }
}

impl<A: Answers> CallStore<A> {
    async fn ask(&self, at: &Location, call: Call) -> Answer {
        match self.0.has_bucket(at.bucket()) {
            true => self.0.ask(call).await,
            false => Answer::Failed(StoreErrorKind::NoSuchBucket),
        }
    }
}

fn refused(operation: Operation, at: &Location, answer: &Answer) -> StoreError {
    let kind = match answer {
        Answer::Failed(kind) => *kind,
        _ => StoreErrorKind::Other,
    };
    StoreError::new(operation, at, kind, "as the checker answers")
}

async fn collect(at: &Location, body: PutBody) -> Result<Bytes, StoreError> {
    match body {
        PutBody::Bytes(bytes) => Ok(bytes),
        PutBody::File(path) => std::fs::read(&path).map(Bytes::from).map_err(|error| {
            StoreError::new(Operation::Put, at, StoreErrorKind::Other, "the file cannot be read").with_source(error)
        }),
        PutBody::Stream { size, mut stream } => {
            let mut content = BytesMut::new();
            while let Some(chunk) = stream.next().await {
                content.extend_from_slice(&chunk?);
            }
            if size.is_some_and(|size| size != content.len() as u64) {
                let message = "the body is not as long as it was said to be";
                return Err(StoreError::new(Operation::Put, at, StoreErrorKind::Invalid, message));
            }
            Ok(content.freeze())
        }
    }
}

/// The clock at one time in every record: no client decides anything by it but whether it is later than that of another object.
fn timeless(mut attributes: Attributes) -> Attributes {
    const CLOCK: &str = "2024-01-01T00:00:00Z";
    for value in attributes.metadata.values_mut() {
        let bytes = value.as_bytes();
        let is_time = bytes.len() >= 20 && bytes[4] == b'-' && bytes[7] == b'-' && bytes[10] == b'T';
        // What is earlier was not read from the clock.
        if is_time && bytes.ends_with(b"Z") && value.as_str() > CLOCK {
            CLOCK.clone_into(value);
        }
    }
    attributes
}
