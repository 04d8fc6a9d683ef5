//! Operations by a client, and what they say of names.

use std::time::{Duration, SystemTime};

use deltaglider::core::engine::purge::PurgeRequest;
use deltaglider::core::engine::{Depth, PutRequest, Verdict};
use deltaglider::core::progress::silent;
use deltaglider::core::{Error as EngineError, Location};
use deltaglider::object::ObjectInfo;
use deltaglider::object::delete::DeleteObjectsOutput;
use deltaglider::{Client, Error, ErrorKind};
use futures::TryStreamExt;

use crate::contents::{self, BUCKET, CONTENTS, Id, KEYS};
use crate::expectation::{Allowed, Event, Model, one};
use crate::step::{Key, Op};

/// What came of an operation: its events, and an error that is nobody's wish.
#[derive(Debug, Default)]
pub struct Came {
    pub events: Vec<Event>,
    pub error: Option<Error>,
}

impl Came {
    fn saw(key: Key, content: Option<Id>) -> Self {
        Event::Saw(key, one(content)).into()
    }

    fn nothing() -> Self {
        Self::default()
    }
}

impl From<Event> for Came {
    fn from(event: Event) -> Self {
        Self { events: vec![event], error: None }
    }
}

pub fn url(key: &str) -> String {
    format!("s3://{BUCKET}/{key}")
}

/// Does it. What was begun and failed may be done or not.
///
/// # Panics
/// Where something is read that was never put.
pub async fn carry_out(client: &Client, op: &Op, model: &Model) -> Came {
    match attempt(client, op).await {
        Ok(came) => came,
        Err(error) => {
            // The one name that it could be of is read first.
            let key = match op {
                Op::Get(key)
                | Op::GetRange(key, _)
                | Op::Head(key)
                | Op::Verify(key)
                | Op::Migrate(key)
                | Op::Rehydrate(key)
                | Op::Copy(key, _)
                | Op::Move(key, _) => Some(key),
                _ => None,
            };
            match key {
                Some(key) if error.is_not_found() => Came::saw(key, None),
                _ => Came { events: model.unfinished(op), error: Some(error) },
            }
        }
    }
}

async fn attempt(client: &Client, op: &Op) -> Result<Came, Error> {
    match op {
        Op::Put { key, content, whole } => {
            let put = client.put_object().bucket(BUCKET).key(*key).whole(*whole).metadata("of", content.to_string());
            put.body(contents::content(*content).clone()).send().await?;
            Ok(Event::Became(key, one(Some(*content))).into())
        }
        Op::Get(key) => {
            let got = client.get_object().bucket(BUCKET).key(*key).send().await?;
            let id = seen(&got.object);
            let body = got.body.collect().await?;
            assert!(body == contents::content(id), "`{key}` has the metadata of {id}, and other bytes");
            Ok(Came::saw(key, Some(id)))
        }
        Op::GetRange(key, range) => {
            let got = match client.get_object().bucket(BUCKET).key(*key).byte_range(*range).send().await {
                Err(error) if error.kind() == ErrorKind::InvalidRange => {
                    let without = (0..CONTENTS)
                        .filter(|&id| range.resolve(contents::content(id).len() as u64).is_none())
                        .map(Some);
                    return Ok(Event::Saw(key, without.collect()).into());
                }
                got => got?,
            };
            let id = seen(&got.object);
            assert_eq!(Some(&got.range), range.resolve(contents::content(id).len() as u64).as_ref(), "`{key}`");
            let range = got.range.clone();
            let body = got.body.collect().await?;
            assert!(Some(&body[..]) == contents::part(id, &range), "`{key}`: {range:?} are not the bytes of {id}");
            Ok(Came::saw(key, Some(id)))
        }
        Op::Head(key) => {
            let head = client.head_object().bucket(BUCKET).key(*key).send().await?;
            Ok(Came::saw(key, Some(seen(&head))))
        }
        Op::List { prefix, in_pages } => Ok(Came { events: list(client, prefix, *in_pages).await?, error: None }),
        Op::Delete(key) => {
            client.delete_object().bucket(BUCKET).key(*key).send().await?;
            Ok(Event::Became(key, one(None)).into())
        }
        Op::DeleteObjects(keys) => {
            let output = client.delete_objects().bucket(BUCKET).keys(keys.iter().copied()).send().await?;
            Ok(deleted(output, keys, |key| Event::Maybe(key, one(None))))
        }
        Op::DeletePrefix(prefix) => {
            let output = client.delete_prefix(&url(prefix)).await?;
            let keys: Vec<Key> = KEYS.iter().copied().filter(|key| key.starts_with(prefix)).collect();
            let listed = output.errors.is_empty();
            Ok(deleted(output, &keys, |key| match listed {
                true => Event::Saw(key, one(None)),
                false => Event::Maybe(key, one(None)),
            }))
        }
        Op::Copy(from, to) => Ok(Came { events: copy(client, from, to).await?, error: None }),
        Op::Move(from, to) => rename(client, from, to).await,
        Op::Migrate(key) => {
            let place = client.place(&url(key))?;
            let head = place.engine.head(&place.at).await.map_err(Error::from)?;
            declined(place.engine.migrate(&place.at, head.size, &PutRequest::default()).await)
        }
        Op::Rehydrate(key) => {
            let place = client.place(&url(key))?;
            let came = declined(place.engine.rehydrate(&place.at, &silent()).await)?;
            place.engine.release_reference(&place.at).await.map_err(Error::from)?;
            Ok(came)
        }
        Op::Verify(key) => match client.verify(&url(key)).await?.verdict {
            Verdict::Proven | Verdict::Unproven | Verdict::Consistent => Ok(Came::nothing()),
            Verdict::Damaged(error) | Verdict::ReferenceMissing(error) | Verdict::Unreadable(error) => {
                Err(error.into())
            }
            other => panic!("an unknown verdict: {other:?}"),
        },
        Op::Purge { exclusive } => {
            purge(client, *exclusive).await?;
            Ok(Came::nothing())
        }
        Op::Repair => {
            let repaired: Vec<_> = client.repair(&url(""), Depth::Full)?.try_collect().await?;
            let error = repaired.into_iter().find_map(|repaired| repaired.outcome.err());
            Ok(Came { events: Vec::new(), error })
        }
    }
}

