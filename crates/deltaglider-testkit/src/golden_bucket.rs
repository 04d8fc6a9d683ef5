//! A bucket that the earlier tool wrote, and what must come back from it: `tests/golden-bucket/`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use deltaglider_core::store::{Attributes, ObjectStore, PutBody, PutOptions};
use deltaglider_core::{ContentDigest, Location};
use serde::Deserialize;

/// The bucket's objects, and the entries that their readers must see.
#[derive(Debug, Deserialize)]
pub struct GoldenBucket {
    /// What is stored.
    objects: Vec<StoredObject>,
    /// What it stands for.
    pub logical: Vec<GoldenEntry>,
}

/// A stored object.
#[derive(Debug, Deserialize)]
struct StoredObject {
    key: String,
    file: PathBuf,
    metadata: BTreeMap<String, String>,
    content_type: String,
}

/// An object as its users know it.
#[derive(Debug, Deserialize)]
#[non_exhaustive]
pub struct GoldenEntry {
    /// Its key.
    pub logical_key: String,
    /// What is stored for it.
    pub object_key: String,
    /// `delta`, `direct`, `plain` or `tmp`.
    pub kind: String,
    /// Length of its content in bytes.
    pub original_size: u64,
    /// Digest of its content.
    pub original_sha256: String,
    /// `ok`, `error:…`, `ok_or_error:…`, `purge` or `keep`.
    pub expect: String,
}

impl GoldenBucket {
    /// Reads the manifest.
    pub fn open() -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(directory().join("manifest.json"))?)?)
    }

    /// Puts every object into a bucket that is there, as it was stored.
    pub async fn load(&self, store: &dyn ObjectStore, bucket: &str) -> io::Result<()> {
        for object in &self.objects {
            let attributes = Attributes {
                metadata: object.metadata.clone(),
                content_type: Some(object.content_type.clone()),
                ..Attributes::default()
            };
            let body = PutBody::Bytes(fs::read(directory().join(&object.file))?.into());
            let options = PutOptions { attributes, ..PutOptions::default() };
            store.put(&Location::new(bucket, object.key.as_str()), body, options).await.map_err(io::Error::other)?;
        }
        Ok(())
    }
}

impl GoldenEntry {
    /// Whether these bytes are its content.
    #[must_use]
    pub fn is_content(&self, bytes: &[u8]) -> bool {
        ContentDigest::of(bytes).sha256.to_string() == self.original_sha256
    }

    /// Whether it is an object of the users: not a temporary one.
    #[must_use]
    pub fn is_visible(&self) -> bool {
        self.kind != "tmp"
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden-bucket")
}
