//! One user among several: whatever comes to mind, and now and then a sudden end.

use std::fs;
use std::path::{Path, PathBuf};

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::content::Kind;
use super::ledger::Ticket;
use super::world::{FILES, SPACES, World};
use crate::client::{Client, Kill, Run};
use crate::random::Random;

/// How often each thing is done, of all of these.
const CHOICES: [(&str, u64); 18] = [
    ("put", 30),
    ("put large", 2),
    ("get", 20),
    ("get to a pipe", 3),
    ("rm", 14),
    ("rm --recursive", 4),
    ("sync up", 5),
    ("sync up --delete", 3),
    ("sync down", 4),
    ("mv", 6),
    ("cp", 4),
    ("ls", 4),
    ("purge", 3),
    ("rotate key", 1),
    ("cache clear", 2),
    ("cache prune", 1),
    ("verify", 1),
    ("convert", 2),
];
/// One of so many runs is killed.
const KILLED: u64 = 5;

/// A worker with its user.
pub(super) struct Worker<'a> {
    world: &'a World,
    user: Client,
    random: Random,
    shares: bool,
}

impl<'a> Worker<'a> {
    /// The worker of this number; of two, one shares key and cache with others.
    pub(super) fn new(world: &'a World, number: u64, round: u64) -> Result<Self> {
        let shares = number.is_multiple_of(2);
        let user = world.user(&format!("user-{number}"), shares)?;
        let random = Random::new(world.seed ^ number << 48 ^ round << 32);
        Ok(Self { world, user, random, shares })
    }

    /// Does one thing after another until it is time.
    pub(super) fn work(&mut self, end: Instant) -> Result<()> {
        while Instant::now() < end && self.world.tally.is_clean() {
            self.clear_desk()?;
            self.act()?;
        }
        Ok(())
    }

    /// One run that is not killed takes along what the killed ones left; what is there afterwards.
    pub(super) fn tidy(&self) -> Result<Vec<String>> {
        let (left, url) = (self.user.left_behind(), format!("{}/", self.world.stores[0].url));
        self.world.tally.left("temporary directories", left.len() as u64);
        self.user.run(&["sync", &url, "rest", "--exclude", "*", "--include", "*.zip"])?;
        // Where all that is stored is whole, that run had no use for a cache, and swept none: one that stores a reference does.
        std::fs::write(self.user.path("made-last.zip"), [7; 10_000])?;
        let own = format!("file://{}/own", self.user.folder.display());
        self.user.run(&["mb", &own])?;
        self.user.run(&["cp", "made-last.zip", &format!("{own}/a/")])?;
        Ok(self.user.left_behind())
    }

    fn act(&mut self) -> Result<()> {
        let kind = self.choose();
        let name = self.random.below(self.world.names() as u64) as usize;
        let (store, space, _) = World::parts(name);
        let space_url = self.world.space_url(store, space);
        match kind {
            "put" | "put large" => self.put(kind, name),
            "get" => self.get(kind, name, false),
            "get to a pipe" => self.get(kind, name, true),
            "rm" => {
                let ticket = self.world.ledger.begin(name, &[None], kind);
                self.change(kind, &["rm", &self.world.url(name)], None, &[ticket]).map(drop)
            }
            "rm --recursive" => {
                let tickets = self.begin_space(store, space, None, kind);
                self.change(kind, &["rm", "--recursive", &space_url], None, &tickets).map(drop)
            }
            "sync up" | "sync up --delete" => self.sync_up(kind, store, space),
            "sync down" => self.sync_down(kind, store, space),
            "mv" | "cp" => self.copy(kind, name),
            "ls" => self.list(kind, store, space),
            "purge" => self.change(kind, &["purge", &space_url, "--older-than", "1s"], None, &[]).map(drop),
            "rotate key" => self.rotate(kind),
            "cache clear" if self.shares => self.change(kind, &["cache", "clear"], None, &[]).map(drop),
            "cache prune" if self.shares => {
                self.change(kind, &["cache", "prune", "--max-size", "300KiB"], None, &[]).map(drop)
            }
            "verify" => self.change(kind, &["verify", &space_url], None, &[]).map(drop),
            "convert" => {
                let verb = ["migrate", "rehydrate"][self.random.below(2) as usize];
                let further = if verb == "migrate" { "--yes" } else { "--recursive" };
                let names = (0..FILES.len()).map(|file| World::name(store, space, file));
                let tickets: Vec<Ticket> = names.map(|name| self.world.ledger.begin_conversion(name, verb)).collect();
                self.change(verb, &[verb, &space_url, "--in-place", further], None, &tickets).map(drop)
            }
            _ => Ok(()),
        }
    }

