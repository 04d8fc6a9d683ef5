//! The table of all variables, from which their reference page is made.

use super::{
    AWS_BATCH_JOB_ARRAY_INDEX, AWS_BATCH_JOB_ARRAY_SIZE, AWS_CA_BUNDLE, AWS_MAX_ATTEMPTS, BWLIMIT, CACHE_BACKEND,
    CACHE_DIR, CACHE_ENCRYPTION_KEY, CACHE_ENCRYPTION_KEY_FILE, CACHE_ENCRYPTION_KEYS_OLD, CACHE_ENCRYPTION_SECRET_ID,
    CACHE_KEY_REFRESH_SECS, CACHE_MAX_SIZE_MB, CACHE_MEMORY_SIZE_MB, CACHE_MIN_FREE_MB, CACHE_TTL_SECS, CODEC,
    DELTA_EXTENSIONS, DELTA_JOBS, DISABLE_EC2_DETECTION, EFFORT, JOB_COMPLETION_INDEX, JOBS, JSON, LOG, LOG_LEVEL,
    MAX_RATIO, MEMORY, NO_DELTA, PROGRESS,
};

/// A variable of the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it means, and what is expected of its value.
    pub meaning: &'static str,
    /// What holds where it is not set.
    pub default: &'static str,
    /// Whether its value is a secret, which nothing ever shows.
    pub secret: bool,
    /// Who reads it.
    pub reader: Reader,
}

/// Who reads a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reader {
    /// The library: [`Config::from_env`](crate::Config::from_env).
    Library,
    /// The command line: [`FrontEnd::from_env`](super::FrontEnd::from_env).
    CommandLine,
    /// The SDK of AWS, with the first request.
    Sdk,
}

const fn library(name: &'static str, meaning: &'static str, default: &'static str) -> Variable {
    Variable { name, meaning, default, secret: false, reader: Reader::Library }
}

const fn secret(name: &'static str, meaning: &'static str, default: &'static str) -> Variable {
    Variable { name, meaning, default, secret: true, reader: Reader::Library }
}

const fn command_line(name: &'static str, meaning: &'static str, default: &'static str) -> Variable {
    Variable { name, meaning, default, secret: false, reader: Reader::CommandLine }
}

const fn sdk(name: &'static str, meaning: &'static str, default: &'static str) -> Variable {
    Variable { name, meaning, default, secret: false, reader: Reader::Sdk }
}

