//! One transfer, carried out.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use deltaglider::core::engine::{
    CopyRequest, GetRequest, PutReport, PutRequest, ReferenceUse, Source as PutSource, StoredForm, Verdict,
};
use deltaglider::core::progress::SharedProgress;
use deltaglider::core::{Error, Location};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use super::convert::convert;
use super::departure::Departure;
use super::download::download;
use super::gate::Gate;
use super::pace::Pace;
use super::{End, Item, Settings};
use crate::failure::{Class, Failure};
use crate::session::Root;
use crate::tally::{Delta, Outcome};

/// Why one transfer came to nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It failed; others go on.
    Failed(Box<Failure>),
    /// It is passed over, for this reason.
    Skipped(String),
    /// Standard output cannot be written to.
    Output(io::Error),
}

impl<E: Into<Failure>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Failed(Box::new(error.into()))
    }
}

/// What came of a transfer.
#[derive(Debug)]
pub(super) enum Carried {
    Done(Box<Outcome>),
    /// The destination held something already.
    Kept,
}

/// Whether the destination holds something already. Requests: those of a head for an object.
pub(super) async fn is_present(destination: &End) -> Result<bool, Failure> {
    match destination {
        End::Stream => Ok(false),
        End::Local(path) => Ok(path.symlink_metadata().is_ok()),
        End::Object(root, at) => match root.engine.head(at).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error.into()),
        },
    }
}

/// Transfers one object.
pub(super) async fn carry(
    item: &Item,
    settings: &Settings,
    gate: &Gate,
    progress: SharedProgress,
) -> Result<Carried, Trouble> {
    let started = Instant::now();
    if settings.keep && is_present(&item.destination).await? {
        return Ok(Carried::Kept);
    }
    if let Some(outcome) = convert(item, settings, gate, Arc::clone(&progress)).await? {
        return Ok(Carried::Done(Box::new(Outcome { took: started.elapsed(), ..outcome })));
    }
    let mut departure = if settings.moving { Departure::announced(item).await? } else { None };
    let outcome = match (&item.source, &item.destination) {
        (End::Local(path), End::Object(to, at)) => {
            let name = path.file_name().and_then(|name| name.to_str());
            let request = PutRequest { progress, ..settings.put_request(name) };
            put(to, at, PutSource::File(path.clone()), &request, settings, gate).await?
        }
        (End::Stream, End::Object(to, at)) => {
            let request = PutRequest { progress, ..settings.put_request(None) };
            put(to, at, PutSource::Stream(standard_input()), &request, settings, gate).await?
        }
        (End::Object(from, source), End::Object(to, at)) => {
            copy(from, source, to, at, settings, gate, progress).await?
        }
        (End::Object(from, at), End::Local(target)) => {
            let report = download(from, at, target, &progress).await?;
            if settings.moving {
                departure = Some(Departure::Object(Box::new(report.head.clone())));
            }
            Outcome {
                logical: report.head.size,
                moved: report.fetched,
                reference: reference(report.reference),
                sha256: report.head.sha256.map(|digest| digest.to_string()),
                ..Outcome::default()
            }
        }
        (End::Object(from, at), End::Stream) => to_standard_output(from, at, progress).await?,
        (End::Local(_) | End::Stream, End::Local(_) | End::Stream) => {
            return Err(Failure::usage("one side has to be in a store").into());
        }
    };
    if let Some(departure) = departure {
        departure.leave(item, &outcome).await?;
    }
    Ok(Carried::Done(Box::new(Outcome { took: started.elapsed(), ..outcome })))
}

async fn put(
    to: &Root,
    at: &Location,
    source: PutSource,
    request: &PutRequest,
    settings: &Settings,
    gate: &Gate,
) -> Result<Outcome, Failure> {
    let report = gate.pass(at, to.engine.put(at, source, request)).await?;
    verified(to, at, settings).await?;
    Ok(stored(&report))
}

