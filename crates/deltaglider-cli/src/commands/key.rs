//! `key`: the keys of the reference cache.

mod generate;
mod rotate;
mod status;

use crate::args::key::{KeyArgs, KeyCommand};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;

pub(super) async fn run(args: &KeyArgs, context: &Context) -> Result<Exit, CliError> {
    match &args.command {
        KeyCommand::Generate(args) => generate::run(args, context),
        KeyCommand::Status => status::run(context).await,
        KeyCommand::Rewrap => rotate::rewrap(context).await,
        KeyCommand::Rotate(args) => rotate::run(args, context).await,
    }
}
