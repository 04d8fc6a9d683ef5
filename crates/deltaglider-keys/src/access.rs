//! The event that tells of every access to a key: where it came from, which one it is, how it went; never the key.

use deltaglider_core::keys::{KeyError, KeyId, KeyRing};

/// Tells of a key that was loaded, or was not to be had.
pub(crate) fn loaded(source: &str, outcome: &Result<KeyRing, KeyError>) {
    match outcome {
        Ok(ring) => tell_of_ring(source, ring, "loaded"),
        Err(error) => event(source, None, failure(error)),
    }
}

/// Tells of a source that was read again: every key where the ring has changed, the primary one where it has not.
pub(crate) fn refreshed(source: &str, outcome: &Result<KeyRing, KeyError>, changed: bool) {
    match outcome {
        Ok(ring) if changed => tell_of_ring(source, ring, "changed"),
        Ok(ring) => event(source, Some(ring.primary.id()), "refreshed"),
        Err(error) => event(source, None, failure(error)),
    }
}

/// Tells of a step of a rotation.
pub(crate) fn rotated(source: &str, key: Option<KeyId>, outcome: &str) {
    event(source, key, outcome);
}

fn tell_of_ring(source: &str, ring: &KeyRing, outcome: &str) {
    event(source, Some(ring.primary.id()), outcome);
    for key in &ring.decrypt_only {
        event(source, Some(key.id()), &format!("{outcome} to decrypt only"));
    }
}

fn failure(error: &KeyError) -> &'static str {
    match error {
        KeyError::Format { .. } => "malformed",
        _ => "unavailable",
    }
}

fn event(source: &str, key: Option<KeyId>, outcome: &str) {
    let (key_id, process) = (key.map(tracing::field::display), std::process::id());
    tracing::info!(target: "deltaglider.key.access", source, key_id, process, outcome);
}
