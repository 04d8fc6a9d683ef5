//! Several threads for one body.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

/// A body has at most so many threads, and no more than there are processors.
pub(super) const MAX_THREADS: usize = 4;

/// Does the work for each part on up to `threads` threads, this one among them, or on fewer where they cannot be had. After a
/// failure no further part is begun.
pub(super) fn for_each_part<T: Send>(
    parts: Vec<T>,
    threads: usize,
    work: impl Fn(T) -> io::Result<()> + Sync,
) -> io::Result<()> {
    let parts = Mutex::new(parts.into_iter());
    let next = || parts.lock().unwrap_or_else(PoisonError::into_inner).next();
    let stop = || parts.lock().unwrap_or_else(PoisonError::into_inner).by_ref().for_each(drop);
    let run = || -> io::Result<()> {
        while let Some(part) = next() {
            work(part).inspect_err(|_| stop())?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let others: Vec<_> =
            (1..threads).map_while(|_| std::thread::Builder::new().spawn_scoped(scope, run).ok()).collect();
        let own = run();
        others.into_iter().fold(own, |outcome, other| {
            outcome.and(other.join().unwrap_or_else(|_| Err(io::Error::other("a thread of a sealed body panicked"))))
        })
    })
}

/// How many threads a body may have. Asking the system each time would take longer than opening a chunk.
pub(super) fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| std::thread::available_parallelism().map_or(1, |count| count.get().min(MAX_THREADS)))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn every_part_is_done_once_and_the_first_failure_ends_it() {
        for threads in 1..=MAX_THREADS {
            let done: Vec<AtomicUsize> = (0..100).map(|_| AtomicUsize::new(0)).collect();
            let count = |part: usize| {
                done[part].fetch_add(1, Ordering::Relaxed);
                Ok(())
            };
            for_each_part((0..100).collect(), threads, count).expect("done");
            assert!(done.iter().all(|done| done.load(Ordering::Relaxed) == 1), "{threads}");

            let begun = AtomicUsize::new(0);
            let fail = |_| {
                begun.fetch_add(1, Ordering::Relaxed);
                Err(io::ErrorKind::StorageFull.into())
            };
            let error = for_each_part((0..100).collect(), threads, fail).expect_err("all parts fail");
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
            assert!((1..=threads).contains(&begun.load(Ordering::Relaxed)));
        }
    }
}
