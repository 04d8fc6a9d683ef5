//! Where transfers come from: a file, a tree, an object, or everything under a prefix.

use std::path::PathBuf;
use std::time::SystemTime;

use async_stream::try_stream;
use deltaglider::core::engine::{LogicalEntry, LogicalListRequest, LogicalObject, StoredForm};
use deltaglider::core::store::ETag;
use deltaglider::core::{Location, Sha256};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tokio::sync::mpsc;

use super::End;
use crate::args::transfer::is_archive;
use crate::error::CliError;
use crate::filter::Filter;
use crate::local::{self, Found};
use crate::operand::{as_directory, base_name};
use crate::output::Warning;
use crate::session::Root;

/// What is to be moved.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Standard input.
    Stream,
    /// A file, or a tree.
    Local(PathBuf),
    /// An object, or everything under a prefix.
    Store(Root),
}

/// How a source is enumerated.
#[derive(Clone, Debug)]
pub(crate) struct SourceOptions {
    pub(crate) recursive: bool,
    pub(crate) follow_symlinks: bool,
    pub(crate) page_size: Option<u32>,
    pub(crate) filter: Filter,
    /// Whether archived objects are tried.
    pub(crate) force_archived: bool,
    /// Whether a single object has to be looked at, since nobody will fetch it.
    pub(crate) ensure: bool,
}

/// Something to be moved, or passed over.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// To be moved.
    Ready(Box<Ready>),
    /// To be passed over with a warning.
    Unfit {
        warning: Warning,
        /// Its name below the source; what is below that name could not be looked at.
        relative: String,
    },
}

impl Entry {
    /// An end of which no more is known than its size, and whether it lies in an archive.
    pub(crate) fn plain(end: End, relative: String, size: Option<u64>, archived: Option<Warning>) -> Self {
        Self::Ready(Box::new(Ready { end, relative, size, modified: None, listed: None, archived }))
    }
}

/// Something that can be moved.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) end: End,
    /// Its name below the source, with `/` between its parts.
    pub(crate) relative: String,
    pub(crate) size: Option<u64>,
    /// When it was written; known of files, and of objects that a listing told of.
    pub(crate) modified: Option<SystemTime>,
    /// What a listing told of an object.
    pub(crate) listed: Option<Listed>,
    /// What to say instead of moving it, where it lies in an archive.
    pub(crate) archived: Option<Warning>,
}

/// What a listing tells of an object's content and form.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) sha256: Option<Sha256>,
    pub(crate) e_tag: ETag,
    pub(crate) stored: StoredForm,
}

impl Ready {
    fn new(end: End, relative: String, size: Option<u64>) -> Self {
        Self { end, relative, size, modified: None, listed: None, archived: None }
    }
}

/// Entries that walks and listings may be ahead by.
const AHEAD: usize = 256;

/// Everything that the source holds and the filter allows.
pub(crate) fn entries(source: Source, options: SourceOptions) -> BoxStream<'static, Result<Entry, CliError>> {
    match source {
        Source::Stream => {
            let entry = Ready::new(End::Stream, "-".to_owned(), None);
            futures::stream::iter([Ok(Entry::Ready(Box::new(entry)))]).boxed()
        }
        Source::Local(path) if options.recursive => tree(path, options),
        Source::Local(path) => {
            let found = local::single(&path, options.follow_symlinks).into_iter();
            let entries: Vec<_> = found.filter_map(|found| local_entry(found, &options.filter)).map(Ok).collect();
            futures::stream::iter(entries).boxed()
        }
        Source::Store(root) if options.recursive => below(root, options),
        Source::Store(root) => object(root, options),
    }
}

fn tree(root: PathBuf, options: SourceOptions) -> BoxStream<'static, Result<Entry, CliError>> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        local::walk(&root, options.follow_symlinks, &mut |found| match local_entry(found, &options.filter) {
            Some(entry) => sender.blocking_send(Ok(entry)).is_ok(),
            None => !sender.is_closed(),
        });
    });
    futures::stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) }).boxed()
}

fn local_entry(found: Found, filter: &Filter) -> Option<Entry> {
    match found {
        Found::Unfit { warning, relative } => Some(Entry::Unfit { warning, relative }),
        Found::File(file) => {
            let absolute = local::absolute(&file.path);
            filter.allows(&file.relative, absolute.to_str()).then(|| {
                let ready = Ready::new(End::Local(file.path), file.relative, Some(file.size));
                Entry::Ready(Box::new(Ready { modified: Some(file.modified), ..ready }))
            })
        }
    }
}

/// A single object. It is not asked for before it is fetched, unless nobody will.
fn object(root: Root, options: SourceOptions) -> BoxStream<'static, Result<Entry, CliError>> {
    try_stream! {
        let key = root.at.key().to_owned();
        let relative = base_name(&key).to_owned();
        if options.filter.allows(&relative, None) {
            let size = if options.ensure {
                let head = root.engine.head(&root.at).await.map_err(|error| {
                    if error.is_not_found() {
                        CliError::fatal(crate::failure::Failure::no_such_key(&key))
                    } else {
                        CliError::fatal(error)
                    }
                })?;
                Some(head.size)
            } else {
                None
            };
            let at = root.at.clone();
            yield Entry::Ready(Box::new(Ready::new(End::Object(root, at), relative, size)));
        }
    }
    .boxed()
}

fn below(root: Root, options: SourceOptions) -> BoxStream<'static, Result<Entry, CliError>> {
    listing(&root, options.page_size)
        .map_err(CliError::fatal)
        .try_filter_map(move |object| {
            let entry = listed(&root, object, &options);
            async move { Ok(entry) }
        })
        .boxed()
}

/// All objects under a root, taken as a directory.
pub(crate) fn listing(
    root: &Root,
    page_size: Option<u32>,
) -> BoxStream<'static, Result<LogicalObject, deltaglider::core::Error>> {
    let request = LogicalListRequest {
        bucket: root.at.bucket().to_owned(),
        prefix: as_directory(root.at.key()),
        page_size,
        ..LogicalListRequest::default()
    };
    let entries = root.engine.list(request);
    entries
        .try_filter_map(|entry| async move {
            Ok(match entry {
                LogicalEntry::Object(object) => Some(object),
                LogicalEntry::Prefix(_) => None,
            })
        })
        .boxed()
}

fn listed(root: &Root, object: LogicalObject, options: &SourceOptions) -> Option<Entry> {
    let relative = object.key.get(as_directory(root.at.key()).len()..).unwrap_or_default().to_owned();
    // What consoles make to show an empty directory.
    let is_marker = object.size == 0 && object.key.ends_with('/');
    if is_marker || !options.filter.allows(&relative, None) {
        return None;
    }
    let class = object.storage_class.as_deref().filter(|class| is_archive(class) && !options.force_archived);
    let archived = class.map(|class| archived(&root.url(&object.key), class));
    let at = Location::new(root.at.bucket(), object.key);
    let ready = Ready::new(End::Object(root.clone(), at), relative, Some(object.size));
    let listed = Listed { sha256: object.sha256, e_tag: object.e_tag, stored: object.stored };
    let modified = Some(object.last_modified);
    Some(Entry::Ready(Box::new(Ready { modified, listed: Some(listed), archived, ..ready })))
}

/// What is said of an object in an archive.
pub(crate) fn archived(url: &str, class: &str) -> Warning {
    let message = format!(
        "Object is of storage class {class}. Unable to perform transfer operations on {class} objects. You must restore the \
         object to be able to perform the operation; then use --force-glacier-transfer."
    );
    Warning { path: url.to_owned(), message }
}
