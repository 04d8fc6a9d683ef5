//! Garage, alone on its machine. `cargo install --locked garage` builds it.

use std::fs;
use std::path::Path;
use std::process::{self, Command};

use anyhow::{Context, Result};

use super::Folder;
use super::other::Other;
use super::supervised::{Supervised, until};
use crate::programs::output;

/// The distances from the port of S3 at which it speaks to itself and to its administrator.
const RPC: u16 = 100;
const ADMIN: u16 = 200;
/// Of each server, which nobody else can reach.
const SECRET: &str = "1799bccfd7411eddcf9ebd316bc1f5287ad12a68094e1c6ac6abde7e6feae1ec";

/// What version 2.5.0 does not keep of the contract of a store, by names of tests: it takes no notice of conditions on writes, nor of
/// a `start-after` that stands before the prefix, and takes a key of `/` alone for the bucket.
const NOT_KEPT: [&str; 10] = [
    "copy_keeps_the_conditions_of_its_mode",
    "create_has_exactly_one_winner",
    "create_refuses_what_is_there",
    "delete_answers_for_every_target",
    "delete_with_a_tag_fails_on_nothing",
    "delete_with_a_tag_removes_only_that_object",
    "odd_keys_are_keys",
    "start_after_is_exclusive",
    "update_has_exactly_one_winner",
    "update_replaces_only_what_has_the_tag",
];

/// Starts it at a port; a reason where it is not installed.
pub(super) fn start(root: &Path, port: u16) -> Result<Result<Other, String>> {
    if Command::new("garage").arg("--version").output().is_err() {
        return Ok(Err("there is no garage: cargo install --locked garage".to_owned()));
    }
    let data = Folder::new(root.join(format!("target/servers/garage-{}", process::id())))?;
    let config = data.0.join("garage.toml");
    fs::write(&config, settings(&data.0, port)).context("cannot write garage.toml")?;
    let run = |words: &[&str]| output(Command::new("garage").arg("-c").arg(&config).args(words));
    let words = ["garage", "-c", &config.display().to_string(), "server"].map(str::to_owned);
    let gateway = Supervised::start("garage", &words, &data.0)?;
    until("garage", || run(&["status"]).is_ok())?;
    let node = run(&["node", "id"])?;
    let node = node.split('@').next().unwrap_or_default().trim();
    run(&["layout", "assign", node, "-c", "4G", "-z", "here"])?;
    run(&["layout", "apply", "--version", "1"])?;
    let key = run(&["json-api", "CreateKey", r#"{"name": "test"}"#])?;
    let key: serde_json::Value = serde_json::from_str(&key).context("garage tells of no key")?;
    let keys = ["accessKeyId", "secretAccessKey"].map(|name| key[name].as_str().unwrap_or_default().to_owned());
    run(&["key", "allow", "--create-bucket", &keys[0]])?;
    println!("servers: S3 of Garage at http://127.0.0.1:{port}");
    Ok(Ok(Other { port, keys, not_kept: &NOT_KEPT, gateway, _behind: Vec::new(), _data: data }))
}

fn settings(folder: &Path, port: u16) -> String {
    let (folder, rpc, admin) = (folder.display(), port + RPC, port + ADMIN);
    format!(
        "metadata_dir = \"{folder}/meta\"\n\
         data_dir = \"{folder}/data\"\n\
         db_engine = \"sqlite\"\n\
         replication_factor = 1\n\
         rpc_bind_addr = \"127.0.0.1:{rpc}\"\n\
         rpc_public_addr = \"127.0.0.1:{rpc}\"\n\
         rpc_secret = \"{SECRET}\"\n\
         [s3_api]\n\
         s3_region = \"us-east-1\"\n\
         api_bind_addr = \"127.0.0.1:{port}\"\n\
         [admin]\n\
         api_bind_addr = \"127.0.0.1:{admin}\"\n"
    )
}
