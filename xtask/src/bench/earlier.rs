//! The earlier tool of the name, from PyPI, against an S3 server on loopback: whole processes that put and get.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::measure::{self, Cost};
use crate::programs;
use crate::servers::{self, Running, python};

const PACKAGE: &str = "deltaglider==6.2.0";
const BUCKET: &str = "bench";
/// Makes the bucket.
const MAKE: &str = "import boto3; boto3.client('s3').create_bucket(Bucket='bench')";
/// Prints the bytes of all objects whose keys begin with the argument.
const STORED: &str = "import boto3, sys\n\
    pages = boto3.client('s3').get_paginator('list_objects_v2').paginate(Bucket='bench', Prefix=sys.argv[1])\n\
    print(sum(item['Size'] for page in pages for item in page.get('Contents', [])))";

/// The tool, with a server and a home of its own.
pub(super) struct Earlier {
    programs: PathBuf,
    home: PathBuf,
    server: Running,
}

impl Earlier {
    /// Installs the tool and starts the server; a reason where either cannot be had.
    pub(super) fn start(root: &Path) -> Result<Result<Self, String>> {
        let home = root.join("target/bench/earlier");
        let programs = match python::install_packages(&home, &[PACKAGE]) {
            Ok(programs) => programs,
            Err(error) => return Ok(Err(format!("{PACKAGE} cannot be installed: {error:#}"))),
        };
        let server = match Running::start(root, None)? {
            Ok(server) => server,
            Err(reason) => return Ok(Err(reason)),
        };
        let started = Self { programs, home, server };
        programs::output(started.command("python").args(["-c", MAKE]))?;
        Ok(Ok(started))
    }

    /// How a table calls it.
    pub(super) fn name() -> String {
        format!("`{}`, put and get", PACKAGE.replace("==", " "))
    }

    /// Puts a file under a name; the first one of a space is its reference.
    pub(super) fn put(&self, file: &Path, space: &str, name: &str, log: &Path) -> Result<Cost> {
        // It takes the name of the file, and makes deltas of those names alone that it knows. Of the key, it drops what
        // follows the last `/` that does not end it.
        let named = self.home.join(name);
        fs::copy(file, &named).with_context(|| format!("cannot write {}", named.display()))?;
        let url = format!("s3://{BUCKET}/{space}/{name}");
        let cost = measure::run(self.command("deltaglider").arg("cp").arg(&named).arg(url), log);
        fs::remove_file(&named)?;
        cost
    }

    /// Gets what was put under a name.
    pub(super) fn get(&self, space: &str, name: &str, target: &Path, log: &Path) -> Result<Cost> {
        let url = format!("s3://{BUCKET}/{space}/{name}");
        measure::run(self.command("deltaglider").arg("cp").arg(url).arg(target), log)
    }

    /// Bytes in the bucket of what was put under a name.
    pub(super) fn stored(&self, space: &str, name: &str) -> Result<u64> {
        let printed = programs::output(self.command("python").args(["-c", STORED, &format!("{space}/{name}")]))?;
        printed.trim().parse().with_context(|| format!("{printed:?} is no number of bytes"))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command
            .current_dir(&self.home)
            .env("HOME", &self.home)
            .env("AWS_ENDPOINT_URL", self.server.endpoint())
            .env("AWS_ACCESS_KEY_ID", servers::ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", servers::SECRET_KEY)
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }
}

/// The name under which the earlier tool makes a delta of a file: it knows few extensions.
pub(super) fn known_name(version: &str, extension: &str) -> String {
    let known = match extension {
        "whl" => "zip",
        "tgz" | "crate" => "tar.gz",
        "so" | "csv" => "tar",
        known => known,
    };
    format!("{version}.{known}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_archives() {
        assert_eq!(known_name("1.26.0", "whl"), "1.26.0.zip");
        assert_eq!(known_name("5.7.2", "tgz"), "5.7.2.tar.gz");
        assert_eq!(known_name("1", "csv"), "1.tar");
        assert_eq!(known_name("1", "zip"), "1.zip");
    }
}
