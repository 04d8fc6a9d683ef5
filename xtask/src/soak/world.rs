//! Where the soak takes place: stores, names in them, users, and the key that some of them share.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::content::Contents;
use super::ledger::{Ledger, Value, shown};
use super::tally::Tally;
use crate::client::{Client, Run};
use crate::servers;

/// Prefixes that are delta spaces.
pub(super) const SPACES: [&str; 3] = ["a", "b", "c/d"];
/// Names in each of them; the last can be no delta.
pub(super) const FILES: [&str; 5] = ["one.zip", "two.zip", "three.tar", "four.zip", "plain.txt"];
/// How long what a killed process had sent may take to have an effect at a server.
const GRACE: Duration = Duration::from_secs(5);

/// Whatever takes longer hangs; whole runs take less than a second.
const PATIENCE: Duration = Duration::from_secs(120);

/// A store that is soaked.
#[derive(Clone, Debug)]
pub(super) struct Store {
    /// Without a slash at its end.
    pub(super) url: String,
    /// What a killed process began may have an effect for so long.
    pub(super) grace: Duration,
}

/// All that the workers share.
#[derive(Debug)]
pub(super) struct World {
    pub(super) seed: u64,
    pub(super) folder: PathBuf,
    pub(super) stores: Vec<Store>,
    pub(super) ledger: Ledger,
    pub(super) contents: Contents,
    pub(super) tally: Tally,
    /// Held by whoever rotates the key.
    pub(super) rotation: Mutex<()>,
    program: PathBuf,
    endpoint: Option<String>,
}

impl World {
    /// Makes the stores, empty.
    pub(super) fn new(
        program: PathBuf,
        folder: PathBuf,
        seed: u64,
        endpoint: Option<String>,
        local: bool,
    ) -> Result<Self> {
        let mut stores = Vec::new();
        if endpoint.is_some() {
            stores.push(Store { url: "s3://soak".to_owned(), grace: GRACE });
        }
        if local {
            let url = format!("file://{}", folder.join("store").display());
            stores.push(Store { url, grace: Duration::ZERO });
        }
        let world = Self {
            seed,
            ledger: Ledger::new(stores.len() * SPACES.len() * FILES.len()),
            folder,
            stores,
            contents: Contents::default(),
            tally: Tally::default(),
            rotation: Mutex::new(()),
            program,
            endpoint,
        };
        fs::create_dir_all(&world.folder)?;
        let user = world.user("maker", false)?;
        for store in &world.stores {
            let made = user.run(&["mb", &store.url])?;
            ensure!(made.is_done(), "cannot make {}: {}", store.url, made.err);
        }
        let key = user.run(&["key", "generate"])?;
        ensure!(key.is_done(), "cannot make a key: {}", key.err);
        world.write_keys(&[key.out.trim().to_owned()])?;
        Ok(world)
    }

    /// A user; those that share have one cache, under the key that is rotated.
    pub(super) fn user(&self, name: &str, shares: bool) -> Result<Client> {
        let mut variables = Vec::new();
        if let Some(endpoint) = &self.endpoint {
            variables.push(("AWS_ENDPOINT_URL", endpoint.clone()));
            variables.push(("AWS_ACCESS_KEY_ID", servers::ACCESS_KEY.to_owned()));
            variables.push(("AWS_SECRET_ACCESS_KEY", servers::SECRET_KEY.to_owned()));
            variables.push(("AWS_REGION", "us-east-1".to_owned()));
        }
        if shares {
            variables.push(("DG_CACHE_DIR", self.folder.join("cache").display().to_string()));
            variables.push(("DG_CACHE_ENCRYPTION_KEY_FILE", self.key_file().display().to_string()));
        }
        Ok(Client::new(&self.program, self.folder.join(name), &variables)?.with_patience(PATIENCE))
    }

    /// Number of a name.
    pub(super) fn name(store: usize, space: usize, file: usize) -> usize {
        (store * SPACES.len() + space) * FILES.len() + file
    }

