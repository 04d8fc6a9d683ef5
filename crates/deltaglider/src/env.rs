//! The process environment: every variable that is read, what it means, and how its value is understood.
//!
//! Nothing else of the library reads the environment. An empty value is as good as none. Flags of a program come after it: they
//! are set in the [`Config`] that [`Config::from_env`] gives.

mod table;
mod value;

use std::ffi::OsString;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use deltaglider_core::policy::may_be_delta;
use deltaglider_keys::EnvironmentKeys;

pub use table::{Reader, VARIABLES, Variable};
pub use value::parse_size;

use crate::config::{CacheBackend, Codec, Config, Effort, KeySource};
use crate::error::ConfigError;
use value::Values;

/// Where references are cached: `filesystem` or `memory`.
pub const CACHE_BACKEND: &str = "DG_CACHE_BACKEND";
/// Directory of the cache.
pub const CACHE_DIR: &str = "DG_CACHE_DIR";
/// MiB that the cache takes on disk at most.
pub const CACHE_MAX_SIZE_MB: &str = "DG_CACHE_MAX_SIZE_MB";
/// MiB that the cache leaves free on its volume.
pub const CACHE_MIN_FREE_MB: &str = "DG_CACHE_MIN_FREE_MB";
/// Seconds after which a reference that nobody uses leaves the cache.
pub const CACHE_TTL_SECS: &str = "DG_CACHE_TTL_SECS";
/// MiB that the cache takes in memory at most.
pub const CACHE_MEMORY_SIZE_MB: &str = "DG_CACHE_MEMORY_SIZE_MB";
/// Persistent key of the cache.
pub const CACHE_ENCRYPTION_KEY: &str = deltaglider_keys::environment::KEY;
/// Keys that only open what is cached.
pub const CACHE_ENCRYPTION_KEYS_OLD: &str = deltaglider_keys::environment::OLD_KEYS;
/// Secret of AWS Secrets Manager with the keys of the cache.
pub const CACHE_ENCRYPTION_SECRET_ID: &str = "DG_CACHE_ENCRYPTION_SECRET_ID";
/// File with the key of the cache.
pub const CACHE_ENCRYPTION_KEY_FILE: &str = "DG_CACHE_ENCRYPTION_KEY_FILE";
/// Seconds between two readings of the keys in Secrets Manager.
pub const CACHE_KEY_REFRESH_SECS: &str = "DG_CACHE_KEY_REFRESH_SECS";
/// Largest share of a target that its delta may take.
pub const MAX_RATIO: &str = "DG_MAX_RATIO";
/// Names that become deltas, out of those that may.
pub const DELTA_EXTENSIONS: &str = "DG_DELTA_EXTENSIONS";
/// Writes no deltas.
pub const NO_DELTA: &str = "DG_NO_DELTA";
/// What deltas are written by: `dgd1`, `zstd` or `vcdiff`.
pub const CODEC: &str = "DG_CODEC";
/// CPU spent to save bytes: `fast`, `default` or `max`.
pub const EFFORT: &str = "DG_EFFORT";
/// Memory for contents and codecs.
pub const MEMORY: &str = "DG_MEMORY";
/// Transfers at a time.
pub const JOBS: &str = "DG_JOBS";
/// Bytes that requests move in a second.
pub const BWLIMIT: &str = "DG_BWLIMIT";
/// Codec runs at a time.
pub const DELTA_JOBS: &str = "DG_DELTA_JOBS";
/// Filter of the log.
pub const LOG: &str = "DG_LOG";
/// Filter of the log where [`LOG`] is not set: the earlier tool's name.
pub const LOG_LEVEL: &str = "DG_LOG_LEVEL";
/// Answers as lines of JSON.
pub const JSON: &str = "DG_JSON";
/// How progress is shown.
pub const PROGRESS: &str = "DG_PROGRESS";
/// Does not ask an instance of EC2 for its region: the earlier tool's name.
pub const DISABLE_EC2_DETECTION: &str = "DG_DISABLE_EC2_DETECTION";
/// Number of this pod in an indexed job of Kubernetes.
pub const JOB_COMPLETION_INDEX: &str = "JOB_COMPLETION_INDEX";
/// Number of this job in an array of AWS Batch.
pub const AWS_BATCH_JOB_ARRAY_INDEX: &str = "AWS_BATCH_JOB_ARRAY_INDEX";
/// Jobs in an array of AWS Batch.
pub const AWS_BATCH_JOB_ARRAY_SIZE: &str = "AWS_BATCH_JOB_ARRAY_SIZE";
/// PEM file of certificate authorities.
pub const AWS_CA_BUNDLE: &str = "AWS_CA_BUNDLE";
/// How often a request is tried in all.
pub const AWS_MAX_ATTEMPTS: &str = "AWS_MAX_ATTEMPTS";

