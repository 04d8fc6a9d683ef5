//! A server of S3 that can be tried in place of SeaweedFS.

use super::Folder;
use super::supervised::Supervised;

/// A running one, answering; dropped, it is stopped and its data goes.
pub(super) struct Other {
    pub(super) port: u16,
    /// Access key and secret.
    pub(super) keys: [String; 2],
    /// What it does not keep of the contract of a store, by names of tests.
    pub(super) not_kept: &'static [&'static str],
    /// Stopped in this order: whoever asks before who is asked.
    pub(super) gateway: Supervised,
    pub(super) _behind: Vec<Supervised>,
    pub(super) _data: Folder,
}

impl Other {
    /// URL of the server.
    pub(super) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
