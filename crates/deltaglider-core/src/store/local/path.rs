//! Where a key's file is: a reversible encoding of keys as paths that every file system takes.

use std::path::PathBuf;

/// The end of an object's file name; directories never have it.
const OBJECT_SUFFIX: &str = ".object";

/// The end of the name of a directory that holds the rest of a component too long for one name. No escape looks like it.
const CONTINUED: &str = "%+";

/// Stands for an empty component.
const EMPTY: &str = "%-";

/// The directory of a bucket that is no part of any key; names that begin so are escaped.
pub(super) const MARKER: &str = ".deltaglider-store";

/// Encoded bytes of a component in one name.
const PIECE: usize = 200;

/// What a name in a bucket's directory stands for, decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// An object, by the last component of its key.
    Object(String),
    /// A directory, by its component.
    Directory(String),
    /// A directory that holds what a component goes on with.
    Continued(String),
}

/// The path of an object's file below its bucket.
pub(super) fn object_path(key: &str) -> PathBuf {
    let (directory, name) = key.rfind('/').map_or(("", key), |slash| key.split_at(slash + 1));
    let mut path = directory_path(directory);
    path.extend(pieces(name, false));
    path
}

/// The directory of the keys that begin with a prefix, which is empty or ends in `/`.
pub(super) fn directory_path(prefix: &str) -> PathBuf {
    let Some(components) = prefix.strip_suffix('/') else { return PathBuf::new() };
    components.split('/').flat_map(|component| pieces(component, true)).collect()
}

/// What a name stands for; `None` for one that no key has.
pub(super) fn decode(name: &str, is_directory: bool) -> Option<Name> {
    if !is_directory {
        return decode_text(name.strip_suffix(OBJECT_SUFFIX)?).map(Name::Object);
    }
    if name.starts_with(MARKER) || name.ends_with(OBJECT_SUFFIX) {
        return None;
    }
    match name.strip_suffix(CONTINUED) {
        Some(piece) => decode_text(piece).map(Name::Continued),
        None => decode_text(name).map(Name::Directory),
    }
}

/// The names that stand for one component, each in the directory before it.
fn pieces(component: &str, is_directory: bool) -> Vec<String> {
    let suffix = if is_directory { "" } else { OBJECT_SUFFIX };
    if component.is_empty() {
        return vec![format!("{EMPTY}{suffix}")];
    }
    let escape_last = component.ends_with(['.', ' ']) || (is_directory && component.ends_with(OBJECT_SUFFIX));
    let last = component.char_indices().next_back().map_or(0, |(index, _)| index);
    let mut pieces = Vec::new();
    let mut piece = String::new();
    for (index, character) in component.char_indices() {
        let escaped = is_special(character) || (index == last && escape_last);
        if piece.len() + if escaped { 3 } else { character.len_utf8() } > PIECE {
            pieces.push(guarded(std::mem::take(&mut piece), true) + CONTINUED);
        }
        if escaped { push_escaped(&mut piece, character) } else { piece.push(character) }
    }
    pieces.push(guarded(piece, is_directory) + suffix);
    pieces
}

/// Escapes the first character of a name that begins like the marker or like a device of Windows.
fn guarded(name: String, is_directory: bool) -> String {
    let is_marker = is_directory && name.starts_with(MARKER);
    if !is_marker && !is_device(&name) {
        return name;
    }
    let mut escaped = String::new();
    let mut characters = name.chars();
    push_escaped(&mut escaped, characters.next().unwrap_or_default());
    escaped + characters.as_str()
}

fn is_special(character: char) -> bool {
    character.is_ascii_control() || matches!(character, '%' | '<' | '>' | ':' | '"' | '|' | '?' | '*' | '\\')
}

/// Escapes a character of ASCII; no other is ever escaped.
fn push_escaped(text: &mut String, character: char) {
    text.push_str(&format!("%{:02X}", u32::from(character)));
}

/// Whether Windows takes a name for a device, with any ending.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end_matches(' ').to_ascii_uppercase();
    let is_port =
        |rest: &str| matches!(rest, "¹" | "²" | "³") || (rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit());
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT")).is_some_and(is_port)
}

