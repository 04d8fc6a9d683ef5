//! Ephemeral caches whose owner died without removing them.

use std::path::Path;

use super::layout::{EPHEMERAL, remove_root};
use crate::directory::{Directory, is_hex_name};

/// Removes every ephemeral cache in `directory` that nobody owns any more: whose lock can be had.
pub(super) fn sweep(directory: &Path) {
    let Ok(parent) = Directory::open_shared(directory) else { return };
    for name in parent.names().unwrap_or_default() {
        let Some(name) = name.to_str().filter(|name| is_hex_name(name, EPHEMERAL, 32)) else { continue };
        // Another user's is refused when it is opened.
        let Ok(orphan) = parent.child(name) else { continue };
        let Ok(Some(_owner)) = orphan.try_own() else { continue };
        match remove_root(&orphan, &parent, name) {
            Ok(()) => tracing::debug!(name, "removed the cache of a process that is gone"),
            Err(error) => tracing::debug!(name, %error, "the cache of a process that is gone cannot be removed"),
        }
    }
}
