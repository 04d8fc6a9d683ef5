//! Uploads and downloads by URL.

use std::path::Path;

use deltaglider::core::Location;
use deltaglider::core::engine::Verdict;
use deltaglider::core::store::{GetOptions, ObjectStore, PutOptions};
use deltaglider::{Client, ErrorKind};

use crate::fixture::{BUCKET, Fixture, archive, get, names, put};

fn write(fixture: &Fixture, name: &str, version: u64) -> std::path::PathBuf {
    let path = fixture.directory.path().join(name);
    std::fs::write(&path, archive(version)).expect("written");
    path
}

/// A directory to download into.
fn target(fixture: &Fixture) -> std::path::PathBuf {
    let target = fixture.directory.path().join("target");
    std::fs::create_dir_all(&target).expect("made");
    target
}

#[tokio::test]
async fn an_upload_takes_the_name_of_the_file_where_the_url_has_none() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    let path = write(&fixture, "v1.zip", 1);
    for (url, key) in [
        (format!("s3://{BUCKET}/app/"), "app/v1.zip"),
        (format!("s3://{BUCKET}/app/v2.zip"), "app/v2.zip"),
        (format!("s3://{BUCKET}"), "v1.zip"),
        (format!("s3://{BUCKET}//"), "/v1.zip"),
    ] {
        let output = client.upload(&path, &url).await.expect("uploaded");
        assert_eq!(output.at, Location::new(BUCKET, key));
        assert_eq!(get(&client, key).await, archive(1));
    }
    assert_eq!(client.upload(&path, "s3://").await.expect_err("no bucket").kind(), ErrorKind::Usage);
    assert_eq!(client.upload(&path, "v1.zip").await.expect_err("no URL").kind(), ErrorKind::Usage);
    let error = client.upload("/nowhere/x.zip", &format!("s3://{BUCKET}/")).await.expect_err("no file");
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Local, "/nowhere/x.zip cannot be read".to_owned()));
}

#[tokio::test]
async fn both_schemes_work_at_any_time() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    let store = format!("file://{}/store", fixture.directory.path().display());
    client.create_bucket().bucket(&store).send().await.expect("made");
    for version in 1..=2 {
        let path = write(&fixture, &format!("v{version}.zip"), version);
        let local = client.upload(&path, &format!("{store}/app/")).await.expect("uploaded");
        let remote = client.upload(&path, &format!("s3://{BUCKET}/app/")).await.expect("uploaded");
        assert_eq!((local.kind, local.e_tag), (remote.kind, remote.e_tag));
    }
    let path = target(&fixture).join("new/directories/x.zip");
    let download = client.download(&format!("{store}/app/v2.zip"), &path).await.expect("downloaded");
    assert_eq!(download.path, path);
    assert_eq!(std::fs::read(&path).expect("read"), archive(2));
}

#[tokio::test]
async fn a_download_is_there_complete_and_alone() {
    use std::os::unix::fs::PermissionsExt;

    let fixture = Fixture::new();
    let client = fixture.client().await;
    put(&client, "app/v1.zip", 1).await;
    put(&client, "app/v2.zip", 2).await;
    put(&client, "app/v2.txt", 2).await;
    let directory = target(&fixture);
    for (key, name) in [("app/v2.zip", "v2.zip"), ("app/v2.txt", "v2.txt")] {
        let download = client.download(&format!("s3://{BUCKET}/{key}"), &directory).await.expect("downloaded");
        assert_eq!((download.path, download.object.size), (directory.join(name), 60_000));
        assert_eq!(std::fs::read(directory.join(name)).expect("read"), archive(2));
    }
    // A file that is there is replaced, and looks like any other new file.
    client.download(&format!("s3://{BUCKET}/app/v1.zip"), directory.join("v2.zip")).await.expect("downloaded");
    assert_eq!(std::fs::read(directory.join("v2.zip")).expect("read"), archive(1));
    let plain = directory.join("plain");
    std::fs::write(&plain, "").expect("written");
    let mode = |path: &Path| std::fs::metadata(path).expect("a file").permissions().mode();
    assert_eq!(mode(&directory.join("v2.zip")), mode(&plain));
    std::fs::remove_file(plain).expect("removed");
    assert_eq!(names(&directory), ["v2.txt", "v2.zip"]);
}

