//! How keys are written: their ids and what is under them; the key itself in one place alone, where it was asked for.

use std::io;
use std::path::Path;
use std::time::Duration;

use deltaglider::core::cache::Rewrapped;
use deltaglider::core::keys::KeyId;
use deltaglider::keys::{KeyOrigin, KeyStatus};
use deltaglider::rotation::{Step, StepProgress};

use super::json::{self, Figures, KeyBody, KeyEntries, KeyRecord, Record};
use super::{Loudness, Output, human};

/// What a command about keys came to.
#[derive(Debug)]
pub(crate) enum KeyLine<'a> {
    /// A key that is shown.
    Made { id: KeyId, text: &'a str },
    /// A key that lies in a file.
    Written { id: KeyId, path: &'a Path },
    /// The cache is under the key in force.
    Rewrapped(Rewrapped),
    /// A rotation is done, or had nothing to do.
    Rotated { id: Option<KeyId>, nothing: bool },
    /// What a person has to do.
    ByHand(&'a [&'a str]),
}

impl Output {
    /// What a command about keys came to.
    pub(crate) fn key(&self, line: &KeyLine<'_>) -> io::Result<()> {
        // A key that was asked for is written however quiet the run is to be.
        if self.loudness < Loudness::Normal && !matches!(line, KeyLine::Made { .. }) {
            return Ok(());
        }
        self.result(&if self.json { line.json() } else { line.text() })
    }

    /// Which keys are in force; a warning where one is old.
    pub(crate) fn key_status(&self, status: &KeyStatus) -> io::Result<()> {
        if self.loudness >= Loudness::Normal {
            self.result(&if self.json { status_json(status) } else { status_text(status) })?;
        }
        match status.age().filter(|_| status.is_due()) {
            Some(age) => {
                let text = format!("the key is {} old; replace it: deltaglider key rotate", days(age));
                if self.json && self.loudness > Loudness::Quiet {
                    return self.result(&json::warning("key_age", None, &text));
                }
                self.message(Loudness::Errors, &human::warning(&text, self.palette))
            }
            None => Ok(()),
        }
    }

    /// What a rotation would do.
    pub(crate) fn key_plan(&self, steps: &[Step], wait: Duration) -> io::Result<()> {
        if self.loudness < Loudness::Normal {
            return Ok(());
        }
        if self.json {
            let steps = steps.iter().map(|step| step.name()).collect();
            return self.result(&record("rotate", KeyBody::Plan { status: "dryrun", steps, wait_s: wait.as_secs() }));
        }
        let text: Vec<String> =
            steps.iter().map(|step| format!("(dryrun) {}: {}", step.name(), meaning(*step, wait))).collect();
        self.result(&if text.is_empty() { "(dryrun) nothing to do".to_owned() } else { text.join("\n") })
    }

    /// How far a step of a rotation is.
    pub(crate) fn key_step(&self, step: Step, progress: StepProgress) -> io::Result<()> {
        let figures = match progress {
            StepProgress::Begun { wait } if wait.is_zero() => return Ok(()),
            StepProgress::Begun { wait } => {
                return self.message(Loudness::Normal, &format!("{}: {}", step.name(), meaning(step, wait)));
            }
            StepProgress::Rewrapped(done) => {
                Figures { rewrapped: Some(done.rewrapped), failed: Some(done.failed), ..Figures::default() }
            }
            StepProgress::Purged(freed) => Figures {
                entries: Some(freed.entries),
                bytes: Some(freed.bytes),
                failed: Some(freed.failed),
                ..Figures::default()
            },
            _ => Figures::default(),
        };
        if self.loudness < Loudness::Normal {
            return Ok(());
        }
        if self.json {
            return self.result(&record("rotate", KeyBody::Step { step: step.name(), status: "done", figures }));
        }
        let Figures { rewrapped, entries, bytes, failed } = figures;
        let named = [("bytes", bytes), ("entries", entries), ("rewrapped", rewrapped), ("failed", failed)];
        let figures: Vec<String> =
            named.iter().filter_map(|(name, value)| value.map(|value| format!("{value} {name}"))).collect();
        let figures = if figures.is_empty() { "done".to_owned() } else { figures.join(", ") };
        self.result(&format!("{}: {figures}", step.name()))
    }
}

