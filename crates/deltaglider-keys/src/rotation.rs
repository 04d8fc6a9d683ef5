//! Rotation of a key that others use at the same time: where a secret stands, and what is left to do from there.
//!
//! Zero downtime is one order of work: spread the new key as one that only opens, promote it, put what is cached under it, retire
//! the old one. Where a rotation stands is read from the stages of the secret alone, so that it goes on, or back, from wherever
//! it was killed.

mod plan;

use std::fmt::Debug;
use std::io::Write;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use deltaglider_core::keys::{CacheEncryptionKey, KeyError, KeyId};
use deltaglider_core::seal::{Binding, BodyKey, SealReader, SealWriter};
use deltaglider_core::{RandomAccess, Sha256};

pub use plan::{Action, Request, Step, plan};

use crate::access;
use crate::material::{generate, parse_key};

/// Begins the ids of versions that a rotation of ours made.
const OURS: &str = "deltaglider-";

/// What a version of a secret is to those who read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Will be in force; until then it only opens.
    Pending,
    /// Is in force.
    Current,
    /// Was in force; it only opens.
    Previous,
}

/// A version of a secret, as a stage names it.
#[derive(Clone, Debug)]
pub struct Version {
    /// Its id.
    pub id: String,
    /// When it was made.
    pub created: Option<SystemTime>,
    /// Its key, or why it has none.
    pub key: Result<CacheEncryptionKey, KeyError>,
}

impl Version {
    /// The id of its key, where it has one.
    #[must_use]
    pub fn key_id(&self) -> Option<KeyId> {
        self.key.as_ref().ok().map(CacheEncryptionKey::id)
    }

    /// Whether a rotation of ours made it.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.id.starts_with(OURS)
    }
}

/// A secret of which versions carry stages.
///
/// Contract: each stage is on one version at most; `promote` moves [`Stage::Current`] and, by itself, [`Stage::Previous`] to
/// where that was, in one step, and fails where `from` is not in force; calls that were answered by an error may have had their effect.
#[async_trait]
pub trait KeyVault: Debug + Send + Sync {
    /// What the secret is called in errors and events.
    fn name(&self) -> String;

    /// The version at a stage; `None` where the stage is known to be on none.
    async fn version(&self, stage: Stage) -> Result<Option<Version>, KeyError>;

    /// Makes a version of this id at [`Stage::Pending`] with this key, in base64; what else the secret holds is kept.
    async fn create_pending(&self, id: &str, key: &str) -> Result<(), KeyError>;

    /// Puts the version `to` in force in place of `from`.
    async fn promote(&self, from: &str, to: &str) -> Result<(), KeyError>;

    /// Takes a stage from a version.
    async fn withdraw(&self, stage: Stage, id: &str) -> Result<(), KeyError>;
}

/// Which versions of a secret are at which stage.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The version in force.
    pub current: Version,
    /// The one that will be. A rotation leaves the stage on the version in force until everything is under its key.
    pub pending: Option<Version>,
    /// The one that was.
    pub previous: Option<Version>,
}

impl Standing {
    /// Reads it, by 3 requests. In this order a version that is promoted meanwhile is still seen.
    pub async fn of(vault: &dyn KeyVault) -> Result<Self, KeyError> {
        let pending = vault.version(Stage::Pending).await?;
        let Some(current) = vault.version(Stage::Current).await? else {
            let reason = "no version of it is in force (AWSCURRENT); store a key in it first".to_owned();
            return Err(KeyError::Unavailable { source_name: vault.name(), reason });
        };
        Ok(Self { current, pending, previous: vault.version(Stage::Previous).await? })
    }
}

/// Why a rotation does not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotationError {
    /// Another rotation was begun and not ended.
    #[error(
        "a rotation of {secret} is under way: the version {version} is at AWSPENDING{}; to fix: end it with `--resume`, or \
         take it back with `--abort`", if *.foreign { ", and DeltaGlider did not make it" } else { "" }
    )]
    UnderWay {
        /// The secret.
        secret: String,
        /// The version at the stage.
        version: String,
        /// Whether something else than a rotation of ours made that version.
        foreign: bool,
    },
    /// Somebody else moved a stage meanwhile.
    #[error(
        "somebody else is rotating {secret}: {version} is not at AWSPENDING any more; look at it again before you go on"
    )]
    Overtaken {
        /// The secret.
        secret: String,
        /// The version that was there.
        version: String,
    },
    /// What the new key sealed it does not open.
    #[error("the new key of {secret} does not open what it sealed; to fix: take it back with `--abort`")]
    Canary {
        /// The secret.
        secret: String,
    },
    /// Entries are under an old key after they were put under the new one.
    #[error(
        "{entries} entries of the cache are still under an old key; some process may not have heard of the new one: \
         end the rotation with `--resume` when it has, or give these entries up with `deltaglider cache clear`"
    )]
    StillSealed {
        /// How many.
        entries: u64,
    },
    /// The process seals under another key than the one that was put in force.
    #[error("the key that was put in force is not the one that is read from {secret}: is it another secret?")]
    NotInForce {
        /// The secret.
        secret: String,
    },
    /// The vault refused or failed.
    #[error(transparent)]
    Vault(#[from] KeyError),
}

/// A rotation that is carried out step by step.
#[derive(Debug)]
pub struct Rotation<'v> {
    vault: &'v dyn KeyVault,
    standing: Standing,
    wait: Duration,
}

impl<'v> Rotation<'v> {
    /// Looks where a secret stands, by 3 requests. [`Step::Spread`] and [`Step::Settle`] will wait for `wait`: long enough for
    /// every process that has the key to read it again, which two refresh intervals are.
    pub async fn look(vault: &'v dyn KeyVault, wait: Duration) -> Result<Self, RotationError> {
        Ok(Self { vault, standing: Standing::of(vault).await?, wait })
    }

