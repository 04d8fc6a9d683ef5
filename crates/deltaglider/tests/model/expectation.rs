//! The model: which contents each name may have, and what operations make of that.

use std::collections::{BTreeMap, BTreeSet};

use crate::contents::{Id, KEYS};
use crate::step::{Key, Op};

/// Contents that a name may have; `None`: there is nothing.
pub type Allowed = BTreeSet<Option<Id>>;

/// What an operation has seen or done, in its order.
#[derive(Clone, Debug)]
pub enum Event {
    /// A name had one of these contents.
    Saw(Key, Allowed),
    /// It has one of these now.
    Became(Key, Allowed),
    /// It may have one of these now, or what it had.
    Maybe(Key, Allowed),
}

pub fn one(content: Option<Id>) -> Allowed {
    [content].into()
}

/// For each name, the contents that a read may give.
///
/// A read settles what it finds: requests are carried out at once or never, and nobody but an operation changes what a name reads as.
/// What an unfinished operation has left hidden below a delta stays hidden: a delete removes the whole form first, and migrations,
/// rehydrations, purges and repairs leave a name as it reads. So a later read that gives another content is wrong.
#[derive(Clone, Debug)]
pub struct Model(BTreeMap<Key, Allowed>);

impl Default for Model {
    fn default() -> Self {
        Self(KEYS.iter().map(|&key| (key, one(None))).collect())
    }
}

impl Model {
    pub fn allowed(&self, key: &str) -> &Allowed {
        &self.0[key]
    }

    fn get_mut(&mut self, key: Key) -> &mut Allowed {
        self.0.get_mut(key).expect("a key of the model")
    }

    /// One operation, beside which no other one was at work.
    ///
    /// # Panics
    /// Where it saw what must not be.
    pub fn happened(&mut self, op: &str, events: &[Event]) {
        for event in events {
            match event {
                Event::Saw(key, seen) => {
                    let allowed = self.get_mut(key);
                    let settled: Allowed = allowed.intersection(seen).copied().collect();
                    assert!(!settled.is_empty(), "{op}: `{key}` was {seen:?}, and may be {allowed:?}");
                    *allowed = settled;
                }
                Event::Became(key, now) => self.get_mut(key).clone_from(now),
                Event::Maybe(key, more) => self.get_mut(key).extend(more),
            }
        }
    }

    /// An operation, and those of another client while it was at work.
    ///
    /// What it wrote may have been there for each of the others and at the end; what the others wrote may have been seen by it at any
    /// time. A name that only one of the two writes to is as after that one.
    ///
    /// # Panics
    /// Where one of them saw what must not be.
    pub fn overlapped(&mut self, held: (&str, &[Event]), others: &[(String, Vec<Event>)]) {
        let mut written: BTreeMap<Key, Allowed> = BTreeMap::new();
        for event in held.1 {
            if let Event::Became(key, more) | Event::Maybe(key, more) = event {
                written.entry(key).or_default().extend(more);
            }
        }
        let none = Allowed::new();
        // What the others can have seen and left, and all that there was in between.
        let (mut now, mut ever) = (self.0.clone(), self.0.clone());
        let mut both = BTreeSet::new();
        for (op, events) in others {
            for event in events {
                match event {
                    Event::Saw(key, seen) => {
                        let own = written.get(key);
                        let allowed: Allowed = now[key].union(own.unwrap_or(&none)).copied().collect();
                        let settled: Allowed = allowed.intersection(seen).copied().collect();
                        assert!(
                            !settled.is_empty(),
                            "{op} within {}: `{key}` was {seen:?}, and may be {allowed:?}",
                            held.0
                        );
                        if own.is_none() {
                            now.insert(key, settled);
                        }
                    }
                    Event::Became(key, more) => {
                        both.insert(*key);
                        now.insert(key, more.clone());
                    }
                    Event::Maybe(key, more) => {
                        both.insert(*key);
                        now.get_mut(key).expect("a key of the model").extend(more);
                    }
                }
                if let Event::Became(key, more) | Event::Maybe(key, more) = event {
                    ever.get_mut(key).expect("a key of the model").extend(more);
                }
            }
        }
        for event in held.1 {
            match event {
                Event::Saw(key, seen) => {
                    let own = written.get(key).unwrap_or(&none);
                    let allowed: Allowed = ever[key].union(own).copied().collect();
                    assert!(
                        seen.iter().any(|seen| allowed.contains(seen)),
                        "{}, with {others:?} within: `{key}` was {seen:?}, and may be {allowed:?}",
                        held.0
                    );
                }
                Event::Became(key, more) if !both.contains(key) => drop(now.insert(key, more.clone())),
                Event::Became(key, more) | Event::Maybe(key, more) => {
                    now.get_mut(key).expect("a key of the model").extend(more);
                }
            }
        }
        self.0 = now;
    }

    /// What an operation may have done that failed or whose client died.
    pub fn unfinished(&self, op: &Op) -> Vec<Event> {
        let gone = |key: &Key| Event::Maybe(key, one(None));
        let copied = |from: &Key, to: &Key| {
            let contents = self.allowed(from).iter().copied().filter(Option::is_some).collect();
            Event::Maybe(to, contents)
        };
        match op {
            Op::Put { key, content, .. } => vec![Event::Maybe(key, one(Some(*content)))],
            Op::Delete(key) => vec![gone(key)],
            Op::DeleteObjects(keys) => keys.iter().map(gone).collect(),
            Op::DeletePrefix(prefix) => KEYS.iter().filter(|key| key.starts_with(prefix)).map(gone).collect(),
            Op::Copy(from, to) => vec![copied(from, to)],
            Op::Move(from, to) => vec![copied(from, to), gone(from)],
            _ => Vec::new(),
        }
    }
}
