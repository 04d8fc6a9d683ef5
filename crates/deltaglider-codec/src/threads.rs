//! Work spread over the processors.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
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

/// Memory that the threads of one call share.
#[derive(Debug)]
pub(crate) struct Room {
    bytes: usize,
    free: Mutex<usize>,
    freed: Condvar,
}

/// A share of a [`Room`], until it is dropped.
#[derive(Debug)]
pub(crate) struct Taken<'a> {
    room: &'a Room,
    bytes: usize,
}

impl Room {
    pub(crate) fn new(bytes: usize) -> Self {
        Self { bytes, free: Mutex::new(bytes), freed: Condvar::new() }
    }

    /// Waits until so many bytes are free, and takes them; None where there will never be so many, however many threads there are.
    /// A thread takes one share at a time.
    pub(crate) fn take(&self, bytes: usize) -> Option<Taken<'_>> {
        if bytes > self.bytes {
            return None;
        }
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free < bytes {
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= bytes;
        Some(Taken { room: self, bytes })
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.room.free.lock().unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.room.freed.notify_all();
    }
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

    #[test]
    fn what_is_taken_is_never_more_than_there_is() {
        let (room, taken, most) = (Room::new(100), AtomicUsize::new(0), AtomicUsize::new(0));
        let sizes: Vec<usize> = (0..200).map(|number| number % 7 * 17).collect();
        let took = spread(&sizes, 8, |&bytes| {
            let share = room.take(bytes);
            if share.is_some() {
                most.fetch_max(taken.fetch_add(bytes, Ordering::SeqCst) + bytes, Ordering::SeqCst);
                thread::yield_now();
                taken.fetch_sub(bytes, Ordering::SeqCst);
            }
            share.is_some()
        });
        assert!(took.iter().zip(&sizes).all(|(took, bytes)| *took == (*bytes <= 100)));
        assert!(most.into_inner() <= 100);
    }
}