fn decode_text(text: &str) -> Option<String> {
    if text == EMPTY {
        return Some(String::new());
    }
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('%') {
        decoded.push_str(plain);
        let code = escape.get(..2).filter(|code| !code.starts_with('+'))?;
        decoded.push(u8::from_str_radix(code, 16).ok().filter(u8::is_ascii)?.into());
        rest = &escape[2..];
    }
    decoded.push_str(rest);
    (!decoded.is_empty()).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The key of a path, as a walk through the directories finds it.
    fn key_of(path: &std::path::Path) -> Option<String> {
        let names: Vec<_> = path.iter().map(|name| name.to_str().expect("UTF-8")).collect();
        let (file, directories) = names.split_last()?;
        let mut key = String::new();
        for name in directories {
            match decode(name, true)? {
                Name::Directory(component) => key = key + &component + "/",
                Name::Continued(piece) => key += &piece,
                Name::Object(_) => return None,
            }
        }
        match decode(file, false)? {
            Name::Object(component) => Some(key + &component),
            _ => None,
        }
    }

    #[test]
    fn known_paths() {
        for (key, path) in [
            ("a.zip", "a.zip.object"),
            ("es/1.0/a.zip", "es/1.0/a.zip.object"),
            ("a//b", "a/%-/b.object"),
            ("/a", "%-/a.object"),
            ("a/", "a/%-.object"),
            ("..", ".%2E.object"),
            ("../.", ".%2E/%2E.object"),
            ("50%", "50%25.object"),
            ("a.object", "a.object.object"),
            ("a.object/b", "a.objec%74/b.object"),
            ("con/Com1.txt", "%63on/%43om1.txt.object"),
            ("compose", "compose.object"),
            (".deltaglider-store/x", "%2Edeltaglider-store/x.object"),
            ("a/.deltaglider-store", "a/.deltaglider-store.object"),
            ("ü/日本", "ü/日本.object"),
            ("a\\b:c\u{1}", "a%5Cb%3Ac%01.object"),
            ("a /b ", "a%20/b%20.object"),
        ] {
            assert_eq!(object_path(key), PathBuf::from(path), "{key:?}");
            assert_eq!(key_of(&PathBuf::from(path)).as_deref(), Some(key), "{path:?}");
        }
        for key in [MARKER.to_owned() + &"k".repeat(300), "k".repeat(200) + MARKER + "/x", "k".repeat(200) + "con"] {
            assert_eq!(key_of(&object_path(&key)), Some(key));
        }
        let long = "k".repeat(450);
        let expected = format!("{0}%+/{0}%+/{1}.object", "k".repeat(200), "k".repeat(50));
        assert_eq!(object_path(&long), PathBuf::from(expected));
    }

    #[test]
    fn names_of_no_key() {
        for name in ["README", ".object", "a%.object", "a%4.object", "a%zz.object", "a%FF.object", "%-a.object"] {
            assert_eq!(decode(name, false), None, "{name:?}");
        }
        for name in ["a.object", ".deltaglider-store", ".deltaglider-store.new-1", "%", "a%-"] {
            assert_eq!(decode(name, true), None, "{name:?}");
        }
    }

    fn any_key() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<char>().prop_map(String::from),
            proptest::char::range('\0', '\u{7f}').prop_map(String::from),
            prop_oneof!["/", ".", "..", "%", "%-", "%+", ".object", ".deltaglider-store", "con", "com1.x", " ", "aA"]
                .prop_map(|text: String| text),
            ("[a-z/%ü]", 1..500_usize).prop_map(|(text, count)| text.repeat(count)),
        ];
        proptest::collection::vec(piece, 1..12).prop_map(|pieces| {
            let mut key = pieces.concat();
            key.truncate(key.floor_char_boundary(1024));
            key
        })
    }

    proptest! {
        #[test]
        fn keys_come_back(key in any_key()) {
            let path = object_path(&key);
            prop_assert_eq!(key_of(&path), Some(key.clone()));
            for name in &path {
                let name = name.to_str().expect("UTF-8");
                prop_assert!(name.len() <= 255 && name != "." && name != "..", "{:?}", name);
                prop_assert!(!name.ends_with(['.', ' ']) && !name.chars().any(|c| is_special(c) && c != '%'), "{:?}", name);
                prop_assert!(!is_device(name), "{:?}", name);
            }
            prop_assert!(!path.starts_with(MARKER));
        }

        #[test]
        fn keys_below_a_prefix_are_in_its_directory(key in any_key()) {
            let path = object_path(&key);
            for (index, _) in key.match_indices('/').take(8) {
                prop_assert!(path.starts_with(directory_path(&key[..=index])));
            }
        }
    }
}