impl KeyLine<'_> {
    fn text(&self) -> String {
        match self {
            Self::Made { text, .. } => (*text).to_owned(),
            Self::Written { id, path } => format!("key {id} is in {}", path.display()),
            Self::Rewrapped(done) => format!(
                "{} entries were put under the key in force, {} were already, {} are under unknown keys, {} failed",
                done.rewrapped, done.current, done.unknown, done.failed
            ),
            Self::Rotated { nothing: true, .. } => "nothing to do".to_owned(),
            Self::Rotated { id: Some(id), .. } => format!("key in force: {id}"),
            Self::Rotated { id: None, .. } => "done".to_owned(),
            Self::ByHand(steps) => {
                let numbered = steps.iter().enumerate().map(|(number, step)| format!("{}. {step}", number + 1));
                numbered.collect::<Vec<_>>().join("\n")
            }
        }
    }

    fn json(&self) -> String {
        match *self {
            Self::Made { id, text } => record("generate", KeyBody::Made { key_id: id.to_string(), key: text }),
            Self::Written { id, path } => {
                record("generate", KeyBody::Written { key_id: id.to_string(), path: path.display().to_string() })
            }
            Self::Rewrapped(done) => record(
                "rewrap",
                KeyBody::Rewrapped {
                    rewrapped: done.rewrapped,
                    current: done.current,
                    unknown: done.unknown,
                    failed: done.failed,
                },
            ),
            Self::Rotated { id, nothing } => {
                let status = if nothing { "nothing_to_do" } else { "ok" };
                record("rotate", KeyBody::Rotated { key_id: id.map(|id| id.to_string()), status })
            }
            Self::ByHand(steps) => record("rotate", KeyBody::ByHand { status: "by_hand", steps }),
        }
    }
}

fn status_text(status: &KeyStatus) -> String {
    let mut text = format!("source: {}", status.source);
    for (role, id, entries) in entries(status) {
        let age =
            status.age().filter(|_| role == "primary").map_or_else(String::new, |age| format!(", {} old", days(age)));
        text.push_str(&format!("\n{role:<12} {id}  {entries} {}{age}", if entries == 1 { "entry" } else { "entries" }));
    }
    text
}

fn status_json(status: &KeyStatus) -> String {
    let origin = match status.origin {
        KeyOrigin::Ephemeral => "ephemeral",
        KeyOrigin::Environment => "environment",
        KeyOrigin::File(_) => "file",
        KeyOrigin::SecretsManager(_) => "secrets_manager",
        _ => "provider",
    };
    let keys = entries(status)
        .into_iter()
        .map(|(role, id, entries)| KeyEntries { key_id: id.to_string(), role, entries })
        .collect();
    record(
        "status",
        KeyBody::Status {
            origin,
            source: &status.source,
            key_id: status.primary.map(|id| id.to_string()),
            created: status.created.map(json::time),
            age_s: status.age().map(|age| age.as_secs()),
            due: status.is_due(),
            keys,
        },
    )
}

/// Every key of the ring, and every other one that something is under, with the number of its entries.
fn entries(status: &KeyStatus) -> Vec<(&'static str, KeyId, u64)> {
    let under =
        |id: KeyId| status.entries_by_key.iter().find(|(known, _)| *known == id).map_or(0, |(_, entries)| *entries);
    let mut keys: Vec<_> = status.primary.iter().map(|&id| ("primary", id, under(id))).collect();
    keys.extend(status.decrypt_only.iter().map(|&id| ("decrypt-only", id, under(id))));
    let unknown = status.entries_by_key.iter().filter(|(id, _)| keys.iter().all(|(_, known, _)| known != id));
    let unknown: Vec<_> = unknown.map(|&(id, entries)| ("unknown", id, entries)).collect();
    keys.extend(unknown);
    keys
}

