//! `cp` and `mv`: copy files to a store, from a store, or between stores; `mv` removes each source when its copy was proven.

use std::fs;
use std::path::Path;

use deltaglider::core::StoreUrl;
use futures::{StreamExt, TryStreamExt};

use crate::args::cp::CpArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::failure::Class;
use crate::operand::{Operand, as_directory, base_name};
use crate::output::{Action, Line};
use crate::transfer::{
    Destination, Execution, Planner, Settings, Source, SourceOptions, entries, execute, onto_itself,
};

pub(super) async fn run(args: CpArgs, moving: bool, context: &Context) -> Result<Exit, CliError> {
    let (source, destination) = (Operand::parse(&args.source)?, Operand::parse(&args.destination)?);
    ensure_sound(&args, &source, &destination)?;
    if moving {
        ensure_moves(&args, &source, &destination)?;
    }
    source.ensure_exists(&args.source, args.transfer.no_follow_symlinks)?;
    let Some((source, destination)) = open(&args, moving, source, destination, context).await? else {
        return Ok(context.tally.exit());
    };
    if let Destination::Directory(directory) = &destination
        && args.recursive
        && !args.transfer.dryrun
    {
        // Where this fails, each download will say why.
        drop(fs::create_dir_all(directory));
    }
    let options = SourceOptions {
        recursive: args.recursive,
        follow_symlinks: !args.transfer.no_follow_symlinks,
        page_size: args.transfer.page_size,
        filter: args.transfer.filters.filter.clone(),
        force_archived: args.transfer.force_glacier_transfer,
        ensure: args.transfer.dryrun,
    };
    let overlapping = moving && overlaps(&source, &destination);
    let planner =
        Planner { destination, alone: !args.recursive, moving, ignore_archived: args.transfer.ignore_glacier_warnings };
    let mut planned = entries(source, options).map_ok(move |entry| planner.plan(entry)).boxed();
    if overlapping {
        // What arrives would be listed, and moved on.
        let all: Vec<_> = planned.try_collect().await?;
        planned = futures::stream::iter(all.into_iter().map(Ok)).boxed();
    }
    let execution = Execution { settings: Settings::new(&args.transfer).moving(moving), dry: args.transfer.dryrun };
    execute(context, planned, execution).await?;
    Ok(context.tally.exit())
}

/// What can be told to be wrong before anything is looked at.
fn ensure_sound(args: &CpArgs, source: &Operand, destination: &Operand) -> Result<(), CliError> {
    use Operand::{Local, Store, Stream};
    if let Some(option) = args.transfer.unsupported.given() {
        return Err(CliError::usage(format!("{option} cannot be honoured by this program")));
    }
    match (source, destination) {
        (Stream, Store(_)) | (Store(_), Stream) if args.recursive => {
            Err(CliError::usage("streaming is possible for a single object only: leave out --recursive"))
        }
        (Local(_) | Stream, Local(_) | Stream) => {
            let message = "one of the two has to be in a store: write s3://bucket/key or file:///path/to/store/key";
            Err(CliError::usage(message))
        }
        _ => Ok(()),
    }
}

/// What only a move cannot do.
fn ensure_moves(args: &CpArgs, source: &Operand, destination: &Operand) -> Result<(), CliError> {
    use Operand::{Store, Stream};
    match (source, destination) {
        (Stream, _) | (_, Stream) => Err(CliError::usage("a stream cannot be moved, only copied: use cp")),
        (Store(from), Store(to)) => {
            if args.transfer.validate_same_s3_paths
                && let Some(point) = [from, to].into_iter().find(|url| is_access_point(url))
            {
                let message =
                    format!("--validate-same-s3-paths: which bucket {point} leads to cannot be told here: name it");
                return Err(CliError::usage(message));
            }
            let own_prefix = to.ends_with('/') && *from == format!("{to}{}", base_name(from));
            let own_bucket = from.strip_prefix(to.as_str()) == Some(&format!("/{}", base_name(from)));
            if from == to || (!args.recursive && (own_prefix || (own_bucket && is_bucket(to)))) {
                return Err(CliError::plain(onto_itself(&args.source, &args.destination)));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Whether a URL names a bucket and nothing in it.
fn is_bucket(url: &str) -> bool {
    matches!(url.parse(), Ok(StoreUrl::S3 { key, .. }) if key.is_empty())
}

/// Whether a URL names an access point, or an alias of one.
fn is_access_point(url: &str) -> bool {
    matches!(url.parse(), Ok(StoreUrl::S3 { bucket, .. }) if bucket.starts_with("arn:") || bucket.ends_with("-s3alias"))
}

/// Whether what arrives lands where the source is listed.
fn overlaps(source: &Source, destination: &Destination) -> bool {
    match (source, destination) {
        (Source::Store(from), Destination::Prefix(to)) => {
            let within = as_directory(to.at.key()).starts_with(&as_directory(from.at.key()));
            from.shares_store(to) && from.at.bucket() == to.at.bucket() && within
        }
        _ => false,
    }
}

/// Opens both sides. Where a store cannot be had for a file that was named, that file's transfer has failed.
async fn open(
    args: &CpArgs,
    moving: bool,
    source: Operand,
    destination: Operand,
    context: &Context,
) -> Result<Option<(Source, Destination)>, CliError> {
    let from = match &source {
        Operand::Stream => Source::Stream,
        Operand::Local(path) => Source::Local(path.clone()),
        Operand::Store(url) => {
            let root = context.session.root(url).await.map_err(CliError::fatal)?;
            if root.at.key().is_empty() && !args.recursive {
                let hint = format!("nothing to copy: {url} names no object; add --recursive to copy all of them");
                context.output.hint(&hint)?;
                return Ok(None);
            }
            Source::Store(root)
        }
    };
    let to = match destination {
        Operand::Stream => Destination::Stream,
        Operand::Local(path) => Destination::local(path, args.recursive),
        Operand::Store(url) => match context.session.root(&url).await {
            Ok(root) => Destination::store(root, args.recursive),
            Err(failure) if failure.class == Class::Configuration || args.recursive => {
                return Err(CliError::fatal(failure));
            }
            Err(failure) => {
                let line = unopened(args, moving, &source, url);
                context.tally.failed(&failure);
                context.output.failed(&line, &failure)?;
                return Ok(None);
            }
        },
    };
    Ok(Some((from, to)))
}

fn unopened(args: &CpArgs, moving: bool, source: &Operand, url: String) -> Line {
    let (action, shown) = match source {
        Operand::Local(_) => (Action::Upload, crate::local::shown(Path::new(&args.source))),
        Operand::Stream => (Action::Upload, args.source.clone()),
        Operand::Store(_) => (Action::Copy, args.source.clone()),
    };
    let action = if moving { Action::Move } else { action };
    Line { action, source: shown, destination: Some(url), streamed: false }
}
