//! The cache in words and in JSON.

use std::path::Path;
use std::time::SystemTime;

use deltaglider::core::cache::{CacheStats, Freed};
use serde::Serialize;

use super::json::{self, Record};
use super::percent;
use crate::{byte_size, time_span};

/// What becomes of cached references, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// They lie on disk under a key of the user's, and are shared by all processes that have it.
    Kept {
        /// Where the key comes from: a variable, a file, a secret.
        key_source: String,
    },
    /// They lie on disk under a key that dies with the process, and are removed with it.
    Ephemeral,
    /// They lie in the memory of the process.
    Memory,
}

impl Strategy {
    fn name(&self) -> &'static str {
        match self {
            Self::Kept { .. } => "kept",
            Self::Ephemeral => "ephemeral",
            Self::Memory => "memory",
        }
    }

    /// Why nothing is kept from one process to the next, where nothing is, and how to change that.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Kept { .. } => None,
            Self::Ephemeral => Some(
                "without a persistent key the cache lives and dies with each process\n  \
                 to keep it: set DG_CACHE_ENCRYPTION_KEY to 32 random bytes in base64, such as head -c 32 /dev/urandom | base64 gives",
            ),
            Self::Memory => Some(
                "DG_CACHE_BACKEND is `memory`: the cache lives and dies with each process\n  \
                 to keep it: set DG_CACHE_BACKEND to `filesystem`, and DG_CACHE_ENCRYPTION_KEY to 32 random bytes in base64",
            ),
        }
    }
}

/// What there is to say about the cache.
#[derive(Clone, Debug)]
pub(crate) struct CacheStatus {
    pub(crate) strategy: Strategy,
    pub(crate) stats: CacheStats,
    /// Since when the key is known, where that is longer than this process runs.
    pub(crate) key_since: Option<SystemTime>,
    pub(crate) now: SystemTime,
}

impl CacheStatus {
    /// `/c/deltaglider  3 entries, 246.1 MiB of 10.0 GiB (2%), encrypted (key 5f3a9c01 from DG_CACHE_ENCRYPTION_KEY)`
    pub(super) fn text(&self) -> String {
        let stats = &self.stats;
        let Strategy::Kept { key_source } = &self.strategy else {
            let limit = byte_size::human(stats.limit);
            let place = if self.strategy == Strategy::Memory { "in memory" } else { "on disk" };
            let hint = self.strategy.hint().unwrap_or_default();
            return format!("nothing is kept: each process caches {place}, encrypted, up to {limit}\n{hint}");
        };
        let path = stats.path.as_deref().unwrap_or(Path::new("–")).display();
        let share = if stats.limit == 0 { 0.0 } else { stats.bytes as f64 / stats.limit as f64 * 100.0 };
        let (bytes, limit) = (byte_size::human(stats.bytes), byte_size::human(stats.limit));
        let key = stats.key_id.map(|id| short(&id.to_string()).to_owned()).unwrap_or_default();
        let mut text = format!(
            "{path}  {}, {bytes} of {limit} ({share:.0}%), encrypted (key {key} from {key_source}",
            counted(stats.entries)
        );
        if let Some(age) = self.age(self.key_since) {
            text.push_str(&format!(", {age} old"));
        }
        text.push(')');
        if let Some(share) = self.hits() {
            text.push_str(&format!(", {} hits", percent(share)));
        }
        if stats.entries_by_key.iter().any(|(id, _)| Some(*id) != stats.key_id) {
            for (id, entries) in &stats.entries_by_key {
                let what = if Some(*id) == stats.key_id { "the key in force" } else { "another key" };
                text.push_str(&format!("\n  {} under {what}, {}", counted(*entries), short(&id.to_string())));
            }
        }
        if let Some(age) = self.age(stats.oldest_use) {
            text.push_str(&format!("\n  least recently used {age} ago"));
        }
        text
    }

    pub(super) fn json(&self) -> String {
        let stats = &self.stats;
        let kept = match &self.strategy {
            Strategy::Kept { key_source } => Some(key_source.as_str()),
            _ => None,
        };
        let known = self.hits().is_some();
        json::write(Record::Cache(CacheRecord::Status(Status {
            strategy: self.strategy.name(),
            backend: stats.backend,
            path: stats.path.as_deref().filter(|_| kept.is_some()).map(|path| path.display().to_string()),
            entries: stats.entries,
            bytes: stats.bytes,
            limit: stats.limit,
            encrypted: true,
            key_source: kept,
            key_id: stats.key_id.filter(|_| kept.is_some()).map(|id| id.to_string()),
            key_since: self.key_since.map(json::time),
            keys: stats
                .entries_by_key
                .iter()
                .map(|(id, entries)| Key { key_id: id.to_string(), entries: *entries })
                .collect(),
            oldest_use: stats.oldest_use.map(json::time),
            hits: known.then_some(stats.hits),
            misses: known.then_some(stats.misses),
        })))
    }

    fn age(&self, since: Option<SystemTime>) -> Option<String> {
        Some(time_span::human(self.now.duration_since(since?).unwrap_or_default()))
    }

