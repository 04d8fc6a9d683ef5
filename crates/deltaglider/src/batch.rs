//! Many uploads or downloads, several at a time.

use std::path::{Path, PathBuf};

use futures::StreamExt;

use crate::client::Client;
use crate::error::Error;
use crate::object::put::PutObjectOutput;
use crate::transfer::Download;

impl Client {
    /// Uploads files, each to its URL as [`Client::upload`] does, as many at a time as [`Config::jobs`](crate::Config::jobs) says. Gives
    /// the results in the order of the items; what fails does not stop the others.
    pub async fn upload_batch<P, U>(&self, items: impl IntoIterator<Item = (P, U)>) -> Vec<Transfer<PutObjectOutput>>
    where
        P: Into<PathBuf>,
        U: Into<String>,
    {
        let items: Vec<_> = items.into_iter().map(|(path, url)| (path.into(), url.into())).collect();
        let uploads = items.into_iter().map(|(path, url): (PathBuf, String)| {
            let client = self.clone();
            async move {
                let result = client.upload(&path, &url).await;
                Transfer { path, url, result }
            }
        });
        futures::stream::iter(uploads).buffered(self.config().jobs.get()).collect().await
    }

    /// Downloads objects, each to its path as [`Client::download`] does, as many at a time as [`Config::jobs`](crate::Config::jobs) says.
    /// Gives the results in the order of the items; what fails does not stop the others.
    pub async fn download_batch<U, P>(&self, items: impl IntoIterator<Item = (U, P)>) -> Vec<Transfer<Download>>
    where
        U: Into<String>,
        P: AsRef<Path>,
    {
        let items: Vec<_> = items.into_iter().map(|(url, path)| (url.into(), path.as_ref().to_owned())).collect();
        let downloads = items.into_iter().map(|(url, path): (String, PathBuf)| {
            let client = self.clone();
            async move {
                let result = client.download(&url, &path).await;
                Transfer { path, url, result }
            }
        });
        futures::stream::iter(downloads).buffered(self.config().jobs.get()).collect().await
    }
}

/// One item of a batch, and what became of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Transfer<T> {
    /// The local file, as it was given.
    pub path: PathBuf,
    /// The URL, as it was given.
    pub url: String,
    /// What was done, or why not.
    pub result: Result<T, Error>,
}