    /// Store, space and file of a name.
    pub(super) fn parts(name: usize) -> (usize, usize, usize) {
        let space = name / FILES.len();
        (space / SPACES.len(), space % SPACES.len(), name % FILES.len())
    }

    /// How many names there are.
    pub(super) fn names(&self) -> usize {
        self.stores.len() * SPACES.len() * FILES.len()
    }

    /// URL of a space, with a slash at its end.
    pub(super) fn space_url(&self, store: usize, space: usize) -> String {
        format!("{}/{}/", self.stores[store].url, SPACES[space])
    }

    /// URL of a name.
    pub(super) fn url(&self, name: usize) -> String {
        let (store, space, file) = Self::parts(name);
        format!("{}{}", self.space_url(store, space), FILES[file])
    }

    /// Holds what was read against what may be there; true where it may.
    pub(super) fn check(&self, name: usize, began: Instant, seen: Value, by: &str) -> bool {
        self.tally.compared();
        let allowed = self.ledger.allowed(name, began);
        let fine = allowed.values.contains(&seen);
        if !fine {
            let what = format!("{by} gives {}, which has to be {}", shown(&[seen]), shown(&allowed.values));
            self.lost(name, &what);
        }
        fine
    }

    /// Holds a file against what may be there.
    pub(super) fn check_file(&self, name: usize, began: Instant, file: &Path, by: &str) -> Result<Option<u64>> {
        let number = self.contents.of_file(file)?;
        if number.is_none() {
            let kept = self.folder.join(format!("torn-{}", file.file_name().unwrap_or_default().to_string_lossy()));
            fs::copy(file, &kept)?;
            self.lost(name, &format!("{by} gives what nobody ever put: {}", kept.display()));
            return Ok(None);
        }
        Ok(self.check(name, began, number, by).then_some(number).flatten())
    }

    /// An object whose bytes do not give it back: a put that was not acknowledged may leave that behind.
    pub(super) fn check_damage(&self, name: usize, began: Instant, run: &Run, by: &str) {
        let allowed = self.ledger.allowed(name, began);
        if allowed.doubtful && run.err.contains("reference missing") {
            self.ledger.say(name, &format!("{by}: reference missing"));
            self.tally.doubtful();
        } else {
            self.lost(name, &format!("{by}, where {} has to be: {}", shown(&allowed.values), run.err));
        }
    }

    /// Tells of a loss, with everything that happened to the name.
    pub(super) fn lost(&self, name: usize, what: &str) {
        self.ledger.say(name, &format!("LOST: {what}"));
        let url = self.url(name);
        self.tally.found(format!("{url}: {what}"));
        let story = self.folder.join(format!("lost-{name}.log"));
        let text = format!("{url}, seed {}\n{}", self.seed, self.ledger.story(name));
        if let Err(error) = fs::write(&story, text) {
            eprintln!("soak: {}: {error}", story.display());
        } else {
            eprintln!("soak: what happened to it: {}", story.display());
        }
    }

    /// Keys in force, the first one sealing.
    pub(super) fn keys(&self) -> Result<Vec<String>> {
        Ok(fs::read_to_string(self.key_file())?.lines().map(str::to_owned).collect())
    }

    /// Replaces the keys at once.
    pub(super) fn write_keys(&self, keys: &[String]) -> Result<()> {
        let new = self.folder.join("keys.new");
        let text: String = keys.iter().map(|key| format!("{key}\n")).collect();
        fs::write(&new, text)?;
        fs::set_permissions(&new, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        fs::rename(&new, self.key_file()).context("cannot replace the keys")
    }

    fn key_file(&self) -> PathBuf {
        self.folder.join("keys")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbered_without_gap() {
        let mut next = 0;
        for store in 0..2 {
            for space in 0..SPACES.len() {
                for file in 0..FILES.len() {
                    assert_eq!((World::name(store, space, file), World::parts(next)), (next, (store, space, file)));
                    next += 1;
                }
            }
        }
    }
}
