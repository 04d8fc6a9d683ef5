//! `rehydrate`: back to plain objects, elsewhere or where they are.

use std::collections::BTreeSet;

use deltaglider::core::delta_space::{StoredName, logical_directory, stored_prefix};
use deltaglider::core::store::{ListEntry, ListRequest};
use futures::{StreamExt, TryStreamExt};

use crate::args::rehydrate::RehydrateArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::operand::{Operand, as_directory};
use crate::output::Action;
use crate::session::Root;
use crate::transfer::{
    Destination, End, Entry, Execution, Planned, Planner, Settings, Source, SourceOptions, entries, execute,
};

pub(super) async fn run(args: RehydrateArgs, context: &Context) -> Result<Exit, CliError> {
    let url = Operand::url(&args.source)?;
    let root = context.session.root(&url).await.map_err(CliError::fatal)?;
    let key = root.at.key();
    let many = args.recursive || key.is_empty() || key.ends_with('/');
    let destination = match args.destination.as_deref() {
        Some(text) => Some(open(text, many, &root, context).await?),
        None => None,
    };
    let options = SourceOptions {
        recursive: many,
        follow_symlinks: true,
        page_size: args.page_size,
        filter: args.filters.filter.clone(),
        force_archived: false,
        ensure: args.dryrun,
    };
    let planned = entries(Source::Store(root.clone()), options)
        .map_ok(move |entry| match &destination {
            Some(destination) => to(destination.clone(), !many).plan(entry),
            None => in_place(entry),
        })
        .map_ok(as_rehydration)
        .boxed();
    let execution = Execution { settings: Settings::rehydration(), dry: args.dryrun };
    execute(context, planned, execution).await?;
    if args.in_place && !args.dryrun {
        release(context, &root, many).await?;
    }
    Ok(context.tally.exit())
}

async fn open(text: &str, many: bool, from: &Root, context: &Context) -> Result<Destination, CliError> {
    match Operand::parse(text)? {
        Operand::Stream => Err(CliError::usage("write to standard output with `deltaglider cp S3URI -`")),
        Operand::Local(path) => Ok(Destination::local(path, many)),
        Operand::Store(url) => {
            let to = context.session.root(&url).await.map_err(CliError::fatal)?;
            if from.shares_store(&to) && from.at == to.at {
                return Err(CliError::usage("source and destination are the same: say --in-place instead"));
            }
            Ok(Destination::store(to, many))
        }
    }
}

fn to(destination: Destination, alone: bool) -> Planner {
    Planner { destination, alone, moving: false, ignore_archived: false }
}

/// An entry whose destination is where it is.
fn in_place(entry: Entry) -> Planned {
    match entry {
        Entry::Ready(ready) => {
            let here = match &ready.end {
                End::Object(root, at) => Destination::Object(root.moved_to(at.clone())),
                _ => Destination::Stream,
            };
            to(here, false).plan(Entry::Ready(ready))
        }
        unfit => to(Destination::Stream, false).plan(unfit),
    }
}

fn as_rehydration(planned: Planned) -> Planned {
    match planned {
        Planned::Transfer(mut item) => {
            item.line.action = Action::Rehydrate;
            if item.line.destination.as_deref() == Some(item.line.source.as_str()) {
                item.line.destination = None;
            }
            Planned::Transfer(item)
        }
        skip => skip,
    }
}

/// Removes the references that no delta needs any more: after all objects, those of an earlier run that was broken off included.
async fn release(context: &Context, root: &Root, many: bool) -> Result<(), CliError> {
    let mut spaces = BTreeSet::new();
    if many {
        let request = ListRequest::below(root.at.bucket(), stored_prefix(&as_directory(root.at.key())));
        let mut stored = root.engine.store().list(request);
        while let Some(entry) = stored.try_next().await.map_err(CliError::fatal)? {
            if let ListEntry::Object(object) = entry
                && StoredName::of(&object.key) == StoredName::Reference
            {
                let prefix = &object.key[..object.key.rfind('/').map_or(0, |slash| slash + 1)];
                spaces.extend(logical_directory(prefix).map(|prefix| root.at.with_key(prefix + "x")));
            }
        }
    } else {
        spaces.insert(root.at.clone());
    }
    let mut stay = 0;
    for object in &spaces {
        if context.interrupt.seen().is_some() {
            return Err(CliError::Cancelled);
        }
        if !root.engine.release_reference(object).await.map_err(CliError::fatal)? {
            stay += 1;
        }
    }
    if many && stay > 0 {
        let hint = format!(
            "{stay} of {} references stay: deltas need them that are not plain yet, or the store ignores conditions on deletes",
            spaces.len()
        );
        context.output.hint(&hint)?;
    }
    Ok(())
}
