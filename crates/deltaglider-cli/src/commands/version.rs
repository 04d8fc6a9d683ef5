//! `version`

use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;

pub(super) fn run(context: &Context) -> Result<Exit, CliError> {
    context.output.version(env!("CARGO_PKG_VERSION"))?;
    Ok(Exit::Done)
}
