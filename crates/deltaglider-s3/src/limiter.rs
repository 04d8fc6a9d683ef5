//! How many requests may be under way: halved when the store asks to slow down, raised again by one for each round of answers
//! (additive increase, multiplicative decrease; Chiu and Jain 1989).

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

/// Not fewer than these: most of what is refused waits out its pause, which doubles each time, and holds its permit meanwhile.
const LEAST: f64 = 4.0;

/// The permits of one store, shared by all its clones.
#[derive(Debug)]
pub(crate) struct Limiter {
    most: f64,
    least: f64,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    allowed: f64,
    running: usize,
    last_cut: Option<Instant>,
}

/// Leave for one request; given back on drop.
#[derive(Debug)]
pub(crate) struct Permit {
    limiter: Arc<Limiter>,
}

impl Limiter {
    pub(crate) fn new(most: usize) -> Self {
        let most = most.max(1) as f64;
        let least = most.min(LEAST);
        Self {
            most,
            least,
            state: Mutex::new(State { allowed: most, running: 0, last_cut: None }),
            changed: Notify::new(),
        }
    }

    /// Waits for leave.
    pub(crate) async fn permit(self: &Arc<Self>) -> Permit {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            {
                let mut state = self.state();
                if state.running < state.allowed as usize {
                    state.running += 1;
                    return Permit { limiter: Arc::clone(self) };
                }
            }
            changed.await;
        }
    }

    /// The store asked an attempt begun at `started` to slow down. Attempts begun before the last cut do not cut again: one burst
    /// is one signal.
    pub(crate) fn throttled(&self, started: Instant) {
        let mut state = self.state();
        if state.last_cut.is_none_or(|cut| started > cut) {
            state.allowed = (state.allowed / 2.0).max(self.least);
            state.last_cut = Some(Instant::now());
            tracing::debug!(allowed = state.allowed as usize, "the store asks to slow down");
        }
    }

    /// An attempt was answered.
    pub(crate) fn succeeded(&self) {
        let mut state = self.state();
        let before = state.allowed as usize;
        state.allowed = (state.allowed + 1.0 / state.allowed).min(self.most);
        let grown = state.allowed as usize > before;
        drop(state);
        if grown {
            self.changed.notify_one();
        }
    }

    /// How many requests may be under way now.
    pub(crate) fn allowed(&self) -> usize {
        self.state().allowed as usize
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limiter.state().running -= 1;
        self.limiter.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn permits_are_bounded_and_come_back() {
        let limiter = Arc::new(Limiter::new(2));
        let first = limiter.permit().await;
        let second = limiter.permit().await;
        let mut third = Box::pin(limiter.permit());
        assert!((&mut third).now_or_never().is_none());
        drop(first);
        let third = third.await;
        drop((second, third));
        assert_eq!(limiter.state().running, 0);
    }

    #[tokio::test]
    async fn a_waiter_that_gives_up_passes_its_turn_on() {
        let limiter = Arc::new(Limiter::new(1));
        let held = limiter.permit().await;
        let mut gone = Box::pin(limiter.permit());
        let mut next = Box::pin(limiter.permit());
        assert!((&mut gone).now_or_never().is_none());
        assert!((&mut next).now_or_never().is_none());
        drop(held);
        drop(gone);
        drop(next.await);
    }

    #[test]
    fn one_burst_halves_once_and_answers_raise_again() {
        let limiter = Limiter::new(32);
        let burst = Instant::now();
        limiter.throttled(burst);
        limiter.throttled(burst);
        assert_eq!(limiter.allowed(), 16);
        for _ in 0..10 {
            limiter.throttled(Instant::now() + std::time::Duration::from_secs(1));
        }
        assert_eq!(limiter.allowed(), 4);
        for _ in 0..5 {
            limiter.succeeded();
        }
        assert_eq!(limiter.allowed(), 5);
        assert_eq!(Limiter::new(2).least, 2.0);
        for _ in 0..10_000 {
            limiter.succeeded();
        }
        assert_eq!(limiter.allowed(), 32);
    }
}
