//! The store of one client: each call waits there until it is answered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::call::{Answer, Call};
use super::call_store::Answers;

/// A store whose calls wait for an answer from outside.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    /// What keys of this client's own are called by.
    client: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<(Call, oneshot::Sender<Answer>)>,
    /// Random keys of this client, and what they are called here.
    renamed: HashMap<String, String>,
}

impl Gate {
    pub(super) fn new(client: usize) -> Self {
        Self { client, state: Arc::default() }
    }

    /// The calls that wait, in the order in which they came.
    pub(super) fn waiting(&self) -> Vec<Call> {
        let mut state = self.lock();
        // Nobody waits any more for the answer of a call that was dropped.
        state.waiting.retain(|(_, answer)| !answer.is_closed());
        state.waiting.iter().map(|(call, _)| call.clone()).collect()
    }

    /// Answers one of them.
    pub(super) fn answer(&self, index: usize, answer: Answer) {
        let (_, waiting) = self.lock().waiting.remove(index);
        // Who dropped the call hears nothing.
        let _ = waiting.send(answer);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Digits of the random part of a key.
const RANDOM: usize = 16;

#[async_trait]
impl Answers for Gate {
    async fn ask(&self, call: Call) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.lock().waiting.push((call, answer));
        match answered.await {
            Ok(answer) => answer,
            // The run is over.
            Err(_) => futures::future::pending().await,
        }
    }

    /// The key as it is stored: of a random one the random part is counted instead, so that each run is like the other.
    fn name(&self, key: &str) -> String {
        let random = key.len().checked_sub(RANDOM).and_then(|at| key.split_at_checked(at));
        let Some((stem, random)) = random.filter(|(stem, _)| stem.ends_with(['-', '/'])) else { return key.to_owned() };
        let is_random = random.bytes().all(|byte| byte.is_ascii_hexdigit()) && !random.starts_with("00000000");
        if !is_random {
            return key.to_owned();
        }
        let mut state = self.lock();
        let number = state.renamed.len();
        let counted = || format!("{stem}00000000{:04x}{number:04x}", self.client);
        state.renamed.entry(key.to_owned()).or_insert_with(counted).clone()
    }
}
