//! One first writer a delta space: else every parallel upload into an empty one would send a whole reference, and all but one in vain.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use deltaglider::core::policy::may_be_delta;
use deltaglider::core::{DeltaSpace, Location};
use tokio::sync::OnceCell;

/// The delta spaces that this run has written to.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    spaces: Mutex<HashMap<Location, Arc<OnceCell<()>>>>,
}

impl Gate {
    /// Runs a put: at once where its space has been written to, or can hold no delta of it; after the first writer otherwise.
    pub(crate) async fn pass<T>(&self, at: &Location, put: impl Future<Output = T>) -> T {
        if !may_be_delta(at.name()) {
            return put.await;
        }
        let space = {
            let mut spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(spaces.entry(DeltaSpace::of(at).reference()).or_default())
        };
        let mut put = Some(put);
        let mut first = None;
        space
            .get_or_init(|| async {
                if let Some(put) = put.take() {
                    first = Some(put.await);
                }
            })
            .await;
        match (first, put) {
            (Some(done), _) => done,
            (None, Some(put)) => put.await,
            (None, None) => unreachable!("a put that was taken has been awaited"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use futures::future::join_all;

    use super::*;

    #[tokio::test]
    async fn nobody_passes_before_the_first_one_is_done() {
        let gate = Gate::default();
        let (running, done, beside_the_first) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
        let put = |name: String| {
            let at = Location::new("b", format!("p/{name}"));
            let (gate, running, done, beside) = (&gate, &running, &done, &beside_the_first);
            async move {
                let work = async {
                    if running.fetch_add(1, SeqCst) > 0 && done.load(SeqCst) == 0 {
                        beside.fetch_add(1, SeqCst);
                    }
                    tokio::task::yield_now().await;
                    done.fetch_add(1, SeqCst);
                };
                gate.pass(&at, work).await;
            }
        };
        join_all((0..8).map(|number| put(format!("a-{number}.zip")))).await;
        assert_eq!((done.load(SeqCst), beside_the_first.load(SeqCst)), (8, 0));
    }
}
