//! One fetch at a time for one reference, in this process.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use deltaglider_core::cache::CacheKey;

use crate::sync::{Mutex, watch};

/// The fetches under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flights(Arc<Mutex<HashMap<CacheKey, watch::Sender<Stage>>>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Somebody fetches.
    Fetching,
    /// What is fetched will not be kept: there is nothing to wait for.
    Futile,
}

/// Whose turn it is to fetch.
pub(crate) enum Turn {
    /// The caller's.
    Lead(Leader),
    /// Somebody else's.
    Wait(watch::Receiver<Stage>),
}

/// How waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// The leader is done, one way or the other.
    Done,
    /// Waiting is of no use.
    Futile,
}

/// Leads a fetch until it is dropped.
#[derive(Debug)]
pub(crate) struct Leader {
    flights: Flights,
    entry: CacheKey,
    stage: watch::Sender<Stage>,
}

impl Flights {
    /// Takes the lead, or finds who has it.
    pub(crate) fn join(&self, entry: &CacheKey) -> Turn {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stage) = flights.get(entry) {
            return Turn::Wait(stage.subscribe());
        }
        let (stage, _) = watch::channel(Stage::Fetching);
        flights.insert(entry.clone(), stage.clone());
        Turn::Lead(Leader { flights: self.clone(), entry: entry.clone(), stage })
    }

    /// Tells those who wait for an entry that it will not be kept.
    pub(crate) fn give_up(&self, entry: &CacheKey) {
        let flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stage) = flights.get(entry) {
            stage.send_replace(Stage::Futile);
        }
    }
}

impl Leader {
    /// Tells those who wait that the fetch goes on.
    pub(crate) fn progress(&self) {
        self.stage.send_modify(|_| {});
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.flights.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.entry);
    }
}

/// Waits until the leader is done, or makes no progress for `patience`.
pub(crate) async fn wait(mut stage: watch::Receiver<Stage>, patience: Duration) -> Waited {
    loop {
        if *stage.borrow_and_update() == Stage::Futile {
            return Waited::Futile;
        }
        match tokio::time::timeout(patience, stage.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Waited::Done,
            Err(_) => return Waited::Futile,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use deltaglider_core::Sha256;
    use shuttle::future::block_on;
    use shuttle::thread;

    use super::*;
    use crate::schedules;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// What the threads of one run share.
    #[derive(Clone, Default)]
    struct World {
        flights: Flights,
        /// Those who lead at this moment, by entry.
        leading: Arc<[AtomicUsize; 2]>,
        led: Arc<AtomicUsize>,
    }

    fn entry(number: usize) -> CacheKey {
        CacheKey::stored(Sha256([number as u8; 32]))
    }

    impl World {
        /// Leads while there is nobody else who does, and waits otherwise, until it has led or waiting is of no use.
        fn takes_a_turn(&self, number: usize, gives_up: bool) {
            loop {
                match self.flights.join(&entry(number)) {
                    Turn::Lead(leader) => {
                        assert_eq!(self.leading[number].fetch_add(1, SeqCst), 0, "two lead at once");
                        leader.progress();
                        if gives_up {
                            self.flights.give_up(&entry(number));
                        }
                        self.led.fetch_add(1, SeqCst);
                        self.leading[number].fetch_sub(1, SeqCst);
                        drop(leader);
                        return;
                    }
                    Turn::Wait(stage) => {
                        if block_on(wait(stage, PATIENCE)) == Waited::Futile {
                            return;
                        }
                    }
                }
            }
        }

        fn spawn(&self, number: usize, gives_up: bool) -> thread::JoinHandle<()> {
            let world = self.clone();
            thread::spawn(move || world.takes_a_turn(number, gives_up))
        }
    }

    /// Joins them, and says how many have led.
    fn ended(world: &World, threads: Vec<thread::JoinHandle<()>>) -> usize {
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        assert!(world.flights.0.lock().expect("not poisoned").is_empty(), "no flight is left over");
        world.led.load(SeqCst)
    }

    #[test]
    fn two_take_their_turns_in_every_order() {
        let runs = schedules::every(|| {
            let world = World::default();
            let threads = (0..2).map(|_| world.spawn(0, false)).collect();
            assert_eq!(ended(&world, threads), 2);
        });
        assert!(runs > 100, "{runs}");
    }

    #[test]
    fn many_take_their_turns() {
        schedules::many(10_000, || {
            let world = World::default();
            let threads = (0..6).map(|at| world.spawn(at % 2, false)).collect();
            assert_eq!(ended(&world, threads), 6);
        });
    }

    #[test]
    fn giving_up_lets_everybody_go() {
        schedules::many(10_000, || {
            let world = World::default();
            let threads = (0..4).map(|at| world.spawn(0, at < 2)).collect();
            assert!((1..=4).contains(&ended(&world, threads)));
        });
    }
}
