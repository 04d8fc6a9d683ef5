//! `key generate`: the one command that ever shows a key.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use deltaglider::keys;

use crate::args::key::GenerateArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::failure::{Class, Failure};
use crate::output::KeyLine;

pub(super) fn run(args: &GenerateArgs, context: &Context) -> Result<Exit, CliError> {
    let made = keys::generate().and_then(|text| Ok((keys::parse_key(&text, "the new key")?.id(), text)));
    let (id, text) =
        made.map_err(|error| CliError::plain(Failure::new(Class::Local, "LocalError", error.to_string())))?;
    match &args.out {
        Some(path) => {
            write(path, &text).map_err(|error| CliError::plain(not_written(path, &error)))?;
            context.output.key(&KeyLine::Written { id, path })?;
        }
        None => context.output.key(&KeyLine::Made { id, text: &text })?,
    }
    Ok(Exit::Done)
}

/// Writes a file of this user's alone, which must not be there yet; nothing is left of one that cannot be written whole.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).and_then(|()| file.sync_all());
    if written.is_err() {
        drop(std::fs::remove_file(path));
    }
    written
}

fn not_written(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::local(format!("{} cannot be written", path.display()), error);
    match error.kind() {
        io::ErrorKind::AlreadyExists => failure.with_fix("name another file: a key that is there is never overwritten"),
        _ => failure,
    }
}
