//! What `sync` does with each name: pure decisions, by the rules of `aws s3 sync`.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// Which way files go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From here to a store.
    Upload,
    /// From a store to here.
    Download,
    /// From a store to a store.
    Copy,
}

/// What makes two files of the same name different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Another size, or a newer file where the rule of `aws` looks for one.
    SizeAndTime,
    /// Another size, and on downloads any other time.
    ExactTime,
    /// Another size.
    Size,
    /// Another content.
    Content,
    /// Nothing: what is there stays.
    Never,
}

/// What is known of a file or an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) size: u64,
    pub(crate) modified: SystemTime,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing.
    Same,
    /// It is transferred.
    Transfer,
    /// The contents have to be looked at.
    Compare,
}

/// Decides about a source whose name the destination holds.
pub(crate) fn decide(direction: Direction, rule: Rule, source: Facts, destination: Facts) -> Decision {
    let differs = source.size != destination.size;
    let transfer = match rule {
        Rule::Never => false,
        Rule::Content if !differs => return Decision::Compare,
        Rule::Content | Rule::Size => differs,
        Rule::ExactTime if direction == Direction::Download => {
            // Times of downloaded files are those of the store's headers, which know whole seconds.
            differs || seconds(source.modified) != seconds(destination.modified)
        }
        Rule::SizeAndTime | Rule::ExactTime => match direction {
            Direction::Upload | Direction::Copy => differs || source.modified > destination.modified,
            // A file here that is older than its object is left alone.
            Direction::Download => differs || destination.modified > source.modified,
        },
    };
    if transfer { Decision::Transfer } else { Decision::Same }
}

/// Whole seconds, rounded down.
fn seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => {
            let before = before.duration();
            let whole = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            -whole - i64::from(before.subsec_nanos() > 0)
        }
    }
}

/// What the destination holds, by name, and what of it the source has been seen to hold.
#[derive(Debug)]
pub(crate) struct Join<T> {
    held: HashMap<String, T>,
    /// Names at the source that could not be looked at: nobody knows what is below them.
    shielded: Vec<String>,
}

impl<T> Join<T> {
    pub(crate) fn new(held: HashMap<String, T>) -> Self {
        Self { held, shielded: Vec::new() }
    }

    /// What the destination holds under a name of the source; it is not left over then.
    pub(crate) fn take(&mut self, name: &str) -> Option<T> {
        self.held.remove(name)
    }

    /// The source could not be looked at from a name on: what the destination holds there is not left over.
    pub(crate) fn shield(&mut self, name: String) {
        self.shielded.push(name);
    }

    /// What the source does not hold, in the order of names.
    pub(crate) fn left_over(&mut self) -> Vec<(String, T)> {
        let shielded = std::mem::take(&mut self.shielded);
        let covers = |shield: &String, name: &str| {
            shield.is_empty()
                || name.strip_prefix(shield.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut left: Vec<_> = std::mem::take(&mut self.held)
            .into_iter()
            .filter(|(name, _)| !shielded.iter().any(|shield| covers(shield, name)))
            .collect();
        left.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        left
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Decision::{Compare, Same, Transfer};
    use super::Direction::{Copy, Download, Upload};
    use super::*;

    fn facts(size: u64, millis: u64) -> Facts {
        Facts { size, modified: UNIX_EPOCH + Duration::from_millis(millis) }
    }

    #[test]
    fn size_and_time_decide_as_with_aws() {
        // Size of both, time of the source, time of the destination.
        let table = [
            (Upload, 1000, 1000, Same),
            (Upload, 1000, 9000, Same),
            (Upload, 9000, 1000, Transfer),
            (Upload, 1001, 1000, Transfer),
            (Copy, 9000, 1000, Transfer),
            (Copy, 1000, 9000, Same),
            (Download, 1000, 1000, Same),
            (Download, 1000, 9000, Transfer),
            (Download, 9000, 1000, Same),
        ];
        for (direction, source, destination, expected) in table {
            let decided = decide(direction, Rule::SizeAndTime, facts(5, source), facts(5, destination));
            assert_eq!(decided, expected, "{direction:?} {source} {destination}");
            let decided = decide(direction, Rule::SizeAndTime, facts(4, source), facts(5, destination));
            assert_eq!(decided, Transfer, "{direction:?}");
        }
    }

    #[test]
    fn exact_times_count_on_downloads_alone_and_in_seconds() {
        let exact = |direction, source, destination| {
            decide(direction, Rule::ExactTime, facts(5, source), facts(5, destination))
        };
        assert_eq!(exact(Download, 9000, 1000), Transfer);
        assert_eq!(exact(Download, 1000, 9000), Transfer);
        assert_eq!(exact(Download, 1900, 1000), Same);
        assert_eq!(exact(Upload, 1000, 9000), Same);
        assert_eq!(exact(Upload, 9000, 1000), Transfer);
        assert_eq!(seconds(UNIX_EPOCH - Duration::from_millis(500)), -1);
    }

    #[test]
    fn other_rules_look_at_nothing_else() {
        for direction in [Upload, Download, Copy] {
            assert_eq!(decide(direction, Rule::Size, facts(5, 9000), facts(5, 1)), Same);
            assert_eq!(decide(direction, Rule::Size, facts(5, 1), facts(6, 1)), Transfer);
            assert_eq!(decide(direction, Rule::Content, facts(5, 9000), facts(5, 1)), Compare);
            assert_eq!(decide(direction, Rule::Content, facts(5, 1), facts(6, 1)), Transfer);
            assert_eq!(decide(direction, Rule::Never, facts(5, 9000), facts(6, 1)), Same);
        }
    }

    fn join(names: &[&str]) -> Join<()> {
        Join::new(names.iter().map(|name| ((*name).to_owned(), ())).collect())
    }

    fn left(join: &mut Join<()>) -> Vec<String> {
        join.left_over().into_iter().map(|(name, ())| name).collect()
    }

    #[test]
    fn what_the_source_lacks_is_left_over() {
        let mut join = join(&["b", "a", "c/d", "c"]);
        assert!(join.take("b").is_some() && join.take("x").is_none());
        assert_eq!(left(&mut join), ["a", "c", "c/d"]);
    }

    #[test]
    fn what_could_not_be_looked_at_is_not_left_over() {
        let mut some = join(&["d/x", "d", "dx", "e"]);
        some.shield("d".to_owned());
        assert_eq!(left(&mut some), ["dx", "e"]);
        let mut all = join(&["d/x", "e"]);
        all.shield(String::new());
        assert_eq!(left(&mut all), Vec::<String>::new());
    }
}
