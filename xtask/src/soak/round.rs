//! When nobody writes: everything is read by a fresh process and verified, and what the killed left is counted and swept.

use std::fs;
use std::time::Instant;

use anyhow::Result;

use super::ledger::Value;
use super::world::{Store, World};
use crate::client::Client;

/// Attempts to read a name while nobody writes; one should do.
const ATTEMPTS: u32 = 3;

/// Reads all names, verifies, sweeps, and reads all names again.
pub(super) fn read_everything(world: &World, number: u64) -> Result<()> {
    let wait = world.stores.iter().map(|store| store.grace).max().unwrap_or_default();
    std::thread::sleep(wait);
    let reader = world.user(&format!("reader-{number}"), false)?;
    let read: Vec<(usize, Value)> =
        (0..world.names()).filter_map(|name| read(world, &reader, name).transpose()).collect::<Result<_>>()?;
    for (name, value) in read {
        world.ledger.settle(name, value);
    }
    for store in &world.stores {
        verify(world, &reader, store, "before it is swept")?;
        sweep(world, &reader, store)?;
        verify(world, &reader, store, "after it was swept")?;
    }
    for name in 0..world.names() {
        self::read(world, &reader, name)?;
    }
    world.tally.round();
    fs::remove_dir_all(&reader.folder)?;
    Ok(())
}

/// What is under a name; none where that cannot be told, which is a finding.
fn read(world: &World, reader: &Client, name: usize) -> Result<Option<(usize, Value)>> {
    let (url, file, began) = (world.url(name), reader.path("got"), Instant::now());
    let mut last = String::new();
    for _ in 0..ATTEMPTS {
        let _ = fs::remove_file(&file);
        let run = reader.run(&["cp", &url, "got"])?;
        world.tally.ran("read at rest", None, &run);
        if run.is_done() {
            return Ok(world.check_file(name, began, &file, "a read at rest")?.map(|number| (name, Some(number))));
        }
        if run.says_absent() {
            return Ok(world.check(name, began, None, "a read at rest").then_some((name, None)));
        }
        if run.code == Some(4) {
            world.check_damage(name, began, &run, "a read at rest");
            // A put that broke off left it: it goes, as its user would have it.
            reader.run(&["rm", &url])?;
            return Ok(Some((name, None)));
        }
        last = run.err;
    }
    world.lost(name, &format!("it cannot be read although nobody writes: {last}"));
    Ok(None)
}

fn verify(world: &World, reader: &Client, store: &Store, when: &str) -> Result<()> {
    let run = reader.run(&["verify", &store.url, "--recursive"])?;
    world.tally.ran("verify --recursive", None, &run);
    if !run.is_done() {
        world.tally.found(format!("{} does not verify {when}: {}{}", store.url, run.out, run.err));
    }
    Ok(())
}

/// Counts the garbage by its kind, removes it, and looks that none is left.
fn sweep(world: &World, reader: &Client, store: &Store) -> Result<()> {
    let purge = ["purge", &store.url, "--exclusive", "--older-than", "0s", "--json"];
    let run = reader.run(&purge)?;
    world.tally.ran("purge --exclusive", None, &run);
    for line in run.out.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()) {
        let what = line["what"].as_str().unwrap_or("?");
        match line["status"].as_str() {
            Some("removed") => world.tally.left(what, 1),
            // Of a whole form that is newer than the delta which hides it, nobody can tell that it was never acknowledged.
            Some("kept") => world.tally.left(&format!("{what}, which stays by design"), 1),
            _ => {}
        }
    }
    let staged = |store: &Store| {
        let staging = store.url.strip_prefix("file://").map(|path| format!("{path}/.deltaglider-store/staging"));
        staging.map_or(0, |path| fs::read_dir(path).into_iter().flatten().count() as u64)
    };
    world.tally.left("staged files of a local store", staged(store));
    let again = reader.run(&[&purge[..], &["--dryrun"]].concat())?;
    if !run.is_done() || again.out.contains(r#""status":"dryrun""#) {
        world.tally.found(format!("garbage stays: {} {} {}", run.out, run.err, again.out));
    }
    Ok(())
}
