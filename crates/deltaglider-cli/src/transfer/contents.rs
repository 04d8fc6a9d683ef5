//! Whether two ends hold the same content, by digests that were recorded and those of local files.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use deltaglider::core::digest::ContentHasher;
use deltaglider::core::store::ETag;
use deltaglider::core::{ContentDigest, Sha256};

use super::End;
use super::source::Listed;
use crate::failure::Failure;

const BUFFER: usize = 1 << 20;
/// Hexadecimal digits of an MD5.
const MD5_DIGITS: usize = 32;

/// What is known of the content of an end.
enum Known {
    File(ContentDigest),
    Object { sha256: Option<Sha256>, e_tag: ETag },
}

/// Whether two ends hold the same content; false where nobody can tell.
///
/// Requests: those of a head for each object of whose SHA-256 the listing did not tell. Of an object that somebody else stored
/// there is none: its entity tag is compared where it is an MD5.
pub(crate) async fn same_content(
    one: (&End, Option<&Listed>),
    other: (&End, Option<&Listed>),
) -> Result<bool, Failure> {
    let (one, other) = futures::try_join!(known(one.0, one.1), known(other.0, other.1))?;
    Ok(is_same(&one, &other))
}

async fn known(end: &End, listed: Option<&Listed>) -> Result<Known, Failure> {
    match (end, listed) {
        (End::Object(..), Some(Listed { sha256: Some(sha256), e_tag, .. })) => {
            Ok(Known::Object { sha256: Some(*sha256), e_tag: e_tag.clone() })
        }
        (End::Object(root, at), _) => {
            let head = root.engine.head(at).await?;
            Ok(Known::Object { sha256: head.sha256, e_tag: head.e_tag })
        }
        (End::Local(path), _) => {
            let reading = path.clone();
            let digest = tokio::task::spawn_blocking(move || digest_of(&reading)).await;
            let digest = digest.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
            digest
                .map(Known::File)
                .map_err(|error| Failure::local(format!("{} cannot be read", path.display()), &error))
        }
        (End::Stream, _) => Err(Failure::usage("a stream cannot be compared")),
    }
}

fn is_same(one: &Known, other: &Known) -> bool {
    match (one, other) {
        (Known::File(one), Known::File(other)) => one == other,
        (Known::File(file), Known::Object { sha256: Some(object), .. })
        | (Known::Object { sha256: Some(object), .. }, Known::File(file)) => file.sha256 == *object,
        (Known::File(file), Known::Object { e_tag, .. }) | (Known::Object { e_tag, .. }, Known::File(file)) => {
            file.md5.to_string() == e_tag.unquoted()
        }
        (Known::Object { sha256: Some(one), .. }, Known::Object { sha256: Some(other), .. }) => one == other,
        (Known::Object { e_tag: one, .. }, Known::Object { e_tag: other, .. }) => one == other && is_md5(one),
    }
}

/// Whether an entity tag may be the MD5 of a content: that of an object that came in parts is not.
fn is_md5(tag: &ETag) -> bool {
    let digits = tag.unquoted();
    digits.len() == MD5_DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn digest_of(path: &Path) -> io::Result<ContentDigest> {
    let mut file = File::open(path)?;
    let mut hasher = ContentHasher::default();
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(read) => hasher.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(sha256: Option<Sha256>, tag: &str) -> Known {
        Known::Object { sha256, e_tag: ETag::new(tag) }
    }

    #[test]
    fn the_recorded_digest_decides_before_the_entity_tag() {
        let digest = ContentDigest::of(b"content");
        let md5 = digest.md5.to_string();
        let file = Known::File(digest);
        assert!(is_same(&file, &object(Some(digest.sha256), "another")));
        assert!(!is_same(&file, &object(Some(Sha256::of(b"other")), &md5)));
        assert!(is_same(&object(None, &md5), &file));
        assert!(!is_same(&file, &object(None, "another")));
        assert!(is_same(&object(Some(digest.sha256), "a"), &object(Some(digest.sha256), "b")));
        assert!(!is_same(&object(Some(digest.sha256), &md5), &object(Some(Sha256::of(b"other")), &md5)));
    }

    #[test]
    fn the_entity_tag_of_parts_proves_nothing() {
        let md5 = ContentDigest::of(b"content").md5.to_string();
        assert!(is_same(&object(None, &md5), &object(None, &md5)));
        assert!(!is_same(&object(None, &format!("{md5}-2")), &object(None, &format!("{md5}-2"))));
        assert!(!is_same(&object(None, &md5), &object(Some(Sha256::of(b"other")), "another")));
    }

    #[test]
    fn a_file_is_hashed_whole() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a");
        let content = vec![7; BUFFER + 3];
        std::fs::write(&path, &content).expect("written");
        assert_eq!(digest_of(&path).expect("read"), ContentDigest::of(&content));
    }
}
