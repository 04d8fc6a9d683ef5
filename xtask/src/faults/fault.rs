//! What goes wrong between a client and its server.

use std::time::Duration;

/// A fault of a request or its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing goes wrong.
    None,
    /// The request goes on only after a while.
    Late(Duration),
    /// An error instead of the effect.
    Refuse(u16, &'static str),
    /// The connection ends before the effect.
    Disconnect,
    /// The request is taken, and no answer ever comes.
    Silence,
    /// The effect, and then the connection ends without an answer.
    LoseAnswer,
    /// The effect, and an error instead of the answer.
    LieAbout(u16, &'static str),
    /// The connection ends in the middle of the body of the answer.
    CutBody,
    /// The middle of the body is late: nothing comes for so long.
    Stall(Duration),
    /// The body comes in pieces of this size, each 50 ms after the last.
    Drip(usize),
    /// The head of an object's answer promises a byte less, and a byte less comes.
    Short,
    /// The head promises a byte more, which never comes.
    Long,
    /// A bit in the middle of an object's body is another one on its way to the client.
    FlipDown,
    /// The same on its way to the server.
    FlipUp,
}

/// How often it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dose {
    /// To the first attempt of each request.
    First,
    /// To every attempt.
    Always,
}

const STALL: Duration = Duration::from_secs(60);

/// Every fault that is tried, with the name it has in the table. What comes once has to be got over, what comes always to end in an
/// error; what does no harm has to be lived with.
pub(super) const FAULTS: [(&str, Fault, Dose); 25] = [
    ("none", Fault::None, Dose::Always),
    ("300 ms late, always", Fault::Late(Duration::from_millis(300)), Dose::Always),
    ("429, once", Fault::Refuse(429, "TooManyRequests"), Dose::First),
    ("429, always", Fault::Refuse(429, "TooManyRequests"), Dose::Always),
    ("503 SlowDown, once", Fault::Refuse(503, "SlowDown"), Dose::First),
    ("503 SlowDown, always", Fault::Refuse(503, "SlowDown"), Dose::Always),
    ("500, once", Fault::Refuse(500, "InternalError"), Dose::First),
    ("500, always", Fault::Refuse(500, "InternalError"), Dose::Always),
    ("disconnected, once", Fault::Disconnect, Dose::First),
    ("disconnected, always", Fault::Disconnect, Dose::Always),
    ("no answer, once", Fault::Silence, Dose::First),
    ("no answer, always", Fault::Silence, Dose::Always),
    ("answer lost after the effect, once", Fault::LoseAnswer, Dose::First),
    ("answer lost after the effect, always", Fault::LoseAnswer, Dose::Always),
    ("500 after the effect, once", Fault::LieAbout(500, "InternalError"), Dose::First),
    ("500 after the effect, always", Fault::LieAbout(500, "InternalError"), Dose::Always),
    ("body cut in the middle, once", Fault::CutBody, Dose::First),
    ("body cut in the middle, always", Fault::CutBody, Dose::Always),
    ("body stalls for a minute, once", Fault::Stall(STALL), Dose::First),
    ("body drips, 2 KB in 50 ms", Fault::Drip(2000), Dose::Always),
    ("body a byte short, always", Fault::Short, Dose::Always),
    ("body a byte less than its length, always", Fault::Long, Dose::Always),
    ("bit flipped on the way down, always", Fault::FlipDown, Dose::Always),
    ("bit flipped on the way up, once", Fault::FlipUp, Dose::First),
    ("bit flipped on the way up, always", Fault::FlipUp, Dose::Always),
];

impl Fault {
    /// Whether it can meet the request or its answer: some only bodies.
    pub(super) fn meets(self, method: &str, target: &str, sent: usize) -> bool {
        match self {
            // What a listing says is not proven by anything but the connection's own encryption.
            Self::Short | Self::Long | Self::FlipDown => method == "GET" && !target.contains("list-type="),
            Self::CutBody | Self::Stall(_) | Self::Drip(_) => method == "GET",
            Self::FlipUp => method == "PUT" && sent > 0,
            _ => true,
        }
    }
}
