//! A Rust file, with its comments and literals told from its code.

use std::path::{Path, PathBuf};

/// A Rust file.
#[derive(Debug)]
pub(crate) struct Source {
    /// Relative to the root.
    pub(crate) path: PathBuf,
    /// As it is.
    pub(crate) text: String,
    /// The same lines with the inside of comments and literals blanked out.
    pub(crate) code: String,
    /// The string literals, with the line (from 1) on which each begins.
    pub(crate) literals: Vec<(usize, String)>,
}

impl Source {
    /// Tells the text's parts apart.
    pub(crate) fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        let text = text.into();
        let (code, literals) = Scanner::default().scan(&text);
        Self { path: path.into(), text, code, literals }
    }

    /// How many lines come before the unit tests.
    pub(crate) fn length(&self) -> usize {
        self.tests_at().unwrap_or_else(|| self.text.lines().count())
    }

    /// The line (from 0) with the `#[cfg(test)]` of the module of unit tests.
    pub(crate) fn tests_at(&self) -> Option<usize> {
        let lines: Vec<&str> = self.code.lines().collect();
        (0..lines.len()).find(|&at| {
            let module = lines[at + 1..].iter().find(|line| !line.starts_with("#["));
            lines[at] == "#[cfg(test)]" && module.is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
        })
    }

    /// True for what a crate ships, false for its tests, examples and benches.
    pub(crate) fn is_shipped(&self) -> bool {
        self.path.components().any(|part| part.as_os_str() == "src")
    }

    /// True where the file lies under this folder.
    pub(crate) fn is_under(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }

    /// Lines of code (from 1) before the unit tests.
    pub(crate) fn shipped_code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().take(self.length()).map(|(at, line)| (at + 1, line))
    }

    /// Where a line (from 1) of the file is.
    pub(crate) fn place(&self, line: usize) -> String {
        place(&self.path, line)
    }
}

/// A file and a line of it, as editors read it.
pub(crate) fn place(path: &Path, line: usize) -> String {
    format!("{}:{line}", path.display())
}

#[derive(Default)]
struct Scanner {
    code: String,
    literals: Vec<(usize, String)>,
}

impl Scanner {
    fn scan(mut self, text: &str) -> (String, Vec<(usize, String)>) {
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let before = self.code.chars().next_back();
            let length = if rest.starts_with("//") {
                self.blank(&rest[..rest.find('\n').unwrap_or(rest.len())])
            } else if rest.starts_with("/*") {
                self.blank(&rest[..block_comment(rest)])
            } else if let Some(hashes) = raw_string(rest, before) {
                let close = format!("\"{}", "#".repeat(hashes));
                let open = rest.find('"').unwrap_or(0) + 1;
                let end = rest[open..].find(&close).map_or(rest.len(), |at| open + at);
                self.literal(rest, open, end, (end + close.len()).min(rest.len()))
            } else if next == '"' {
                let end = quoted(rest, '"');
                self.literal(rest, 1, end, (end + 1).min(rest.len()))
            } else if next == '\'' && is_character(rest) {
                self.blank(&rest[..quoted(rest, '\'') + 1])
            } else {
                self.code.push(next);
                next.len_utf8()
            };
            rest = &rest[length..];
        }
        (self.code, self.literals)
    }

    fn literal(&mut self, rest: &str, open: usize, end: usize, length: usize) -> usize {
        let line = self.code.matches('\n').count() + 1;
        self.literals.push((line, rest[open..end].to_owned()));
        self.code.push_str(&rest[..open]);
        self.blank(&rest[open..end]);
        self.code.push_str(&rest[end..length]);
        length
    }

    fn blank(&mut self, text: &str) -> usize {
        self.code.extend(text.chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }));
        text.len()
    }
}

/// The length of a block comment, with the comments inside of it.
fn block_comment(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// How many `#` a raw string that begins here has, if one does.
fn raw_string(text: &str, before: Option<char>) -> Option<usize> {
    if before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_') {
        return None;
    }
    let rest = text.strip_prefix("br").or_else(|| text.strip_prefix("cr")).or_else(|| text.strip_prefix('r'))?;
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    rest[hashes..].starts_with('"').then_some(hashes)
}

/// Where the quotation that begins the text ends.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return at,
            _ => {}
        }
    }
    text.len().saturating_sub(1)
}

/// True where the quote begins a character and no lifetime.
fn is_character(text: &str) -> bool {
    let mut letters = text.chars().skip(1);
    match letters.next() {
        Some('\\') => true,
        Some(_) => letters.next() == Some('\''),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literals(text: &str) -> Vec<String> {
        Source::new("a.rs", text).literals.into_iter().map(|(_, literal)| literal).collect()
    }

    #[test]
    fn comments_and_literals_are_no_code() {
        let source =
            Source::new("a.rs", "let a = \"x\\\"y\"; // z\nlet b = r#\"p\"q\"#; /* u /* v */ w */ let c = '\"';\n");
        assert_eq!(source.code, "let a = \"    \";     \nlet b = r#\"   \"#;                   let c =    ;\n");
        assert_eq!(source.literals, [(1, "x\\\"y".to_owned()), (2, "p\"q".to_owned())]);
    }

    #[test]
    fn lifetimes_are_no_characters() {
        assert_eq!(literals("fn f<'a>(x: &'a str) -> &'a str { \"s\" }"), ["s"]);
        assert_eq!(literals("let q = ['\\'', '\"', b'\"']; \"t\""), ["t"]);
    }

    #[test]
    fn a_raw_string_needs_a_word_boundary() {
        assert_eq!(literals("for\"a\" br\"b\\\" c\"d\""), ["a", "b\\", "d"]);
    }

    #[test]
    fn an_unterminated_literal_ends_with_the_file() {
        assert_eq!(literals("\"abc").len(), 1);
        assert_eq!(literals("r#\"abc").len(), 1);
        assert_eq!(Source::new("a.rs", "/* abc").code, "      ");
    }

    #[test]
    fn the_length_ends_at_the_unit_tests() {
        let text = "//! A.\n#[cfg(test)]\nfn seam() {}\nfn a() {}\n\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n}\n";
        assert_eq!(Source::new("a.rs", text).length(), 5);
        assert_eq!(Source::new("a.rs", "//! A.\nfn a() {}\n").length(), 2);
    }
}
