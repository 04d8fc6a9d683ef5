//! `completions`: what a shell has to know to complete commands and flags.

use std::io::{self, Write};

use clap::CommandFactory;

use crate::args::Cli;
use crate::args::completions::CompletionsArgs;
use crate::error::CliError;
use crate::exit::Exit;

pub(super) fn run(args: CompletionsArgs) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "deltaglider", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(Exit::Done)
}
