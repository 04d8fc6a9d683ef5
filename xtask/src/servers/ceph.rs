//! Ceph's gateway to S3, with a cluster of one monitor, one manager and one store of objects in memory behind it.
//!
//! The programs are those of Debian's packages `radosgw`, `ceph-mon`, `ceph-mgr`, `ceph-osd` and `ceph-base`.

use std::path::Path;
use std::process::Command;
use std::{fs, process};

use anyhow::{Context, Result};

use super::other::Other;
use super::supervised::{Supervised, until};
use super::{ACCESS_KEY, Folder, PATIENCE, SECRET_KEY};
use crate::programs::output;

const PROGRAMS: [&str; 8] =
    ["ceph", "ceph-authtool", "ceph-mon", "ceph-mgr", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin"];
/// Who has a key in the cluster.
const NAMES: [&str; 3] = ["client.admin", "osd.0", "mgr.x"];
/// Of each cluster, which is alone on its ports.
const IDENTITY: &str = "6f0b7c1e-5a6e-4a32-9c1d-2f4f6f1c7b10";
/// The distance from the gateway's port at which the monitor listens.
const MONITOR: u16 = 100;

/// What version 16 does not keep of the contract of a store, by names of tests: it takes no notice of conditions of copies and
/// deletes.
const NOT_KEPT: [&str; 5] = [
    "copy_keeps_the_conditions_of_its_mode",
    "copy_of_another_entity_tag_is_a_conflict",
    "delete_answers_for_every_target",
    "delete_with_a_tag_fails_on_nothing",
    "delete_with_a_tag_removes_only_that_object",
];

/// Starts it with the gateway at a port; a reason where it is not installed.
pub(super) fn start(root: &Path, port: u16) -> Result<Result<Other, String>> {
    if let Some(missing) = PROGRAMS.iter().find(|name| Command::new(name).arg("--version").output().is_err()) {
        let install = "apt-get install radosgw ceph-mon ceph-mgr ceph-osd ceph-base";
        return Ok(Err(format!("there is no {missing}: {install}")));
    }
    let data = Folder::new(root.join(format!("target/servers/ceph-{}", process::id())))?;
    let folder = &data.0;
    for name in ["mon", "mgr", "osd", "run"] {
        fs::create_dir_all(folder.join(name)).with_context(|| format!("cannot make {name}"))?;
    }
    let config = folder.join("ceph.conf");
    fs::write(&config, settings(folder, port)).context("cannot write ceph.conf")?;
    let run = |words: &str| output(&mut command(&config, words));
    keys(&folder.join("keyring"))?;
    let (at, map) = (format!("[v2:127.0.0.1:{}]", port + MONITOR), folder.join("map").display().to_string());
    run(&format!("monmaptool --create --addv a {at} --fsid {IDENTITY} {map}"))?;
    let keyring = folder.join("keyring").display().to_string();
    run(&format!("ceph-mon -i a --keyring {keyring} --mkfs --monmap {map}"))?;

    let start = |name: &'static str, words: &str| {
        let words = format!("{words} -f -c {}", config.display());
        Supervised::start(name, &words.split(' ').map(str::to_owned).collect::<Vec<_>>(), folder)
    };
    let monitor = start("ceph-mon", "ceph-mon -i a")?;
    until("the monitor", || run("ceph -s --connect-timeout 5").is_ok())?;
    let manager = start("ceph-mgr", "ceph-mgr -i x")?;
    run("ceph osd create")?;
    run("ceph-osd -i 0 --mkfs")?;
    let store = start("ceph-osd", "ceph-osd -i 0")?;
    until("the store of objects", || run("ceph osd stat").is_ok_and(|said| said.contains("1 up")))?;
    run(&format!(
        "radosgw-admin user create --uid=test --display-name=test --access-key={ACCESS_KEY} --secret={SECRET_KEY}"
    ))?;
    let mut gateway = start("radosgw", &format!("radosgw -n client.admin --keyring {keyring}"))?;
    gateway.wait_for(port, "/", PATIENCE)?;
    println!("servers: S3 of Ceph at http://127.0.0.1:{port}");
    let keys = [ACCESS_KEY, SECRET_KEY].map(str::to_owned);
    let behind = vec![manager, store, monitor];
    Ok(Ok(Other { port, keys, not_kept: &NOT_KEPT, gateway, _behind: behind, _data: data }))
}

/// A program of Ceph, with the cluster's configuration; its words hold no spaces.
fn command(config: &Path, words: &str) -> Command {
    let mut words = words.split(' ');
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    // monmaptool knows no -c.
    command.env("CEPH_CONF", config);
    command
}

/// Keys of everybody, in one file.
fn keys(keyring: &Path) -> Result<()> {
    let tool = || Command::new("ceph-authtool");
    output(tool().arg("--create-keyring").arg(keyring).args(["--gen-key", "-n", "mon.", "--cap", "mon", "allow *"]))?;
    for name in NAMES {
        let mut command = tool();
        command.arg(keyring).args(["--gen-key", "-n", name]);
        for daemon in ["mon", "osd", "mgr", "mds"] {
            command.args(["--cap", daemon, "allow *"]);
        }
        output(&mut command)?;
    }
    Ok(())
}

fn settings(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    let monitor = port + MONITOR;
    format!(
        "[global]\n\
         fsid = {IDENTITY}\n\
         mon host = v2:127.0.0.1:{monitor}\n\
         public addr = 127.0.0.1\n\
         auth cluster required = cephx\n\
         auth service required = cephx\n\
         auth client required = cephx\n\
         keyring = {folder}/keyring\n\
         osd pool default size = 1\n\
         osd pool default min size = 1\n\
         osd pool default pg num = 4\n\
         osd pool default pgp num = 4\n\
         mon allow pool size one = true\n\
         osd crush chooseleaf type = 0\n\
         osd objectstore = memstore\n\
         memstore device bytes = 4294967296\n\
         run dir = {folder}/run\n\
         admin socket = {folder}/run/$name.asok\n\
         pid file = {folder}/run/$name.pid\n\
         log file = {folder}/$name.log\n\
         mon data = {folder}/mon\n\
         osd data = {folder}/osd\n\
         mgr data = {folder}/mgr\n\
         mon max pg per osd = 1000\n\
         mgr initial modules =\n\
         osd class load list = *\n\
         osd class default list = *\n\
         rgw frontends = beast endpoint=127.0.0.1:{port}\n\
         rgw dns name = 127.0.0.1\n\
         rgw run sync thread = false\n"
    )
}
