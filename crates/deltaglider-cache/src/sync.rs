//! What threads share memory by: mutexes, atomics, and a channel that holds the latest value.
//!
//! The unit tests of this crate have those of `shuttle` in the place of the standard library's, so that a test decides which thread
//! takes the next step at each of them (`schedules`). They exist inside of such a test alone. `shuttle` puts all atomic operations
//! in one order, as if each were `SeqCst`: it does not find what needs a weaker one to go wrong.

#[cfg(test)]
pub(crate) mod watch;

#[cfg(not(test))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic};

#[cfg(test)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard, atomic};
#[cfg(not(test))]
pub(crate) use tokio::sync::watch;
