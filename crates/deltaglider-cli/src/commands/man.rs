//! `man`: the manual, as `man` reads it.

use std::fs;
use std::io::{self, Write};

use clap::CommandFactory;

use crate::args::Cli;
use crate::args::man::ManArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(args: &ManArgs) -> Result<Exit, CliError> {
    let command = Cli::command();
    let Some(directory) = &args.directory else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        io::stdout().lock().write_all(&page)?;
        return Ok(Exit::Done);
    };
    fs::create_dir_all(directory).and_then(|()| clap_mangen::generate_to(command, directory)).map_err(|error| {
        CliError::plain(Failure::local(format!("{} cannot be written", directory.display()), &error))
    })?;
    Ok(Exit::Done)
}
