//! AWS Lambda: stores what arrives in an inbox as deltas in an archive, on the events of S3 by way of EventBridge.
//!
//! `ARCHIVE_BUCKET` names the archive. A warm container keeps its client, and with it the reference that was fetched first. It is
//! never necessary to clear the cache; `CLEAR_EVERY` does so after that many invocations, and an error does so at once.

use std::sync::atomic::{AtomicU64, Ordering};

use deltaglider::{Body, Client, Config};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

struct Archive {
    client: Client,
    bucket: String,
    clear_every: Option<u64>,
    invocations: AtomicU64,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut config = Config::from_env()?;
    let variable = |name| std::env::var(name).ok();
    // Half of the function's memory for contents and deltas; a file that needs more is stored whole.
    if let Some(megabytes) = variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") {
        config.limits.memory = megabytes.parse::<u64>()? << 19;
    }
    let archive = Archive {
        client: Client::from_config(config).await?,
        bucket: variable("ARCHIVE_BUCKET").ok_or("ARCHIVE_BUCKET is not set")?,
        clear_every: variable("CLEAR_EVERY").map(|every| every.parse()).transpose()?,
        invocations: AtomicU64::new(0),
    };
    run(service_fn(|event: LambdaEvent<Value>| archive.invoke(event.payload))).await
}

impl Archive {
    async fn invoke(&self, event: Value) -> Result<Value, Error> {
        let stored = self.store(&event).await;
        let invocations = self.invocations.fetch_add(1, Ordering::Relaxed) + 1;
        if stored.is_err() || self.clear_every.is_some_and(|every| invocations.is_multiple_of(every)) {
            self.client.clear_cache().await?;
        }
        stored
    }

    async fn store(&self, event: &Value) -> Result<Value, Error> {
        let text = |pointer| event.pointer(pointer).and_then(Value::as_str).ok_or("this is no event of S3");
        let (bucket, key) = (text("/detail/bucket/name")?, text("/detail/object/key")?);
        let arrived = self.client.get_object().bucket(bucket).key(key).send().await?;
        let body = Body::from_stream(arrived.body);
        let put = self.client.put_object().bucket(&self.bucket).key(key).body(body).send().await?;
        Ok(json!({ "key": key, "e_tag": put.e_tag.as_str(), "kind": put.kind, "stored": put.stored_size }))
    }
}
