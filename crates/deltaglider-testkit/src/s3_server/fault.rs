//! What can go wrong on the way, before or after the effect.

/// The fate of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFault {
    /// An error instead of the effect: status, code and message.
    Refuse(u16, &'static str, &'static str),
    /// The connection ends before the effect.
    Disconnect,
    /// The effect, and then the connection ends without an answer.
    LoseAnswer,
    /// The effect, and an error of this status and code instead of the answer.
    LieAbout(u16, &'static str),
    /// The answer's body ends after so many bytes, and the connection with it.
    CutBody(usize),
}

impl ServerFault {
    /// 503 SlowDown.
    #[must_use]
    pub fn slow_down() -> Self {
        Self::Refuse(503, "SlowDown", "Please reduce your request rate.")
    }

    /// 500 InternalError.
    #[must_use]
    pub fn internal_error() -> Self {
        Self::Refuse(500, "InternalError", "We encountered an internal error. Please try again.")
    }
}
