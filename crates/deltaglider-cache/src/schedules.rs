//! Runs a test again and again, each time with another order of its threads' steps: a step ends at each use of [`sync`](crate::sync).
//!
//! Where one fails, the order is printed; `SHUTTLE_RANDOM_SEED` with the seed that is printed takes it again.

use std::cell::RefCell;
use std::io;

use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, Scheduler};
use shuttle::thread::{self, JoinHandle};
use shuttle::{Config, MaxSteps, Runner};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// Preemptions that a bug takes at most to be looked for with a known chance.
const DEPTH: usize = 3;
/// Far more than any run takes: whoever gets there goes round and round.
const STEPS: MaxSteps = MaxSteps::FailAfter(100_000);

/// One thread alone: for tests of something else that need what only exists here.
pub(crate) fn alone(test: impl Fn() + Send + Sync + 'static) {
    run(DfsScheduler::new(Some(1), false), MaxSteps::None, test);
}

/// Every order there is; says how many.
pub(crate) fn every(test: impl Fn() + Send + Sync + 'static) -> usize {
    run(DfsScheduler::new(None, false), STEPS, test)
}

/// `count` random orders with a preemption anywhere, and as many with few.
pub(crate) fn many(count: usize, test: impl Fn() + Clone + Send + Sync + 'static) {
    run(RandomScheduler::new(count), STEPS, test.clone());
    run(PctScheduler::new(DEPTH, count), STEPS, test);
}

fn run(scheduler: impl Scheduler + 'static, steps: MaxSteps, test: impl Fn() + Send + Sync + 'static) -> usize {
    let mut config = Config::new();
    config.stack_size = 1 << 19;
    config.max_steps = steps;
    config.silence_warnings = true;
    config.ungraceful_shutdown_config.immediately_return_on_panic = true;
    // For the timers of those who wait: nothing of it runs, so that nobody's patience ends.
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _entered = runtime.enter();
    POOL.take();
    Runner::new(scheduler, config).run(test)
}

thread_local! {
    /// What was sent to the pool in this run; `None` where there is no pool.
    static POOL: RefCell<Option<Vec<JoinHandle<()>>>> = const { RefCell::new(None) };
}

/// Has a pool for what blocks while `test` runs, and waits for all that it was given.
pub(crate) fn with_pool(test: impl FnOnce()) {
    POOL.set(Some(Vec::new()));
    test();
    while let Some(work) = POOL.with_borrow_mut(|pool| pool.as_mut().and_then(Vec::pop)) {
        work.join().expect("nothing panicked in the pool");
    }
    POOL.take();
}

pub(crate) fn has_pool() -> bool {
    POOL.with_borrow(Option::is_some)
}

/// Does work on a thread of its own, which goes on where the caller is dropped: as Tokio's blocking pool does.
pub(crate) async fn away<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (sender, receiver) = oneshot::channel();
    let working = thread::spawn(move || drop(sender.send(work())));
    POOL.with_borrow_mut(|pool| pool.get_or_insert_default().push(working));
    receiver.await.map_err(io::Error::other)
}
