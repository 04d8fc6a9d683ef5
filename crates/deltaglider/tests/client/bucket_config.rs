//! What a bucket asks of all who write to it.

use deltaglider::config::Codec;
use deltaglider::core::Location;
use deltaglider::core::store::{Attributes, GetOptions, ObjectStore as _, PutBody, PutOptions};
use deltaglider::{Client, ErrorKind};

use crate::fixture::{BUCKET, Fixture, archive, get, put};

async fn codec_of(fixture: &Fixture, key: &str) -> String {
    let got = fixture.store.get(&Location::new(BUCKET, key), GetOptions::default()).await.expect("got");
    got.head.attributes.metadata["dg-codec"].clone()
}

async fn ask_for(client: &Client, codec: Codec) {
    client.put_bucket_config().bucket(BUCKET).codec(codec).send().await.expect("stored");
}

/// A configuration as somebody else may have written it.
async fn write(fixture: &Fixture, text: &str) {
    let body = PutBody::Bytes(text.to_owned().into());
    let at = Location::new(BUCKET, ".deltaglider/config.json");
    fixture.store.put(&at, body, PutOptions::default()).await.expect("stored");
}

#[tokio::test]
async fn all_clients_write_what_the_bucket_asks_for() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    assert_eq!(client.get_bucket_config().bucket(BUCKET).send().await.expect("read").codec, None);
    put(&client, "a/1.zip", 1).await;
    put(&client, "a/2.zip", 2).await;
    assert_eq!(codec_of(&fixture, "a/2.zip.delta").await, "dgd1");
    for (asked, name) in [(Codec::Vcdiff, "vcdiff"), (Codec::Zstd, "zstd"), (Codec::Dgd1, "dgd1")] {
        ask_for(&client, asked).await;
        assert_eq!(client.get_bucket_config().bucket(BUCKET).send().await.expect("read").codec.as_deref(), Some(name));
        for own in [Codec::Dgd1, Codec::Zstd, Codec::Vcdiff] {
            let other = fixture.builder().codec(own).build().await.expect("a client");
            put(&other, "a/3.zip", 3).await;
            assert_eq!(codec_of(&fixture, "a/3.zip.delta").await, name, "{own:?}");
            assert!(get(&other, "a/3.zip").await == archive(3));
        }
    }
    client.delete_bucket_config().bucket(BUCKET).send().await.expect("taken away");
    let other = fixture.builder().codec(Codec::Zstd).build().await.expect("a client");
    put(&other, "a/3.zip", 3).await;
    assert_eq!(codec_of(&fixture, "a/3.zip.delta").await, "zstd");
}

#[tokio::test]
async fn it_is_read_once() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    ask_for(&client, Codec::Zstd).await;
    fixture.store.reset();
    for key in ["a/1.zip", "a/2.zip", "b/3.zip", "b/4.zip"] {
        put(&client, key, 1).await;
        get(&client, key).await;
    }
    let read = fixture.store.requests().iter().filter(|request| request.at.key() == ".deltaglider/config.json").count();
    assert_eq!(read, 1);
}

#[tokio::test]
async fn copies_do_what_it_asks_for() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    for (key, version) in [("a/1.zip", 1), ("a/2.zip", 2), ("b/1.zip", 1)] {
        put(&client, key, version).await;
    }
    ask_for(&client, Codec::Vcdiff).await;
    client.copy_object().copy_source(BUCKET, "a/2.zip").bucket(BUCKET).key("b/2.zip").send().await.expect("copied");
    assert_eq!(codec_of(&fixture, "b/2.zip.delta").await, "vcdiff");
    assert!(get(&client, "b/2.zip").await == archive(2));
}

#[tokio::test]
async fn what_cannot_be_followed_is_an_error_and_nothing_is_written() {
    for (text, told) in [
        ("{\"version\":1,\"codec\":\"dgd9\"}", "`dgd9`"),
        ("{\"version\":2}", "version 2"),
        ("codec = vcdiff", "expected value"),
    ] {
        let fixture = Fixture::new();
        write(&fixture, text).await;
        let client = fixture.client().await;
        let request = client.put_object().bucket(BUCKET).key("a/1.zip").body(archive(1));
        let error = request.send().await.expect_err("it asks for what nobody has");
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(told), "{error}");
        let there = fixture.store.head(&Location::new(BUCKET, "a/1.zip.delta")).await;
        assert!(there.is_err_and(|error| error.is_not_found()));
    }
    let fixture = Fixture::new();
    // What a later client may say besides.
    write(&fixture, "{\"version\":1,\"codec\":\"zstd\",\"colour\":\"red\"}").await;
    put(&fixture.client().await, "a/1.zip", 1).await;
    assert_eq!(codec_of(&fixture, "a/1.zip.delta").await, "zstd");
}

#[tokio::test]
async fn for_earlier_clients_no_older_whole_form_is_left_in_front_of_a_delta() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    ask_for(&client, Codec::Vcdiff).await;
    put(&client, "a/1.zip", 1).await;
    for (key, body) in [("a/2.zip", "an older one"), ("a/3.zip", "another one")] {
        let options = PutOptions { attributes: Attributes::default(), ..PutOptions::default() };
        let at = Location::new(BUCKET, key);
        fixture.store.put(&at, PutBody::Bytes(body.into()), options).await.expect("stored");
    }
    put(&client, "a/2.zip", 2).await;
    put(&client, "b/1.zip", 1).await;
    client.copy_object().copy_source(BUCKET, "a/2.zip").bucket(BUCKET).key("a/3.zip").send().await.expect("copied");
    for key in ["a/2.zip", "a/3.zip"] {
        let there = fixture.store.head(&Location::new(BUCKET, key)).await;
        assert!(there.is_err_and(|error| error.is_not_found()), "{key}");
        assert!(get(&client, key).await == archive(2));
    }
}
