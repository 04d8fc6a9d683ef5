//! Keys out of Secrets Manager, and their rotation, against a server that others wrote.
//!
//! `DG_TEST_SECRETS_MANAGER_ENDPOINT` names it; it takes any credentials. `cargo xtask servers` starts moto for it. Without the
//! variable nothing is tested.
#![allow(clippy::unwrap_used)]

#[path = "support/secret.rs"]
mod secret;
#[path = "support/suite.rs"]
mod suite;

use secret::Secret;

/// The suite, where a server is named.
macro_rules! against_server {
    ($($test:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $test() {
                let Ok(endpoint) = std::env::var("DG_TEST_SECRETS_MANAGER_ENDPOINT") else { return };
                suite::$test(Secret::with_key(&endpoint, [1; 32]).await).await;
            }
        )*
    };
}
suite::secret_suite!(against_server);
