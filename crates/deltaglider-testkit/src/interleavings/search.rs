//! All states that the clients can come to, in the order of their distance from the beginning.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use deltaglider_core::store::{ObjectStore, StoreErrorKind};
use futures::future::BoxFuture;

use super::call::{Answer, Call};
use super::client::{Client, Outcome};
use super::contents::Contents;
use super::history::{Histories, Pool};
use super::judge::{Course, Judge};
use super::trace::{Counterexample, How, Moment};

type Read = dyn Fn(Arc<dyn ObjectStore>, String) -> BoxFuture<'static, Outcome> + Send + Sync;
type Repair = dyn Fn(Arc<dyn ObjectStore>) -> BoxFuture<'static, ()> + Send + Sync;

/// How states are looked at, by somebody who comes anew each time.
#[derive(Clone)]
pub struct Reading {
    /// Reads a name: [`Outcome::Content`] or [`Outcome::Failed`].
    pub read: Arc<Read>,
    /// Mends what can be mended.
    pub repair: Arc<Repair>,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
    }
}

/// Several clients at work on the same objects.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The names in question.
    pub names: Vec<String>,
    /// What is stored before.
    pub at_first: Contents,
    /// The clients; at most 16 operations in all.
    pub clients: Vec<Client>,
    /// Faults that may strike in one order of calls, at most.
    pub faults: u8,
    /// When it is, in seconds since 1970, before 2024. It stays that: what is written then has the same time.
    pub now: u64,
    /// Keys that no client writes to: reading one of them changes nothing for anybody, and is no step.
    pub still: Vec<String>,
    /// Whether it is nothing wrong that a delta is without its reference, at any time: one of the clients removes references without
    /// asking, and what is in question is that nothing else comes of it than that error.
    pub missing_is_told: bool,
    /// States after which the search gives up.
    pub most: usize,
    /// How states are looked at.
    pub reading: Reading,
}

/// What was tried.
#[derive(Debug)]
pub struct Explored {
    /// States that differ.
    pub states: usize,
    /// Steps between them.
    pub steps: usize,
    /// Orders of calls and faults, from the beginning to an end, that are made of these steps.
    pub orders: f64,
    /// Contents of the store that differ, each of which was read.
    pub contents: usize,
    /// How often a client was run.
    pub runs: u64,
    /// Whether every state was gone on from: no counterexample ended the search, nor [`Scenario::most`].
    pub complete: bool,
    /// The shortest way to something that must not be.
    pub counterexample: Option<Counterexample>,
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, steps, orders, contents, runs, .. } = self;
        write!(f, "{orders:.0} orders, {states} states, {steps} steps, {contents} contents, {runs} runs of a client")
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    contents: u32,
    places: Box<[u32]>,
    faults: u8,
    /// Clients that a fault has struck.
    struck: u8,
    course: Course,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    client: usize,
    call: usize,
    how: How,
}

struct Search {
    scenario: Scenario,
    pool: Pool,
    clients: Vec<Histories>,
    judge: Judge,
    contents: Vec<Arc<Contents>>,
    numbers: HashMap<Arc<Contents>, u32>,
    states: Vec<State>,
    known: HashMap<State, usize>,
    from: Vec<Option<(usize, Step)>>,
    ways: Vec<f64>,
}

impl Scenario {
    /// Plays every order, and stops at the first counterexample.
    ///
    /// # Panics
    /// Where a client does not do the same after the same answers, waits for something else than the store, or where a name cannot
    /// be read before anybody has done anything.
    #[must_use]
    pub fn explore(self) -> Explored {
        let pool = Pool::new().expect("a runtime");
        let histories = |(index, client): (usize, &Client)| Histories::new(client.clone(), index, &pool);
        let clients: Vec<Histories> = self.clients.iter().enumerate().map(histories).collect();
        let mut judge = Judge::new(&self);
        judge.begin(&self.at_first, &pool);
        let first = Arc::new(self.at_first.clone());
        let search = Search {
            pool,
            clients,
            judge,
            contents: vec![Arc::clone(&first)],
            numbers: HashMap::from([(first, 0)]),
            states: Vec::new(),
            known: HashMap::new(),
            from: Vec::new(),
            ways: Vec::new(),
            scenario: self,
        };
        search.run()
    }
}

impl Search {
    fn run(mut self) -> Explored {
        let mut first = State {
            contents: 0,
            places: vec![0; self.clients.len()].into(),
            faults: self.scenario.faults,
            struck: 0,
            course: self.judge.course(),
        };
        self.pass_still(&mut first);
        self.reach(first, None, 1.0);
        let (mut steps, mut orders, mut next) = (0, 0.0, 0);
        let mut counterexample = None;
        while next < self.states.len() && self.states.len() <= self.scenario.most && counterexample.is_none() {
            let before = steps;
            for step in self.choices(next) {
                steps += 1;
                if let Some(wrong) = self.step(next, step) {
                    counterexample = Some(self.retrace(next, step, wrong));
                    break;
                }
            }
            if before == steps {
                orders += self.ways[next];
            }
            next += 1;
        }
        Explored {
            complete: next == self.states.len() && counterexample.is_none(),
            states: self.states.len(),
            steps,
            orders,
            contents: self.contents.len(),
            runs: self.clients.iter().map(|client| client.runs).sum(),
            counterexample,
        }
    }