fn meaning(step: Step, wait: Duration) -> String {
    let seconds = wait.as_secs();
    match step {
        Step::Create => "makes a random key at AWSPENDING".to_owned(),
        Step::Spread => format!("waits {seconds} s until every process opens what the new key seals"),
        Step::Prove => "reads the new key back, and seals and opens with it".to_owned(),
        Step::Promote => "puts the new key in force: AWSCURRENT moves, the old one is at AWSPREVIOUS".to_owned(),
        Step::Settle => format!("waits {seconds} s until no process seals under the old key"),
        Step::Rewrap => "puts this host's entries under the new key".to_owned(),
        Step::Verify => "looks that no entry is left under the old key".to_owned(),
        Step::Purge => "removes every entry that no key in force opens".to_owned(),
        Step::Retire => "takes AWSPREVIOUS from the old key: nobody opens anything with it any more".to_owned(),
        Step::Finish => "takes AWSPENDING from the key in force: the rotation is over".to_owned(),
        Step::Withdraw => "takes AWSPENDING from the key that will not be put in force".to_owned(),
    }
}

fn days(age: Duration) -> String {
    match age.as_secs() / 86_400 {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

fn record(op: &'static str, body: KeyBody<'_>) -> String {
    json::write(Record::Key(KeyRecord { op, body }))
}

/// Lines as they are written, one of each kind.
#[cfg(test)]
pub(super) fn golden() -> Vec<(String, &'static str)> {
    let id = "01".to_owned();
    let key = |role| KeyEntries { key_id: "01".to_owned(), role, entries: 2 };
    let bodies = [
        (KeyBody::Made { key_id: id.clone(), key: "k" }, r#""key_id":"01","key":"k""#),
        (KeyBody::Written { key_id: id.clone(), path: "f".to_owned() }, r#""key_id":"01","path":"f""#),
        (
            KeyBody::Rewrapped { rewrapped: 1, current: 2, unknown: 3, failed: 4 },
            r#""rewrapped":1,"current":2,"unknown":3,"failed":4"#,
        ),
        (KeyBody::Rotated { key_id: Some(id.clone()), status: "ok" }, r#""key_id":"01","status":"ok""#),
        (KeyBody::ByHand { status: "by_hand", steps: &["a"] }, r#""status":"by_hand","steps":["a"]"#),
        (
            KeyBody::Plan { status: "dryrun", steps: vec!["create"], wait_s: 60 },
            r#""status":"dryrun","steps":["create"],"wait_s":60"#,
        ),
        (
            KeyBody::Step {
                step: "rewrap",
                status: "done",
                figures: Figures { rewrapped: Some(3), failed: Some(0), ..Figures::default() },
            },
            r#""step":"rewrap","status":"done","rewrapped":3,"failed":0"#,
        ),
        (
            KeyBody::Status {
                origin: "file",
                source: "f",
                key_id: Some(id),
                created: None,
                age_s: Some(5),
                due: false,
                keys: vec![key("primary")],
            },
            r#""origin":"file","source":"f","key_id":"01","created":null,"age_s":5,"due":false,"keys":[{"key_id":"01","role":"primary","entries":2}]"#,
        ),
    ];
    let line = |fields| format!(r#"{{"v":1,"type":"key","op":"rotate",{fields}}}"#);
    bodies.into_iter().map(|(body, fields)| (record("rotate", body), &*line(fields).leak())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_its_version_and_type() {
        let id = KeyId([1; 16]);
        assert_eq!(
            KeyLine::Rotated { id: Some(id), nothing: false }.json(),
            r#"{"v":1,"type":"key","op":"rotate","key_id":"01010101010101010101010101010101","status":"ok"}"#
        );
        assert_eq!(KeyLine::ByHand(&["a", "b"]).text(), "1. a\n2. b");
        assert_eq!(KeyLine::Made { id, text: "the key" }.text(), "the key");
    }

    #[test]
    fn an_age_is_told_in_days() {
        assert_eq!(days(Duration::from_secs(86_399)), "less than a day");
        assert_eq!(days(Duration::from_secs(86_400)), "1 day");
        assert_eq!(days(Duration::from_secs(91 * 86_400)), "91 days");
    }
}
