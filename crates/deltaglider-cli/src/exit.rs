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
