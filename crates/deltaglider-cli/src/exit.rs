//! Exit codes: those of `aws s3` in its version 2, and a few of our own.

use std::process::ExitCode;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All done; also: nothing to do.
    Done,
    /// At least one transfer or removal failed; a listing found nothing under a prefix.
    Failed,
    /// Done, but files were skipped with a warning.
    Skipped,
    /// Stored bytes do not give back what was recorded of them; nothing was written.
    Integrity,
    /// The terminal went away.
    HungUp,
    /// Ctrl-C.
    Interrupted,
    /// The reader of the output went away.
    BrokenPipe,
    /// A request to end.
    Terminated,
    /// Unknown flag, wrong arguments, bad value.
    Usage,
    /// Configuration or credentials, outside of transfers.
    Configuration,
    /// The service refused, outside of transfers.
    Service,
    /// Anything else, such as a local path that does not exist.
    Other,
}

impl Exit {
    /// All of them, by their numbers.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 12] = [
        Self::Done,
        Self::Failed,
        Self::Skipped,
        Self::Integrity,
        Self::HungUp,
        Self::Interrupted,
        Self::BrokenPipe,
        Self::Terminated,
        Self::Usage,
        Self::Configuration,
        Self::Service,
        Self::Other,
    ];

    /// What it says.
    #[cfg(test)]
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Done => "All done; also: nothing to do.",
            Self::Failed => "At least one transfer or removal failed; a listing found nothing under a prefix.",
            Self::Skipped => "Done, but files were skipped with a warning.",
            Self::Integrity => "Stored bytes do not give back what was recorded of them; nothing was written.",
            Self::HungUp => "The terminal went away.",
            Self::Interrupted => "Ctrl-C.",
            Self::BrokenPipe => "The reader of the output went away.",
            Self::Terminated => "A request to end (SIGTERM).",
            Self::Usage => "The command line is wrong: an unknown flag, a missing argument, a bad value or URL.",
            Self::Configuration => "Settings or credentials are wrong, outside of transfers.",
            Self::Service => "The service refused, outside of transfers.",
            Self::Other => "Anything else, such as a local path that does not exist.",
        }
    }

    /// The number that the caller sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Skipped => 2,
            Self::Integrity => 4,
            Self::HungUp => 129,
            Self::Interrupted => 130,
            Self::BrokenPipe => 141,
            Self::Terminated => 143,
            Self::Usage => 252,
            Self::Configuration => 253,
            Self::Service => 254,
            Self::Other => 255,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
