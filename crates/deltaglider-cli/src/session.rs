//! The client behind a run, made when it is first needed, and the places that URLs lead to.

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deltaglider::config::{AddressingStyle as ClientStyle, Codec, Effort};
use deltaglider::core::engine::Engine;
use deltaglider::core::store::BucketStore;
use deltaglider::core::{Location, StoreUrl};
use deltaglider::{Client, Config};
use tokio::sync::OnceCell;

use crate::args::global::{AddressingStyle, CodecName, EffortName, GlobalArgs};
use crate::failure::Failure;

/// Settings, and the client that is made of them.
#[derive(Debug)]
pub(crate) struct Session {
    args: GlobalArgs,
    config: OnceLock<Result<Config, Failure>>,
    client: OnceCell<Client>,
}

/// A prefix of a store, and how the keys below it are written as URLs.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    pub(crate) engine: Engine,
    /// The object or prefix that the URL named.
    pub(crate) at: Location,
    /// What stands before a key in a URL.
    base: String,
}

impl Session {
    pub(crate) fn new(args: GlobalArgs) -> Self {
        Self { args, config: OnceLock::new(), client: OnceCell::new() }
    }

    /// The flags of every command.
    pub(crate) fn args(&self) -> &GlobalArgs {
        &self.args
    }

    /// Transfers at a time: as many as are asked for, and as this process may have files open for.
    pub(crate) fn jobs(&self) -> usize {
        self.config().map_or(1, |config| config.jobs.get()).min(open_files_allow())
    }

    /// The codec that a flag names.
    pub(crate) fn asked_codec(&self) -> Option<Codec> {
        self.args.codec.map(codec)
    }

    /// The client. Making it makes no request.
    pub(crate) async fn client(&self) -> Result<&Client, Failure> {
        let make = || async { Client::from_config(self.config()?).await.map_err(Failure::from) };
        self.client.get_or_try_init(make).await
    }

    /// The place that a URL names.
    pub(crate) async fn root(&self, url: &str) -> Result<Root, Failure> {
        ensure_bucket(url)?;
        let place = self.client().await?.place(url)?;
        let written = place.url.to_string();
        let base = match &place.url {
            StoreUrl::S3 { bucket, .. } => format!("s3://{bucket}/"),
            _ => {
                let store = written.strip_suffix(place.at.key()).unwrap_or(&written);
                if store.ends_with('/') { store.to_owned() } else { format!("{store}/") }
            }
        };
        Ok(Root { engine: place.engine, at: place.at, base })
    }

    /// An engine for what needs no store: its codecs and its policy. Nothing is asked of a store.
    pub(crate) async fn engine(&self) -> Result<Engine, Failure> {
        Ok(self.client().await?.place("s3://none")?.engine)
    }

    /// The buckets among which a URL names one, and the name of that one.
    pub(crate) async fn buckets(&self, url: &str) -> Result<(Arc<dyn BucketStore>, String), Failure> {
        Ok(self.client().await?.bucket_store(url)?)
    }

    /// Removes what the client made for itself: an ephemeral cache.
    pub(crate) async fn close(&self) {
        if let Some(client) = self.client.get() {
            drop(client.close().await);
        }
    }

    fn config(&self) -> Result<Config, Failure> {
        self.config
            .get_or_init(|| {
                let config = Config::from_env().map_err(deltaglider::Error::from)?;
                Ok(with_flags(config, &self.args))
            })
            .clone()
    }
}

impl Root {
    /// The URL of a key in the same store.
    pub(crate) fn url(&self, key: &str) -> String {
        format!("{}{key}", self.base)
    }

    /// The same store, at another place in it.
    pub(crate) fn moved_to(&self, at: Location) -> Self {
        Self { at, ..self.clone() }
    }

    /// Whether both are in the same store, which can copy by itself then.
    pub(crate) fn shares_store(&self, other: &Self) -> bool {
        Arc::ptr_eq(self.engine.store(), other.engine.store())
    }
}

