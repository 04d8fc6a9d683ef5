//! The event that tells of every access to a key: where it came from, which one it is, how it went; never the key.

use deltaglider_core::keys::{KeyError, KeyId, KeyRing};

/// Tells of a key that was loaded, or was not to be had.
pub(crate) fn loaded(source: &str, outcome: &Result<KeyRing, KeyError>) {
    match outcome {
        Ok(ring) => {
            event(source, Some(ring.primary.id()), "loaded");
            for key in &ring.decrypt_only {
                event(source, Some(key.id()), "loaded to decrypt only");
            }
        }
        Err(KeyError::Format { .. }) => event(source, None, "malformed"),
        Err(_) => event(source, None, "unavailable"),
    }
}

fn event(source: &str, key: Option<KeyId>, outcome: &str) {
    let (key_id, process) = (key.map(tracing::field::display), std::process::id());
    tracing::info!(target: "deltaglider.key.access", source, key_id, process, outcome);
}
