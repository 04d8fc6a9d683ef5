//! `sync`: makes a directory or a prefix hold what another one holds.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use deltaglider::core::engine::StoredForm;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};

use super::remove::{Doomed, line, remove_listed};
use crate::args::sync::SyncArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::filter::Filter;
use crate::local;
use crate::operand::{Operand, as_directory};
use crate::output::{Action, Line, Warning};
use crate::session::Root;
use crate::tally::Outcome;
use crate::transfer::{
    Decision, Destination, Direction, End, Entry, Execution, Facts, Join, Listed, Planned, Planner, Ready, Rule,
    Settings, Source, SourceOptions, decide, entries, execute, same_content, shown,
};

/// Contents that are compared at a time.
const COMPARISONS: usize = 16;

type Shared = Arc<Mutex<Join<Held>>>;

/// What the destination holds under a name.
#[derive(Debug)]
struct Held {
    facts: Facts,
    end: End,
    listed: Option<Listed>,
}

/// Both sides, and the way between them.
struct Sides {
    direction: Direction,
    source: Source,
    destination: Destination,
}

pub(super) async fn run(args: SyncArgs, context: &Context) -> Result<Exit, CliError> {
    let (source, destination) = (Operand::parse(&args.source)?, Operand::parse(&args.destination)?);
    if let Some(option) = args.transfer.unsupported.given() {
        return Err(CliError::usage(format!("{option} cannot be honoured by this program")));
    }
    source.ensure_exists(&args.source, args.transfer.no_follow_symlinks)?;
    let Sides { direction, source, destination } = open(&args, source, destination, context).await?;
    let (held, unfit) = held(&destination, &args).await?;
    for warning in &unfit {
        context.tally.skipped();
        context.output.skipped(warning)?;
    }
    let from = match &source {
        Source::Local(path) => Some(local::absolute(path)),
        _ => None,
    };
    let join: Shared = Arc::new(Mutex::new(Join::new(held)));
    let planner = Planner {
        destination: destination.clone(),
        alone: false,
        moving: false,
        ignore_archived: args.transfer.ignore_glacier_warnings,
    };
    let mut planned = plan(&args, direction, source, planner, Arc::clone(&join));
    if let Some(most) = args.max_delete {
        // What would be removed is known when all of the source was seen.
        let all: Vec<_> = planned.try_collect().await?;
        let left = left_over(&join, &args.transfer.filters.filter, from.as_deref());
        if left.len() > most {
            let message = format!("{} files would be removed, more than {most}; nothing was done", left.len());
            return Err(CliError::usage(message));
        }
        *lock(&join) = Join::new(left.into_iter().collect());
        planned = futures::stream::iter(all.into_iter().map(Ok)).boxed();
    }
    let settings = Settings::new(&args.transfer).overwriting();
    execute(context, planned, Execution { settings, dry: args.transfer.dryrun }).await?;
    if args.delete {
        let left = left_over(&join, &args.transfer.filters.filter, from.as_deref());
        remove(context, &destination, left, args.transfer.dryrun).await?;
    }
    Ok(context.tally.exit())
}

async fn open(args: &SyncArgs, source: Operand, destination: Operand, context: &Context) -> Result<Sides, CliError> {
    let direction = match (&source, &destination) {
        (Operand::Local(_), Operand::Store(_)) => Direction::Upload,
        (Operand::Store(_), Operand::Local(_)) => Direction::Download,
        (Operand::Store(_), Operand::Store(_)) => Direction::Copy,
        (Operand::Stream, _) | (_, Operand::Stream) => {
            return Err(CliError::usage("a stream cannot be synchronised, only copied: use cp"));
        }
        (Operand::Local(_), Operand::Local(_)) => {
            let message =
                "one of the two has to be in a store: write s3://bucket/prefix or file:///path/to/store/prefix";
            return Err(CliError::usage(message));
        }
    };
    let source = match source {
        Operand::Store(url) => Source::Store(context.session.root(&url).await.map_err(CliError::fatal)?),
        Operand::Local(path) => Source::Local(path),
        Operand::Stream => Source::Stream,
    };
    let destination = match destination {
        Operand::Store(url) => Destination::store(context.session.root(&url).await.map_err(CliError::fatal)?, true),
        Operand::Local(path) => {
            make_directory(&path, args.transfer.dryrun)?;
            Destination::local(path, true)
        }
        Operand::Stream => Destination::Stream,
    };
    Ok(Sides { direction, source, destination })
}

fn make_directory(path: &Path, dry: bool) -> Result<(), CliError> {
    let failed = |error: &std::io::Error| {
        CliError::plain(Failure::local(format!("{} is no directory, and cannot be made one", path.display()), error))
    };
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(failed(&std::io::ErrorKind::NotADirectory.into())),
        Err(_) if dry => Ok(()),
        Err(_) => fs::create_dir_all(path).map_err(|error| failed(&error)),
    }
}

