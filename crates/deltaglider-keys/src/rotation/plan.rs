//! From where a secret stands to what is left to do: decisions alone.

use super::{Standing, Version};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A new key in place of the one in force.
    Rotate,
    /// The end of a rotation that was begun.
    Resume,
    /// The way back. A key that is in force already stays; the one before goes on opening what it sealed.
    Abort,
    /// The end of the key before the one in force.
    Retire,
}

/// What is asked for, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub action: Action,
    /// Whether others may have the old key: nothing waits for the new one then, and what is under the old one is thrown away.
    pub compromised: bool,
}

impl From<Action> for Request {
    fn from(action: Action) -> Self {
        Self { action, compromised: false }
    }
}

/// A step of a rotation. Whatever is killed after any of them can go on, or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Makes a random key, at AWSPENDING.
    Create,
    /// Waits until every process has read the new key: all of them open what it seals from then on.
    Spread,
    /// Reads the new key back, and seals and opens with it.
    Prove,
    /// Puts the new key in force: AWSCURRENT moves, and AWSPREVIOUS with it.
    Promote,
    /// Waits until nobody seals under the old key any more.
    Settle,
    /// Puts every entry of this host's cache under the new key. Bodies are not touched.
    Rewrap,
    /// Looks that no entry is left under the old key.
    Verify,
    /// Removes every entry that is under another key than those in force.
    Purge,
    /// Takes AWSPREVIOUS from the old key: nobody opens anything with it any more.
    Retire,
    /// Takes AWSPENDING from the new key: the rotation is over.
    Finish,
    /// Takes AWSPENDING from a key that will not be put in force.
    Withdraw,
}

impl Step {
    /// Its name, for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Spread => "spread",
            Self::Prove => "prove",
            Self::Promote => "promote",
            Self::Settle => "settle",
            Self::Rewrap => "rewrap",
            Self::Verify => "verify",
            Self::Purge => "purge",
            Self::Retire => "retire",
            Self::Finish => "finish",
            Self::Withdraw => "withdraw",
        }
    }

    /// What was done, as its event says it.
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::Retire => "retired",
            Self::Withdraw => "withdrawn",
            Self::Finish => "finished",
            other => other.name(),
        }
    }

    /// Whether it is the cache that it works on, and not the secret.
    #[must_use]
    pub fn is_of_cache(self) -> bool {
        matches!(self, Self::Rewrap | Self::Verify | Self::Purge)
    }
}

/// What is left to do; the version that is in the way where another rotation has to be ended first.
pub fn plan(standing: &Standing, request: Request) -> Result<Vec<Step>, &Version> {
    let pending = standing.pending.as_ref();
    let promoted = pending.is_some_and(|pending| pending.id == standing.current.id);
    // What rotates secrets at AWS leaves the stage where it is: on a version in force it says nothing, unless it is ours.
    let under_way = pending.filter(|pending| !promoted || pending.is_ours());
    let (towards, from) = ways(request.compromised, standing.previous.is_some());
    match (request.action, under_way) {
        (Action::Rotate | Action::Retire, Some(pending)) => Err(pending),
        (Action::Rotate, None) => Ok([&[Step::Create], towards, from].concat()),
        (Action::Resume, Some(_)) if promoted => Ok(from.to_vec()),
        (Action::Resume, Some(_)) => Ok([towards, from].concat()),
        (Action::Abort, Some(_)) => Ok(vec![if promoted { Step::Finish } else { Step::Withdraw }]),
        (Action::Retire, None) if standing.previous.is_some() => Ok(vec![Step::Rewrap, Step::Verify, Step::Retire]),
        (Action::Resume | Action::Abort | Action::Retire, None) => Ok(Vec::new()),
    }
}

/// From a new key to one that is in force, and from there to the end.
fn ways(compromised: bool, has_previous: bool) -> (&'static [Step], &'static [Step]) {
    if compromised {
        // Purged at once, and once more when nobody seals under the old key.
        let end = &[Step::Retire, Step::Purge, Step::Settle, Step::Purge, Step::Finish];
        return (&[Step::Prove, Step::Promote], end);
    }
    // The key at AWSPREVIOUS will not be there any more: what is under it still is put under the one in force.
    let towards: &[Step] = match has_previous {
        true => &[Step::Spread, Step::Prove, Step::Rewrap, Step::Promote],
        false => &[Step::Spread, Step::Prove, Step::Promote],
    };
    (towards, &[Step::Settle, Step::Rewrap, Step::Verify, Step::Finish])
}

#[cfg(test)]
mod tests {
    use deltaglider_core::keys::KeyError;

    use super::*;

    const OURS: &str = "deltaglider-1";
    const FOREIGN: &str = "lambda-1";

    fn standing(current: &str, pending: Option<&str>, previous: Option<&str>) -> Standing {
        let version = |id: &str| Version {
            id: id.to_owned(),
            created: None,
            key: Err(KeyError::Format { source_name: String::new(), expected: String::new() }),
        };
        Standing { current: version(current), pending: pending.map(version), previous: previous.map(version) }
    }

    fn names(standing: &Standing, action: Action, compromised: bool) -> String {
        match plan(standing, Request { action, compromised }) {
            Ok(steps) => steps.into_iter().map(Step::name).collect::<Vec<_>>().join(" "),
            Err(pending) => format!("in the way: {}", pending.id),
        }
    }

    #[test]
    fn every_standing_has_its_way_on_and_back() {
        let idle = standing("a", None, None);
        let rotated = standing("a", None, Some("b"));
        let ours = standing("a", Some(OURS), None);
        let foreign = standing("a", Some(FOREIGN), Some("b"));
        let promoted = standing(OURS, Some(OURS), Some("a"));
        let left_by_others = standing(FOREIGN, Some(FOREIGN), Some("a"));
        let (end, purge) = ("settle rewrap verify finish", "retire purge settle purge finish");
        let (first, next) = ("spread prove promote", "spread prove rewrap promote");
        let retire = "rewrap verify retire";
        let in_the_way = format!("in the way: {OURS}");
        for (standing, rotate, resume, abort, retire) in [
            (&idle, format!("create {first} {end}"), String::new(), "", ""),
            (&rotated, format!("create {next} {end}"), String::new(), "", retire),
            (&ours, in_the_way.clone(), format!("{first} {end}"), "withdraw", &*in_the_way),
            (&foreign, format!("in the way: {FOREIGN}"), format!("{next} {end}"), "withdraw", "in the way: lambda-1"),
            (&promoted, in_the_way.clone(), end.to_owned(), "finish", &*in_the_way),
            (&left_by_others, format!("create {next} {end}"), String::new(), "", retire),
        ] {
            assert_eq!(names(standing, Action::Rotate, false), rotate);
            assert_eq!(names(standing, Action::Resume, false), resume);
            assert_eq!(names(standing, Action::Abort, false), abort);
            assert_eq!(names(standing, Action::Retire, false), retire);
        }
        assert_eq!(names(&idle, Action::Rotate, true), format!("create prove promote {purge}"));
        assert_eq!(names(&ours, Action::Rotate, true), in_the_way);
        assert_eq!(names(&ours, Action::Resume, true), format!("prove promote {purge}"));
        assert_eq!(names(&promoted, Action::Resume, true), purge);
    }
}
