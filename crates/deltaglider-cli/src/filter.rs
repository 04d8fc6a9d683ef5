//! `--include` and `--exclude`: the last pattern that matches decides, and what none matches is in.

/// Patterns in the order in which they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    rules: Vec<Rule>,
}

/// One pattern, and what becomes of the names that it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) include: bool,
    pub(crate) pattern: String,
}

impl Filter {
    pub(crate) fn new(rules: Vec<Rule>) -> Self {
        Self { rules }
    }

    /// Whether a name is in. `relative` is the name below the source's root; `absolute` is what a pattern is held against that
    /// begins with `/`.
    pub(crate) fn allows(&self, relative: &str, absolute: Option<&str>) -> bool {
        let decisive = self.rules.iter().rev().find(|rule| {
            if rule.pattern.starts_with('/') {
                absolute.is_some_and(|absolute| matches(&rule.pattern, absolute))
            } else {
                matches(&rule.pattern, relative)
            }
        });
        decisive.is_none_or(|rule| rule.include)
    }
}

/// Matches as Python's `fnmatch` does: `*` and `?` cross slashes, `[…]` and `[!…]` are classes, an open `[` is itself.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let tokens = tokens(pattern);
    let name: Vec<char> = name.chars().collect();
    let (mut token, mut at) = (0, 0);
    // Where to go on when the characters after the last star turn out not to match.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match tokens.get(token) {
            Some(Token::Star) => {
                token += 1;
                retry = Some((token, at));
                continue;
            }
            Some(one) if name.get(at).is_some_and(|&c| one.matches(c)) => {
                token += 1;
                at += 1;
                continue;
            }
            None if at == name.len() => return true,
            _ => {}
        }
        match retry {
            Some((after_star, from)) if from < name.len() => {
                retry = Some((after_star, from + 1));
                token = after_star;
                at = from + 1;
            }
            _ => return false,
        }
    }
}

#[derive(Debug)]
enum Token {
    Star,
    Any,
    Char(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Token {
    fn matches(&self, c: char) -> bool {
        match self {
            Self::Star => false,
            Self::Any => true,
            Self::Char(expected) => *expected == c,
            Self::Class { negated, ranges } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated,
        }
    }
}

fn tokens(pattern: &str) -> Vec<Token> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        at += 1;
        tokens.push(match c {
            '*' => Token::Star,
            '?' => Token::Any,
            '[' => match class(&chars[at..]) {
                Some((token, length)) => {
                    at += length;
                    token
                }
                None => Token::Char('['),
            },
            other => Token::Char(other),
        });
    }
    tokens
}

/// The class after a `[`, and how many characters it takes with its `]`.
fn class(chars: &[char]) -> Option<(Token, usize)> {
    let negated = chars.first() == Some(&'!');
    let start = usize::from(negated);
    // A `]` that comes first is a member.
    let end = start + 1 + chars.get(start + 1..)?.iter().position(|&c| c == ']')?;
    let members = &chars[start..end];
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < members.len() {
        if at + 2 < members.len() && members[at + 1] == '-' {
            ranges.push((members[at], members[at + 2]));
            at += 3;
        } else {
            ranges.push((members[at], members[at]));
            at += 1;
        }
    }
    Some((Token::Class { negated, ranges }, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_fnmatch_does() {
        let yes = [
            ("*", ""),
            ("*.txt", "sub/c.txt"),
            ("sub/*", "sub/deep/e.zip"),
            ("[ab].*", "a.txt"),
            ("[!k]*", "a"),
            ("?.zip", "b.zip"),
            ("a[", "a["),
            ("[]]", "]"),
            ("[a-c]x", "bx"),
            ("[a-]", "-"),
            ("*a*b*", "xxaxxbxx"),
            ("grü?e*", "grüße-日本.zip"),
        ];
        let no =
            [("c.txt", "sub/c.txt"), ("[!k]*", "keep"), ("*.txt", "a.txt.gz"), ("", "a"), ("[!a]", "a"), ("?", "")];
        for (pattern, name) in yes {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in no {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    fn filter(rules: &[(bool, &str)]) -> Filter {
        Filter::new(rules.iter().map(|&(include, pattern)| Rule { include, pattern: pattern.to_owned() }).collect())
    }

    #[test]
    fn the_last_match_wins() {
        let zips = filter(&[(false, "*"), (true, "*.zip")]);
        assert!(zips.allows("a.zip", None) && !zips.allows("a.txt", None));
        let nothing = filter(&[(true, "*.zip"), (false, "*")]);
        assert!(!nothing.allows("a.zip", None));
        assert!(filter(&[(true, "*.zip")]).allows("a.txt", None), "an include alone changes nothing");
    }

    #[test]
    fn a_pattern_with_a_slash_in_front_is_absolute() {
        let absolute = filter(&[(false, "/data/*")]);
        assert!(!absolute.allows("a", Some("/data/a")));
        assert!(absolute.allows("a", None));
    }

    #[test]
    fn many_stars_do_not_take_forever() {
        assert!(!matches(&"*a".repeat(60), &"a".repeat(59)));
    }
}