    fn choose(&mut self) -> &'static str {
        let mut left = self.random.below(CHOICES.iter().map(|(_, weight)| weight).sum());
        for (kind, weight) in CHOICES {
            if left < weight {
                return kind;
            }
            left -= weight;
        }
        CHOICES[0].0
    }

    fn put(&mut self, kind: &'static str, name: usize) -> Result<()> {
        let (number, file) = self.make(name, kind == "put large")?;
        let url = self.world.url(name);
        let ticket = self.world.ledger.begin(name, &[Some(number)], kind);
        if kind == "put large" || self.random.below(4) == 0 {
            self.change(kind, &["cp", "-", &url], Some(&file), &[ticket])?;
        } else {
            let further: &[&str] = if self.random.below(8) == 0 { &["--no-delta"] } else { &[] };
            self.change(kind, &[&["cp", &file.display().to_string(), &url], further].concat(), None, &[ticket])?;
        }
        Ok(())
    }

    fn get(&mut self, kind: &'static str, name: usize, piped: bool) -> Result<()> {
        let (url, file) = (self.world.url(name), self.user.path("got"));
        let began = Instant::now();
        if piped {
            let mut command = self.user.command(&["cp", &url, "-"]);
            // Through a shell, so that the output is a file that the runner does not read as text.
            let mut shell = std::process::Command::new("sh");
            shell.args(["-c", "exec \"$@\" > got", "sh"]).arg(command.get_program()).args(command.get_args());
            shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            shell.current_dir(self.user.folder.join("w"));
            command = shell;
            let kill = self.kill(kind);
            let run = self.user.run_command(&mut command, None, kill)?;
            self.world.tally.ran(kind, kill.map(|kill| kill.signal), &run);
            return self.judge(kind, name, began, &run, run.is_done().then_some(&*file));
        }
        let run = self.change(kind, &["cp", &url, "got"], None, &[])?;
        // Whatever lies under the final name is whole, also where it was killed just after that.
        let there = file.exists();
        if run.is_done() && !there {
            self.world.tally.found(format!("{kind} of {url} says that all is done, and there is no file"));
        }
        self.judge(kind, name, began, &run, there.then_some(&*file))
    }

    /// Holds what came of a read of one name against what may be there.
    fn judge(&self, by: &str, name: usize, began: Instant, run: &Run, file: Option<&Path>) -> Result<()> {
        match file {
            Some(file) => drop(self.world.check_file(name, began, file, by)?),
            None if run.says_absent() => drop(self.world.check(name, began, None, by)),
            None if run.code == Some(4) => self.world.check_damage(name, began, run, by),
            None => {}
        }
        Ok(())
    }

    fn sync_up(&mut self, kind: &'static str, store: usize, space: usize) -> Result<()> {
        let mut numbers: [Option<u64>; FILES.len()] = [None; FILES.len()];
        fs::create_dir_all(self.user.path("up"))?;
        for (file, number) in numbers.iter_mut().enumerate() {
            if self.random.below(2) == 0 {
                let (made, path) = self.make(World::name(store, space, file), false)?;
                fs::rename(path, self.user.path("up").join(FILES[file]))?;
                *number = Some(made);
            }
        }
        let delete = kind.ends_with("--delete");
        let tickets = self.begin_space(store, space, Some((numbers, delete)), kind);
        let url = self.world.space_url(store, space);
        let further: &[&str] = if delete { &["--delete"] } else { &[] };
        self.change(kind, &[&["sync", "up", &url], further].concat(), None, &tickets).map(drop)
    }

    fn sync_down(&mut self, kind: &'static str, store: usize, space: usize) -> Result<()> {
        let began = Instant::now();
        let run = self.change(kind, &["sync", &self.world.space_url(store, space), "down"], None, &[])?;
        for (number, file) in FILES.iter().enumerate() {
            let (name, path) = (World::name(store, space, number), self.user.path("down").join(file));
            if path.exists() {
                self.world.check_file(name, began, &path, kind)?;
            } else if run.is_done() {
                self.world.check(name, began, None, kind);
            }
        }
        Ok(())
    }

    fn list(&mut self, kind: &'static str, store: usize, space: usize) -> Result<()> {
        let began = Instant::now();
        let run = self.change(kind, &["ls", &self.world.space_url(store, space)], None, &[])?;
        let empty = run.code == Some(1) && run.err.trim().is_empty() && !run.killed;
        if !run.is_done() && !empty {
            return Ok(());
        }
        for (number, file) in FILES.iter().enumerate() {
            let name = World::name(store, space, number);
            let allowed = self.world.ledger.allowed(name, began).values;
            let listed = run.out.lines().any(|line| line.split_whitespace().last() == Some(file));
            if listed && allowed == [None] || !listed && !allowed.contains(&None) {
                let how = if listed { "lists what is deleted" } else { "does not list what is there" };
                self.world.lost(name, &format!("{kind} {how}"));
            }
        }
        Ok(())
    }

    /// Copies or moves within a store, or to the other one.
    fn copy(&mut self, kind: &'static str, from: usize) -> Result<()> {
        let to = self.random.below(self.world.names() as u64) as usize;
        if from == to {
            return Ok(());
        }
        let (source, target) = (self.world.url(from), self.world.url(to));
        let ticket = self.world.ledger.begin_copy(to, from, &format!("{kind} from {source}"));
        let mut tickets = vec![ticket];
        if kind == "mv" {
            tickets.push(self.world.ledger.begin(from, &[None], &format!("mv to {target}")));
        }
        self.change(kind, &[kind, &source, &target], None, &tickets).map(drop)
    }

    /// Replaces the key of those that share, as the guide to keys tells; one in three stops half-way.
    fn rotate(&mut self, kind: &'static str) -> Result<()> {
        let Ok(_held) = self.world.rotation.try_lock() else { return Ok(()) };
        let heard = Duration::from_millis(1100);
        let stop = self.random.below(9);
        let key = self.user.run(&["key", "generate"])?.out.trim().to_owned();
        let old = self.world.keys()?;
        let spread = [&old[..1], std::slice::from_ref(&key), &old[1..old.len().min(7)]].concat();
        self.world.write_keys(&spread)?;
        thread::sleep(heard);
        if stop == 0 {
            return Ok(());
        }
        let promoted = [std::slice::from_ref(&key), &old[..old.len().min(7)]].concat();
        self.world.write_keys(&promoted)?;
        thread::sleep(heard);
        if stop == 1 {
            return Ok(());
        }
        let sharing = self.world.user(&format!("rotor-{stop}"), true)?;
        let run = sharing.run(&["key", "rewrap"])?;
        self.world.tally.ran(kind, None, &run);
        if stop > 2 {
            // Retired, whatever is under it still: that is a miss.
            self.world.write_keys(&[key])?;
        }
        Ok(())
    }

    /// Runs, perhaps to a sudden end, and tells the ledger what came of it.
    fn change(
        &mut self,
        kind: &'static str,
        arguments: &[&str],
        input: Option<&Path>,
        tickets: &[Ticket],
    ) -> Result<Run> {
        let kill = self.kill(kind);
        let run = self.user.run_with(arguments, input, kill)?;
        self.world.tally.ran(kind, kill.map(|kill| kill.signal), &run);
        let how = match &run {
            run if run.killed => format!("killed after {:?}", run.took),
            // Commands on many names tell which of them they were about.
            run if run.is_done() && tickets.len() > 2 => {
                format!("acknowledged: {}", run.out.trim().replace('\n', "; "))
            }
            run if run.is_done() => "acknowledged".to_owned(),
            run => format!("failed: {}", run.err.trim()),
        };
        for ticket in tickets {
            let grace = self.world.stores[World::parts(ticket.name()).0].grace;
            self.world.ledger.end(ticket, run.is_done(), grace, &how);
        }
        Ok(run)
    }

    fn kill(&mut self, kind: &str) -> Option<Kill> {
        if self.random.below(KILLED) != 0 {
            return None;
        }
        // Anywhere in a run, and a little after it.
        let after = self.world.tally.mean(kind).mul_f64(self.random.below(1300) as f64 / 1000.0);
        Some(Kill { after, signal: ["KILL", "KILL", "TERM"][self.random.below(3) as usize] })
    }

    /// Writes to all names of a space: these contents, and nothing elsewhere if the rest is deleted.
    fn begin_space(
        &self,
        store: usize,
        space: usize,
        sync: Option<([Option<u64>; FILES.len()], bool)>,
        kind: &str,
    ) -> Vec<Ticket> {
        let (numbers, delete) = sync.unwrap_or(([None; FILES.len()], true));
        let written = (0..FILES.len()).filter(|file| delete || numbers[*file].is_some());
        let begin = |file: usize| self.world.ledger.begin(World::name(store, space, file), &[numbers[file]], kind);
        written.map(begin).collect()
    }

    /// A new content for a name, in a file.
    fn make(&mut self, name: usize, large: bool) -> Result<(u64, PathBuf)> {
        let (_, space, _) = World::parts(name);
        let kind = match self.random.below(6) {
            _ if large => Kind::Large,
            0 => Kind::Noise,
            1 => Kind::Version(((space + 1) % SPACES.len()) as u64),
            _ => Kind::Version(space as u64),
        };
        let (number, content) = self.world.contents.make(kind, self.world.seed);
        let path = self.user.path(&format!("made-{number}"));
        fs::write(&path, content)?;
        Ok((number, path))
    }

    /// Removes what earlier runs left in the working directory.
    fn clear_desk(&self) -> Result<()> {
        let desk = self.user.folder.join("w");
        for entry in fs::read_dir(&desk)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let known = ["got", "up", "down", "rest"].contains(&name.as_str()) || name.starts_with("made-");
            self.world.tally.left("partial downloads", u64::from(!known));
        }
        fs::remove_dir_all(&desk)?;
        Ok(fs::create_dir_all(&desk)?)
    }
}
