//! How a client goes on after the answers that it got: found out by running it, once for each history.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::future::BoxFuture;
use tokio::runtime::{Builder, Runtime};

use super::call::{Answer, Call};
use super::call_store::CallStore;
use super::client::{Client, Diary, Outcome};
use super::gate::Gate;

/// Where a client is after some answers.
#[derive(Debug)]
pub(super) struct Place {
    /// The calls that wait.
    pub(super) waiting: Vec<Call>,
    /// What came of its operations so far.
    pub(super) outcomes: Vec<Outcome>,
    /// Before the last answer; `None` at the beginning.
    before: Option<(usize, usize, Answer)>,
    next: HashMap<(usize, Answer), usize>,
}

/// The histories of a client, as far as they were asked for.
pub(super) struct Histories {
    client: Client,
    index: usize,
    pub(super) places: Vec<Place>,
    /// How often it was run.
    pub(super) runs: u64,
}

impl Histories {
    pub(super) fn new(client: Client, index: usize, runtime: &Pool) -> Self {
        let mut histories = Self { client, index, places: Vec::new(), runs: 0 };
        let session = histories.begin(runtime);
        histories.keep(&session, None);
        histories
    }

    /// Where the client is when one of the calls that wait is answered.
    pub(super) fn after(&mut self, place: usize, call: usize, answer: &Answer, runtime: &Pool) -> usize {
        let key = (call, answer.clone());
        if let Some(known) = self.places[place].next.get(&key) {
            return *known;
        }
        let mut path = vec![key.clone()];
        let mut at = place;
        while let Some((before, call, answer)) = &self.places[at].before {
            path.push((*call, answer.clone()));
            at = *before;
        }
        let mut session = self.begin(runtime);
        for (call, answer) in path.iter().rev() {
            let waiting = session.gate.waiting();
            assert!(
                waiting == self.places[at].waiting,
                "{}: not the same calls after the same answers: {waiting:?}, {:?}",
                self.client.name,
                self.places[at].waiting
            );
            session.gate.answer(*call, answer.clone());
            session.settle(runtime);
            at = self.places[at].next.get(&(*call, answer.clone())).copied().unwrap_or(at);
        }
        let new = self.keep(&session, Some((place, call, answer.clone())));
        self.places[place].next.insert(key, new);
        new
    }

    fn begin(&mut self, runtime: &Pool) -> Session {
        self.runs += 1;
        let gate = Gate::new(self.index);
        let diary = Diary::default();
        let future = (self.client.run)(Arc::new(CallStore(gate.clone())), diary.clone());
        let mut session = Session { gate, diary, future: Some(future) };
        session.settle(runtime);
        session
    }

    fn keep(&mut self, session: &Session, before: Option<(usize, usize, Answer)>) -> usize {
        let (waiting, outcomes) = (session.gate.waiting(), session.diary.outcomes());
        assert!(
            session.future.is_none() || !waiting.is_empty(),
            "{}: it waits for something else than the store",
            self.client.name
        );
        self.places.push(Place { waiting, outcomes, before, next: HashMap::new() });
        self.places.len() - 1
    }
}

/// A client that runs.
struct Session {
    gate: Gate,
    diary: Diary,
    future: Option<BoxFuture<'static, ()>>,
}

impl Session {
    /// Lets it run until all of it waits for the store.
    fn settle(&mut self, runtime: &Pool) {
        let Some(future) = &mut self.future else { return };
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        loop {
            let polled = {
                let _within = runtime.0.enter();
                future.as_mut().poll(&mut context)
            };
            if let Poll::Ready(()) = polled {
                self.future = None;
                return;
            }
            if !woken.take() {
                runtime.wait();
                if !woken.take() {
                    return;
                }
            }
        }
    }
}

/// A runtime for what blocks, with one thread: its pieces of work are done in the order in which they were given to it.
pub(super) struct Pool(Runtime);

impl Pool {
    pub(super) fn new() -> io::Result<Self> {
        Builder::new_current_thread().enable_time().max_blocking_threads(1).build().map(Self)
    }

    /// Waits until everything is done that was given to the pool so far: this one is the last, and there is one thread. Whoever waits
    /// for one of the others was woken by then.
    fn wait(&self) {
        // It does not panic.
        let _ = self.0.block_on(self.0.spawn_blocking(|| ()));
    }

    /// Runs something to its end that waits for no call.
    pub(super) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.0.block_on(work)
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Woken {
    fn take(&self) -> bool {
        self.0.swap(false, Ordering::SeqCst)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}
