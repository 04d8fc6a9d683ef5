//! The web API: uploads at the same time under one name, cleared meanwhile, and what it tells Prometheus.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::program::{BUCKET, Program, World, archive};

const AT_A_TIME: u64 = 64;
const SIZE: usize = 64 << 10;

fn start(world: &World) -> (Program, SocketAddr) {
    let mut api = world.start("web_api", &[BUCKET, "127.0.0.1:0"], &[]);
    let line = api.line();
    let address = line.strip_prefix("listening on ").unwrap().parse().unwrap();
    (api, address)
}

/// Sends one request over a connection of its own; gives the status and the body.
async fn send(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
    (status, answer.split_off(end + 4))
}

/// Uploads contents at the same time, to the paths that their numbers give, while the cache is cleared again and again; gives the
/// statuses.
async fn upload_all(address: SocketAddr, path: impl Fn(u64) -> String) -> Vec<u16> {
    let uploads: Vec<_> = (0..AT_A_TIME)
        .map(|number| {
            let path = path(number);
            tokio::spawn(async move { send(address, "PUT", &path, &archive(SIZE, number)).await.0 })
        })
        .collect();
    let mut clears = 0;
    while clears < 3 || uploads.iter().any(|upload| !upload.is_finished()) {
        assert_eq!(send(address, "POST", "/admin/clear-cache", b"").await.0, 200);
        clears += 1;
    }
    let mut statuses = Vec::new();
    for upload in uploads {
        statuses.push(upload.await.unwrap());
    }
    statuses
}

/// The sum of the samples whose names and labels begin so.
fn sample(metrics: &str, name: &str) -> u64 {
    let samples = metrics.lines().filter(|line| line.starts_with(name));
    samples.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_at_the_same_time_under_one_name_are_all_right() {
    let world = World::new().await;
    let (api, address) = start(&world);
    let tenants = |number| format!("/files/tenants/{number}/app.zip");
    let versions = |number| format!("/files/team/app-{number}.zip");
    assert_eq!(upload_all(address, tenants).await, [201; AT_A_TIME as usize]);
    assert_eq!(upload_all(address, versions).await, [201; AT_A_TIME as usize]);
    for number in 0..AT_A_TIME {
        for path in [tenants(number), versions(number)] {
            let (status, body) = send(address, "GET", &path, b"").await;
            assert!(status == 200 && body == archive(SIZE, number), "{path}");
        }
    }

    // One key for all: the last one wins, and it is one of them.
    let statuses = upload_all(address, |_| "/files/one/app.zip".to_owned()).await;
    assert!(statuses.iter().all(|status| [201, 409].contains(status)), "{statuses:?}");
    let (status, body) = send(address, "GET", "/files/one/app.zip", b"").await;
    let put = statuses.iter().zip(0..).filter(|(status, _)| **status == 201);
    assert!(status == 200 && put.map(|(_, number)| archive(SIZE, number)).any(|content| content == body));

    api.terminate();
    let (code, _, errors) = api.end();
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert!(world.cached().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_what_happened() {
    let world = World::new().await;
    let (_api, address) = start(&world);
    for number in 0..5 {
        assert_eq!(send(address, "PUT", &format!("/files/app/{number}.zip"), &archive(SIZE, number)).await.0, 201);
    }
    assert_eq!(send(address, "POST", "/admin/clear-cache", b"").await.0, 200);
    assert_eq!(send(address, "GET", "/files/app/3.zip", b"").await, (200, archive(SIZE, 3)));
    assert_eq!(send(address, "GET", "/files/app/none.zip", b"").await.0, 404);
    let (status, body) = send(address, "GET", "/metrics", b"").await;
    let metrics = String::from_utf8(body).unwrap();
    assert_eq!(status, 200);
    for (name, value) in [
        ("deltaglider_puts_total{", 5),
        ("deltaglider_puts_total{kind=\"delta\",reference=\"created\"}", 1),
        ("deltaglider_puts_total{kind=\"delta\",reference=\"cached\"}", 4),
        ("deltaglider_put_bytes_total", 5 * SIZE as u64),
        ("deltaglider_gets_total{reference=\"fetched\"}", 1),
        ("deltaglider_get_bytes_total", SIZE as u64),
        ("deltaglider_cache_hits_total", 4),
        ("deltaglider_cache_misses_total", 1),
        ("deltaglider_cache_entries{backend=\"filesystem\"}", 1),
        ("deltaglider_cache_limit_bytes{backend=\"filesystem\"}", 10 << 30),
    ] {
        assert_eq!(sample(&metrics, name), value, "{name}\n{metrics}");
    }
    assert_eq!(sample(&metrics, "deltaglider_cache_bytes"), world.cache_entries_bytes());
    let stored = sample(&metrics, "deltaglider_put_stored_bytes_total");
    assert!(stored > 0 && stored < SIZE as u64, "{metrics}");
}
