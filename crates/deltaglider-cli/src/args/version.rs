//! Arguments of `version`.

use clap::Args;

/// Arguments of `version`: none of its own.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct VersionArgs {}
