//! A Markdown page: its links and its headings.

use std::collections::BTreeSet;
use std::path::PathBuf;

/// A Markdown page.
#[derive(Debug)]
pub(crate) struct Page {
    /// Relative to the root.
    pub(crate) path: PathBuf,
    /// As it is.
    pub(crate) text: String,
    /// Where it links to, with the line (from 1) of each link. Links in code are none.
    pub(crate) links: Vec<(usize, String)>,
    /// The names under which its headings are linked to.
    pub(crate) anchors: BTreeSet<String>,
}

impl Page {
    /// Finds the links and the headings.
    pub(crate) fn new(path: impl Into<PathBuf>, text: &str) -> Self {
        let mut page = Self { path: path.into(), text: text.to_owned(), links: Vec::new(), anchors: BTreeSet::new() };
        let mut fence: Option<&str> = None;
        for (at, line) in text.lines().enumerate() {
            let start = line.trim_start();
            let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
            match (fence, mark) {
                (Some(open), Some(mark)) if open == mark => fence = None,
                (None, Some(mark)) => fence = Some(mark),
                (None, None) => page.line(at + 1, line),
                _ => {}
            }
        }
        page
    }

    fn line(&mut self, number: usize, line: &str) {
        if let Some(heading) = line.strip_prefix('#') {
            let anchor = anchor(heading.trim_start_matches('#').trim());
            let again = (1..).map(|n| format!("{anchor}-{n}")).find(|name| !self.anchors.contains(name));
            let name = if self.anchors.contains(&anchor) { again.unwrap_or_default() } else { anchor };
            self.anchors.insert(name);
        }
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
        for opening in ["](", "href=\"", "src=\""] {
            let ends = if opening == "](" { ')' } else { '"' };
            for part in prose.split(opening).skip(1) {
                let target = part.split(ends).next().unwrap_or_default();
                let target = target.split(" \"").next().unwrap_or_default().trim_matches(['<', '>']);
                self.links.push((number, target.to_owned()));
            }
        }
        if let Some((_, target)) = prose.strip_prefix('[').and_then(|rest| rest.split_once("]: ")) {
            self.links.push((number, target.trim().to_owned()));
        }
    }
}

/// The name that GitHub gives to a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_in_code_are_none() {
        let page = Page::new("a.md", "[a](b.md) `[c](d.md)` [`e`](f.md \"t\")\n```\n[g](h.md)\n```\n[i]: j.md\n");
        let expected = [(1, "b.md"), (1, "f.md"), (5, "j.md")].map(|(line, to)| (line, to.to_owned()));
        assert_eq!(page.links, expected);
    }

    #[test]
    fn headings_are_named_as_on_github() {
        let page = Page::new("a.md", "# One & two: `three`\n## Four-five\n## Four-five\n");
        let expected = ["four-five", "four-five-1", "one--two-three"].map(ToOwned::to_owned);
        assert_eq!(page.anchors, BTreeSet::from(expected));
    }
}
