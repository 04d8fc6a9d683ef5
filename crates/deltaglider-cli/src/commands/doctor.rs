//! `doctor`: whether all that is needed is there, in ten lines at most.

mod settings;

use std::io::Write;
use std::process;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use deltaglider::Client;
use deltaglider::config::CacheBackend;
use deltaglider::core::store::{GetOptions, ListRequest, PutBody, PutOptions, StoreError, StoreErrorKind};
use deltaglider::core::{DeltaSpace, Location};
use futures::StreamExt;

use crate::args::doctor::DoctorArgs;
use crate::byte_size;
use crate::context::Context;
use crate::cross_region;
use crate::error::CliError;
use crate::exit::Exit;
use crate::failure::{Class, Failure};
use crate::operand::{Operand, as_directory};
use crate::output::{Check, Health};
use crate::session::Root;

/// Past this, S3 refuses what is signed.
const MAX_SKEW_SECONDS: i64 = 15 * 60;
/// From here on it is said.
const NOTICED_SKEW_SECONDS: i64 = 60;

pub(super) async fn run(args: &DoctorArgs, context: &Context) -> Result<Exit, CliError> {
    let url = args.url.as_deref().map(Operand::url).transpose()?;
    let mut report = Report { context, failed: None };
    match context.session.client().await {
        Ok(client) => {
            report.good("settings", &format!("sound; {}", s3_settings(client)))?;
            match url {
                Some(url) => store(&url, client, &mut report).await?,
                None => service(client, &mut report).await?,
            }
            cache(client, &mut report).await?;
            scratch(client, &mut report)?;
        }
        Err(failure) => report.bad("settings", &failure)?,
    }
    let failed = report.failed;
    if context.output.is_verbose() {
        for line in settings::lines(&context.session) {
            context.output.setting(&line)?;
        }
    }
    Ok(failed.unwrap_or(Exit::Done))
}

/// Writes checks as they are made, and keeps the code of the first one that failed.
struct Report<'a> {
    context: &'a Context,
    failed: Option<Exit>,
}

impl Report<'_> {
    fn good(&self, name: &'static str, text: &str) -> Result<(), CliError> {
        self.write(name, Health::Good, text, None)
    }

    fn doubtful(&self, name: &'static str, text: &str) -> Result<(), CliError> {
        self.write(name, Health::Doubtful, text, None)
    }

    fn untried(&self, name: &'static str, text: &str) -> Result<(), CliError> {
        self.write(name, Health::Untried, text, None)
    }

    fn bad(&mut self, name: &'static str, failure: &Failure) -> Result<(), CliError> {
        self.failed.get_or_insert(failure.exit());
        self.write(name, Health::Bad, &failure.message, failure.fix.as_deref())
    }

    fn write(&self, name: &'static str, health: Health, text: &str, fix: Option<&str>) -> Result<(), CliError> {
        self.context.output.check(&Check { name, health, text, fix })?;
        Ok(())
    }
}

/// Where S3 is looked for, as far as it is set; the rest is up to the files of the AWS tools.
fn s3_settings(client: &Client) -> String {
    let s3 = &client.config().s3;
    let known: Vec<String> = [("profile", &s3.profile), ("region", &s3.region), ("endpoint", &s3.endpoint_url)]
        .into_iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} {value}")))
        .collect();
    if known.is_empty() { "-v tells where each comes from".to_owned() } else { known.join(", ") }
}

/// What can be seen of S3 without a bucket.
async fn service(client: &Client, report: &mut Report<'_>) -> Result<(), CliError> {
    let asked = Instant::now();
    let listed = match client.bucket_store("s3://") {
        Ok((buckets, _)) => buckets.list_buckets().await,
        Err(error) => return report.bad("endpoint", &error.into()),
    };
    match listed {
        Ok(buckets) => {
            report.good("endpoint", &format!("answered in {} ms", asked.elapsed().as_millis()))?;
            report.good("credentials", &format!("known; {} buckets", buckets.len()))?;
        }
        Err(error) if error.kind == StoreErrorKind::Denied && !is_about_time(&error) => {
            report.good("endpoint", &format!("answered in {} ms", asked.elapsed().as_millis()))?;
            report.doubtful(
                "credentials",
                "they may not list buckets; name one to try: deltaglider doctor s3://bucket",
            )?;
        }
        Err(error) => unanswered(client, error, report)?,
    }
    clock(client, report)?;
    report.untried("rights", "name a bucket or a prefix to try them: deltaglider doctor s3://bucket/prefix/")
}

/// What can be seen of a prefix: with throw-away keys, which are removed.
async fn store(url: &str, client: &Client, report: &mut Report<'_>) -> Result<(), CliError> {
    let root = match report.context.session.root(url).await {
        Ok(root) => root,
        Err(failure) => return report.bad("endpoint", &failure),
    };
    let store = root.engine.store();
    let prefix = as_directory(root.at.key());
    let asked = Instant::now();
    let request = ListRequest { page_size: Some(1), ..ListRequest::below(root.at.bucket(), prefix.as_str()) };
    let listed = store.list(request).next().await.transpose();
    let took = asked.elapsed().as_millis();
    match listed {
        Ok(_) => {
            report.good("endpoint", &format!("{store} answered in {took} ms"))?;
            report.good("list", &format!("{} may be listed", root.url(&prefix)))?;
        }
        Err(error) if error.kind == StoreErrorKind::Denied && !is_about_time(&error) => {
            report.good("endpoint", &format!("{store} answered in {took} ms"))?;
            report.bad("list", &error.into())?;
        }
        Err(error) => {
            unanswered(client, error, report)?;
            return clock(client, report);
        }
    }
    let object = root.at.with_key(format!("{prefix}x"));
    let stamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
    let probe = DeltaSpace::of(&object).probe(stamp ^ u64::from(process::id()).rotate_left(40));
    let wrote = rights(&root, &probe, report).await?;
    if is_s3(url) {
        clock(client, report)?;
        if !report.context.front.no_ec2_detection
            && let Some(crossed) = client.cross_region().await
        {
            report.doubtful("region", &cross_region::text(&crossed))?;
        }
    }
    if !wrote {
        return report.untried("conditions", "they are tried by writing");
    }
    match root.engine.guarantees(&object).await {
        Ok(guarantees) if guarantees.create && guarantees.delete => {
            report.good("conditions", "kept on puts and deletes: several clients may write at a time")
        }
        Ok(guarantees) => {
            let on = match (guarantees.create, guarantees.delete) {
                (false, false) => "puts and deletes",
                (false, true) => "puts",
                _ => "deletes",
            };
            report.doubtful("conditions", &format!("ignored on {on}: guarantees among several writers are weaker"))
        }
        Err(error) => report.bad("conditions", &error.into()),
    }
}

