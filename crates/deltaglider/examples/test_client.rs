//! A client for one test: its store and its cache are its own and end with it, so tests run side by side and see nothing of each
//! other. No server and no network.

use std::error::Error;
use std::ops::Deref;

use deltaglider::Client;
use deltaglider::config::CacheBackend;
use tempfile::TempDir;

/// The bucket that is there at the beginning.
pub const BUCKET: &str = "test";

/// A client over a directory of its own, which is removed with it.
pub struct TestClient {
    client: Client,
    _directory: TempDir,
}

impl TestClient {
    /// Makes a store with an empty bucket, and a cache in memory.
    pub async fn new() -> Result<Self, Box<dyn Error>> {
        let directory = tempfile::tempdir()?;
        let builder = Client::builder().local(directory.path()).cache_backend(CacheBackend::Memory);
        let client = builder.build().await?;
        client.create_bucket().bucket(BUCKET).send().await?;
        Ok(Self { client, _directory: directory })
    }
}

impl Deref for TestClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// Puts and gets with one client, and finds nothing of it with another.
#[tokio::main]
pub async fn main() -> Result<(), Box<dyn Error>> {
    let client = TestClient::new().await?;
    let put = client.put_object().bucket(BUCKET).key("a/app.zip").body("content").send().await?;
    assert!(!put.e_tag.as_str().is_empty());
    let got = client.get_object().bucket(BUCKET).key("a/app.zip").send().await?;
    assert_eq!(got.body.collect().await?, "content");

    let other = TestClient::new().await?;
    let missing = other.get_object().bucket(BUCKET).key("a/app.zip").send().await;
    assert!(missing.is_err_and(|error| error.is_not_found()));
    Ok(())
}
