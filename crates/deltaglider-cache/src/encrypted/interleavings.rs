//! Lookups, inserts and clears in every order of their steps: exhaustive, and the same in each run.
//!
//! What blocks is done at once here, and then the task pauses, so that each of its calls of the store is one step. A schedule says
//! which of the tasks that could go on goes on next; all schedules are tried. Steps of threads are smaller: `threads` has those.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake};

use async_trait::async_trait;
use bytes::Bytes;
use deltaglider_core::cache::{CacheError, CacheKey, Lookup, ReferenceCache};
use deltaglider_core::keys::{CacheEncryptionKey, KeyError, KeyProvider, KeyRing, Lifetime};
use deltaglider_core::{RandomAccess, Sha256};

use crate::encrypted::PATIENCE;
use crate::memory::{MemoryCache, MemoryConfig, MemoryEntries};
use crate::schedules;

/// In the place of the blocking pool.
pub(super) async fn away<T>(work: impl FnOnce() -> T) -> io::Result<T> {
    let done = work();
    pause().await;
    Ok(done)
}

/// Lets others go first.
async fn pause() {
    let mut paused = false;
    poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

type Running = Pin<Box<dyn Future<Output = ()>>>;

/// One of those whose steps are put in every order.
enum Task {
    Running(Running),
    /// Drops another task, at any moment.
    Drops(usize),
    Ended,
}

fn task(work: impl Future<Output = ()> + 'static) -> Task {
    Task::Running(Box::pin(work))
}

/// Whether a task could go on.
struct Ready(AtomicBool);

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// A choice that was made, out of so many.
struct Choice {
    made: usize,
    of: usize,
}

/// Runs the tasks by a schedule, which goes on with first choices where it ends.
fn run(mut tasks: Vec<Task>, schedule: &mut Vec<Choice>) {
    let ready: Vec<_> = tasks.iter().map(|_| Arc::new(Ready(AtomicBool::new(true)))).collect();
    for step in 0.. {
        let can_go_on = |&at: &usize| !matches!(tasks[at], Task::Ended) && ready[at].0.load(SeqCst);
        let able: Vec<usize> = (0..tasks.len()).filter(can_go_on).collect();
        if able.is_empty() {
            break;
        }
        if schedule.len() == step {
            schedule.push(Choice { made: 0, of: able.len() });
        }
        assert_eq!(schedule[step].of, able.len(), "the same schedule does the same");
        let at = able[schedule[step].made];
        ready[at].0.store(false, SeqCst);
        match &mut tasks[at] {
            Task::Running(work) => {
                let waker = Arc::clone(&ready[at]).into();
                if work.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                    tasks[at] = Task::Ended;
                }
            }
            Task::Drops(other) => {
                let other = *other;
                tasks[other] = Task::Ended;
                tasks[at] = Task::Ended;
            }
            Task::Ended => unreachable!("it could go on"),
        }
    }
    assert!(tasks.iter().all(|task| matches!(task, Task::Ended)), "somebody waits for ever");
}

/// What the tasks of a run share.
#[derive(Clone)]
struct World {
    cache: Arc<MemoryCache>,
    entry: CacheKey,
    content: Bytes,
    hits: Arc<AtomicUsize>,
    misses: Arc<AtomicUsize>,
}

impl World {
    fn new(budget: u64) -> Self {
        let store = MemoryEntries::new(MemoryConfig::new(budget));
        let opened = shuttle::future::block_on(MemoryCache::over(store, Arc::new(FixedKey), PATIENCE));
        let content = Bytes::from_static(b"a reference");
        let entry = CacheKey::stored(Sha256::of(&content));
        let (hits, misses) = (Arc::default(), Arc::default());
        Self { cache: Arc::new(opened.expect("there is a key")), entry, content, hits, misses }
    }

    /// Looks up, and fetches where it has to: what an engine does. A fetch that fails keeps nothing.
    fn looks_up(&self, fetch_succeeds: bool) -> Task {
        let world = self.clone();
        task(async move {
            let content = match world.cache.lookup(&world.entry).await.expect("a lookup does not fail") {
                Lookup::Hit(found) => {
                    world.hits.fetch_add(1, SeqCst);
                    found
                }
                Lookup::Miss(_claim) => {
                    world.misses.fetch_add(1, SeqCst);
                    pause().await;
                    if !fetch_succeeds {
                        return;
                    }
                    let content: Arc<dyn RandomAccess> = Arc::new(world.content.clone());
                    match world.cache.insert(&world.entry, Arc::clone(&content)).await {
                        Ok(kept) => kept,
                        Err(CacheError::TooLarge { .. }) => content,
                        Err(error) => panic!("{error}"),
                    }
                }
            };
            let read = content.read_vec(0, world.content.len()).expect("it reads");
            assert_eq!(read, world.content);
        })
    }

    fn clears(&self) -> Task {
        let world = self.clone();
        task(async move {
            world.cache.clear().await.expect("cleared");
        })
    }

    fn evicts(&self) -> Task {
        let world = self.clone();
        task(async move {
            world.cache.evict(&world.entry).await.expect("evicted");
        })
    }

