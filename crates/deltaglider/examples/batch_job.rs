//! A batch job that uploads what a manifest lists, a file and a URL on each line, and leaves nothing behind, however it ends:
//! `batch_job manifest.txt`.

#![allow(clippy::print_stdout)]

use std::error::Error;

use deltaglider::Client;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: batch_job MANIFEST")?;
    let manifest = std::fs::read_to_string(path)?;

    let client = Client::from_env().await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let outcome = tokio::select! {
        outcome = upload(&client, &manifest) => outcome,
        _ = terminate.recv() => Err("ended by SIGTERM".into()),
        _ = ctrl_c() => Err("ended by SIGINT".into()),
    };
    // Success, an error and a signal all come by here and hear of trouble. A panic does not: it drops the client, which removes an
    // ephemeral cache as well.
    client.close().await?;
    println!("{} files uploaded", outcome?);
    Ok(())
}

async fn upload(client: &Client, manifest: &str) -> Result<usize, Box<dyn Error>> {
    let mut uploaded = 0;
    for line in manifest.lines() {
        // Whoever wrote the manifest made a mistake that no retry would mend.
        let (file, url) = line.split_once(' ').expect("a line has a file and a URL");
        let put = client.upload(file, url).await?;
        println!("{file}: {} of {} bytes stored", put.stored_size, put.size);
        uploaded += 1;
    }
    Ok(uploaded)
}