async fn copy(
    from: &Root,
    source: &Location,
    to: &Root,
    at: &Location,
    settings: &Settings,
    gate: &Gate,
    progress: SharedProgress,
) -> Result<Outcome, Failure> {
    if from.shares_store(to) && source == at && !settings.changes_copies() {
        return Err(onto_itself());
    }
    let put = PutRequest { progress, ..settings.bare_put_request() };
    let report = if from.shares_store(to) {
        let request = CopyRequest { replace: settings.replacement.clone(), put };
        gate.pass(at, to.engine.copy(source, at, &request)).await?
    } else {
        let got = from.engine.get(source, &GetRequest::default()).await?;
        let attributes = settings.replacement.clone().unwrap_or_else(|| got.head.attributes.clone());
        let body = PutSource::Stream(got.body.map_err(io::Error::other).boxed());
        let request = PutRequest { attributes, ..put };
        gate.pass(at, to.engine.put(at, body, &request)).await.map_err(source_error)?
    };
    verified(to, at, settings).await?;
    Ok(stored(&report))
}

/// S3's own refusal, without asking it.
fn onto_itself() -> Failure {
    let message = "An error occurred (InvalidRequest) when calling the CopyObject operation: This copy request is illegal \
                   because it is trying to copy an object to itself without changing the object's metadata, storage class, \
                   website redirect location or encryption attributes.";
    Failure::new(Class::Service, "InvalidRequest", message)
}

/// What the reader of the source said, where a put failed because of it.
fn source_error(error: Error) -> Error {
    match error {
        Error::Source(error) if error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()).is_some() => {
            match error.into_inner().and_then(|inner| inner.downcast::<Error>().ok()) {
                Some(inner) => *inner,
                None => Error::SourceChanged,
            }
        }
        other => other,
    }
}

async fn verified(root: &Root, at: &Location, settings: &Settings) -> Result<(), Failure> {
    if !settings.verify {
        return Ok(());
    }
    match root.engine.verify(at).await?.verdict {
        Verdict::Damaged(error) | Verdict::ReferenceMissing(error) => Err(error.into()),
        _ => Ok(()),
    }
}

pub(super) fn stored(report: &PutReport) -> Outcome {
    Outcome {
        kind: Some(kind(&report.stored)),
        logical: report.size,
        stored: Some(report.stored_size),
        moved: report.sent,
        reference: reference(report.reference),
        delta: delta(report),
        new_reference: (report.reference == ReferenceUse::Created).then_some(report.size),
        sha256: Some(report.sha256.to_string()),
        ..Outcome::default()
    }
}

fn delta(report: &PutReport) -> Option<Delta> {
    match (&report.stored, report.parts) {
        (StoredForm::Delta { codec, .. }, Some(parts)) => Some(Delta { codec: codec.clone(), parts }),
        _ => None,
    }
}

fn kind(stored: &StoredForm) -> &'static str {
    match stored {
        StoredForm::Delta { .. } => "delta",
        _ => "plain",
    }
}

fn reference(used: ReferenceUse) -> Option<&'static str> {
    match used {
        ReferenceUse::Created => Some("created"),
        ReferenceUse::Cached => Some("cached"),
        ReferenceUse::Fetched => Some("fetched"),
        _ => None,
    }
}

async fn to_standard_output(from: &Root, at: &Location, progress: SharedProgress) -> Result<Outcome, Trouble> {
    let request = GetRequest { progress, ..GetRequest::default() };
    let mut report = from.engine.get(at, &request).await?;
    let mut out = tokio::io::stdout();
    while let Some(chunk) = report.body.try_next().await? {
        out.write_all(&chunk).await.map_err(Trouble::Output)?;
    }
    out.flush().await.map_err(Trouble::Output)?;
    Ok(Outcome {
        logical: report.head.size,
        moved: report.fetched,
        reference: reference(report.reference),
        sha256: report.head.sha256.map(|digest| digest.to_string()),
        ..Outcome::default()
    })
}

/// Reads on a thread of its own: a read that nothing comes of must not keep the process from ending.
fn standard_input() -> BoxStream<'static, io::Result<Bytes>> {
    const CHUNK: usize = 256 << 10;
    const AHEAD: usize = 4;
    let (sender, receiver) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        let mut buffer = vec![0; CHUNK];
        loop {
            let chunk = match input.read(&mut buffer) {
                Ok(0) => return,
                Ok(read) => Ok(Bytes::copy_from_slice(&buffer[..read])),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let failed = chunk.is_err();
            if sender.blocking_send(chunk).is_err() || failed {
                return;
            }
        }
    });
    futures::stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) }).boxed()
}

/// What several transfers share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) settings: Arc<Settings>,
    pub(super) gate: Arc<Gate>,
    pub(super) pace: Pace,
}
