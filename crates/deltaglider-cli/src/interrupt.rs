//! Signals: the first one ends a run in order, the second one at once.

use tokio::sync::watch;

use crate::exit::Exit;

/// A signal that asks for the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// A request to end.
    Terminate,
    /// The terminal went away.
    HangUp,
}

impl Signal {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "ctrl-c",
            Self::Terminate => "SIGTERM",
            Self::HangUp => "SIGHUP",
        }
    }

    pub(crate) fn exit(self) -> Exit {
        match self {
            Self::Interrupt => Exit::Interrupted,
            Self::Terminate => Exit::Terminated,
            Self::HangUp => Exit::HungUp,
        }
    }
}

/// Hears of the first signal. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt {
    received: watch::Receiver<Option<Signal>>,
}

impl Interrupt {
    /// Begins to listen.
    pub(crate) fn listen() -> Self {
        let (sender, received) = watch::channel(None);
        tokio::spawn(async move {
            let Some(first) = next_signal().await else { return };
            sender.send_replace(Some(first));
            if let Some(second) = next_signal().await {
                std::process::exit(i32::from(second.exit().code()));
            }
        });
        Self { received }
    }

    /// The signal that came, if one did.
    pub(crate) fn seen(&self) -> Option<Signal> {
        *self.received.borrow()
    }

    /// Waits for a signal.
    pub(crate) async fn raised(&self) -> Signal {
        let mut received = self.received.clone();
        loop {
            if let Some(signal) = *received.borrow_and_update() {
                return signal;
            }
            if received.changed().await.is_err() {
                // Nobody listens any more: no signal will come.
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(unix)]
async fn next_signal() -> Option<Signal> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt()).ok()?;
    let mut terminate = signal(SignalKind::terminate()).ok()?;
    let mut hang_up = signal(SignalKind::hangup()).ok()?;
    Some(tokio::select! {
        _ = interrupt.recv() => Signal::Interrupt,
        _ = terminate.recv() => Signal::Terminate,
        _ = hang_up.recv() => Signal::HangUp,
    })
}

#[cfg(not(unix))]
async fn next_signal() -> Option<Signal> {
    tokio::signal::ctrl_c().await.ok().map(|()| Signal::Interrupt)
}
