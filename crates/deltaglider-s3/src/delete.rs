//! Deleting: conditions one by one, the rest in batches as they come.

use std::collections::VecDeque;
use std::mem::take;

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use deltaglider_core::Location;
use deltaglider_core::store::{DeleteTarget, ETag, Operation, StoreError, StoreErrorKind};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};

use crate::checksum::add_content_md5;
use crate::get;
use crate::naming::{check_key, is_xml_text};
use crate::store::S3Store;

/// The most keys that one DeleteObjects may name.
const BATCH: usize = 1000;
/// Requests of one deletion under way at a time.
const CONCURRENCY: usize = 4;

type Answer = Result<Location, StoreError>;

enum Job {
    One(Location, Option<ETag>),
    Batch(Vec<Location>),
}

pub(crate) fn delete(store: S3Store, targets: BoxStream<'static, DeleteTarget>) -> BoxStream<'static, Answer> {
    jobs(targets)
        .map(move |job| {
            let store = store.clone();
            async move {
                match job {
                    Job::One(at, if_match) => vec![delete_one(&store, at, if_match).await],
                    Job::Batch(keys) => delete_batch(&store, keys).await,
                }
            }
        })
        .buffer_unordered(CONCURRENCY)
        .flat_map(futures::stream::iter)
        .boxed()
}

/// Gathers targets into jobs: a batch is sent when it is full, when another bucket's begins, and at the end.
fn jobs(targets: BoxStream<'static, DeleteTarget>) -> impl Stream<Item = Job> {
    struct State {
        targets: BoxStream<'static, DeleteTarget>,
        pending: Vec<Location>,
        ready: VecDeque<Job>,
        ended: bool,
    }
    let state = State { targets, pending: Vec::new(), ready: VecDeque::new(), ended: false };
    futures::stream::unfold(state, |mut state| async move {
        loop {
            if let Some(job) = state.ready.pop_front() {
                return Some((job, state));
            }
            if state.ended {
                return None;
            }
            match state.targets.next().await {
                Some(DeleteTarget { at, if_match: Some(tag) }) => state.ready.push_back(Job::One(at, Some(tag))),
                Some(DeleteTarget { at, .. }) if !is_xml_text(at.key()) || at.key().is_empty() => {
                    state.ready.push_back(Job::One(at, None));
                }
                Some(DeleteTarget { at, .. }) => {
                    let other_bucket = state.pending.first().is_some_and(|first| first.bucket() != at.bucket());
                    if other_bucket || state.pending.len() == BATCH {
                        state.ready.extend(job_of(take(&mut state.pending)));
                    }
                    state.pending.push(at);
                }
                None => {
                    state.ended = true;
                    state.ready.extend(job_of(take(&mut state.pending)));
                }
            }
        }
    })
}

fn job_of(mut keys: Vec<Location>) -> Option<Job> {
    if keys.len() > 1 {
        return Some(Job::Batch(keys));
    }
    keys.pop().map(|at| Job::One(at, None))
}

async fn delete_one(store: &S3Store, at: Location, if_match: Option<ETag>) -> Answer {
    check_key(Operation::Delete, &at)?;
    let call = store.call(Operation::Delete, &at).await?;
    let request = call.client.delete_object().bucket(at.bucket()).key(at.key());
    let request = request.set_if_match(if_match.as_ref().map(|tag| store.tags().written(tag)));
    let request = request.customize().config_override(call.limits(0)).interceptor(call.watch());
    let answer = call.answer(request.send().await);
    drop(call);
    match get::settle(store, &at, if_match.as_ref(), answer).await {
        // Some servers say so; what is not there is deleted.
        Err(error) if error.is_not_found() && if_match.is_none() => Ok(at),
        Err(error) => Err(error),
        Ok(_) => Ok(at),
    }
}

async fn delete_batch(store: &S3Store, keys: Vec<Location>) -> Vec<Answer> {
    match send_batch(store, &keys).await {
        Ok(failed) => answers(keys, failed),
        Err(error) => keys.iter().map(|at| Err(same(&error, at))).collect(),
    }
}

async fn send_batch(store: &S3Store, keys: &[Location]) -> Result<Vec<aws_sdk_s3::types::Error>, StoreError> {
    let bucket = keys.first().map(Location::bucket).unwrap_or_default();
    let at = Location::new(bucket, "");
    let call = store.call(Operation::Delete, &at).await?;
    let invalid = |error: aws_sdk_s3::error::BuildError| {
        StoreError::new(Operation::Delete, &at, StoreErrorKind::Invalid, "the batch could not be written")
            .with_source(error)
    };
    let named = keys.iter().map(|at| ObjectIdentifier::builder().key(at.key()).build());
    let named = named.collect::<Result<Vec<_>, _>>().map_err(invalid)?;
    let batch = Delete::builder().set_objects(Some(named)).quiet(true).build().map_err(invalid)?;
    let request = call.client.delete_objects().bucket(bucket).delete(batch);
    let request =
        request.customize().config_override(call.limits(0)).mutate_request(add_content_md5).interceptor(call.watch());
    Ok(call.answer(request.send().await)?.errors.unwrap_or_default())
}

/// Each key's own answer: what the store does not complain about is deleted.
fn answers(keys: Vec<Location>, failed: Vec<aws_sdk_s3::types::Error>) -> Vec<Answer> {
    let mut failed: std::collections::HashMap<String, aws_sdk_s3::types::Error> = failed
        .into_iter()
        .filter(|error| error.code() != Some("NoSuchKey"))
        .map(|error| (error.key().unwrap_or_default().to_owned(), error))
        .collect();
    let answer = |at: Location| match failed.remove(at.key()) {
        None => Ok(at),
        Some(error) => Err(refusal(&at, error.code(), error.message())),
    };
    keys.into_iter().map(answer).collect()
}

/// The error of one key in a batch, which has no status of its own.
fn refusal(at: &Location, code: Option<&str>, message: Option<&str>) -> StoreError {
    let kind = match code.unwrap_or_default() {
        "AccessDenied" => StoreErrorKind::Denied,
        "InternalError" => StoreErrorKind::Transient,
        "SlowDown" => StoreErrorKind::Throttled,
        "NoSuchBucket" => StoreErrorKind::NoSuchBucket,
        "NotImplemented" => StoreErrorKind::Unsupported,
        _ => StoreErrorKind::Other,
    };
    let mut error = StoreError::new(Operation::Delete, at, kind, message.unwrap_or("the store did not delete it"));
    if let Some(code) = code {
        code.clone_into(&mut error.code);
    }
    error
}

/// The error of a whole batch, for one of its keys.
fn same(error: &StoreError, at: &Location) -> StoreError {
    let mut same = StoreError::new(error.operation, at, error.kind, error.message.clone());
    same.code.clone_from(&error.code);
    same.status = error.status;
    same.request_id.clone_from(&error.request_id);
    same
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn batches_are_as_large_as_they_may_be() {
        let target = |bucket: &str, key: String| DeleteTarget::from(Location::new(bucket, key));
        let mut targets: Vec<_> = (0..2001).map(|n| target("a", format!("k{n}"))).collect();
        targets.insert(3, DeleteTarget { at: Location::new("a", "x"), if_match: Some(ETag::new("t")) });
        targets.insert(5, target("a", "\u{1}".to_owned()));
        targets.extend((0..2).map(|n| target("b", format!("k{n}"))));
        let jobs: Vec<_> = jobs(futures::stream::iter(targets).boxed()).collect().await;
        let sizes: Vec<_> = jobs.iter().map(|job| if let Job::Batch(keys) = job { keys.len() } else { 1 }).collect();
        assert_eq!(sizes, [1, 1, 1000, 1000, 1, 2]);
    }
}
