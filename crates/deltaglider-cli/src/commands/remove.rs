//! Removing everything under a prefix, for `rm` and `rb --force`.

use deltaglider::core::Location;
use deltaglider::core::engine::{DeleteRequest, LogicalEntry, LogicalListRequest, StoredForm};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use crate::context::Context;
use crate::error::CliError;
use crate::failure::Failure;
use crate::filter::Filter;
use crate::operand::as_directory;
use crate::output::{Action, Line};
use crate::session::Root;
use crate::tally::Outcome;

/// What is removed, and what is not.
#[derive(Clone, Debug)]
pub(super) struct Removal {
    pub(super) filter: Filter,
    pub(super) page_size: Option<u32>,
    pub(super) dry: bool,
    /// Nothing is removed where it would be more than this.
    pub(super) max_delete: Option<usize>,
}

/// An object that is to go, as a listing told of it.
#[derive(Clone, Debug)]
pub(super) struct Doomed {
    pub(super) key: String,
    pub(super) stored: StoredForm,
}

/// The line of a removal.
pub(super) fn line(root: &Root, at: &Location) -> Line {
    Line { action: Action::Delete, source: root.url(at.key()), destination: None, streamed: false }
}

/// Removes everything under a root, taken as a directory.
pub(super) async fn remove(context: &Context, root: &Root, removal: &Removal) -> Result<(), CliError> {
    let mut objects = listing(root, removal);
    if let Some(most) = removal.max_delete {
        let mut all: Vec<Doomed> = Vec::new();
        while let Some(object) = objects.try_next().await.map_err(CliError::fatal)? {
            all.push(object);
            if all.len() > most {
                return Err(CliError::usage(format!("more than {most} objects would be removed; none was")));
            }
        }
        objects = futures::stream::iter(all.into_iter().map(Ok)).boxed();
    }
    if removal.dry {
        while let Some(object) = objects.try_next().await.map_err(CliError::fatal)? {
            context.tally.planned_delete();
            context.output.dry(&line(root, &root.at.with_key(object.key)))?;
        }
        return Ok(());
    }
    remove_listed(context, root, objects).await
}

/// Removes objects that a listing told of. Where the listing breaks off, what it told of before is removed.
pub(super) async fn remove_listed(
    context: &Context,
    root: &Root,
    objects: BoxStream<'static, Result<Doomed, deltaglider::core::Error>>,
) -> Result<(), CliError> {
    let (sender, mut broken) = tokio::sync::oneshot::channel();
    let mut sender = Some(sender);
    let bucket = root.at.bucket().to_owned();
    let requests = objects
        .map(move |object| match object {
            Ok(object) => {
                let at = Location::new(bucket.as_str(), object.key);
                Some(DeleteRequest { at, stored: Some(object.stored) })
            }
            Err(error) => {
                if let Some(sender) = sender.take() {
                    drop(sender.send(error));
                }
                None
            }
        })
        .take_while(|request| std::future::ready(request.is_some()))
        .filter_map(std::future::ready)
        .boxed();
    let mut removed = root.engine.delete_many(requests);
    loop {
        let next = tokio::select! {
            biased;
            _ = context.interrupt.raised() => return Err(CliError::Cancelled),
            next = removed.next() => next,
        };
        match next {
            Some(Ok(at)) => {
                context.tally.deleted();
                context.output.transferred(&line(root, &at), &Outcome::default())?;
            }
            Some(Err(error)) => {
                let at = match &error {
                    deltaglider::core::Error::Store(error) => error.at.clone(),
                    _ => root.at.clone(),
                };
                let failure = Failure::from(error);
                context.tally.failed(&failure);
                context.output.failed(&line(root, &at), &failure)?;
            }
            None => break,
        }
    }
    match broken.try_recv() {
        Ok(error) => Err(CliError::fatal(error)),
        Err(_) => Ok(()),
    }
}

fn listing(root: &Root, removal: &Removal) -> BoxStream<'static, Result<Doomed, deltaglider::core::Error>> {
    let prefix = as_directory(root.at.key());
    let request = LogicalListRequest {
        bucket: root.at.bucket().to_owned(),
        prefix: prefix.clone(),
        page_size: removal.page_size,
        ..LogicalListRequest::default()
    };
    let filter = removal.filter.clone();
    root.engine
        .list(request)
        .try_filter_map(move |entry| {
            let object = match entry {
                LogicalEntry::Object(object) => {
                    let relative = object.key.get(prefix.len()..).unwrap_or_default();
                    filter.allows(relative, None).then_some(Doomed { key: object.key, stored: object.stored })
                }
                LogicalEntry::Prefix(_) => None,
            };
            std::future::ready(Ok(object))
        })
        .boxed()
}