    /// What may happen next.
    fn choices(&self, state: usize) -> Vec<Step> {
        let state = &self.states[state];
        let mut choices = Vec::new();
        for (client, histories) in self.clients.iter().enumerate() {
            for (index, call) in histories.places[state.places[client] as usize].waiting.iter().enumerate() {
                let faults: &[How] = match (state.faults, call.writes()) {
                    (0, _) => &[],
                    (_, true) => &[How::Failed, How::Lost, How::Again],
                    (_, false) => &[How::Failed],
                };
                let hows = std::iter::once(How::Done).chain(faults.iter().copied());
                choices.extend(hows.map(|how| Step { client, call: index, how }));
            }
        }
        choices
    }

    /// Takes a step; says what is wrong where it leads.
    fn step(&mut self, from: usize, step: Step) -> Option<String> {
        let mut state = self.states[from].clone();
        let place = state.places[step.client] as usize;
        let before = self.clients[step.client].places[place].outcomes.len();
        let outcomes = outcomes(&self.clients, &state);
        self.judge.start(&mut state.course, step.client, before, &outcomes);
        let answer = self.carry_out(&mut state, step);
        if step.how != How::Done {
            state.faults -= 1;
            state.struck |= 1 << step.client;
        }
        if step.how != How::Again {
            let after = self.clients[step.client].after(place, step.call, &answer, &self.pool);
            state.places[step.client] = after as u32;
        }
        self.pass_still(&mut state);
        let outcomes = self::outcomes(&self.clients, &state);
        for number in before..outcomes[step.client].len() {
            self.judge.start(&mut state.course, step.client, number, &outcomes);
        }
        let ways = self.ways[from];
        if let Some(known) = self.known.get(&state) {
            self.ways[*known] += ways;
            return None;
        }
        for number in before..outcomes[step.client].len() {
            let struck = state.struck & 1 << step.client != 0;
            let wrong = self.judge.wrong_end(&state.course, (step.client, number), &outcomes, struck);
            if wrong.is_some() {
                return wrong;
            }
        }
        let contents = &self.contents[state.contents as usize];
        let wrong = self.judge.wrong_state(&state.course, state.contents, contents, &outcomes, &self.pool);
        if wrong.is_none() {
            self.reach(state, Some((from, step)), ways);
        }
        wrong
    }

    /// Changes what is stored, and answers.
    fn carry_out(&mut self, state: &mut State, step: Step) -> Answer {
        let place = state.places[step.client] as usize;
        let call = &self.clients[step.client].places[place].waiting[step.call];
        let lost = Answer::Failed(StoreErrorKind::Transient);
        if step.how == How::Failed {
            return lost;
        }
        let mut contents = Contents::clone(&self.contents[state.contents as usize]);
        let answer = contents.apply(call, self.scenario.now);
        if call.writes() {
            state.contents = self.number(contents);
        }
        if step.how == How::Lost { lost } else { answer }
    }

    /// Answers what changes nothing for anybody.
    fn pass_still(&mut self, state: &mut State) {
        for client in 0..self.clients.len() {
            loop {
                let place = state.places[client] as usize;
                let is_still = |call: &Call| !call.writes() && self.scenario.still.iter().any(|key| key == call.key());
                let waiting = &self.clients[client].places[place].waiting;
                let Some(index) = waiting.iter().position(is_still) else { break };
                let answer = Contents::clone(&self.contents[0]).apply(&waiting[index], self.scenario.now);
                state.places[client] = self.clients[client].after(place, index, &answer, &self.pool) as u32;
            }
        }
    }

    fn number(&mut self, contents: Contents) -> u32 {
        let contents = Arc::new(contents);
        let new = self.contents.len() as u32;
        let number = *self.numbers.entry(Arc::clone(&contents)).or_insert(new);
        if number == new {
            self.contents.push(contents);
        }
        number
    }

    fn reach(&mut self, state: State, from: Option<(usize, Step)>, ways: f64) {
        self.known.insert(state.clone(), self.states.len());
        self.states.push(state);
        self.from.push(from);
        self.ways.push(ways);
    }

    /// The way to something wrong.
    fn retrace(&mut self, last: usize, step: Step, wrong: String) -> Counterexample {
        let mut path = vec![(last, step)];
        while let Some((before, step)) = self.from[path[path.len() - 1].0] {
            path.push((before, step));
        }
        path.reverse();
        let moments = path.into_iter().map(|(from, step)| {
            let mut state = self.states[from].clone();
            let place = &self.clients[step.client].places[state.places[step.client] as usize];
            let (done, call) = (place.outcomes.len(), place.waiting[step.call].clone());
            let answer = self.carry_out(&mut state, step);
            let place = state.places[step.client] as usize;
            let ended = match step.how {
                How::Again => Vec::new(),
                _ => {
                    let after = self.clients[step.client].after(place, step.call, &answer, &self.pool);
                    self.clients[step.client].places[after].outcomes[done..].to_vec()
                }
            };
            Moment { client: self.scenario.clients[step.client].name.clone(), call, how: step.how, answer, ended }
        });
        Counterexample { moments: moments.collect(), wrong }
    }
}

fn outcomes<'a>(clients: &'a [Histories], state: &State) -> Vec<&'a [Outcome]> {
    let outcomes = clients.iter().zip(&state.places);
    outcomes.map(|(client, place)| client.places[*place as usize].outcomes.as_slice()).collect()
}
