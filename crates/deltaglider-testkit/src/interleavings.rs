//! Every order of the store calls of several clients, each of them the real one, over a store that is a value.
//!
//! A [`Scenario`] says what is stored at first, and which clients do what. [`Scenario::explore`] plays every order of their calls,
//! with faults in between, and judges each state that can be reached: by reading every name with a client that was not there before.
//!
//! *What a step is.* A client runs until nothing of it goes on by itself: each of its futures waits for the store. One of the calls
//! that wait is then carried out, at once and as a whole, and its client runs on with the answer. So a step is one request; of a
//! batch of deletions each is one, and a listing is one.
//!
//! *What makes it exhaustive.* A client is taken for a function of the answers that it got, in their order: it shares nothing
//! with others but the store, and what differs from run to run is made equal (the random part of a key, the time in a record).
//! So a state is what is stored and, for each client, its answers so far. One that was seen before is not gone on from again:
//! whatever follows was tried. How each client goes on after some answers is found out once, by running it from its beginning, and
//! is remembered. That a client does the same again is checked on the way.
//!
//! *Crashes.* Nobody can tell a client that crashed from one that is slow. Each state is judged as it stands, as if no client took
//! another step, and each is gone on from without some of them: that is a crash of any of them after any call.
//!
//! *Faults*, as many as a scenario allows: a call fails before its effect, fails after it (the answer is lost), or is sent
//! again by an adapter that lost the first answer, at any later moment, and is answered as the second time.
//!
//! *What holds*: see [`Claim`]. States come in the order of their distance from the beginning: a counterexample is a shortest one.

mod call;
mod call_store;
mod client;
mod contents;
mod gate;
mod history;
mod judge;
mod search;
mod trace;
mod value_store;

pub use call::{Answer, Call};
pub use call_store::{Answers, CallStore};
pub use client::{Claim, Client, Diary, Failure, Outcome};
pub use contents::{Contents, Object};
pub use search::{Explored, Reading, Scenario};
pub use trace::{Counterexample, How, Moment};
pub use value_store::ValueStore;
