//! The reference cache, as the users of a client see it.

use deltaglider_core::cache::{CacheStats, Freed, PrunePolicy, ReferenceCache, Rewrapped};
use deltaglider_core::keys::KeyId;
use deltaglider_core::record::Record;
use deltaglider_core::{DeltaSpace, Error as EngineError};

use crate::client::Client;
use crate::error::Error;

impl Client {
    /// Removes every reference from the cache; with an ephemeral key, replaces the key as well. No request. Operations under way
    /// go on with what they hold.
    ///
    /// A cache that dies with the client and was never used is not opened for this.
    pub async fn clear_cache(&self) -> Result<Freed, Error> {
        Ok(self.cache().clear().await?)
    }

    /// What the cache did since it was opened, and what it holds. Opens a cache that is kept; no request.
    pub async fn cache_stats(&self) -> Result<CacheStats, Error> {
        Ok(self.cache().stats_opened().await?)
    }

    /// Removes the reference of one delta space from the cache: that of the objects whose key is `prefix`, a `/`, and a name, or
    /// just a name where the prefix is empty. Costs 1 request, for the reference's digest; says whether there was anything.
    pub async fn evict_cache(&self, bucket: &str, prefix: &str) -> Result<bool, Error> {
        let (engine, bucket) = self.bucket_engine("EvictCache", Some(bucket))?;
        let directory =
            if prefix.is_empty() || prefix.ends_with('/') { prefix.to_owned() } else { format!("{prefix}/") };
        let reference = DeltaSpace::of(&bucket.with_key(directory + "name")).reference();
        let head = match engine.store().head(&reference).await {
            Ok(head) => head,
            Err(error) if error.is_not_found() => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        match Record::read(&head.attributes.metadata) {
            Ok(Record::Reference(content)) => match content.sha256 {
                Some(digest) => Ok(engine.evict_reference(digest).await?),
                None => Ok(false),
            },
            Ok(_) => Ok(false),
            Err(source) => Err(EngineError::Record { at: reference, source }.into()),
        }
    }

    /// Removes what a policy no longer wants from the cache.
    pub async fn prune_cache(&self, policy: &PrunePolicy) -> Result<Freed, Error> {
        Ok(self.cache().prune(policy).await?)
    }

    /// Puts every entry of the cache that the keys can open under the primary one.
    pub async fn rewrap_cache(&self) -> Result<Rewrapped, Error> {
        Ok(self.cache().rewrap().await?)
    }

    /// Removes every entry of the cache that was sealed under a key.
    pub async fn purge_cache_key(&self, key: KeyId) -> Result<Freed, Error> {
        Ok(self.cache().purge_key(key).await?)
    }

    /// Ends the client and all of its clones: a cache with an ephemeral key is removed, one with a persistent key stays. Operations
    /// that need the cache fail afterwards. Dropping the last clone does the same without waiting, and without telling of errors.
    ///
    /// Waits for uploads in parts that were broken off to be aborted, for 4 seconds at most.
    pub async fn close(&self) -> Result<(), Error> {
        self.settled().await;
        Ok(self.cache().close().await?)
    }
}
