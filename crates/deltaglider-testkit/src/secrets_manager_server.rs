//! A server of AWS Secrets Manager in the process: HTTP on the loopback device, versions with stages, faults on demand.
//!
//! It knows what reading and rotating a secret need, with the rules of AWS: each stage is on one version, moving AWSCURRENT moves
//! AWSPREVIOUS, a repeated token with the same value is no new version. Signatures are asked for, and not checked.

mod secret;
mod wire;

use std::io;

pub use secret::{Refusal, Secrets};
pub use wire::{LoggedCall, SecretsFault};

use crate::loopback::Loopback;
use wire::Front;

/// A running server; ends when it is dropped.
#[derive(Debug)]
pub struct SecretsServer {
    loopback: Loopback,
    front: Front,
}

impl SecretsServer {
    /// Starts a server without secrets on a free port of 127.0.0.1.
    pub async fn start() -> io::Result<Self> {
        let front = Front::default();
        Ok(Self { loopback: Loopback::serve(front.clone()).await?, front })
    }

    /// Its URL.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.loopback.endpoint()
    }

    /// What it holds, past the protocol.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        self.front.secrets()
    }

    /// Every call since the start or the last reset, in the order of their answers. No value is in it.
    #[must_use]
    pub fn calls(&self) -> Vec<LoggedCall> {
        self.front.calls()
    }

    /// Forgets the calls.
    pub fn reset(&self) {
        self.front.reset();
    }

    /// Decides the fate of calls from now on; `None` lets one pass. The number counts the calls from 1, since this was called.
    pub fn inject(&self, decide: impl Fn(&LoggedCall, u64) -> Option<SecretsFault> + Send + Sync + 'static) {
        self.front.inject(decide);
    }

    /// Throttles every `n`-th call from now on.
    pub fn throttle_every(&self, n: u64) {
        self.inject(move |_, number| number.is_multiple_of(n).then_some(SecretsFault::throttled()));
    }

    /// Waits until this many calls in all have been held by [`SecretsFault::Stall`] and its like.
    pub async fn stalled(&self, calls: u64) {
        self.front.stalled(calls).await;
    }

    /// Lets every call pass again.
    pub fn heal(&self) {
        self.inject(|_, _| None);
    }
}