const MIB: u64 = 1 << 20;

impl Config {
    /// The settings that the environment asks for; defaults for the rest. Reads no file but those by which the system tells what memory there
    /// is, and makes no request.
    ///
    /// With [`CACHE_ENCRYPTION_KEY`], [`CACHE_ENCRYPTION_KEY_FILE`] or [`CACHE_ENCRYPTION_SECRET_ID`], which exclude one another, the
    /// cache is kept and shared; without, it dies with the client.
    ///
    /// # Errors
    /// [`ConfigError`] names the variable, its value unless it is secret, and what is expected.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    /// The settings that a set of variables asks for, as [`Config::from_env`] reads them.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let values = Values::new(&variable);
        let mut config = Self::default();
        read_cache(&values, &mut config)?;
        config.cache.keys = read_keys(&values)?;

        if let Some(ratio) = values.ratio(MAX_RATIO)? {
            config.policy.max_ratio = ratio;
        }
        config.policy.write_deltas = !values.switch(NO_DELTA)?;
        config.policy.only_extensions = read_extensions(&values)?;
        let codecs = [("dgd1", Codec::Dgd1), ("zstd", Codec::Zstd), ("vcdiff", Codec::Vcdiff)];
        if let Some(codec) = values.choice(CODEC, &codecs, "`dgd1`, `zstd` or `vcdiff`")? {
            config.codec = codec;
        }
        let efforts = [("fast", Effort::Fast), ("default", Effort::Default), ("max", Effort::Max)];
        if let Some(effort) = values.choice(EFFORT, &efforts, "`fast`, `default` or `max`")? {
            config.effort = effort;
        }
        if let Some(memory) = values.size(MEMORY)? {
            config.limits.memory = memory;
        }
        if let Some(jobs) = values.count(JOBS)? {
            config.jobs = jobs;
        }
        if let Some(jobs) = values.count(DELTA_JOBS)? {
            config.limits.codecs = jobs.get();
        }

        config.s3.bandwidth = values.size(BWLIMIT)?.and_then(NonZeroU64::new);
        config.s3.ca_bundle = values.path(AWS_CA_BUNDLE);
        if let Some(attempts) = values.count(AWS_MAX_ATTEMPTS)? {
            config.s3.max_attempts = u32::try_from(attempts.get()).unwrap_or(u32::MAX);
        }
        Ok(config)
    }
}

fn read_cache(values: &Values<'_>, config: &mut Config) -> Result<(), ConfigError> {
    let cache = &mut config.cache;
    let backends = [("filesystem", CacheBackend::Filesystem), ("memory", CacheBackend::Memory)];
    if let Some(backend) = values.choice(CACHE_BACKEND, &backends, "`filesystem` or `memory`")? {
        cache.backend = backend;
    }
    cache.directory = values.path(CACHE_DIR);
    if let Some(size) = values.positive(CACHE_MAX_SIZE_MB, MIB)? {
        cache.max_size = size;
    }
    cache.min_free = values.whole(CACHE_MIN_FREE_MB, MIB)?;
    cache.ttl = values.positive(CACHE_TTL_SECS, 1)?.map(Duration::from_secs);
    if let Some(size) = values.positive(CACHE_MEMORY_SIZE_MB, MIB)? {
        cache.memory_size = size;
    }
    Ok(())
}

