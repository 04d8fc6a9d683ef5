//! A line of JSON: its version, its type, and what it says.

use serde::Serialize;

#[derive(Serialize)]
struct Versioned<'a, T> {
    v: u8,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    body: &'a T,
}

/// Texts and numbers alone: nothing of it can fail.
pub(super) fn line(kind: &'static str, body: &impl Serialize) -> String {
    serde_json::to_string(&Versioned { v: 1, kind, body }).unwrap_or_default()
}
