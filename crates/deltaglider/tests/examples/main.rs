//! The examples, run as the programs that they are, against an S3 server in this process.

#![allow(clippy::unwrap_used)]

mod background_service;
mod batch_job;
mod byte_range;
mod lambda;
mod program;
mod runtime_api;
mod test_client;
mod web_api;

/// Seconds that each endurance test runs: what each does grows with them.
fn seconds() -> u64 {
    std::env::var("DG_TEST_SECONDS").map_or(2, |seconds| seconds.parse().expect("DG_TEST_SECONDS is a number"))
}
