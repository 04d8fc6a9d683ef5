//! `--include` and `--exclude`, in the order in which they were given.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};

use crate::filter::{Filter, Rule};

/// The patterns of a command.
#[derive(Clone, Debug, Default)]
pub(crate) struct FilterArgs {
    pub(crate) filter: Filter,
}

impl FromArgMatches for FilterArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut rules: Vec<(usize, Rule)> = Vec::new();
        for (id, include) in [("include", true), ("exclude", false)] {
            let indices = matches.indices_of(id).into_iter().flatten();
            let patterns = matches.get_many::<String>(id).into_iter().flatten();
            rules.extend(
                indices.zip(patterns).map(|(index, pattern)| (index, Rule { include, pattern: pattern.clone() })),
            );
        }
        rules.sort_by_key(|(index, _)| *index);
        Ok(Self { filter: Filter::new(rules.into_iter().map(|(_, rule)| rule).collect()) })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for FilterArgs {
    fn augment_args(command: Command) -> Command {
        let pattern = |id: &'static str, help: &'static str| {
            Arg::new(id)
                .long(id)
                .help(help)
                .value_name("PATTERN")
                .action(ArgAction::Append)
                .num_args(1)
                .allow_hyphen_values(true)
        };
        command
            .arg(pattern("include", "Takes names in again that match; the last pattern that matches decides"))
            .arg(pattern("exclude", "Leaves out names that match; `*` crosses slashes"))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        filters: FilterArgs,
    }

    #[test]
    fn patterns_keep_their_order() {
        let line = ["x", "--exclude", "*", "--include", "a*", "--exclude", "ab*"];
        let filter = Line::try_parse_from(line).expect("parses").filters.filter;
        assert!(filter.allows("ac", None));
        assert!(!filter.allows("abc", None) && !filter.allows("b", None));
    }
}