    /// Counts are those of a process: one that looked nothing up has none to tell.
    fn hits(&self) -> Option<f64> {
        let lookups = self.stats.hits + self.stats.misses;
        (lookups > 0).then(|| self.stats.hits as f64 / lookups as f64)
    }
}

/// `cleared: 3 entries, 246.1 MiB`
pub(super) fn freed_text(done: &str, freed: Freed) -> String {
    let mut text = format!("{done}: {}, {}", counted(freed.entries), byte_size::human(freed.bytes));
    if freed.failed > 0 {
        text.push_str(&format!("; {} could not be removed", counted(freed.failed)));
    }
    text
}

pub(super) fn freed_json(done: &str, freed: Freed) -> String {
    let Freed { entries, bytes, failed } = freed;
    json::write(Record::Cache(CacheRecord::Removed(Removed { op: done, entries, bytes, failed })))
}

/// What there is, or what was removed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(super) enum CacheRecord<'a> {
    Status(Status<'a>),
    Removed(Removed<'a>),
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Status<'a> {
    strategy: &'a str,
    backend: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    entries: u64,
    bytes: u64,
    limit: u64,
    encrypted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_since: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keys: Vec<Key>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_use: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hits: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    misses: Option<u64>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Key {
    key_id: String,
    entries: u64,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Removed<'a> {
    op: &'a str,
    entries: u64,
    bytes: u64,
    failed: u64,
}

fn counted(number: u64) -> String {
    format!("{number} {}", if number == 1 { "entry" } else { "entries" })
}

/// The beginning of a key's id, enough to tell keys apart.
fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

/// A line as it is written.
#[cfg(test)]
pub(super) fn golden() -> Vec<(String, &'static str)> {
    let freed = Freed { entries: 1, bytes: 1024, failed: 0 };
    vec![(freed_json("cleared", freed), r#"{"v":1,"type":"cache","op":"cleared","entries":1,"bytes":1024,"failed":0}"#)]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use deltaglider::core::keys::KeyId;

    use super::*;

    fn status() -> CacheStatus {
        let mut stats = CacheStats::default();
        stats.backend = "filesystem";
        (stats.entries, stats.bytes, stats.limit) = (3, 258_054_553, 10 << 30);
        stats.path = Some("/home/u/.cache/deltaglider".into());
        stats.key_id = Some(KeyId([0x5f; 16]));
        stats.entries_by_key = vec![(KeyId([0x5f; 16]), 3)];
        let strategy = Strategy::Kept { key_source: "DG_CACHE_ENCRYPTION_KEY".to_owned() };
        CacheStatus { strategy, stats, key_since: None, now: SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000) }
    }

    #[test]
    fn one_line_says_what_is_where() {
        let mut status = status();
        assert_eq!(
            status.text(),
            "/home/u/.cache/deltaglider  3 entries, 246.1 MiB of 10.0 GiB (2%), \
             encrypted (key 5f5f5f5f from DG_CACHE_ENCRYPTION_KEY)"
        );
        status.key_since = Some(status.now - Duration::from_secs(12 * 86_400));
        (status.stats.hits, status.stats.misses) = (32, 3);
        status.stats.oldest_use = Some(status.now - Duration::from_secs(7300));
        assert_eq!(
            status.text(),
            "/home/u/.cache/deltaglider  3 entries, 246.1 MiB of 10.0 GiB (2%), \
             encrypted (key 5f5f5f5f from DG_CACHE_ENCRYPTION_KEY, 12 days old), 91.4% hits\n  \
             least recently used 2 hours ago"
        );
    }

    #[test]
    fn keys_are_told_apart_where_there_are_more() {
        let mut status = status();
        status.stats.entries_by_key = vec![(KeyId([0x11; 16]), 1), (KeyId([0x5f; 16]), 2)];
        let text = status.text();
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(lines, ["  1 entry under another key, 11111111", "  2 entries under the key in force, 5f5f5f5f"]);
    }

    #[test]
    fn json_says_what_is_known() {
        let mut status = status();
        status.key_since = Some(SystemTime::UNIX_EPOCH);
        (status.stats.hits, status.stats.misses) = (32, 3);
        let id = "5f".repeat(16);
        assert_eq!(
            status.json(),
            format!(
                "{{\"v\":1,\"type\":\"cache\",\"strategy\":\"kept\",\"backend\":\"filesystem\",\
                 \"path\":\"/home/u/.cache/deltaglider\",\"entries\":3,\"bytes\":258054553,\"limit\":10737418240,\
                 \"encrypted\":true,\"key_source\":\"DG_CACHE_ENCRYPTION_KEY\",\"key_id\":\"{id}\",\
                 \"key_since\":\"1970-01-01T00:00:00Z\",\"keys\":[{{\"key_id\":\"{id}\",\"entries\":3}}],\
                 \"hits\":32,\"misses\":3}}"
            )
        );
    }

    #[test]
    fn what_could_not_be_removed_is_said() {
        let freed = Freed { entries: 1, bytes: 1024, failed: 2 };
        assert_eq!(freed_text("pruned", freed), "pruned: 1 entry, 1.0 KiB; 2 entries could not be removed");
    }
}
