//! `cp`: copies files to a store, from a store, or between stores.

use std::fs;
use std::path::Path;

use futures::{StreamExt, TryStreamExt};

use crate::args::cp::CpArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::failure::{Class, Failure};
use crate::operand::Operand;
use crate::output::{Action, Line};
use crate::transfer::{Destination, Execution, Settings, Source, SourceOptions, entries, execute, plan};

pub(super) async fn run(args: CpArgs, context: &Context) -> Result<Exit, CliError> {
    let (source, destination) = (Operand::parse(&args.source)?, Operand::parse(&args.destination)?);
    ensure_sound(&args, &source, &destination)?;
    if let Operand::Local(path) = &source
        && !path.exists()
        && !(args.transfer.no_follow_symlinks && path.is_symlink())
    {
        let message = format!("The user-provided path {} does not exist.", args.source);
        return Err(CliError::plain(Failure::new(Class::Local, "NoSuchFile", message)));
    }
    let Some((source, destination)) = open(&args, source, destination, context).await? else {
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
    let ignore_archived = args.transfer.ignore_glacier_warnings;
    let planned = entries(source, options)
        .map_ok(move |entry| plan(entry, &destination, !args.recursive, ignore_archived))
        .boxed();
    let execution = Execution { settings: Settings::new(&args.transfer), dry: args.transfer.dryrun };
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

/// Opens both sides. Where a store cannot be had for a file that was named, that file's transfer has failed.
async fn open(
    args: &CpArgs,
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
                let line = unopened(args, &source, url);
                context.tally.failed(&failure);
                context.output.failed(&line, &failure)?;
                return Ok(None);
            }
        },
    };
    Ok(Some((from, to)))
}

fn unopened(args: &CpArgs, source: &Operand, url: String) -> Line {
    let (action, shown) = match source {
        Operand::Local(_) => (Action::Upload, crate::local::shown(Path::new(&args.source))),
        Operand::Stream => (Action::Upload, args.source.clone()),
        Operand::Store(_) => (Action::Copy, args.source.clone()),
    };
    Line { action, source: shown, destination: Some(url), streamed: false }
}
