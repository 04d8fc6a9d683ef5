//! `rm`: removes an object, or everything under a prefix.

use super::remove::{Removal, line, remove};
use crate::args::rm::RmArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::operand::{Operand, base_name};
use crate::session::Root;
use crate::tally::Outcome;

pub(super) async fn run(args: RmArgs, context: &Context) -> Result<Exit, CliError> {
    let url = Operand::url(&args.url)?;
    let root = context.session.root(&url).await.map_err(CliError::fatal)?;
    if args.recursive {
        let removal = Removal {
            filter: args.filters.filter,
            page_size: args.page_size,
            dry: args.dryrun,
            max_delete: args.max_delete,
        };
        remove(context, &root, &removal).await?;
    } else if !root.at.key().is_empty() && args.filters.filter.allows(base_name(root.at.key()), None) {
        remove_one(context, &root, args.dryrun).await?;
    }
    Ok(context.tally.exit())
}

async fn remove_one(context: &Context, root: &Root, dry: bool) -> Result<(), CliError> {
    let line = line(root, &root.at);
    if dry {
        context.tally.planned_delete();
        context.output.dry(&line)?;
        return Ok(());
    }
    match root.engine.delete(&root.at).await {
        Ok(_) => {
            context.tally.deleted();
            context.output.transferred(&line, &Outcome::default())?;
        }
        Err(error) => {
            let failure = Failure::from(error);
            if failure.is_final() {
                return Err(CliError::plain(failure));
            }
            context.tally.failed(&failure);
            context.output.failed(&line, &failure)?;
        }
    }
    Ok(())
}
