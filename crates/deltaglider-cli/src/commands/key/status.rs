//! `key status`: which keys are in force.

use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) async fn run(context: &Context) -> Result<Exit, CliError> {
    let client = context.session.client().await.map_err(CliError::plain)?;
    let status = client.key_status().await.map_err(|error| CliError::plain(Failure::from(error)))?;
    context.output.key_status(&status)?;
    Ok(Exit::Done)
}
