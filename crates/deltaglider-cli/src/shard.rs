//! Part of a big job: whole delta spaces, by a hash that is the same everywhere and for ever.

use deltaglider::core::Sha256;

use crate::failure::{Class, Failure};

/// `--shard` as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShardChoice {
    /// `I/N`
    Given(Shard),
    /// `auto`, `auto/N`
    Auto(Option<u64>),
}

/// One part of several, numbered from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    index: u64,
    count: u64,
}

impl ShardChoice {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let expected = || format!("`{text}` is not I/N with I from 0 to N-1, nor `auto` or `auto/N`");
        let (index, count) = match text.split_once('/') {
            Some((index, count)) => (index, Some(count.parse().ok().filter(|n| *n > 0).ok_or_else(expected)?)),
            None => (text, None),
        };
        match (index, count) {
            ("auto", count) => Ok(Self::Auto(count)),
            (index, Some(count)) => {
                let index = index.parse().ok().filter(|index| *index < count).ok_or_else(expected)?;
                Ok(Self::Given(Shard { index, count }))
            }
            _ => Err(expected()),
        }
    }

    /// The part that is meant, where `index` and `count` are what the environment says.
    pub(crate) fn resolve(self, index: Option<&str>, count: Option<&str>) -> Result<Shard, Failure> {
        let asked = match self {
            Self::Given(shard) => return Ok(shard),
            Self::Auto(asked) => asked,
        };
        let wrong = |message: String, fix: &str| Failure::new(Class::Configuration, "Shard", message).with_fix(fix);
        let Some(index) = index else {
            let message = "neither JOB_COMPLETION_INDEX nor AWS_BATCH_JOB_ARRAY_INDEX is set".to_owned();
            return Err(wrong(message, "run it in an indexed job or in an array, or say which part: --shard 0/4"));
        };
        let Some(count) = asked.map(|count| count.to_string()).or_else(|| count.map(str::to_owned)) else {
            let message = "AWS_BATCH_JOB_ARRAY_SIZE is not set: it is not known how many parts there are".to_owned();
            return Err(wrong(message, "say how many: --shard auto/4"));
        };
        Self::parse(&format!("{index}/{count}"))
            .ok()
            .and_then(|choice| match choice {
                Self::Given(shard) => Some(shard),
                Self::Auto(_) => None,
            })
            .ok_or_else(|| {
                let message = format!("part `{index}` of `{count}` is none: parts are numbered from 0");
                wrong(message, "check the index and the number of parts")
            })
    }
}

impl Shard {
    /// Whether the delta space of a key below the source is in this part.
    pub(crate) fn takes(self, relative: &str) -> bool {
        let space = &relative[..relative.rfind('/').map_or(0, |slash| slash + 1)];
        let mut first = [0; 8];
        first.copy_from_slice(&Sha256::of(space.as_bytes()).0[..8]);
        u64::from_be_bytes(first) % self.count == self.index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_space_is_in_one_part_as_a_whole() {
        let shards: Vec<_> = (0..4).map(|index| Shard { index, count: 4 }).collect();
        for space in 0..100 {
            let taken = |name: &str| -> Vec<_> {
                shards
                    .iter()
                    .filter(|shard| shard.takes(&format!("s{space}/{name}")))
                    .map(|shard| shard.index)
                    .collect()
            };
            assert_eq!(taken("a.zip").len(), 1);
            assert_eq!(taken("a.zip"), taken("b.zip"));
        }
        // For ever: other versions divide the same bucket at the same time.
        let of = |name| shards.iter().position(|shard| shard.takes(name));
        assert_eq!([of("a/x"), of("b/x"), of("x")], [Some(3), Some(2), Some(0)]);
    }

    #[test]
    fn parts_are_read() {
        assert_eq!(ShardChoice::parse("2/8"), Ok(ShardChoice::Given(Shard { index: 2, count: 8 })));
        assert_eq!(ShardChoice::parse("auto"), Ok(ShardChoice::Auto(None)));
        assert_eq!(ShardChoice::parse("auto/3"), Ok(ShardChoice::Auto(Some(3))));
        for wrong in ["", "3", "8/8", "-1/2", "0/0", "auto/0", "a/2"] {
            assert!(ShardChoice::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_environment_says_which_part() {
        let auto = |asked, index, count| ShardChoice::Auto(asked).resolve(index, count);
        assert_eq!(auto(None, Some("1"), Some("4")), Ok(Shard { index: 1, count: 4 }));
        assert_eq!(auto(Some(2), Some("1"), Some("4")), Ok(Shard { index: 1, count: 2 }));
        for (index, count, said) in [
            (None, Some("4"), "JOB_COMPLETION_INDEX"),
            (Some("1"), None, "ARRAY_SIZE"),
            (Some("4"), Some("4"), "numbered"),
        ] {
            let failure = auto(None, index, count).expect_err("refused");
            assert!(failure.message.contains(said), "{}", failure.message);
        }
    }
}
