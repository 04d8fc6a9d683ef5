//! Switches an ailing cache off for a while.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crate::sync::Mutex;

/// Failures in a row that switch the cache off.
const FAILURES: u32 = 5;
/// How long it stays off before it is tried again.
const PAUSE: Duration = Duration::from_secs(60);

/// Counts failures of the device in a row.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    off_until: Option<Instant>,
}

impl Breaker {
    /// Whether the cache is off.
    pub(crate) fn is_off(&self, now: Instant) -> bool {
        self.state(|state| state.off_until.is_some_and(|until| now < until))
    }

    /// Takes a failure; says whether it has switched the cache off.
    pub(crate) fn failed(&self, now: Instant) -> bool {
        self.state(|state| {
            state.failures += 1;
            // After a pause one failure is enough: the device had its chance.
            let off = state.failures >= FAILURES && state.off_until.is_none_or(|until| now >= until);
            if off {
                state.off_until = Some(now + PAUSE);
            }
            off
        })
    }

    /// Takes a success.
    pub(crate) fn succeeded(&self) {
        self.state(|state| *state = State::default());
    }

    fn state<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use shuttle::thread;

    use super::*;
    use crate::schedules;

    #[test]
    fn failures_in_a_row_switch_off_for_a_while() {
        schedules::alone(|| {
            let breaker = Breaker::default();
            let start = Instant::now();
            for _ in 1..FAILURES {
                assert!(!breaker.failed(start));
            }
            breaker.succeeded();
            for _ in 1..FAILURES {
                assert!(!breaker.failed(start));
            }
            assert!(!breaker.is_off(start));
            assert!(breaker.failed(start), "said once");
            assert!(!breaker.failed(start));
            assert!(breaker.is_off(start));
            let later = start + PAUSE;
            assert!(!breaker.is_off(later));
            assert!(breaker.failed(later), "one more failure is enough");
            assert!(breaker.is_off(later));
        });
    }

    #[test]
    fn one_of_many_that_fail_at_once_says_it() {
        schedules::every(|| {
            let (breaker, now) = (Arc::new(Breaker::default()), Instant::now());
            for _ in 2..FAILURES {
                assert!(!breaker.failed(now));
            }
            let fail = |breaker: &Arc<Breaker>| {
                let breaker = Arc::clone(breaker);
                thread::spawn(move || breaker.failed(now))
            };
            let failing = [fail(&breaker), fail(&breaker), fail(&breaker)];
            let said = failing.into_iter().map(|thread| thread.join().expect("no panic"));
            assert_eq!(said.filter(|&said| said).count(), 1);
            assert!(breaker.is_off(now));
        });
    }
}
