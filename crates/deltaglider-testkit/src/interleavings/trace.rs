//! How something came to be that must not be.

use std::fmt;

use super::call::{Answer, Call};
use super::client::Outcome;

/// How a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// As it should.
    Done,
    /// It failed and had no effect.
    Failed,
    /// It had its effect, and its answer was lost.
    Lost,
    /// It had its effect, its answer was lost, and it is sent again.
    Again,
}

/// One step of a client.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Whose step it is.
    pub client: String,
    /// What was asked.
    pub call: Call,
    /// How it went.
    pub how: How,
    /// What was answered; what would have been, where the call is sent again.
    pub answer: Answer,
    /// What came of the operations that ended with it.
    pub ended: Vec<Outcome>,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, call, how, answer, ended } = self;
        write!(f, "{client}: {call} -> ")?;
        match how {
            How::Done => write!(f, "{answer}")?,
            How::Failed => f.write_str("a fault, without effect")?,
            How::Lost => f.write_str("a fault, after its effect")?,
            How::Again => write!(f, "{answer}, which is lost: the call is sent again")?,
        }
        ended.iter().try_for_each(|outcome| write!(f, "; {outcome}"))
    }
}

/// A shortest way to something that must not be.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// Its steps.
    pub moments: Vec<Moment>,
    /// What must not be.
    pub wrong: String,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, moment) in self.moments.iter().enumerate() {
            writeln!(f, "{:>3}. {moment}", number + 1)?;
        }
        write!(f, "     {}", self.wrong)
    }
}
