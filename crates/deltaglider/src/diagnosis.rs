//! What a client is made of, for those who look for what is wrong.

use std::path::PathBuf;

use deltaglider_s3::CrossRegion;

use crate::client::Client;
use crate::env;

impl Client {
    /// Seconds by which this machine's clock is ahead of the server's that speaks S3, by the date of its last answer; negative where it
    /// is behind, `None` before the first one. No request.
    #[must_use]
    pub fn clock_ahead(&self) -> Option<i64> {
        self.s3().clock_ahead()
    }

    /// Waits until a request goes to S3, and says where this machine is an instance of EC2 in another region, which makes transfers slow
    /// and costs money. See [`S3Store::cross_region`](deltaglider_s3::S3Store::cross_region).
    pub async fn cross_region(&self) -> Option<CrossRegion> {
        self.s3().cross_region().await
    }

    /// Where temporary contents go that do not fit into memory.
    #[must_use]
    pub fn scratch_directory(&self) -> PathBuf {
        self.config().scratch_directory.clone().unwrap_or_else(env::temporary_directory)
    }
}