/// A key that is named but cannot be read must not be taken for none: the cache would lose what it is meant to keep.
fn read_keys(values: &Values<'_>) -> Result<KeySource, ConfigError> {
    let sources = [CACHE_ENCRYPTION_KEY, CACHE_ENCRYPTION_KEY_FILE, CACHE_ENCRYPTION_SECRET_ID];
    let mut named = sources.into_iter().filter(|name| values.is_set(name));
    if let (Some(first), Some(second)) = (named.next(), named.next()) {
        return Err(ConfigError::Exclusive { first, second });
    }
    let refresh = values.positive(CACHE_KEY_REFRESH_SECS, 1)?.map(Duration::from_secs);
    let old = values.secret(CACHE_ENCRYPTION_KEYS_OLD)?;
    if let Some(primary) = values.secret(CACHE_ENCRYPTION_KEY)? {
        let keys = EnvironmentKeys::from_values(&primary, old.as_ref().map(|old| old.as_str()));
        return keys.map(KeySource::Environment).map_err(|error| ConfigError::Key(error.to_string()));
    }
    if old.is_some() {
        let reason = "old keys are of use only beside DG_CACHE_ENCRYPTION_KEY, which is not set; a file holds its own, in \
                      further lines, and a secret its earlier versions";
        return Err(ConfigError::Unusable { name: CACHE_ENCRYPTION_KEYS_OLD, reason });
    }
    if let Some(path) = values.path(CACHE_ENCRYPTION_KEY_FILE) {
        return Ok(KeySource::File(path));
    }
    match values.text(CACHE_ENCRYPTION_SECRET_ID, "the name or the ARN of a secret")? {
        Some(secret_id) => read_secret(secret_id, refresh),
        None => Ok(KeySource::Ephemeral),
    }
}

#[cfg(feature = "secrets-manager")]
fn read_secret(secret_id: String, refresh: Option<Duration>) -> Result<KeySource, ConfigError> {
    let mut settings = crate::config::SecretsManagerSettings::of(secret_id);
    if let Some(refresh) = refresh {
        settings.refresh = refresh;
    }
    Ok(KeySource::SecretsManager(settings))
}

#[cfg(not(feature = "secrets-manager"))]
fn read_secret(_secret_id: String, _refresh: Option<Duration>) -> Result<KeySource, ConfigError> {
    let reason =
        "this build has no Secrets Manager; build with the feature `secrets-manager`, or use DG_CACHE_ENCRYPTION_KEY";
    Err(ConfigError::Unusable { name: CACHE_ENCRYPTION_SECRET_ID, reason })
}

fn read_extensions(values: &Values<'_>) -> Result<Option<Vec<String>>, ConfigError> {
    const EXPECTED: &str = "a list such as `.zip,.tar.gz`, of extensions of archives, images and dumps";
    let Some(text) = values.text(DELTA_EXTENSIONS, EXPECTED)? else { return Ok(None) };
    let extensions: Vec<String> =
        text.split(',').map(|extension| extension.trim().trim_start_matches('.').to_ascii_lowercase()).collect();
    if extensions.iter().all(|extension| may_be_delta(&format!("x.{extension}"))) {
        Ok(Some(extensions))
    } else {
        Err(values.error(DELTA_EXTENSIONS, EXPECTED))
    }
}

/// What a command line takes from the environment for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrontEnd {
    /// Filter of the log, as it is written.
    pub log: Option<String>,
    /// Answers as lines of JSON.
    pub json: bool,
    /// How progress is shown; `None` for what fits the terminal.
    pub progress: Option<ProgressStyle>,
    /// No colours (`NO_COLOR`, where it is not empty).
    pub no_color: bool,
    /// Colours wherever the output goes (`CLICOLOR_FORCE`, where it is neither empty nor `0`).
    pub force_color: bool,
    /// The terminal can do nothing but write lines (`TERM=dumb`).
    pub dumb_terminal: bool,
    /// Which part of a divided job this process is, as it is written: its number from 0.
    pub shard_index: Option<String>,
    /// How many parts there are, as it is written.
    pub shard_count: Option<String>,
    /// Does not ask an instance of EC2 for its region.
    pub no_ec2_detection: bool,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProgressStyle {
    /// As bars.
    Bar,
    /// As lines of text.
    Plain,
    /// As lines of JSON.
    Json,
    /// Not at all.
    None,
}

