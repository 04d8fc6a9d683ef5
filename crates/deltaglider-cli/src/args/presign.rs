//! Arguments of `presign`.

use std::time::Duration;

use clap::Args;

/// The longest time that S3 lets a URL be valid.
const MOST_SECONDS: u64 = 604_800;

/// Arguments of `presign`.
#[derive(Args, Clone, Debug)]
pub(crate) struct PresignArgs {
    /// s3://bucket/key.
    pub(crate) url: String,
    /// Seconds for which it is valid, at most 604800, which is a week.
    #[arg(long, value_name = "SECONDS", default_value = "3600", value_parser = seconds)]
    pub(crate) expires_in: Duration,
    /// Of an object that is stored as a delta, stores a whole copy under .deltaglider/tmp/ first, which purge removes when the time is over.
    #[arg(long)]
    pub(crate) rehydrate: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..=MOST_SECONDS) => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("`{text}` is not a number of seconds from 1 to {MOST_SECONDS}")),
    }
}
