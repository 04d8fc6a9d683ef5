//! Listings, page by page and as streams.

use deltaglider::ErrorKind;
use deltaglider::core::engine::LogicalEntry;
use futures::TryStreamExt;

use crate::fixture::{BUCKET, Fixture, put};

async fn filled() -> (Fixture, deltaglider::Client) {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    for version in 1..=3 {
        put(&client, &format!("app/v{version}.zip"), version).await;
    }
    put(&client, "docs/a.txt", 1).await;
    put(&client, "z.zip", 1).await;
    (fixture, client)
}

#[tokio::test]
async fn pages_join_to_the_whole() {
    let (_fixture, client) = filled().await;
    let list = || client.list_objects_v2().bucket(BUCKET);
    let all = list().send().await.expect("listed");
    let keys: Vec<_> = all.contents.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(keys, ["app/v1.zip", "app/v2.zip", "app/v3.zip", "docs/a.txt", "z.zip"]);
    assert!(!all.is_truncated && all.next_continuation_token.is_none() && all.key_count == 5);
    assert!(all.contents[1].stored_size < 600 && all.contents[1].size == 60_000);

    for size in [1, 2, 4, 5] {
        let pages: Vec<_> = list().max_keys(size).into_paginator().try_collect().await.expect("listed");
        assert_eq!(pages.len(), 5_usize.div_ceil(size as usize));
        let joined: Vec<_> = pages.into_iter().flat_map(|page| page.contents).collect();
        assert_eq!(joined, all.contents, "{size}");
    }
    let streamed: Vec<_> = list().into_stream().expect("a stream").try_collect().await.expect("listed");
    assert_eq!(streamed.iter().map(LogicalEntry::name).collect::<Vec<_>>(), keys);
    assert_eq!(list().max_keys(0).send().await.expect("listed").key_count, 0);
}

#[tokio::test]
async fn a_delimiter_folds() {
    let (_fixture, client) = filled().await;
    let list = || client.list_objects_v2().bucket(BUCKET).delimiter("/");
    let top = list().send().await.expect("listed");
    assert_eq!(top.common_prefixes, ["app/", "docs/"]);
    assert_eq!(top.contents.len(), 1);
    let pages: Vec<_> = list().max_keys(1).into_paginator().try_collect().await.expect("listed");
    assert_eq!(pages.len(), 3);
    assert_eq!(pages[1].common_prefixes, ["docs/"]);
    let below = list().prefix("app/").start_after("app/v1.zip").send().await.expect("listed");
    assert_eq!(below.contents.len(), 2);
    let error = client.list_objects_v2().bucket(BUCKET).delimiter("-").send().await.expect_err("no delimiter");
    assert_eq!(error.kind(), ErrorKind::Usage);
    let error = list().continuation_token("page 2").send().await.expect_err("no token");
    assert_eq!(error.kind(), ErrorKind::Usage);
}
