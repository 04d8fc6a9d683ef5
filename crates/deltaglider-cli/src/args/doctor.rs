//! Arguments of `doctor`.

use clap::Args;

/// Arguments of `doctor`; with -v, every setting and where it comes from follows.
#[derive(Args, Clone, Debug)]
pub(crate) struct DoctorArgs {
    /// s3://bucket/prefix or file:///store/prefix whose rights are tried out with throw-away keys; without it, only what needs none.
    pub(crate) url: Option<String>,
}