/// Everything that the destination holds and the filter allows, and what of it could not be looked at.
async fn held(destination: &Destination, args: &SyncArgs) -> Result<(HashMap<String, Held>, Vec<Warning>), CliError> {
    let listed = match destination {
        Destination::Prefix(root) => Source::Store(root.clone()),
        Destination::Directory(path) if path.is_dir() => Source::Local(path.clone()),
        _ => return Ok((HashMap::new(), Vec::new())),
    };
    let mut entries = entries(listed, options(args, true));
    let (mut held, mut unfit) = (HashMap::new(), Vec::new());
    while let Some(entry) = entries.try_next().await? {
        match entry {
            Entry::Ready(ready) => {
                let facts = facts(&ready);
                let Ready { end, relative, listed, .. } = *ready;
                held.insert(relative, Held { facts, end, listed });
            }
            Entry::Unfit { warning, .. } => unfit.push(warning),
        }
    }
    Ok((held, unfit))
}

fn options(args: &SyncArgs, force_archived: bool) -> SourceOptions {
    SourceOptions {
        recursive: true,
        follow_symlinks: !args.transfer.no_follow_symlinks,
        page_size: args.transfer.page_size,
        filter: args.transfer.filters.filter.clone(),
        force_archived,
        ensure: false,
    }
}

/// Walks or lists know both of all that they name.
fn facts(ready: &Ready) -> Facts {
    Facts { size: ready.size.unwrap_or_default(), modified: ready.modified.unwrap_or(std::time::UNIX_EPOCH) }
}

/// What is to be transferred, in the order of the source.
fn plan(
    args: &SyncArgs,
    direction: Direction,
    source: Source,
    planner: Planner,
    join: Shared,
) -> BoxStream<'static, Result<Planned, CliError>> {
    let rule = rule(args);
    entries(source, options(args, args.transfer.force_glacier_transfer))
        .map_ok(move |entry| {
            let held = match &entry {
                Entry::Ready(ready) => lock(&join).take(&ready.relative),
                Entry::Unfit { relative, .. } => {
                    lock(&join).shield(relative.clone());
                    None
                }
            };
            let planner = planner.clone();
            async move {
                let is_same = match (&entry, &held) {
                    (Entry::Ready(ready), Some(held)) => is_same(direction, rule, ready, held).await?,
                    _ => false,
                };
                Ok(if is_same { Planned::Skip(None) } else { planner.plan(entry) })
            }
        })
        .try_buffered(COMPARISONS)
        .boxed()
}

fn rule(args: &SyncArgs) -> Rule {
    if args.transfer.no_overwrite {
        Rule::Never
    } else if args.checksum {
        Rule::Content
    } else if args.size_only {
        Rule::Size
    } else if args.exact_timestamps {
        Rule::ExactTime
    } else {
        Rule::SizeAndTime
    }
}

async fn is_same(direction: Direction, rule: Rule, source: &Ready, held: &Held) -> Result<bool, CliError> {
    Ok(match decide(direction, rule, facts(source), held.facts) {
        Decision::Same => true,
        Decision::Transfer => false,
        Decision::Compare => {
            let source = (&source.end, source.listed.as_ref());
            same_content(source, (&held.end, held.listed.as_ref())).boxed().await.map_err(CliError::fatal)?
        }
    })
}

/// What the destination holds and the source does not, but for what a filter leaves out at the source by its absolute path.
fn left_over(join: &Shared, filter: &Filter, from: Option<&Path>) -> Vec<(String, Held)> {
    let mut left = lock(join).left_over();
    if let Some(from) = from {
        left.retain(|(name, _)| filter.allows(name, from.join(name).to_str()));
    }
    left
}

async fn remove(
    context: &Context,
    destination: &Destination,
    left: Vec<(String, Held)>,
    dry: bool,
) -> Result<(), CliError> {
    if dry {
        for (_, held) in &left {
            context.tally.planned_delete();
            context.output.dry(&removal(&held.end))?;
        }
        return Ok(());
    }
    match destination {
        Destination::Prefix(root) => {
            let prefix = as_directory(root.at.key());
            let doomed: Vec<_> =
                left.into_iter().map(|(name, held)| doomed(root, format!("{prefix}{name}"), held)).collect();
            remove_listed(context, root, futures::stream::iter(doomed.into_iter().map(Ok)).boxed()).await
        }
        _ => {
            for (_, held) in left {
                if let End::Local(path) = &held.end {
                    remove_file(context, &held.end, path)?;
                }
            }
            Ok(())
        }
    }
}

fn doomed(root: &Root, key: String, held: Held) -> Doomed {
    let stored = match held.listed {
        Some(listed) => listed.stored,
        None => StoredForm::Whole { at: root.at.with_key(key.as_str()) },
    };
    Doomed { key, stored }
}

fn remove_file(context: &Context, end: &End, path: &PathBuf) -> Result<(), CliError> {
    let line = removal(end);
    match fs::remove_file(path) {
        Ok(()) => {
            context.tally.deleted();
            context.output.transferred(&line, &Outcome::default())?;
        }
        Err(error) => {
            let failure = Failure::local(format!("{} cannot be removed", path.display()), &error);
            context.tally.failed(&failure);
            context.output.failed(&line, &failure)?;
        }
    }
    Ok(())
}

fn removal(end: &End) -> Line {
    if let End::Object(root, at) = end {
        return line(root, at);
    }
    Line { action: Action::Delete, source: shown(end), destination: None, streamed: false }
}

fn lock(join: &Shared) -> std::sync::MutexGuard<'_, Join<Held>> {
    join.lock().unwrap_or_else(PoisonError::into_inner)
}