/// The content that a head tells of.
fn seen(object: &ObjectInfo) -> Id {
    let id = contents::told(&object.metadata);
    let size = contents::content(id).len() as u64;
    assert_eq!((object.size, object.e_tag.unquoted()), (size, contents::e_tag(id)), "of {id}: {object:?}");
    if let Some(digest) = object.sha256 {
        assert_eq!(contents::of_digest(digest), id, "{object:?}");
    }
    id
}

async fn list(client: &Client, prefix: Key, in_pages: bool) -> Result<Vec<Event>, Error> {
    let listing = client.list_objects_v2().bucket(BUCKET).prefix(prefix);
    let pages: Vec<_> = match in_pages {
        true => listing.max_keys(2).into_paginator().try_collect().await?,
        false => vec![listing.send().await?],
    };
    let objects: Vec<_> = pages.into_iter().flat_map(|page| page.contents).collect();
    for object in &objects {
        assert!(KEYS.contains(&object.key.as_str()), "nobody has put `{}`", object.key);
    }
    let event = |key: &Key| {
        let lines: Vec<_> = objects.iter().filter(|object| object.key == *key).collect();
        assert!(lines.len() < 2, "listed twice: {lines:?}");
        let Some(line) = lines.first() else { return Event::Saw(key, one(None)) };
        let is =
            |id: &Id| line.e_tag.unquoted() == contents::e_tag(*id) && line.size == contents::content(*id).len() as u64;
        let seen: Allowed = (0..CONTENTS).filter(is).map(Some).collect();
        assert!(!seen.is_empty(), "of no content that was put: {line:?}");
        Event::Saw(key, seen)
    };
    Ok(KEYS.iter().filter(|key| key.starts_with(prefix)).map(event).collect())
}

fn deleted(output: DeleteObjectsOutput, keys: &[Key], else_of: impl Fn(Key) -> Event) -> Came {
    let is_gone = |key: &Key| output.deleted.iter().any(|at| at.key() == *key);
    let event = |key: &Key| if is_gone(key) { Event::Became(key, one(None)) } else { else_of(key) };
    Came { events: keys.iter().map(event).collect(), error: output.errors.into_iter().next() }
}

async fn copy(client: &Client, from: Key, to: Key) -> Result<Vec<Event>, Error> {
    let copied = client.copy_object().copy_source(BUCKET, from).bucket(BUCKET).key(to).send().await?;
    let content = one(Some(contents::of_digest(copied.sha256)));
    Ok(vec![Event::Saw(from, content.clone()), Event::Became(to, content)])
}

/// Copies, looks at the copy, and deletes the source if it still is what it was, as the command does.
async fn rename(client: &Client, from: Key, to: Key) -> Result<Came, Error> {
    let (source, target) = (client.place(&url(from))?, client.place(&url(to))?);
    let before = source.engine.head(&source.at).await.map_err(Error::from)?;
    let mut events = copy(client, from, to).await?;
    let Some(Event::Became(_, content)) = events.last().cloned() else { return Ok(Came::nothing()) };
    let failed = |mut events: Vec<Event>, error: EngineError| {
        events.push(Event::Maybe(from, one(None)));
        Ok(Came { events, error: Some(error.into()) })
    };
    match target.engine.head(&target.at).await {
        Ok(head) if head.sha256.map(contents::of_digest).map(Some).is_none_or(|id| !content.contains(&id)) => {
            return Ok(Came { events, error: None });
        }
        Ok(_) => {}
        Err(error) if error.is_not_found() => {
            events.push(Event::Saw(to, one(None)));
            return Ok(Came { events, error: None });
        }
        Err(error) => return failed(events, error),
    }
    match source.engine.delete_unchanged(&source.at, &before).await {
        Ok(_) => events.push(Event::Became(from, one(None))),
        Err(EngineError::SourceChanged) => {}
        Err(error) if error.is_not_found() => events.push(Event::Saw(from, one(None))),
        Err(error) => return failed(events, error),
    }
    Ok(Came { events, error: None })
}

/// Where two forms stand, and which of them is newer cannot be told, an object stays as it is.
fn declined<T>(result: Result<T, EngineError>) -> Result<Came, Error> {
    match result {
        Ok(_) | Err(EngineError::Contended { .. }) => Ok(Came::nothing()),
        Err(error) => Err(error.into()),
    }
}

/// A purge of everything, as if it were run in two hours.
pub async fn purge(client: &Client, exclusive: bool) -> Result<Vec<Location>, Error> {
    let place = client.place(&url(""))?;
    let now = SystemTime::now() + Duration::from_secs(7200);
    let request = PurgeRequest { prefix: place.at, older_than: Duration::ZERO, now, exclusive, dry: false };
    let purged: Vec<_> = place.engine.purge(request).try_collect().await.map_err(Error::from)?;
    Ok(purged.into_iter().map(|purged| purged.at).collect())
}
