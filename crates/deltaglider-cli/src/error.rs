//! How a command ends early.

use std::io;

use crate::exit::Exit;
use crate::failure::Failure;

/// Why a command could not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The whole command failed, and nothing of it has been reported yet.
    #[error("{}", failure.message)]
    Fatal {
        /// What to write before the message, such as `fatal error: `.
        label: &'static str,
        /// What went wrong.
        failure: Box<Failure>,
        /// How the process ends.
        exit: Exit,
    },
    /// The results cannot be written.
    #[error("the output cannot be written")]
    Output(#[from] io::Error),
    /// A signal asked for the end.
    #[error("cancelled")]
    Cancelled,
}

impl CliError {
    /// A command that transfers nothing failed.
    pub(crate) fn plain(failure: impl Into<Failure>) -> Self {
        let failure = failure.into();
        Self::Fatal { label: "", exit: failure.exit(), failure: Box::new(failure) }
    }

    /// What a transfer begins with failed: its listing, or the head of its source.
    pub(crate) fn fatal(failure: impl Into<Failure>) -> Self {
        let failure = failure.into();
        if failure.is_final() {
            return Self::plain(failure);
        }
        Self::Fatal { label: "fatal error: ", exit: failure.transfer_exit(), failure: Box::new(failure) }
    }

    /// The command line is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::plain(Failure::usage(message))
    }

    /// A reader of the output that goes away is no error that anybody wants to hear of.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
