//! Clients: what each of them does, and what it may claim afterwards.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use deltaglider_core::Error;
use deltaglider_core::store::ObjectStore;
use futures::future::BoxFuture;

/// What an operation is to others.
///
/// At each moment a name reads as it would if the operations had been done one after another, each at once, in an order that keeps
/// that of those which did not overlap; one that failed or is not finished may have been done or not. So what was acknowledged is
/// there, byte for byte, until something else is asked for; and a name that is overwritten reads as the old or as the new content.
///
/// Only where a put is not finished, or failed, its name may also be a delta without a reference. Then `repair` mends it: the name
/// reads as it may again, or stays as it is where nothing may be there anyway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// A name gets a content.
    Put {
        /// The name.
        name: String,
        /// The content.
        content: Bytes,
    },
    /// Names are deleted; all that are in question where none is named.
    Delete {
        /// The names.
        names: Vec<String>,
    },
    /// A name is read.
    Read {
        /// The name.
        name: String,
    },
    /// A name gets the content of another one.
    Copy {
        /// The source.
        from: String,
        /// The destination.
        to: String,
    },
    /// No name reads otherwise at any time.
    Keep,
    /// A name gets another form: it does not read otherwise afterwards. Until then, or where that failed, it may read as it could when
    /// that began; and who deletes it meanwhile may find it there.
    Convert {
        /// The name.
        name: String,
    },
    /// Names may get a content (`None`: nothing), all that are in question where none is named: by a client that knows no
    /// protocol, and is promised nothing.
    Foreign {
        /// The names.
        names: Vec<String>,
        /// The content.
        content: Option<Bytes>,
    },
}

/// What came of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was not done, because others were faster: nobody is promised anything.
    Declined(String),
    /// This was read, or copied; `None`: there is nothing.
    Content(Option<Bytes>),
    /// It failed.
    Failed(Failure, String),
}

/// How an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// A delta is there without its reference.
    ReferenceMissing,
    /// What is stored is not what was recorded.
    Damaged,
    /// Another way.
    Other,
}

impl Outcome {
    /// What an error of the engine means.
    #[must_use]
    pub fn of_error(error: &Error) -> Self {
        let failure = match error {
            error if error.is_not_found() => return Self::Content(None),
            error if error.is_integrity() => Failure::Damaged,
            Error::ReferenceMissing { .. } => Failure::ReferenceMissing,
            _ => Failure::Other,
        };
        Self::Failed(failure, error.to_string())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Declined(why) => write!(f, "declined: {why}"),
            Self::Content(None) => f.write_str("nothing"),
            Self::Content(Some(content)) => write!(f, "{}", shown(content)),
            Self::Failed(_, error) => write!(f, "failed: {error}"),
        }
    }
}

/// A content in few words: its digest's beginning.
pub(super) fn shown(content: &Bytes) -> String {
    let digest = deltaglider_core::Md5::of(content).to_string();
    format!("the content {}", &digest[..6])
}

/// Where a client writes what came of its operations, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Diary(Arc<Mutex<Vec<Outcome>>>);

impl Diary {
    /// Ends the current operation.
    pub fn note(&self, outcome: Outcome) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
    }

    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

type Run = dyn Fn(Arc<dyn ObjectStore>, Diary) -> BoxFuture<'static, ()> + Send + Sync;

/// One of those who work at the same time.
#[derive(Clone)]
pub struct Client {
    pub(super) name: String,
    pub(super) claims: Vec<Claim>,
    pub(super) run: Arc<Run>,
}

impl Client {
    /// A client that does what is claimed, in that order, and notes the outcome of each.
    ///
    /// It must do the same whenever it gets the same answers, and tell nobody but the store and the diary.
    pub fn new<F>(
        name: impl Into<String>,
        claims: Vec<Claim>,
        run: impl Fn(Arc<dyn ObjectStore>, Diary) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let run = move |store, diary| -> BoxFuture<'static, ()> { Box::pin(run(store, diary)) };
        Self { name: name.into(), claims, run: Arc::new(run) }
    }
}

impl Client {
    /// The same client over a store of its own before that of all.
    #[must_use]
    pub fn over(self, wrap: impl Fn(Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> + Send + Sync + 'static) -> Self {
        let run = Arc::clone(&self.run);
        Self { run: Arc::new(move |store, diary| run(wrap(store), diary)), ..self }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
