//! Whether what is read is what may be read.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::client::{Claim, Failure, Outcome, shown};
use super::contents::Contents;
use super::history::Pool;
use super::search::{Reading, Scenario};
use super::value_store::ValueStore;

/// An operation: its client, its number there, and what it claims.
#[derive(Debug)]
struct Asked {
    client: usize,
    number: usize,
    claim: Claim,
}

/// What a state says of the operations: in a mask, one bit each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Course {
    pub(super) started: u16,
    /// For each, those that had ended when it began.
    pub(super) preceded: Box<[u16]>,
}

/// Knows what was asked for, and what may come of it.
pub(super) struct Judge {
    names: Vec<String>,
    first: HashMap<String, Option<Bytes>>,
    asked: Vec<Asked>,
    reading: Reading,
    now: u64,
    missing_is_told: bool,
    /// What was read of contents, by their number and the name.
    read: HashMap<(u32, usize), Outcome>,
    /// The same after a repair.
    repaired: HashMap<(u32, usize), Outcome>,
}

impl Judge {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let Scenario { names, clients, reading, now, missing_is_told, .. } = scenario.clone();
        let mut asked = Vec::new();
        for (client, work) in clients.iter().enumerate() {
            for (number, claim) in work.claims.iter().enumerate() {
                asked.push(Asked { client, number, claim: claim.clone() });
            }
        }
        assert!(asked.len() <= 16, "more than 16 operations");
        let (first, read, repaired) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { names, first, asked, reading, now, missing_is_told, read, repaired }
    }

    /// Reads what is there at first.
    pub(super) fn begin(&mut self, contents: &Contents, pool: &Pool) {
        for index in 0..self.names.len() {
            match self.look(0, contents, index, pool) {
                Outcome::Content(content) => self.first.insert(self.names[index].clone(), content),
                other => panic!("{} cannot be read at first: {other}", self.names[index]),
            };
        }
    }

    pub(super) fn course(&self) -> Course {
        Course { started: 0, preceded: vec![0; self.asked.len()].into() }
    }

    /// An operation takes its first step.
    pub(super) fn start(&self, course: &mut Course, client: usize, number: usize, outcomes: &[&[Outcome]]) {
        let Some(index) = self.index(client, number) else { return };
        if course.started & 1 << index == 0 {
            course.started |= 1 << index;
            course.preceded[index] = self.ended(outcomes);
        }
    }

    /// What is wrong with an operation that has just ended.
    pub(super) fn wrong_end(
        &self,
        course: &Course,
        (client, number): (usize, usize),
        outcomes: &[&[Outcome]],
        struck: bool,
    ) -> Option<String> {
        let index = self.index(client, number)?;
        let claim = &self.asked[index].claim;
        let outcome = outcomes[client].get(number)?;
        let source = match claim {
            Claim::Read { name } | Claim::Copy { from: name, .. } => Some(name),
            _ => None,
        };
        match (outcome, source) {
            (Outcome::Content(content), Some(name)) => {
                let may = self.may_read(course, name, outcomes, Some(index));
                (!may.contains(content)).then(|| format!("{name} was read as {outcome}{}", told(&may)))
            }
            (Outcome::Failed(Failure::Damaged, error), _) => Some(format!("what is stored is damaged: {error}")),
            (Outcome::Failed(Failure::ReferenceMissing, _), _) if self.missing_is_told => None,
            (Outcome::Failed(Failure::ReferenceMissing, error), Some(name)) => {
                let excused = self
                    .writes(name)
                    .any(|write| course.started & 1 << write != 0 && course.preceded[index] & 1 << write == 0);
                (!excused).then(|| format!("{name} could not be read: {error}"))
            }
            (Outcome::Failed(_, error), _) => (!struck).then(|| format!("it failed though no request did: {error}")),
            _ => None,
        }
    }

    /// What is wrong with what is stored, as things stand.
    pub(super) fn wrong_state(
        &mut self,
        course: &Course,
        number: u32,
        contents: &Contents,
        outcomes: &[&[Outcome]],
        pool: &Pool,
    ) -> Option<String> {
        for index in 0..self.names.len() {
            let name = self.names[index].clone();
            let may = self.may_read(course, &name, outcomes, None);
            let outcome = self.look(number, contents, index, pool);
            match &outcome {
                Outcome::Content(content) if may.contains(content) => {}
                Outcome::Failed(Failure::ReferenceMissing, _) if self.missing_is_told => {}
                Outcome::Failed(Failure::ReferenceMissing, _) => {
                    let begun = |write: usize| course.started & 1 << write != 0 && !self.is_done(write, outcomes);
                    let conversions = self.conversions(&name).map(|(index, _)| index);
                    if !self.writes(&name).chain(conversions).any(begun) {
                        return Some(format!("{name} cannot be read: {outcome}{}", told(&may)));
                    }
                    let repaired = self.look_repaired(number, contents, index, pool);
                    let mended = match &repaired {
                        Outcome::Content(content) => may.contains(content),
                        Outcome::Failed(Failure::ReferenceMissing, _) => may.contains(&None),
                        _ => false,
                    };
                    if !mended {
                        return Some(format!("{name} cannot be read, and after a repair: {repaired}{}", told(&may)));
                    }
                }
                _ => return Some(format!("{name} reads as {outcome}{}", told(&may))),
            }
        }
        None
    }

    /// What a name may read as: to an operation, or to somebody who begins now.
    fn may_read(
        &self,
        course: &Course,
        name: &str,
        outcomes: &[&[Outcome]],
        by: Option<usize>,
    ) -> BTreeSet<Option<Bytes>> {
        let over = by.map_or(u16::MAX, |by| course.preceded[by]);
        let mut may = self.may_read_after(course, name, outcomes, over);
        for (index, _) in self.conversions(name).filter(|(index, _)| course.started & 1 << index != 0) {
            let meanwhile =
                |write: &usize| course.started & 1 << write != 0 && course.preceded[index] & 1 << write == 0;
            let is_deleted = |write: &usize| matches!(self.asked[*write].claim, Claim::Delete { .. });
            let has_ended = matches!(self.outcome(index, outcomes), Some(Outcome::Done | Outcome::Declined(_)));
            if !has_ended || self.writes(name).any(|write| is_deleted(&write) && meanwhile(&write)) {
                may.extend(self.may_read_after(course, name, outcomes, course.preceded[index] & over));
            }
        }
        may
    }

    /// What a name may read as when some operations had ended.
    fn may_read_after(
        &self,
        course: &Course,
        name: &str,
        outcomes: &[&[Outcome]],
        over: u16,
    ) -> BTreeSet<Option<Bytes>> {
        let overwriting: Vec<usize> =
            self.writes(name).filter(|write| over & 1 << write != 0 && self.is_done(*write, outcomes)).collect();
        let mut may = BTreeSet::new();
        if overwriting.is_empty() {
            may.insert(self.first.get(name).cloned().flatten());
        }
        let foreign = self.asked.iter().enumerate().filter_map(|(index, asked)| match &asked.claim {
            Claim::Foreign { names, .. } if is_among(names, name) => Some(index),
            _ => None,
        });
        for write in self.writes(name).chain(foreign) {
            let started = course.started & 1 << write != 0;
            if !started || overwriting.iter().any(|over| course.preceded[*over] & 1 << write != 0) {
                continue;
            }
            match &self.asked[write].claim {
                Claim::Put { content, .. } => drop(may.insert(Some(content.clone()))),
                Claim::Delete { .. } => drop(may.insert(None)),
                Claim::Foreign { content, .. } => drop(may.insert(content.clone())),
                Claim::Copy { from, .. } => match self.outcome(write, outcomes) {
                    Some(Outcome::Content(Some(content))) => drop(may.insert(Some(content.clone()))),
                    _ => may.extend(self.ever(from).map(Some)),
                },
                Claim::Read { .. } | Claim::Keep | Claim::Convert { .. } => {}
            }
        }
        may
    }

    /// Whatever a name may hold at any time.
    fn ever(&self, name: &str) -> impl Iterator<Item = Bytes> {
        let put = self.asked.iter().filter_map(move |asked| match &asked.claim {
            Claim::Put { name: other, content } if other == name => Some(content.clone()),
            Claim::Foreign { names, content } if is_among(names, name) => content.clone(),
            _ => None,
        });
        self.first.get(name).cloned().flatten().into_iter().chain(put)
    }

    /// The operations that promise what a name reads as afterwards.
    fn writes(&self, name: &str) -> impl Iterator<Item = usize> {
        self.asked.iter().enumerate().filter_map(move |(index, asked)| {
            let writes = match &asked.claim {
                Claim::Put { name: other, .. } | Claim::Copy { to: other, .. } => other == name,
                Claim::Delete { names } => is_among(names, name),
                Claim::Read { .. } | Claim::Keep | Claim::Convert { .. } | Claim::Foreign { .. } => false,
            };
            writes.then_some(index)
        })
    }

    /// The operations that give a name another form.
    fn conversions(&self, name: &str) -> impl Iterator<Item = (usize, &Asked)> {
        let converts = move |asked: &Asked| matches!(&asked.claim, Claim::Convert { name: other } if other == name);
        self.asked.iter().enumerate().filter(move |(_, asked)| converts(asked))
    }

    fn index(&self, client: usize, number: usize) -> Option<usize> {
        self.asked.iter().position(|asked| asked.client == client && asked.number == number)
    }

    fn outcome<'a>(&self, index: usize, outcomes: &[&'a [Outcome]]) -> Option<&'a Outcome> {
        let Asked { client, number, .. } = &self.asked[index];
        outcomes[*client].get(*number)
    }

    /// Whether an operation was acknowledged.
    fn is_done(&self, index: usize, outcomes: &[&[Outcome]]) -> bool {
        matches!(self.outcome(index, outcomes), Some(Outcome::Done | Outcome::Content(Some(_))))
    }

    fn ended(&self, outcomes: &[&[Outcome]]) -> u16 {
        let ended = |index: &usize| self.outcome(*index, outcomes).is_some();
        (0..self.asked.len()).filter(ended).fold(0, |mask, index| mask | 1 << index)
    }

    fn look(&mut self, number: u32, contents: &Contents, name: usize, pool: &Pool) -> Outcome {
        if let Some(known) = self.read.get(&(number, name)) {
            return known.clone();
        }
        let store = Arc::new(ValueStore::new(contents.clone(), self.now));
        let outcome = pool.run((self.reading.read)(store, self.names[name].clone()));
        self.read.insert((number, name), outcome.clone());
        outcome
    }

    fn look_repaired(&mut self, number: u32, contents: &Contents, name: usize, pool: &Pool) -> Outcome {
        if let Some(known) = self.repaired.get(&(number, name)) {
            return known.clone();
        }
        let store = Arc::new(ValueStore::new(contents.clone(), self.now));
        pool.run((self.reading.repair)(store.clone()));
        let outcome = pool.run((self.reading.read)(store, self.names[name].clone()));
        self.repaired.insert((number, name), outcome.clone());
        outcome
    }
}

fn is_among(names: &[String], name: &str) -> bool {
    names.is_empty() || names.iter().any(|other| other == name)
}

fn told(may: &BTreeSet<Option<Bytes>>) -> String {
    let may: Vec<String> =
        may.iter().map(|content| content.as_ref().map_or_else(|| "nothing".to_owned(), shown)).collect();
    format!("; it may read as {}", may.join(" or "))
}