    fn counted(&self) -> (usize, usize) {
        (self.hits.load(SeqCst), self.misses.load(SeqCst))
    }
}

/// Tries every order of what `tasks` gives, and lets `check` look at each outcome; says how many there were.
fn explore(
    budget: u64,
    tasks: impl Fn(&World) -> Vec<Task> + Send + Sync + 'static,
    check: impl Fn(&World) + Send + Sync + 'static,
) -> usize {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    schedules::alone(move || counted.store(explore_alone(budget, &tasks, &check), SeqCst));
    runs.load(SeqCst)
}

fn explore_alone(budget: u64, tasks: impl Fn(&World) -> Vec<Task>, check: impl Fn(&World)) -> usize {
    let mut schedule: Vec<Choice> = Vec::new();
    for runs in 1.. {
        let world = World::new(budget);
        run(tasks(&world), &mut schedule);
        let (stats, (hits, _)) = (world.cache.stats(), world.counted());
        assert!(stats.bytes <= budget);
        // One that was dropped may have been counted before it could tell.
        assert!(stats.hits >= hits as u64 && stats.hits + stats.misses <= 3);
        check(&world);
        while schedule.pop_if(|choice| choice.made + 1 == choice.of).is_some() {}
        match schedule.last_mut() {
            Some(choice) => choice.made += 1,
            None => return runs,
        }
    }
    unreachable!("the schedules end")
}

#[derive(Debug)]
pub(super) struct FixedKey;

#[async_trait]
impl KeyProvider for FixedKey {
    async fn key_ring(&self) -> Result<KeyRing, KeyError> {
        Ok(KeyRing::of(CacheEncryptionKey::fill_with(|key| {
            key.fill(1);
            Ok::<_, KeyError>(())
        })?))
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Ephemeral
    }

    fn source(&self) -> String {
        "a test".to_owned()
    }
}

const ROOMY: u64 = 1 << 20;

#[test]
fn one_fetches_and_the_others_hit() {
    let three = |world: &World| (0..3).map(|_| world.looks_up(true)).collect();
    let runs = explore(ROOMY, three, |world| {
        assert_eq!(world.counted(), (2, 1));
        let stats = world.cache.stats();
        assert_eq!((stats.hits, stats.misses, stats.entries), (2, 1, 1));
    });
    assert!(runs > 1000, "{runs}");
}

#[test]
fn a_fetch_that_fails_passes_on() {
    let tasks = |world: &World| vec![world.looks_up(false), world.looks_up(true)];
    explore(ROOMY, tasks, |world| {
        // The one that fails either led, or found what the other had fetched.
        assert!([(0, 2), (1, 1)].contains(&world.counted()), "{:?}", world.counted());
        assert_eq!(world.cache.stats().entries, 1);
    });
}

#[test]
fn one_that_is_dropped_anywhere_holds_nobody_up() {
    let tasks = |world: &World| vec![world.looks_up(true), Task::Drops(0), world.looks_up(true)];
    explore(ROOMY, tasks, |world| {
        let (hits, misses) = world.counted();
        assert!(misses >= 1 && hits + misses >= 1 && world.cache.stats().entries == 1);
    });
}

#[test]
fn what_is_not_kept_is_waited_for_by_nobody() {
    let two = |world: &World| (0..2).map(|_| world.looks_up(true)).collect();
    explore(100, two, |world| {
        assert_eq!(world.counted(), (0, 2));
        assert_eq!(world.cache.stats().entries, 0);
    });
}

#[test]
fn clears_and_evictions_between_any_two_steps() {
    for removes in [World::clears, World::evicts] {
        let tasks = move |world: &World| vec![world.looks_up(true), world.looks_up(true), removes(world)];
        explore(ROOMY, tasks, |world| {
            let (hits, misses) = world.counted();
            assert!(hits + misses == 2 && misses >= 1);
            assert!(world.cache.stats().entries <= 1);
        });
    }
}

#[test]
fn an_insert_that_began_before_a_clear_brings_nothing_back() {
    let tasks = |world: &World| {
        let (inserting, clearing) = (world.clone(), world.clone());
        let began = Arc::new(AtomicBool::new(false));
        let has_begun = Arc::clone(&began);
        let insert = task(async move {
            began.store(true, SeqCst);
            let content = Arc::new(inserting.content.clone());
            let kept = inserting.cache.insert(&inserting.entry, content).await.expect("it goes on without the cache");
            assert_eq!(kept.size(), inserting.content.size());
        });
        let clear = task(async move {
            clearing.misses.store(usize::from(has_begun.load(SeqCst)), SeqCst);
            clearing.cache.clear().await.expect("cleared");
        });
        vec![insert, clear]
    };
    let seen = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let counted = Arc::clone(&seen);
    explore(ROOMY, tasks, move |world| {
        let began_before = world.counted().1 == 1;
        assert_eq!(world.cache.stats().entries, u64::from(!began_before));
        counted[usize::from(began_before)].fetch_add(1, SeqCst);
    });
    assert!(seen.iter().all(|runs| runs.load(SeqCst) > 0), "both orders were seen");
}