#[tokio::test]
async fn a_failed_download_leaves_what_was_there() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    put(&client, "app/v1.zip", 1).await;
    put(&client, "app/v2.zip", 2).await;
    put(&client, "app/v2.txt", 2).await;
    for stored in ["app/v2.zip.delta", "app/v2.txt"] {
        damage(&fixture, stored).await;
    }
    let directory = target(&fixture);
    std::fs::write(directory.join("v2.zip"), "before").expect("written");
    for (key, kind) in [
        ("app/v2.zip", ErrorKind::Integrity),
        ("app/v2.txt", ErrorKind::Integrity),
        ("app/nothing.zip", ErrorKind::NotFound),
    ] {
        let url = format!("s3://{BUCKET}/{key}");
        assert_eq!(client.download(&url, &directory).await.expect_err("damaged").kind(), kind, "{key}");
    }
    assert_eq!(names(&directory), ["v2.zip"]);
    assert_eq!(std::fs::read(directory.join("v2.zip")).expect("read"), b"before");

    let verify = |key: &str| {
        let (client, url) = (client.clone(), format!("s3://{BUCKET}/{key}"));
        async move { client.verify(&url).await.expect("verified").verdict }
    };
    assert!(matches!(verify("app/v1.zip").await, Verdict::Proven));
    assert!(matches!(verify("app/v2.zip").await, Verdict::Damaged(_)));
}

/// Changes a byte in the middle of a stored object.
async fn damage(fixture: &Fixture, key: &str) {
    let at = Location::new(BUCKET, key);
    let object = fixture.memory.get(&at, GetOptions::default()).await.expect("got");
    let attributes = object.head.attributes.clone();
    let mut bytes = object.bytes(1 << 20).await.expect("read").to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let options = PutOptions { attributes, ..PutOptions::default() };
    fixture.memory.put(&at, bytes::Bytes::from(bytes).into(), options).await.expect("put");
}

#[tokio::test]
async fn no_key_leads_out_of_the_directory() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    let directory = target(&fixture);
    for key in ["a/..", "..", "a/.", "dir/"] {
        client.put_object().bucket(BUCKET).key(key).body("x").send().await.expect("put");
        let error = client.download(&format!("s3://{BUCKET}/{key}"), &directory).await.expect_err("no name");
        assert_eq!(error.kind(), ErrorKind::Usage, "{key}");
    }
    client.put_object().bucket(BUCKET).key("../../evil").body("x").send().await.expect("put");
    let download = client.download(&format!("s3://{BUCKET}/../../evil"), &directory).await.expect("downloaded");
    assert_eq!(download.path, directory.join("evil"));
    let error = client.download(&format!("s3://{BUCKET}/../../evil"), "/dev/null").await.expect_err("a device");
    assert_eq!(error.kind(), ErrorKind::Local);
    assert_eq!(names(&directory), ["evil"]);
}

#[tokio::test]
async fn a_link_is_replaced_not_followed() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    put(&client, "app/v1.zip", 1).await;
    let directory = target(&fixture);
    let outside = write(&fixture, "outside", 7);
    std::os::unix::fs::symlink(&outside, directory.join("v1.zip")).expect("linked");
    client.download(&format!("s3://{BUCKET}/app/v1.zip"), &directory).await.expect("downloaded");
    assert_eq!(std::fs::read(&outside).expect("read"), archive(7));
    assert_eq!(std::fs::read(directory.join("v1.zip")).expect("read"), archive(1));
}

#[tokio::test]
async fn a_batch_answers_item_by_item() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    let items: Vec<_> = (0..20_u64)
        .map(|version| (write(&fixture, &format!("v{version}.zip"), version), format!("s3://{BUCKET}/app/")))
        .chain([("/nowhere/x.zip".into(), format!("s3://{BUCKET}/app/"))])
        .collect();
    let uploads = client.upload_batch(items).await;
    assert_eq!(uploads.len(), 21);
    assert!(uploads[..20].iter().all(|upload| upload.result.is_ok()));
    assert_eq!(uploads[20].result.as_ref().expect_err("no file").kind(), ErrorKind::Local);

    let directory = target(&fixture);
    let items = (0..21).map(|version| (format!("s3://{BUCKET}/app/v{version}.zip"), &directory));
    let downloads = client.download_batch(items).await;
    for (version, download) in downloads.iter().enumerate() {
        assert!(download.url.ends_with(&format!("/v{version}.zip")));
        match &download.result {
            Ok(done) => assert_eq!(std::fs::read(&done.path).expect("read"), archive(version as u64)),
            Err(error) => assert!(version == 20 && error.is_not_found(), "{error}"),
        }
    }
    assert_eq!(names(&directory).len(), 20);
}

#[tokio::test]
async fn an_estimate_stores_nothing() {
    let fixture = Fixture::new();
    let client: Client = fixture.client().await;
    let (first, second) = (write(&fixture, "v1.zip", 1), write(&fixture, "v2.zip", 2));
    let url = format!("s3://{BUCKET}/app/");
    let estimate = client.estimate(&first, &url).await.expect("estimated");
    assert!(estimate.becomes_reference);
    client.upload(&first, &url).await.expect("uploaded");
    fixture.store.reset();
    let estimate = client.estimate(&second, &url).await.expect("estimated");
    assert!(!estimate.becomes_reference && estimate.stored_size < 600, "{estimate:?}");
    assert_eq!((fixture.store.counts().put, fixture.store.counts().total()), (0, 1));
}
