//! Work spread over the processors.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// More threads than that gain little beside the memory that each takes.
const MOST: usize = 8;

/// How many threads there are for one call.
pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST)
}

/// Calls `work` for every item, on at most `threads` threads, the caller's among them; the results stand in the items' order.
///
/// Fewer threads serve where the system gives no more. A panic of `work` is passed on.
pub(crate) fn spread<T: Sync, R: Send>(items: &[T], threads: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    if threads < 2 || items.len() < 2 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    let run = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return };
            let result = work(item);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            if thread::Builder::new().spawn_scoped(scope, run).is_err() {
                break;
            }
        }
        run();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_order() {
        let items: Vec<u32> = (0..1000).collect();
        for threads in [0, 1, 2, 8] {
            assert_eq!(spread(&items, threads, |item| item * 2), (0..1000).map(|item| item * 2).collect::<Vec<_>>());
            assert!(spread(&[] as &[u32], threads, |item| *item).is_empty());
        }
    }
}
