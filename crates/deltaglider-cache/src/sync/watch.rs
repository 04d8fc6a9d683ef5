//! Tokio's channel of the latest value, with a step before each of its calls.
//!
//! Each call is one step: which order the atomics inside of it take is left to Tokio, which tries them out with `loom`.

use shuttle::sync::atomic::{AtomicBool, Ordering::SeqCst};
use tokio::sync::watch;

pub(crate) fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = watch::channel(value);
    (Sender(sender), Receiver(receiver))
}

#[derive(Debug)]
pub(crate) struct Sender<T>(watch::Sender<T>);

#[derive(Debug)]
pub(crate) struct Receiver<T>(watch::Receiver<T>);

impl<T> Sender<T> {
    pub(crate) fn subscribe(&self) -> Receiver<T> {
        step();
        Receiver(self.0.subscribe())
    }

    pub(crate) fn send_replace(&self, value: T) -> T {
        step();
        self.0.send_replace(value)
    }

    pub(crate) fn send_modify(&self, modify: impl FnOnce(&mut T)) {
        step();
        self.0.send_modify(modify);
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        step();
        Self(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        step();
    }
}

impl<T> Receiver<T> {
    pub(crate) fn borrow_and_update(&mut self) -> watch::Ref<'_, T> {
        step();
        self.0.borrow_and_update()
    }

    pub(crate) async fn changed(&mut self) -> Result<(), watch::error::RecvError> {
        step();
        self.0.changed().await
    }
}

/// Lets other threads go first.
fn step() {
    AtomicBool::new(false).load(SeqCst);
}
