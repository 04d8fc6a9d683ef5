//! Keys of the sealed DeltaGlider cache: where they come from and how they rotate.
//!
//! | provider | the key is | it lives |
//! |---|---|---|
//! | [`EphemeralKeys`] | random, each provider's own | as long as the provider |
//! | [`EnvironmentKeys`] | in `DG_CACHE_ENCRYPTION_KEY` | as long as the variable says so; read once |
//! | [`FileKeys`] | in a file, as secrets are mounted | read again when the file changes |
//! | `SecretsManagerKeys` (feature `secrets-manager`) | in AWS Secrets Manager | read again every five minutes |
//!
//! Every load, refresh and rotation is told by an event of `tracing` with the target `deltaglider.key.access`: its source, the
//! id of the key, the process and the outcome, and never the key.

mod access;
pub mod environment;
pub mod ephemeral;
pub mod file;
mod key_ring;
pub mod material;
pub mod rotation;
#[cfg(feature = "secrets-manager")]
pub mod secrets_manager;

pub use environment::EnvironmentKeys;
pub use ephemeral::EphemeralKeys;
pub use file::FileKeys;
#[cfg(feature = "secrets-manager")]
pub use secrets_manager::{SecretsManagerKeys, SecretsManagerSettings};