impl FrontEnd {
    /// What the environment asks for.
    ///
    /// # Errors
    /// [`ConfigError`] names the variable, its value and what is expected.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    /// What a set of variables asks for, as [`FrontEnd::from_env`] reads them.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        const FILTER: &str = "a level or a filter such as `debug` or `deltaglider=trace`";
        let values = Values::new(&variable);
        let styles = [
            ("bar", Some(ProgressStyle::Bar)),
            ("plain", Some(ProgressStyle::Plain)),
            ("json", Some(ProgressStyle::Json)),
            ("none", Some(ProgressStyle::None)),
            ("auto", None),
        ];
        let progress = values.choice(PROGRESS, &styles, "`auto`, `bar`, `plain`, `json` or `none`")?.flatten();
        let log = match values.text(LOG, FILTER)? {
            Some(log) => Some(log),
            None => values.text(LOG_LEVEL, FILTER)?.map(|level| level.to_ascii_lowercase()),
        };
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let text = |name| set(name).map(|value| value.to_string_lossy().trim().to_owned());
        Ok(Self {
            log,
            json: values.switch(JSON)?,
            progress,
            no_color: set("NO_COLOR").is_some(),
            force_color: set("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            dumb_terminal: set("TERM").is_some_and(|value| value == "dumb"),
            shard_index: text(JOB_COMPLETION_INDEX).or(text(AWS_BATCH_JOB_ARRAY_INDEX)),
            shard_count: text(AWS_BATCH_JOB_ARRAY_SIZE),
            no_ec2_detection: values.switch(DISABLE_EC2_DETECTION)?,
        })
    }
}

/// A variable, and what it is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// The variable.
    pub variable: &'static Variable,
    /// Its value as it is written; of a secret, that it is set; `None` where it is not.
    pub value: Option<String>,
}

/// Every variable of the table with its value now. A secret's is never shown.
#[must_use]
pub fn settings() -> Vec<Setting> {
    settings_of(|name| std::env::var_os(name))
}

fn settings_of(value: impl Fn(&str) -> Option<OsString>) -> Vec<Setting> {
    let shown = |variable: &Variable| {
        let value = value(variable.name)?.to_string_lossy().trim().to_owned();
        let shown = if variable.secret { "(secret)".to_owned() } else { value.escape_debug().to_string() };
        (!value.is_empty()).then_some(shown)
    };
    VARIABLES.iter().map(|variable| Setting { variable, value: shown(variable) }).collect()
}

/// The system's directory for temporary files: `TMPDIR`, where it is set.
pub(crate) fn temporary_directory() -> PathBuf {
    std::env::temp_dir()
}

/// The directory of a cache that is kept: `$XDG_CACHE_HOME/deltaglider` or `~/.cache/deltaglider`, on every system that has homes.
pub(crate) fn cache_directory() -> Option<PathBuf> {
    use etcetera::BaseStrategy;
    Some(etcetera::choose_base_strategy().ok()?.cache_dir().join("deltaglider"))
}

