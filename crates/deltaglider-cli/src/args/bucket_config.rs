//! Arguments of `get-bucket-config`, `put-bucket-config` and `delete-bucket-config`.

use clap::Args;

/// Arguments of each of them.
#[derive(Args, Clone, Debug)]
pub(crate) struct BucketConfigArgs {
    /// s3://bucket, or file:///directory of a store.
    pub(crate) url: String,
}