/// Every variable that is read.
pub const VARIABLES: &[Variable] = &[
    library(CACHE_BACKEND, "Where references are cached: `filesystem` or `memory`.", "filesystem"),
    library(
        CACHE_DIR,
        "Directory of the cache. Without a persistent key, a directory is made in it for each client, and removed at the end.",
        "with a persistent key the user's cache directory, else the system's temporary directory",
    ),
    library(CACHE_MAX_SIZE_MB, "MiB that the cache takes on disk at most, from 1.", "10240"),
    library(
        CACHE_MIN_FREE_MB,
        "MiB that the cache leaves free on its volume.",
        "the smaller of 1024 and 5 % of the volume",
    ),
    library(CACHE_TTL_SECS, "Seconds after which a reference that nobody uses leaves the cache, from 1.", "never"),
    library(CACHE_MEMORY_SIZE_MB, "MiB that the cache takes in memory at most, from 1.", "100"),
    secret(
        CACHE_ENCRYPTION_KEY,
        "Persistent key of the cache: 32 bytes in base64, standard or URL-safe. Clients with the same key share the cache.",
        "a random key of each client, which dies with it, and the cache with the key",
    ),
    secret(
        CACHE_ENCRYPTION_KEYS_OLD,
        "Keys that only open what is cached, while they are replaced: at most 8, separated by commas.",
        "none",
    ),
    library(
        CACHE_ENCRYPTION_KEY_FILE,
        "File with the persistent key of the cache in its first line, and up to 8 keys that only open below it. It is read again when it changes.",
        "none",
    ),
    library(
        CACHE_ENCRYPTION_SECRET_ID,
        "Name or ARN of the secret in AWS Secrets Manager with the persistent key of the cache, such as `deltaglider/cache-encryption-key`: JSON with the field `encryption_key`, or the key alone.",
        "none",
    ),
    library(
        CACHE_KEY_REFRESH_SECS,
        "Seconds between two readings of the secret, from 1; each time a fifth sooner or later.",
        "300",
    ),
    library(MAX_RATIO, "Largest share of a target that its delta may take, between 0 and 1.", "0.5"),
    library(
        DELTA_EXTENSIONS,
        "Names that become deltas, such as `.zip,.tar.gz`, out of those that may.",
        "all that may: archives, images, dumps",
    ),
    library(NO_DELTA, "`1` writes no deltas; they are read in any case.", "0"),
    library(
        CODEC,
        "What deltas are written by: `dgd1`, which looks into archives, `zstd`, which takes every object as it stands, or `vcdiff`, which `xdelta3` opens. All are read in any case.",
        "dgd1",
    ),
    library(EFFORT, "CPU spent to save bytes: `fast`, `default` or `max`.", "default"),
    library(
        MEMORY,
        "Memory for contents and codecs, such as `512MiB`; what does not fit is stored whole.",
        "half of what the process may have, by machine and control group; 1GiB at most",
    ),
    library(JOBS, "Transfers at a time, from 1.", "8"),
    library(DELTA_JOBS, "Codec runs at a time, from 1.", "the number of processors"),
    library(
        BWLIMIT,
        "Bytes that all requests to S3 together move in a second, up and down, such as `10MiB`.",
        "unbounded",
    ),
    command_line(LOG, "Filter of the log: a level, or such as `deltaglider=debug,aws_config=info`.", "warn"),
    command_line(LOG_LEVEL, "The same, where DG_LOG is not set.", "warn"),
    command_line(JSON, "`1` answers as lines of JSON.", "0"),
    command_line(PROGRESS, "How progress is shown: `auto`, `bar`, `plain`, `json` or `none`.", "auto"),
    command_line(
        DISABLE_EC2_DETECTION,
        "`1` does not look whether this is an instance of EC2 in another region than the bucket, which is warned of.",
        "0",
    ),
    command_line("NO_COLOR", "Not empty: no colours.", "none"),
    command_line("CLICOLOR_FORCE", "Neither empty nor `0`: colours wherever the output goes.", "none"),
    command_line("TERM", "`dumb`: no bars and no colours.", "the terminal's"),
    command_line(
        JOB_COMPLETION_INDEX,
        "Which part `--shard auto` takes, from 0: set by Kubernetes in the pods of an indexed job.",
        "AWS_BATCH_JOB_ARRAY_INDEX",
    ),
    command_line(AWS_BATCH_JOB_ARRAY_INDEX, "The same, set by AWS Batch in the jobs of an array.", "none"),
    command_line(
        AWS_BATCH_JOB_ARRAY_SIZE,
        "How many parts there are for `--shard auto`: set by AWS Batch. Elsewhere say `--shard auto/N`.",
        "none",
    ),
    library(AWS_CA_BUNDLE, "PEM file of certificate authorities, which replace the system's.", "the system's"),
    library(AWS_MAX_ATTEMPTS, "How often a request is tried in all, from 1.", "5"),
    sdk("AWS_PROFILE", "Profile of the files of the AWS tools.", "default"),
    sdk("AWS_REGION", "Region that requests are signed for.", "the profile's, else the instance's, else us-east-1"),
    sdk("AWS_DEFAULT_REGION", "The same, where AWS_REGION is not set.", "as AWS_REGION"),
    sdk("AWS_ENDPOINT_URL_S3", "Another server than AWS for S3.", "AWS_ENDPOINT_URL"),
    sdk("AWS_ENDPOINT_URL_SECRETS_MANAGER", "Another server than AWS for the secret with the key.", "AWS_ENDPOINT_URL"),
    sdk("AWS_ENDPOINT_URL", "Another server than AWS.", "the profile's, else AWS"),
    sdk("AWS_ACCESS_KEY_ID", "Access key.", "the profile's, else those of its role"),
    Variable {
        name: "AWS_SECRET_ACCESS_KEY",
        meaning: "Secret of the access key.",
        default: "as AWS_ACCESS_KEY_ID",
        secret: true,
        reader: Reader::Sdk,
    },
    Variable {
        name: "AWS_SESSION_TOKEN",
        meaning: "Token of a temporary access key.",
        default: "none",
        secret: true,
        reader: Reader::Sdk,
    },
    sdk("AWS_CONFIG_FILE", "Configuration of the AWS tools.", "~/.aws/config"),
    sdk("AWS_SHARED_CREDENTIALS_FILE", "Credentials of the AWS tools.", "~/.aws/credentials"),
    sdk("AWS_EC2_METADATA_DISABLED", "`true` asks no instance of EC2 for credentials and region.", "false"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Config;

    #[test]
    fn the_reference_page_is_this_table() {
        let page = include_str!("../../../../docs/environment.md");
        for Variable { name, meaning, default, .. } in VARIABLES {
            // The conventions of terminals stand there in a sentence.
            let said = page.contains(&format!("| `{name}` | {meaning} | {default} |\n"));
            let convention = ["NO_COLOR", "CLICOLOR_FORCE", "TERM"].contains(name);
            assert!(
                said || convention && page.contains(name),
                "docs/environment.md lacks | `{name}` | {meaning} | {default} |"
            );
        }
    }

    #[test]
    fn every_variable_that_is_read_is_in_the_table_and_the_other_way_round() {
        let asked = std::cell::RefCell::new(BTreeSet::new());
        let note = |name: &str| {
            asked.borrow_mut().insert(name.to_owned());
            None
        };
        Config::from_variables(note).expect("read");
        super::super::FrontEnd::from_variables(note).expect("read");
        let asked = asked.take();
        let table: Vec<_> = VARIABLES.iter().filter(|variable| variable.reader != Reader::Sdk).collect();
        assert_eq!(asked, table.iter().map(|variable| variable.name.to_owned()).collect());
        assert_eq!(asked.len(), table.len(), "no name stands twice");
    }
}
