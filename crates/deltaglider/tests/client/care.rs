//! Care for buckets through the client.

use std::time::Duration;

use deltaglider::core::Location;
use deltaglider::core::engine::repair::Mended;
use deltaglider::core::engine::{Depth, Verdict};
use deltaglider::core::store::ObjectStore;
use futures::TryStreamExt;

use crate::fixture::{BUCKET, Fixture, archive, get, put};

#[tokio::test]
async fn a_bucket_is_looked_after() {
    let fixture = Fixture::new();
    let client = fixture.client().await;
    for version in 1..4 {
        put(&client, &format!("app/v{version}.zip"), version).await;
    }
    let url = format!("s3://{BUCKET}/app");
    let counted = client.stats(&url, true).await.expect("counted");
    assert_eq!((counted.objects, counted.deltas, counted.references, counted.exact), (3, 3, 1, true));
    assert!(counted.saved().expect("something is there") > 0.5);

    let store: &dyn ObjectStore = &fixture.memory;
    store.delete_one(&Location::new(BUCKET, "app/reference.bin"), None).await.expect("deleted");
    let reports: Vec<_> = client.verify_all(&url, Depth::Full).expect("a URL").try_collect().await.expect("listed");
    assert!(reports.iter().all(|report| matches!(report.verdict, Verdict::ReferenceMissing(_))), "{reports:?}");
    // This client has it in its cache, in the form that deltas are made against.
    let plan: Vec<_> = client.repair_plan(&url, Depth::Full).expect("a URL").try_collect().await.expect("planned");
    let repaired: Vec<_> = client.repair(&url, Depth::Full).expect("a URL").try_collect().await.expect("planned");
    assert_eq!(plan, [repaired[0].finding.clone()]);
    assert!(matches!(repaired[0].outcome, Ok(Mended::Done)), "{repaired:?}");
    client.clear_cache().await.expect("cleared");
    for version in 1..4 {
        assert!(get(&client, &format!("app/v{version}.zip")).await == archive(version));
    }

    for version in 1..4 {
        let at = Location::new(BUCKET, format!("app/v{version}.zip.delta"));
        store.delete_one(&at, None).await.expect("deleted");
    }
    assert_eq!(client.purge(&url).send().await.expect("purged").objects, []);
    let dry = client.purge(&url).older_than(Duration::ZERO).dry_run().send().await.expect("looked at");
    let purged = client.purge(&url).older_than(Duration::ZERO).send().await.expect("purged");
    assert_eq!((dry.objects.len(), purged.objects.len()), (1, 1));
    assert_eq!(purged.bytes(), archive(1).len() as u64);
    assert!(client.purge(format!("s3://{BUCKET}")).exclusive().send().await.expect("purged").uploads.is_empty());
}
