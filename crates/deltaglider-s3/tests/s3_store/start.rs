//! A server with a bucket, and a store on it.

use std::time::Duration;

use deltaglider_core::Location;
use deltaglider_core::store::memory::MemoryStore;
use deltaglider_s3::{S3Store, S3StoreBuilder};
use deltaglider_testkit::S3Server;

pub const BUCKET: &str = "bucket";
pub const MIB: u64 = 1024 * 1024;

/// A server with an empty bucket, and a store that does not pause for long.
pub async fn start() -> (S3Server, S3Store) {
    start_with(|builder| builder).await
}

pub async fn start_with(change: impl FnOnce(S3StoreBuilder) -> S3StoreBuilder) -> (S3Server, S3Store) {
    let server = S3Server::start_over(MemoryStore::with_bucket(BUCKET)).await.unwrap();
    let store = change(signed(&server)).build().unwrap();
    (server, store)
}

pub fn unsigned(server: &S3Server) -> S3StoreBuilder {
    S3Store::builder()
        .endpoint_url(server.endpoint())
        .region("us-east-1")
        .initial_backoff(Duration::from_millis(1))
        .throttled_for(Duration::from_millis(200))
}

pub fn signed(server: &S3Server) -> S3StoreBuilder {
    unsigned(server).static_credentials(server.access_key(), server.secret_key(), None)
}

pub fn at(key: &str) -> Location {
    Location::new(BUCKET, key)
}

/// Bytes that repeat nowhere soon.
pub fn content(length: u64) -> bytes::Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = vec![0; length as usize];
    for word in bytes.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        word.copy_from_slice(&state.to_le_bytes()[..word.len()]);
    }
    bytes.into()
}
