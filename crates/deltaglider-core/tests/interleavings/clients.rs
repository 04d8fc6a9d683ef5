//! Clients with an engine of their own, each of which does one thing.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use deltaglider_core::engine::purge::PurgeRequest;
use deltaglider_core::engine::{
    CopyRequest, DeleteRequest, Engine, LogicalEntry, LogicalHead, LogicalListRequest, PutRequest, Source, StoredForm,
};
use deltaglider_core::progress::silent;
use deltaglider_core::store::{ETag, Placement};
use deltaglider_core::{Error, Location, Md5, Sha256};
use deltaglider_testkit::interleavings::{Claim, Client, Outcome};
use futures::{StreamExt, TryStreamExt};

use super::scenarios::{NOW, at, content_of, engine, outcome, put_request, read};

pub fn put(key: &'static str, content: Bytes) -> Client {
    let claim = Claim::Put { name: key.into(), content: content.clone() };
    Client::new(format!("put {key}"), vec![claim], move |store, diary| {
        let content = content.clone();
        async move {
            let put = engine(store).put(&at(key), Source::Bytes(content.clone()), &put_request(&content)).await;
            diary.note(outcome(put));
        }
    })
}

pub fn delete(key: &'static str) -> Client {
    let claim = Claim::Delete { names: vec![key.into()] };
    Client::new(format!("delete {key}"), vec![claim], move |store, diary| async move {
        diary.note(outcome(engine(store).delete(&at(key)).await));
    })
}

/// Stores a content whole, though a delta of it would be small enough.
pub fn put_whole(key: &'static str, content: Bytes) -> Client {
    let claim = Claim::Put { name: key.into(), content: content.clone() };
    Client::new(format!("put {key} whole"), vec![claim], move |store, diary| {
        let content = content.clone();
        async move {
            let request = PutRequest { whole: true, ..put_request(&content) };
            diary.note(outcome(engine(store).put(&at(key), Source::Bytes(content), &request).await));
        }
    })
}

/// Stores a content as a plain object, as a rehydration into another place does.
pub fn put_plain(key: &'static str, content: Bytes) -> Client {
    let claim = Claim::Put { name: key.into(), content: content.clone() };
    Client::new(format!("put {key} plain"), vec![claim], move |store, diary| {
        let content = content.clone();
        async move {
            let head = LogicalHead {
                size: content.len() as u64,
                e_tag: ETag::new(&Md5::of(&content).to_string()),
                sha256: Some(Sha256::of(&content)),
                last_modified: UNIX_EPOCH,
                attributes: put_request(&content).attributes,
                stored: StoredForm::Foreign { at: at(key) },
                version_id: None,
                storage_class: None,
            };
            let body = futures::stream::iter([Ok(content)]).boxed();
            let done = engine(store).put_plain(&at(key), &head, body, &Placement::default(), &silent()).await;
            diary.note(outcome(done));
        }
    })
}

/// Deletes a name, and then puts it anew.
pub fn delete_and_put(key: &'static str, content: Bytes) -> Client {
    let put = Claim::Put { name: key.into(), content: content.clone() };
    let claims = vec![Claim::Delete { names: vec![key.into()] }, put];
    Client::new(format!("delete and put {key}"), claims, move |store, diary| {
        let content = content.clone();
        async move {
            let engine = engine(store);
            let deleted = outcome(engine.delete(&at(key)).await);
            diary.note(deleted.clone());
            if deleted == Outcome::Done {
                let put = engine.put(&at(key), Source::Bytes(content.clone()), &put_request(&content)).await;
                diary.note(outcome(put));
            }
        }
    })
}

/// Puts a name, and then reads it.
pub fn put_and_get(key: &'static str, content: Bytes) -> Client {
    let put = Claim::Put { name: key.into(), content: content.clone() };
    Client::new(format!("put and get {key}"), vec![put, Claim::Read { name: key.into() }], move |store, diary| {
        let content = content.clone();
        async move {
            let engine = engine(store);
            let put = engine.put(&at(key), Source::Bytes(content.clone()), &put_request(&content)).await;
            diary.note(outcome(put));
            diary.note(read(&engine, key).await);
        }
    })
}

pub fn get(key: &'static str) -> Client {
    Client::new(format!("get {key}"), vec![Claim::Read { name: key.into() }], move |store, diary| async move {
        diary.note(read(&engine(store), key).await);
    })
}

