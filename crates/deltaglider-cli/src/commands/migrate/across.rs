//! Migration into another place: what is not there yet with the same content.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use async_stream::try_stream;
use deltaglider::core::Sha256;
use deltaglider::core::engine::LogicalObject;
use deltaglider::core::store::ETag;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::{Plan, as_migration, takes};
use crate::args::migrate::MigrateArgs;
use crate::args::transfer::is_archive;
use crate::context::Context;
use crate::error::CliError;
use crate::filter::Filter;
use crate::local::{self, Found};
use crate::operand::{Operand, as_directory};
use crate::session::Root;
use crate::shard::Shard;
use crate::tally::Tally;
use crate::transfer::{Destination, End, Entry, Item, Planned, Planner, archived, listing};

/// A source and a destination, joined by name.
pub(super) struct Across {
    source: Side,
    to: Root,
    options: Options,
    shown: String,
}

#[derive(Clone)]
struct Options {
    filter: Filter,
    shard: Option<Shard>,
    page_size: Option<u32>,
    ignore_archived: bool,
    force_archived: bool,
    follow_symlinks: bool,
    tally: Arc<Tally>,
}

#[derive(Clone)]
enum Side {
    Store(Root),
    Local(PathBuf),
}

/// An entry of the source, with what tells whether it is there already.
struct Candidate {
    entry: Entry,
    relative: String,
    facts: Option<Facts>,
}

/// What is known of a content without reading it.
#[derive(Clone, Debug)]
struct Facts {
    size: u64,
    sha256: Option<Sha256>,
    e_tag: Option<ETag>,
    modified: Option<SystemTime>,
}

pub(super) async fn open(
    args: &MigrateArgs,
    destination: &str,
    shard: Option<Shard>,
    context: &Context,
) -> Result<Across, CliError> {
    let source = match Operand::parse(&args.source)? {
        Operand::Stream => return Err(CliError::usage("a stream has no objects to migrate")),
        Operand::Local(path) => {
            if !path.is_dir() {
                return Err(CliError::usage(format!("`{}` is no directory and no URL", args.source)));
            }
            Side::Local(path)
        }
        Operand::Store(url) => Side::Store(context.session.root(&url).await.map_err(CliError::fatal)?),
    };
    let mut to = context.session.root(&Operand::url(destination)?).await.map_err(CliError::fatal)?;
    let mut prefix = as_directory(to.at.key());
    if let Side::Store(from) = &source {
        if !args.no_preserve_prefix {
            prefix += &last_part(from.at.key());
        }
        let from_prefix = as_directory(from.at.key());
        if from.shares_store(&to) && from.at.bucket() == to.at.bucket() && prefix.starts_with(&from_prefix) {
            return Err(CliError::usage(match prefix == from_prefix {
                true => "source and destination are the same: say --in-place instead".to_owned(),
                false => format!("the destination {} is inside of the source", to.url(&prefix)),
            }));
        }
    }
    to.at = to.at.with_key(prefix.as_str());
    let from = match &source {
        Side::Store(root) => root.url(&as_directory(root.at.key())),
        Side::Local(path) => local::shown(path),
    };
    let options = Options {
        filter: args.transfer.filters.filter.clone(),
        shard,
        page_size: args.transfer.page_size,
        ignore_archived: args.transfer.ignore_glacier_warnings,
        force_archived: args.transfer.force_glacier_transfer,
        follow_symlinks: !args.transfer.no_follow_symlinks,
        tally: Arc::clone(&context.tally),
    };
    let shown = format!("{from} to {}", to.url(&prefix));
    Ok(Across { source, to, options, shown })
}

impl Plan for Across {
    fn planned(&self) -> BoxStream<'static, Result<Planned, CliError>> {
        let (options, to) = (self.options.clone(), self.to.clone());
        let mut source = match &self.source {
            Side::Store(root) => stored(root.clone(), options.clone()),
            Side::Local(path) => files(path.clone(), options.clone()),
        };
        let ignore_archived = options.ignore_archived;
        let planner =
            Planner { destination: Destination::Prefix(to.clone()), alone: false, moving: false, ignore_archived };
        try_stream! {
            // Both sides come in the order of their names below: one pass joins them.
            let mut there = listing(&to, options.page_size);
            let mut next: Option<LogicalObject> = None;
            let mut more = true;
            let cut = to.at.key().len();
            while let Some(candidate) = source.try_next().await? {
                let relative = |object: &LogicalObject| object.key.get(cut..).unwrap_or_default().to_owned();
                while more && next.as_ref().is_none_or(|object| relative(object) < candidate.relative) {
                    next = there.try_next().await.map_err(CliError::fatal)?;
                    more = next.is_some();
                }
                let present = next.as_ref().filter(|object| relative(object) == candidate.relative);
                if let (Some(facts), Some(object)) = (&candidate.facts, present)
                    && is_same(facts, &Facts::of(object))
                {
                    options.tally.present();
                    continue;
                }
                yield as_migration(planner.plan(candidate.entry));
            }
        }
        .boxed()
    }

    fn destination(&self) -> &Root {
        &self.to
    }

    fn described(&self) -> String {
        self.shown.clone()
    }

    fn relative<'a>(&self, item: &'a Item) -> &'a str {
        match &item.destination {
            End::Object(_, at) => at.key().strip_prefix(self.to.at.key()).unwrap_or(at.key()),
            _ => "",
        }
    }
}

