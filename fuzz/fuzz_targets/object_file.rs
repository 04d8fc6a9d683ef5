//! Any file in the directory of a local store: an object, or damaged; what is read of it is what stands before its trailer.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use bytes::Bytes;
use deltaglider_core::store::local::LocalStore;
use deltaglider_core::store::{BucketStore, GetOptions, ListRequest, ObjectStore, PutOptions, StoreErrorKind};
use deltaglider_core::{Location, Sha256};
use deltaglider_fuzz::{directory, seed, wait};
use futures::TryStreamExt;
use libfuzzer_sys::fuzz_target;

const LIMIT: u64 = 1 << 20;

struct Place {
    store: LocalStore,
    at: Location,
    /// The file of the object.
    file: PathBuf,
}

static PLACE: LazyLock<Place> = LazyLock::new(|| {
    let root = directory("object_file");
    let (store, at) = (LocalStore::open(root.clone()), Location::new("bucket", "key"));
    wait(store.create_bucket("bucket")).expect("a bucket");
    Place { store, at, file: root.join("bucket/key.object") }
});

/// The files of objects as they are written, without their footers.
fn seeds() -> Vec<Vec<u8>> {
    let place = &*PLACE;
    let contents = [&b""[..], b"a", &[7; 5000]];
    let files = contents.map(|content| {
        let mut options = PutOptions::default();
        options.attributes.metadata.insert("n".into(), "v".into());
        options.attributes.content_type = Some("text/plain".into());
        wait(place.store.put(&place.at, Bytes::copy_from_slice(content).into(), options)).expect("put");
        let file = std::fs::read(&place.file).expect("the object's file");
        let (trailer, content) = (file.len() - content.len() - 32, content.len() as u16);
        assert!(trailer > 0);
        [&file[..file.len() - 32], &content.to_le_bytes()].concat()
    });
    files.into()
}

/// A file whose footer is right for a trailer that begins where the last two bytes say.
fn footed(input: &[u8]) -> Option<Vec<u8>> {
    let (rest, at) = input.split_last_chunk()?;
    let trailer = rest.get(usize::from(u16::from_le_bytes(*at))..)?;
    let length = u32::try_from(trailer.len()).ok()?;
    let digest = Sha256::of(trailer).0;
    Some([rest, &length.to_le_bytes(), &1_u32.to_le_bytes(), &digest[..16], b"DGLOCAL1"].concat())
}

fuzz_target!(init: seed(seeds), |input: &[u8]| {
    let place = &*PLACE;
    for file in [Some(input.to_vec()), footed(input)].into_iter().flatten() {
        std::fs::write(&place.file, &file).expect("written");
        let head = match wait(place.store.head(&place.at)) {
            Ok(head) => Some(head),
            Err(error) => {
                assert_eq!(error.kind, StoreErrorKind::Damaged, "{error}");
                None
            }
        };
        let listed: Vec<_> =
            wait(place.store.list(ListRequest::below("bucket", "")).try_collect()).expect("a damaged file is listed");
        assert_eq!(listed.len(), 1);
        let got = wait(async { place.store.get(&place.at, GetOptions::default()).await?.bytes(LIMIT).await });
        match (head, got) {
            (Some(head), Ok(content)) => {
                assert_eq!(head.size, content.len() as u64);
                assert!(file.starts_with(&content), "the content stands first");
            }
            (None, Err(error)) => assert_eq!(error.kind, StoreErrorKind::Damaged, "{error}"),
            (head, got) => panic!("{head:?}, {got:?}"),
        }
    }
});
