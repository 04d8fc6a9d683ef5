//! Keys out of Secrets Manager, against a server over HTTP: how they are read, served and rotated.
#![allow(clippy::unwrap_used)]

mod refreshing;
#[path = "../support/secret.rs"]
mod secret;
#[path = "../support/suite.rs"]
mod suite;

use deltaglider_testkit::SecretsServer;
use secret::Secret;

/// The suite against a server that keeps every promise, and against one that throttles every third call.
macro_rules! against_servers {
    ($($test:ident),* $(,)?) => {
        mod calm {
            use super::*;
            $(
                #[tokio::test]
                async fn $test() {
                    let server = SecretsServer::start().await.unwrap();
                    suite::$test(Secret::with_key(&server.endpoint(), [1; 32]).await).await;
                    assert!(server.calls().iter().all(|call| call.operation != "GetSecretValue" || !call.stage.is_empty()));
                }
            )*
        }

        mod throttled {
            use super::*;
            $(
                #[tokio::test]
                async fn $test() {
                    let server = SecretsServer::start().await.unwrap();
                    server.throttle_every(3);
                    suite::$test(Secret::with_key(&server.endpoint(), [1; 32]).await).await;
                }
            )*
        }
    };
}
suite::secret_suite!(against_servers);