fn stored(root: Root, options: Options) -> BoxStream<'static, Result<Candidate, CliError>> {
    let cut = as_directory(root.at.key()).len();
    listing(&root, options.page_size)
        .map_err(CliError::fatal)
        .try_filter_map(move |object| {
            let relative = object.key.get(cut..).unwrap_or_default().to_owned();
            let is_marker = object.size == 0 && object.key.ends_with('/');
            if is_marker || !takes(options.shard, &relative) || !options.filter.allows(&relative, None) {
                return std::future::ready(Ok(None));
            }
            let facts = Some(Facts::of(&object));
            let class = object.storage_class.as_deref().filter(|class| is_archive(class) && !options.force_archived);
            let warning = class.map(|class| archived(&root.url(&object.key), class));
            let end = End::Object(root.clone(), root.at.with_key(object.key));
            let entry = Entry::plain(end, relative.clone(), Some(object.size), warning);
            std::future::ready(Ok(Some(Candidate { entry, relative, facts })))
        })
        .boxed()
}

/// Walked to its end first: a tree does not come in the order of keys.
fn files(root: PathBuf, options: Options) -> BoxStream<'static, Result<Candidate, CliError>> {
    try_stream! {
        let walk = tokio::task::spawn_blocking(move || {
            let mut found = Vec::new();
            local::walk(&root, options.follow_symlinks, &mut |next| {
                found.extend(candidate(next, &options));
                true
            });
            found.sort_by(|a: &Candidate, b| a.relative.cmp(&b.relative));
            found
        });
        for candidate in walk.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())) {
            yield candidate;
        }
    }
    .boxed()
}

fn candidate(found: Found, options: &Options) -> Option<Candidate> {
    match found {
        Found::Unfit { warning, relative } => {
            Some(Candidate { entry: Entry::Unfit { warning, relative }, relative: String::new(), facts: None })
        }
        Found::File(file) => {
            let absolute = local::absolute(&file.path);
            let allowed = options.filter.allows(&file.relative, absolute.to_str());
            if !allowed || !takes(options.shard, &file.relative) {
                return None;
            }
            let modified = std::fs::metadata(&file.path).and_then(|metadata| metadata.modified()).ok();
            let facts = Some(Facts { size: file.size, sha256: None, e_tag: None, modified });
            let (relative, size) = (file.relative.clone(), Some(file.size));
            let entry = Entry::plain(End::Local(file.path), file.relative, size, None);
            Some(Candidate { entry, relative, facts })
        }
    }
}

impl Facts {
    fn of(object: &LogicalObject) -> Self {
        Self {
            size: object.size,
            sha256: object.sha256,
            e_tag: Some(object.e_tag.clone()),
            modified: Some(object.last_modified),
        }
    }
}

/// Whether what is at the destination is what would be put there: by digest where both are known, else by size and time.
fn is_same(source: &Facts, there: &Facts) -> bool {
    if source.size != there.size {
        return false;
    }
    if let (Some(a), Some(b)) = (source.sha256, there.sha256) {
        return a == b;
    }
    if source.e_tag.is_some() && source.e_tag == there.e_tag {
        return true;
    }
    matches!((source.modified, there.modified), (Some(source), Some(there)) if source <= there)
}

/// The last part of a prefix, with its slash; empty where there is none.
fn last_part(prefix: &str) -> String {
    match prefix.trim_end_matches('/').rsplit('/').next() {
        Some(part) if !part.is_empty() => format!("{part}/"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_there_is_told_by_digest_or_by_size_and_time() {
        let old = SystemTime::UNIX_EPOCH;
        let facts = |size, digest: Option<u8>, e_tag: &str, seconds| Facts {
            size,
            sha256: digest.map(|byte| Sha256([byte; 32])),
            e_tag: Some(ETag::new(e_tag)),
            modified: Some(old + Duration::from_secs(seconds)),
        };
        let there = facts(5, Some(1), "a", 10);
        assert!(is_same(&facts(5, Some(1), "b", 20), &there), "the digest decides");
        assert!(!is_same(&facts(5, Some(2), "a", 5), &there));
        assert!(is_same(&facts(5, None, "a", 20), &there), "the entity tag is the content's");
        assert!(is_same(&facts(5, None, "a-2", 10), &there), "stored in parts, and not newer");
        assert!(!is_same(&facts(5, None, "a-2", 11), &there));
        assert!(!is_same(&facts(6, None, "a", 5), &there));
    }

    #[test]
    fn the_last_part_of_a_prefix_is_kept() {
        assert_eq!(["a/b/", "a/b", "a", "", "/"].map(last_part), ["b/", "b/", "a/", "", ""]);
    }
}