/// Lists a prefix, and deletes what is there.
pub fn delete_all(prefix: &'static str) -> Client {
    let claim = Claim::Delete { names: Vec::new() };
    Client::new(format!("delete all of {prefix}"), vec![claim], move |store, diary| async move {
        let engine = engine(store);
        let deleted = async {
            let request = LogicalListRequest { bucket: "b".into(), prefix: prefix.into(), ..Default::default() };
            let listed: Vec<LogicalEntry> = engine.list(request).try_collect().await?;
            let requests = listed.into_iter().filter_map(|entry| match entry {
                LogicalEntry::Object(object) => {
                    Some(DeleteRequest { at: at(&object.key), stored: Some(object.stored) })
                }
                LogicalEntry::Prefix(_) => None,
            });
            engine
                .delete_many(futures::stream::iter(requests.collect::<Vec<_>>()).boxed())
                .try_collect::<Vec<_>>()
                .await
        };
        diary.note(outcome(deleted.await));
    })
}

pub fn purge(prefix: &'static str) -> Client {
    Client::new(format!("purge {prefix}"), vec![Claim::Keep], move |store, diary| async move {
        let request = PurgeRequest {
            prefix: at(prefix),
            older_than: Duration::ZERO,
            now: UNIX_EPOCH + Duration::from_secs(NOW),
            exclusive: false,
            dry: false,
        };
        diary.note(outcome(engine(store).purge(request).try_collect::<Vec<_>>().await));
    })
}

pub fn migrate(key: &'static str, size: u64) -> Client {
    Client::new(format!("migrate {key}"), vec![Claim::Convert { name: key.into() }], move |store, diary| async move {
        diary.note(converted(engine(store).migrate(&at(key), size, &PutRequest::default()).await));
    })
}

pub fn rehydrate(key: &'static str) -> Client {
    Client::new(format!("rehydrate {key}"), vec![Claim::Convert { name: key.into() }], move |store, diary| async move {
        let engine = engine(store);
        let done = engine.rehydrate(&at(key), &silent()).await;
        let done = match done {
            Ok(_) => engine.release_reference(&at(key)).await.map(|_| ()),
            Err(error) => Err(error),
        };
        diary.note(converted(done));
    })
}

/// Somebody else's work on the object is in the way, or it is gone: it stays as it is.
fn converted<T>(result: Result<T, Error>) -> Outcome {
    match result {
        Err(error) if matches!(error, Error::Contended { .. }) || error.is_not_found() => {
            Outcome::Declined(error.to_string())
        }
        other => outcome(other),
    }
}

pub fn copy(from: &'static str, to: &'static str) -> Client {
    let claim = Claim::Copy { from: from.into(), to: to.into() };
    Client::new(format!("copy {from} to {to}"), vec![claim], move |store, diary| async move {
        diary.note(copied(&engine(store), &at(from), &at(to)).await);
    })
}

/// Copies, looks at the copy, and deletes the source if it still is what it was.
pub fn rename(from: &'static str, to: &'static str) -> Client {
    let claims = vec![Claim::Copy { from: from.into(), to: to.into() }, Claim::Delete { names: vec![from.into()] }];
    Client::new(format!("move {from} to {to}"), claims, move |store, diary| async move {
        let engine = engine(store);
        let before = match engine.head(&at(from)).await {
            Ok(head) => head,
            Err(error) => return diary.note(Outcome::of_error(&error)),
        };
        let copy = copied(&engine, &at(from), &at(to)).await;
        diary.note(copy.clone());
        let Outcome::Content(Some(content)) = copy else { return };
        match engine.head(&at(to)).await {
            Ok(head) if head.sha256.and_then(content_of) == Some(content) => {}
            Ok(_) => return diary.note(Outcome::Declined("something else was stored there".into())),
            Err(error) if error.is_not_found() => return diary.note(Outcome::Declined("it is gone".into())),
            Err(error) => return diary.note(Outcome::of_error(&error)),
        }
        diary.note(match engine.delete_unchanged(&at(from), &before).await {
            Err(Error::SourceChanged) => Outcome::Declined("it was changed".into()),
            deleted => outcome(deleted),
        });
    })
}

async fn copied(engine: &Engine, from: &Location, to: &Location) -> Outcome {
    match engine.copy(from, to, &CopyRequest::default()).await {
        Ok(report) => Outcome::Content(Some(content_of(report.sha256).expect("a content of the scenario"))),
        Err(error) if matches!(error, Error::SourceChanged) => Outcome::Declined(error.to_string()),
        Err(error) => Outcome::of_error(&error),
    }
}
