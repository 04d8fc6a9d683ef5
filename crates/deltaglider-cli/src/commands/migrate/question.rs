//! The question before a migration.

use std::io::{self, BufRead, IsTerminal, Write};

use tokio::sync::oneshot;

use crate::error::CliError;
use crate::output::stderr_is_terminal;

/// Refuses where nobody could answer.
pub(super) fn ensure_possible() -> Result<(), CliError> {
    if io::stdin().is_terminal() && stderr_is_terminal() {
        return Ok(());
    }
    let message = "migrate asks before it begins, and there is no terminal to ask at; add --yes to begin at once, or --dryrun to \
                   see an estimate";
    Err(CliError::usage(message))
}

/// Asks; anything but a yes is a no.
#[allow(clippy::print_stderr, reason = "a question is neither a result nor a message")]
pub(super) async fn ask(described: &str, objects: u64) -> Result<bool, CliError> {
    eprint!("migrate {objects} objects from {described}? [y/N] ");
    io::stderr().flush()?;
    // On a thread of its own: a question that nobody answers must not keep the process from ending.
    let (sender, answered) = oneshot::channel();
    std::thread::spawn(move || {
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer).map(|_| is_yes(&answer));
        drop(sender.send(read));
    });
    Ok(answered.await.unwrap_or(Ok(false))?)
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        assert!(is_yes("y\n") && is_yes("Yes\n"));
        assert!(!is_yes("\n") && !is_yes("") && !is_yes("n\n") && !is_yes("yesterday"));
    }
}
