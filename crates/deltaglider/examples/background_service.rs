//! A service that backs a file up on an interval, for as long as it runs, and ends in order on SIGTERM:
//! `background_service state.tar s3://bucket/backups/ 60`.
//!
//! Nothing of the cache has to be cleared for this: one reference is kept, however many uploads there are. The maintenance task is
//! for services that share disk and memory with others.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use deltaglider::{Client, Error, MaintenancePolicy};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

/// What is backed up, where to, and how often.
pub struct Backup {
    /// A file that changes.
    pub file: PathBuf,
    /// A URL that ends in `/`.
    pub prefix: String,
    /// How long it is from upload to upload.
    pub every: Duration,
}

// One upload at a time needs no more threads; each would have an arena of the allocator's to fill.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, prefix, seconds] = &arguments[..] else {
        return Err("usage: background_service FILE URL/ SECONDS".into());
    };
    let every = Duration::from_secs_f64(seconds.parse()?);
    let backup = Backup { file: file.into(), prefix: prefix.clone(), every };

    let client = Client::from_env().await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async move {
        terminate.recv().await;
    };
    let outcome = run(&client, &backup, MaintenancePolicy::default(), stop).await;
    client.close().await?;
    println!("ended in order after {} uploads", outcome?);
    Ok(())
}

/// Uploads until `stop` is done; an upload that has begun is finished. Gives the number of uploads.
pub async fn run(
    client: &Client,
    backup: &Backup,
    policy: MaintenancePolicy,
    stop: impl Future<Output = ()>,
) -> Result<u64, Error> {
    let maintenance = client.spawn_maintenance(policy);
    let mut ticks = interval(backup.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stop = pin!(stop);
    let mut uploads = 0;
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            _ = ticks.tick() => {}
        }
        let url = format!("{}{uploads:06}.tar", backup.prefix);
        match client.upload(&backup.file, &url).await {
            Ok(put) => {
                uploads += 1;
                println!("uploaded {url}: {} of {} bytes stored", put.stored_size, put.size);
            }
            // The next tick tries again.
            Err(error) if error.is_retryable() => eprintln!("not uploaded: {error}"),
            Err(error) => return Err(error),
        }
    }
    maintenance.stop().await;
    Ok(uploads)
}