/// The default of [`JOBS`].
pub(crate) const DEFAULT_JOBS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_variables(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn nothing_set_is_the_default() {
        let config = read(&[]).expect("read");
        assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
        let empty: Vec<_> = VARIABLES.iter().map(|variable| (variable.name, " ")).collect();
        assert_eq!(format!("{:?}", read(&empty).expect("read")), format!("{:?}", Config::default()));
    }

    #[test]
    fn every_setting_is_heard() {
        let config = read(&[
            (CACHE_BACKEND, "memory"),
            (CACHE_DIR, "/cache"),
            (CACHE_MAX_SIZE_MB, "5"),
            (CACHE_MIN_FREE_MB, "0"),
            (CACHE_TTL_SECS, "60"),
            (CACHE_MEMORY_SIZE_MB, "7"),
            (MAX_RATIO, "0.25"),
            (DELTA_EXTENSIONS, ".zip, TAR.GZ"),
            (NO_DELTA, "yes"),
            (CODEC, "zstd"),
            (EFFORT, "Max"),
            (MEMORY, "512MiB"),
            (JOBS, "3"),
            (DELTA_JOBS, "2"),
            (AWS_CA_BUNDLE, "/ca.pem"),
            (AWS_MAX_ATTEMPTS, "9"),
        ])
        .expect("read");
        assert_eq!(config.cache.backend, CacheBackend::Memory);
        assert_eq!(config.cache.directory, Some("/cache".into()));
        assert_eq!((config.cache.max_size, config.cache.memory_size), (5 * MIB, 7 * MIB));
        assert_eq!((config.cache.min_free, config.cache.ttl), (Some(0), Some(Duration::from_secs(60))));
        assert_eq!(config.policy.max_ratio, 0.25);
        assert_eq!(config.policy.only_extensions, Some(vec!["zip".to_owned(), "tar.gz".to_owned()]));
        assert!(!config.policy.write_deltas);
        assert_eq!((config.codec, config.effort), (Codec::Zstd, Effort::Max));
        assert_eq!((config.limits.memory, config.limits.codecs, config.jobs.get()), (512 * MIB, 2, 3));
        assert_eq!((config.s3.ca_bundle, config.s3.max_attempts), (Some("/ca.pem".into()), 9));
    }

    #[test]
    fn the_backend_is_one_of_two() {
        for (value, backend) in [
            ("", Some(CacheBackend::Filesystem)),
            ("filesystem", Some(CacheBackend::Filesystem)),
            ("memory", Some(CacheBackend::Memory)),
            ("Memory", Some(CacheBackend::Memory)),
            ("disk", None),
            ("redis", None),
            ("memory,filesystem", None),
        ] {
            match (read(&[(CACHE_BACKEND, value)]), backend) {
                (Ok(config), Some(backend)) => assert_eq!(config.cache.backend, backend, "{value}"),
                (Err(error), None) => assert!(error.to_string().ends_with("`filesystem` or `memory`"), "{error}"),
                (read, _) => panic!("{value}: {read:?}"),
            }
        }
    }

    #[test]
    fn errors_name_variable_value_and_expectation() {
        for (name, value) in [
            (CACHE_BACKEND, "redis"),
            (CACHE_MAX_SIZE_MB, "-1"),
            (CACHE_MAX_SIZE_MB, "0"),
            (CACHE_MIN_FREE_MB, "1GB"),
            (CACHE_MEMORY_SIZE_MB, "99999999999999999999"),
            (CACHE_TTL_SECS, "0"),
            (MAX_RATIO, "1.5"),
            (MAX_RATIO, "NaN"),
            (DELTA_EXTENSIONS, ".zip,.txt"),
            (NO_DELTA, "maybe"),
            (CODEC, "xdelta3"),
            (EFFORT, "most"),
            (MEMORY, "much"),
            (JOBS, "0"),
            (AWS_MAX_ATTEMPTS, "many"),
        ] {
            let error = read(&[(name, value)]).expect_err(value);
            assert!(matches!(&error, ConfigError::Value { name: named, .. } if *named == name), "{error}");
            let text = error.to_string();
            assert!(text.contains(name) && text.contains(value) && text.contains("expected is"), "{text}");
        }
        let text = read(&[(CACHE_BACKEND, "redis")]).expect_err("unknown").to_string();
        assert!(text.contains("`filesystem` or `memory`"), "{text}");
    }

    #[test]
    fn a_secret_is_never_shown() {
        let good = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=";
        assert!(matches!(read(&[(CACHE_ENCRYPTION_KEY, good)]).expect("a key").cache.keys, KeySource::Environment(_)));
        for variables in [
            &[(CACHE_ENCRYPTION_KEY, "secret-word")][..],
            &[(CACHE_ENCRYPTION_KEY, good), (CACHE_ENCRYPTION_KEYS_OLD, "secret-word")],
            &[(CACHE_ENCRYPTION_KEYS_OLD, "secret-word")],
            &[(CACHE_ENCRYPTION_KEY_FILE, "/key"), (CACHE_ENCRYPTION_KEYS_OLD, "secret-word")],
        ] {
            let error = read(variables).expect_err("refused");
            let name = variables[variables.len() - 1].0;
            assert!(error.to_string().contains(name), "{error}");
            assert!(!format!("{error} {error:?}").contains("secret-word"), "{error:?}");
        }
        let config = read(&[(CACHE_ENCRYPTION_KEY, good)]).expect("a key");
        assert!(!format!("{config:?}").contains("q6ur"));
    }

    #[test]
    fn settings_are_told_without_their_secrets() {
        let settings = settings_of(|name| match name {
            JOBS => Some("3".into()),
            CACHE_ENCRYPTION_KEY => Some("secret-word".into()),
            CACHE_DIR => Some(" ".into()),
            _ => None,
        });
        assert_eq!(settings.len(), VARIABLES.len());
        assert!(!format!("{settings:?}").contains("secret-word"));
        let value =
            |name| settings.iter().find(|setting| setting.variable.name == name).and_then(|s| s.value.as_deref());
        assert_eq!([value(JOBS), value(CACHE_ENCRYPTION_KEY), value(CACHE_DIR)], [Some("3"), Some("(secret)"), None]);
    }

    #[test]
    fn the_sources_of_the_key_exclude_one_another() {
        let set = [
            (CACHE_ENCRYPTION_KEY, "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s="),
            (CACHE_ENCRYPTION_KEY_FILE, "/run/secrets/key"),
            (CACHE_ENCRYPTION_SECRET_ID, "deltaglider/key"),
        ];
        for (first, second) in [(0, 1), (0, 2), (1, 2)] {
            let error = read(&[set[first], set[second]]).expect_err("refused").to_string();
            assert!(error.contains(set[first].0) && error.contains(set[second].0), "{error}");
            assert!(error.contains("unset the other") && !error.contains(set[0].1), "{error}");
        }
        let config = read(&[set[1]]).expect("a file");
        assert!(matches!(&config.cache.keys, KeySource::File(path) if path == std::path::Path::new(set[1].1)));
    }

    #[cfg(feature = "secrets-manager")]
    #[test]
    fn a_secret_is_named_and_read_again_as_often_as_is_said() {
        let secret = |variables: &[(&str, &str)]| match read(variables).expect("read").cache.keys {
            KeySource::SecretsManager(settings) => (settings.secret_id, settings.refresh.as_secs()),
            other => panic!("{other:?}"),
        };
        let id = (CACHE_ENCRYPTION_SECRET_ID, " deltaglider/key ");
        assert_eq!(secret(&[id]), ("deltaglider/key".to_owned(), 300));
        assert_eq!(secret(&[id, (CACHE_KEY_REFRESH_SECS, "60")]).1, 60);
        let error = read(&[id, (CACHE_KEY_REFRESH_SECS, "0")]).expect_err("refused").to_string();
        assert!(error.contains(CACHE_KEY_REFRESH_SECS), "{error}");
    }

    #[test]
    fn a_front_end_is_read() {
        let read = |variables: &[(&str, &str)]| {
            FrontEnd::from_variables(|name| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
            })
        };
        let front_end = read(&[(LOG_LEVEL, "DEBUG"), (JSON, "1"), (PROGRESS, "plain")]).expect("read");
        assert_eq!(front_end.log.as_deref(), Some("debug"));
        assert!(front_end.json);
        assert_eq!(front_end.progress, Some(ProgressStyle::Plain));
        assert_eq!(read(&[(LOG, "x=trace"), (LOG_LEVEL, "DEBUG")]).expect("read").log.as_deref(), Some("x=trace"));
        assert_eq!(read(&[(PROGRESS, "auto")]).expect("read"), FrontEnd::default());
        assert!(read(&[(PROGRESS, "loud")]).is_err());
        let terminal = read(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "0"), ("TERM", "dumb")]).expect("read");
        assert!(terminal.no_color && !terminal.force_color && terminal.dumb_terminal);
        assert!(!read(&[("NO_COLOR", "")]).expect("read").no_color);
    }
}