    /// Where the secret stands, as far as it was seen and changed.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// What is left to do for a request.
    ///
    /// # Errors
    /// [`RotationError::UnderWay`] where another rotation has to be ended first.
    pub fn plan(&self, request: Request) -> Result<Vec<Step>, RotationError> {
        plan(&self.standing, request).map_err(|pending| RotationError::UnderWay {
            secret: self.vault.name(),
            version: pending.id.clone(),
            foreign: !pending.is_ours(),
        })
    }

    /// Carries out a step of the secret. The steps of the cache ([`Step::is_of_cache`]) are the caller's: for them it does nothing.
    pub async fn carry_out(&mut self, step: Step) -> Result<(), RotationError> {
        match step {
            Step::Create => self.create().await,
            Step::Spread | Step::Settle => {
                tokio::time::sleep(self.wait).await;
                Ok(())
            }
            Step::Prove => self.prove().await,
            Step::Promote => self.promote().await,
            Step::Finish | Step::Withdraw => self.take(Stage::Pending, step).await,
            Step::Retire => self.take(Stage::Previous, step).await,
            Step::Rewrap | Step::Verify | Step::Purge => Ok(()),
        }
    }

    async fn create(&mut self) -> Result<(), RotationError> {
        let text = generate()?;
        let key = parse_key(&text, &self.vault.name())?;
        let id = fresh_id()?;
        self.vault.create_pending(&id, &text).await?;
        access::rotated(&self.vault.name(), Some(key.id()), "created");
        self.standing.pending = Some(Version { id, created: Some(SystemTime::now()), key: Ok(key) });
        Ok(())
    }

    /// Reads the new key back as everybody else does, and opens with it what the key that was made here sealed.
    async fn prove(&mut self) -> Result<(), RotationError> {
        let secret = self.vault.name();
        let expected = self.expected(Stage::Pending);
        let found = self.vault.version(Stage::Pending).await?;
        let overtaken = || RotationError::Overtaken { secret: secret.clone(), version: expected.clone() };
        let found = found.filter(|found| found.id == expected).ok_or_else(overtaken)?;
        let read = found.key.clone()?;
        let made = self.standing.pending.as_ref().and_then(|pending| pending.key.clone().ok());
        if !opens(&read, made.as_ref().unwrap_or(&read)) {
            return Err(RotationError::Canary { secret });
        }
        access::rotated(&secret, Some(read.id()), "proven");
        self.standing.pending = Some(found);
        Ok(())
    }

    async fn promote(&mut self) -> Result<(), RotationError> {
        let (from, to) = (self.standing.current.id.clone(), self.expected(Stage::Pending));
        self.vault.promote(&from, &to).await?;
        if let Some(pending) = self.standing.pending.clone() {
            access::rotated(&self.vault.name(), pending.key_id(), "promoted");
            self.standing.previous = Some(std::mem::replace(&mut self.standing.current, pending));
        }
        Ok(())
    }

    /// Takes a stage from its version, which may have gone already.
    async fn take(&mut self, stage: Stage, step: Step) -> Result<(), RotationError> {
        let held = match stage {
            Stage::Previous => &mut self.standing.previous,
            _ => &mut self.standing.pending,
        };
        if let Some(version) = held.take() {
            self.vault.withdraw(stage, &version.id).await?;
            access::rotated(&self.vault.name(), version.key_id(), step.done());
        }
        Ok(())
    }

    fn expected(&self, stage: Stage) -> String {
        let version = match stage {
            Stage::Pending => self.standing.pending.as_ref(),
            Stage::Current => Some(&self.standing.current),
            Stage::Previous => self.standing.previous.as_ref(),
        };
        version.map(|version| version.id.clone()).unwrap_or_default()
    }
}

/// An id for a version, which its request is repeated with: 32 to 64 characters.
fn fresh_id() -> Result<String, KeyError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| KeyError::Unavailable {
        source_name: "the system's random bytes".to_owned(),
        reason: error.to_string(),
    })?;
    Ok(bytes.iter().fold(OURS.to_owned(), |id, byte| format!("{id}{byte:02x}")))
}

/// Whether one key opens what the other seals.
fn opens(key: &CacheEncryptionKey, sealing: &CacheEncryptionKey) -> bool {
    const CANARY: &[u8] = b"a reference of a delta space";
    let body_key = |key: &CacheEncryptionKey| BodyKey::fill_with(|bytes| key.derive(b"canary of a rotation", bytes));
    let binding = Binding { digest: Sha256([0; 32]), entry: [0; 16], length: Some(CANARY.len() as u64) };
    let mut writer = SealWriter::new(Vec::new(), &body_key(sealing), binding);
    let sealed = writer.write_all(CANARY).and_then(|()| writer.finish());
    let mut opened = [0; CANARY.len()];
    let read = sealed.ok().and_then(|sealed| {
        let reader = SealReader::new(bytes::Bytes::from(sealed), &body_key(key), binding).ok()?;
        reader.read_at(&mut opened, 0).ok()
    });
    read == Some(CANARY.len()) && opened == CANARY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_is_opened_by_its_own_key_alone() {
        let key = |byte| {
            CacheEncryptionKey::fill_with(|bytes: &mut [u8; 32]| {
                bytes.fill(byte);
                Ok::<_, KeyError>(())
            })
            .expect("filled")
        };
        assert!(opens(&key(1), &key(1)));
        assert!(!opens(&key(1), &key(2)));
    }

    #[test]
    fn ids_fit_the_vault_and_are_known_again() {
        let id = fresh_id().expect("random");
        assert!((32..=64).contains(&id.len()) && id.starts_with(OURS), "{id}");
        assert_ne!(id, fresh_id().expect("random"));
    }
}
