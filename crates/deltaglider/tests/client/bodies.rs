//! Every kind of body.

use std::io;

use bytes::Bytes;
use deltaglider::{Body, ErrorKind};

use crate::fixture::{BUCKET, Fixture, archive, get, put};

#[tokio::test]
async fn every_kind_of_body_is_the_same_object() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    put(&client, "app/v0.zip", 0).await;
    let content = archive(1);
    let path = fixture.directory.path().join("v1.zip");
    std::fs::write(&path, &content).expect("written");
    let chunks: Vec<io::Result<Bytes>> = content.chunks(7000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    let leaked: &'static [u8] = Box::leak(content.clone().into_boxed_slice());
    let mut read_from = std::fs::File::open(&path).expect("opened");
    io::Read::read_exact(&mut read_from, &mut [0; 100]).expect("read");
    let bodies: Vec<(&str, Body)> = vec![
        ("bytes", Bytes::from(content.clone()).into()),
        ("vec", content.clone().into()),
        ("static", leaked.into()),
        ("path", Body::from_path(&path)),
        ("file", Body::from_file(std::fs::File::open(&path).expect("opened"))),
        ("file that was read from", read_from.into()),
        ("tokio file", tokio::fs::File::open(&path).await.expect("opened").into()),
        ("reader", Body::from_reader(tokio::fs::File::open(&path).await.expect("opened"))),
        ("reader of memory", Body::from_reader(io::Cursor::new(content.clone()))),
        ("stream", Body::from_stream(futures::stream::iter(chunks))),
    ];
    let expected = put(&client, "app/v1.zip", 1).await;
    for (name, body) in bodies {
        let key = format!("app/{name}.zip");
        let output = client.put_object().bucket(BUCKET).key(&key).body(body).send().await.expect(name);
        assert_eq!((&output.e_tag, output.kind), (&expected.e_tag, "delta"), "{name}");
        assert_eq!(get(&client, &key).await, content, "{name}");
    }
}

#[tokio::test]
async fn texts_and_nothing_are_bodies() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    for (body, content) in [
        (Body::from("abc"), "abc"),
        (Body::from("abc".to_owned()), "abc"),
        (Body::from(b"abc"), "abc"),
        (Body::default(), ""),
    ] {
        client.put_object().bucket(BUCKET).key("a.txt").body(body).send().await.expect("put");
        assert_eq!(get(&client, "a.txt").await, content.as_bytes());
    }
}

#[tokio::test]
async fn a_body_that_breaks_stores_nothing() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    let broken = futures::stream::iter([Ok(Bytes::from_static(b"abc")), Err(io::Error::other("broken"))]);
    let put = client.put_object().bucket(BUCKET).key("a.zip").body(Body::from_stream(broken));
    assert_eq!(put.send().await.expect_err("broken").kind(), ErrorKind::Local);
    let put = client.put_object().bucket(BUCKET).key("a.zip").body(Body::from_path("/nowhere/at/all"));
    assert_eq!(put.send().await.expect_err("absent").kind(), ErrorKind::Local);
    assert_eq!(fixture.store.counts().total(), 0);
}