fn is_s3(url: &str) -> bool {
    url.starts_with("s3://")
}

/// The store did not do what anybody may ask: why.
fn unanswered(client: &Client, error: StoreError, report: &mut Report<'_>) -> Result<(), CliError> {
    let name = match error.kind {
        StoreErrorKind::Unauthenticated => "credentials",
        StoreErrorKind::Denied => "clock",
        StoreErrorKind::NoSuchBucket => "bucket",
        _ => "endpoint",
    };
    if name == "clock" && client.clock_ahead().is_some_and(|ahead| ahead.abs() >= MAX_SKEW_SECONDS) {
        // The line about the clock says more.
        return Ok(());
    }
    report.bad(name, &error.into())
}

fn is_about_time(error: &StoreError) -> bool {
    error.code == "RequestTimeTooSkewed"
}

/// Puts, reads and deletes a throw-away key; says whether it could be put.
async fn rights(root: &Root, probe: &Location, report: &mut Report<'_>) -> Result<bool, CliError> {
    let store = root.engine.store();
    let content = b"deltaglider doctor".as_slice();
    let body = PutBody::Bytes(content.into());
    if let Err(error) = store.put(probe, body, PutOptions::default()).await {
        report.bad("put", &error.into())?;
        report.untried("get, delete", "there is nothing to try them with")?;
        return Ok(false);
    }
    report.good("put", "a throw-away key was put")?;
    let read = async {
        let object = store.get(probe, GetOptions::default()).await?;
        object.bytes(1 << 20).await
    };
    let got = match read.await {
        Ok(bytes) if bytes == content => Ok(()),
        Ok(_) => Err(Failure::new(Class::Integrity, "Integrity", "another content came back than was put")),
        Err(error) => Err(error.into()),
    };
    let deleted = store.delete_one(probe, None).await;
    match (got, deleted) {
        (Ok(()), Ok(())) => report.good("get, delete", "it came back and is gone")?,
        (Err(failure), _) => report.bad("get", &failure)?,
        (_, Err(error)) => report.bad("delete", &error.into())?,
    }
    Ok(true)
}

fn clock(client: &Client, report: &mut Report<'_>) -> Result<(), CliError> {
    let Some(ahead) = client.clock_ahead() else {
        return report.untried("clock", "no answer told the time");
    };
    let text = match ahead {
        -1..=1 => "as the store's".to_owned(),
        ahead if ahead > 0 => format!("{ahead} s ahead of the store's"),
        behind => format!("{} s behind the store's", -behind),
    };
    match ahead.abs() {
        MAX_SKEW_SECONDS.. => {
            let failure = Failure::new(Class::Configuration, "Clock", format!("this machine's clock is {text}"));
            report.bad("clock", &failure.with_fix("set it, such as by NTP: S3 refuses signatures past 15 minutes"))
        }
        NOTICED_SKEW_SECONDS.. => report.doubtful("clock", &text),
        _ => report.good("clock", &text),
    }
}

async fn cache(client: &Client, report: &mut Report<'_>) -> Result<(), CliError> {
    let settings = &client.config().cache;
    let source = client.persistent_key_source();
    let stats = match client.cache_stats().await {
        Ok(stats) => stats,
        Err(error) => return report.bad("cache", &error.into()),
    };
    let limit = byte_size::human(stats.limit);
    match (settings.backend, source) {
        (CacheBackend::Filesystem, Some(source)) => {
            let path = stats.path.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
            let bytes = byte_size::human(stats.bytes);
            report.good("cache", &format!("{path}, {bytes} of {limit}, encrypted with the key from {source}"))
        }
        (CacheBackend::Filesystem, None) => report.doubtful(
            "cache",
            &format!("on disk, up to {limit}, gone with each process; DG_CACHE_ENCRYPTION_KEY would keep it"),
        ),
        _ => report.good("cache", &format!("in memory, up to {limit}, gone with each process")),
    }
}

fn scratch(client: &Client, report: &mut Report<'_>) -> Result<(), CliError> {
    let directory = client.scratch_directory();
    let written = tempfile::tempfile_in(&directory).and_then(|mut file| {
        file.write_all(&[0; 64 << 10])?;
        file.sync_data()
    });
    match written {
        Ok(()) => report.good("temporary", &format!("{} can be written to", directory.display())),
        Err(error) => {
            let failure = Failure::local(format!("{} cannot be written to: {error}", directory.display()), &error);
            report.bad("temporary", &failure.with_fix("name another place in TMPDIR, or make room there"))
        }
    }
}
