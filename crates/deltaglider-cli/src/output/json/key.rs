//! What came of commands about keys.

use serde::Serialize;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::output) struct KeyRecord<'a> {
    pub(in crate::output) op: &'static str,
    #[serde(flatten)]
    pub(in crate::output) body: KeyBody<'a>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(in crate::output) enum KeyBody<'a> {
    /// A key that is shown.
    Made { key_id: String, key: &'a str },
    /// A key that lies in a file.
    Written { key_id: String, path: String },
    /// The cache is under the key in force; numbers of entries.
    Rewrapped { rewrapped: u64, current: u64, unknown: u64, failed: u64 },
    /// A rotation is done, or had nothing to do.
    Rotated { key_id: Option<String>, status: &'static str },
    /// What a person has to do.
    ByHand { status: &'static str, steps: &'a [&'a str] },
    /// What a rotation would do.
    Plan { status: &'static str, steps: Vec<&'static str>, wait_s: u64 },
    /// A step of a rotation is done.
    Step {
        step: &'static str,
        status: &'static str,
        #[serde(flatten)]
        figures: Figures,
    },
    /// Which keys are in force.
    Status {
        origin: &'static str,
        source: &'a str,
        key_id: Option<String>,
        created: Option<String>,
        age_s: Option<u64>,
        due: bool,
        keys: Vec<KeyEntries>,
    },
}

/// What a step of a rotation came to: entries that were put under the new key, or entries and bytes that were removed.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::output) struct Figures {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::output) rewrapped: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::output) entries: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::output) bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::output) failed: Option<u64>,
}

/// Entries under a key, and what the key is for: `primary`, `decrypt-only` or `unknown`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::output) struct KeyEntries {
    pub(in crate::output) key_id: String,
    pub(in crate::output) role: &'static str,
    pub(in crate::output) entries: u64,
}