/// Flags win over the environment.
fn with_flags(mut config: Config, args: &GlobalArgs) -> Config {
    let s3 = &mut config.s3;
    let given = |flag: &Option<String>, setting: &mut Option<String>| {
        if flag.is_some() {
            setting.clone_from(flag);
        }
    };
    given(&args.profile, &mut s3.profile);
    given(&args.region, &mut s3.region);
    given(&args.endpoint_url, &mut s3.endpoint_url);
    if args.ca_bundle.is_some() {
        s3.ca_bundle.clone_from(&args.ca_bundle);
    }
    s3.no_sign_request |= args.no_sign_request;
    s3.verify_ssl &= !args.no_verify_ssl;
    if let Some(style) = args.addressing_style {
        s3.addressing_style = match style {
            AddressingStyle::Auto => ClientStyle::Auto,
            AddressingStyle::Path => ClientStyle::Path,
            AddressingStyle::Virtual => ClientStyle::Virtual,
        };
    }
    if let Some(attempts) = args.retries {
        s3.max_attempts = attempts;
    }
    if let Some(timeout) = args.connect_timeout {
        s3.connect_timeout = timeout;
    }
    if let Some(timeout) = args.read_timeout {
        s3.read_timeout = (timeout > Duration::ZERO).then_some(timeout);
    }
    if let Some(rate) = args.bwlimit {
        s3.bandwidth = NonZeroU64::new(rate);
    }
    if let Some(name) = args.codec {
        config.codec = codec(name);
    }
    if let Some(effort) = args.effort {
        config.effort = match effort {
            EffortName::Fast => Effort::Fast,
            EffortName::Default => Effort::Default,
            EffortName::Max => Effort::Max,
        };
    }
    if let Some(memory) = args.memory {
        config.limits.memory = memory;
    }
    if let Some(codecs) = args.delta_jobs {
        config.limits.codecs = codecs;
    }
    if let Some(jobs) = args.jobs.and_then(NonZeroUsize::new) {
        config.jobs = jobs;
    }
    config
}

/// Transfers whose files may be open at a time: a source, a destination, temporary contents, an entry of the cache and a connection
/// for each, and what the process needs besides.
#[cfg(unix)]
fn open_files_allow() -> usize {
    const BESIDES: u64 = 64;
    const EACH: u64 = 8;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.map_or(usize::MAX, |files| usize::try_from(files.saturating_sub(BESIDES) / EACH).unwrap_or(usize::MAX).max(1))
}

#[cfg(not(unix))]
fn open_files_allow() -> usize {
    usize::MAX
}

fn codec(name: CodecName) -> Codec {
    match name {
        CodecName::Dgd1 => Codec::Dgd1,
        CodecName::Zstd => Codec::Zstd,
        CodecName::Vcdiff => Codec::Vcdiff,
    }
}

/// Without a bucket's name no request can be made.
fn ensure_bucket(url: &str) -> Result<(), Failure> {
    match url.parse() {
        Ok(StoreUrl::S3 { bucket, .. }) if bucket.is_empty() => Err(Failure::no_bucket()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use clap::Parser;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn a_panic_removes_an_ephemeral_cache() {
        let place = tempfile::tempdir().expect("a directory");
        let caches = place.path().join("caches");
        std::fs::create_dir(&caches).expect("made");
        let held = || std::fs::read_dir(&caches).expect("read").count();
        let (args, _) = Cli::try_parse_from(["deltaglider", "ls"]).expect("parses").verb();
        let mut config = Config::default();
        config.cache.directory = Some(caches.clone());
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                let session = Session::new(args);
                session.config.set(Ok(config)).expect("not read yet");
                let client = session.client().await.expect("made");
                let store = format!("file://{}/store", place.path().display());
                client.create_bucket().bucket(&store).send().await.expect("made");
                client.put_object().bucket(&store).key("a.zip").body(vec![7; 10_000]).send().await.expect("put");
                assert_eq!(held(), 1);
                panic!("in the middle of a command");
            })
        }));
        let message = panicked.expect_err("it panics").downcast::<&str>().expect("the panic above");
        assert_eq!(*message, "in the middle of a command");
        assert_eq!(held(), 0);
    }
}
