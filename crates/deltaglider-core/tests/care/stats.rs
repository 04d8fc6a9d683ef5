//! Stats: what a prefix holds, and a kept result that is given only as long as it holds.

use std::time::SystemTime;

use deltaglider_core::engine::stats::{GroupBy, Stats, StatsRequest, Verdict};
use deltaglider_core::store::{Operation, StoreErrorKind};
use deltaglider_testkit::Fault;

use crate::bench::{Bench, at, unrelated, version};

fn request(prefix: &str) -> StatsRequest {
    StatsRequest {
        prefix: at(prefix),
        detailed: false,
        by: GroupBy::DeltaSpace,
        refresh: false,
        now: SystemTime::now(),
    }
}

async fn stats(bench: &Bench, request: &StatsRequest) -> Stats {
    bench.engine.stats(request).await.expect("counted")
}

async fn bucket() -> Bench {
    let bench = Bench::new();
    for n in 1..=3 {
        bench.put(&format!("r/a-{n}.zip"), &version(n)).await;
    }
    bench.put("r/notes.txt", b"notes").await;
    bench.put("s/b.zip", &unrelated(4)).await;
    bench.put_raw("s/c.zip.delta", b"another's", &[]).await;
    bench.put_raw("s/b.zip", b"hidden", &[]).await;
    bench
}

#[tokio::test]
async fn everything_is_counted_once() {
    let bench = bucket().await.cold();
    let counted = stats(&bench, &request("")).await;
    let size = version(1).len() as u64;
    assert_eq!((counted.objects, counted.deltas, counted.plain, counted.references), (6, 4, 2, 2));
    assert_eq!(counted.logical, 4 * size + 5 + 9);
    assert_eq!((counted.reference_bytes, counted.plain_bytes), (2 * size, 14));
    assert_eq!((counted.internal, counted.internal_bytes), (1, 6));
    assert_eq!(counted.stored, 2 * size + counted.delta_stored + 14 + 6);
    assert_eq!((counted.exact, counted.cached, counted.spaces), (true, false, 2));
    let names: Vec<_> =
        counted.groups.iter().map(|group| (group.name.as_str(), group.objects, group.verdict)).collect();
    assert_eq!(names, [("r/", 4, Some(Verdict::Excellent)), ("s/", 2, Some(Verdict::Excellent))]);
    let stored: u64 = counted.groups.iter().map(|group| group.stored).sum();
    assert_eq!(stored + counted.internal_bytes, counted.stored);
}

#[tokio::test]
async fn a_kept_result_is_given_as_long_as_it_holds() {
    let bench = bucket().await;
    let first = stats(&bench.cold(), &request("")).await;
    let cold = bench.cold();
    let again = stats(&cold, &request("")).await;
    assert!(again.cached);
    let mut fresh = again.clone();
    fresh.cached = false;
    assert_eq!(fresh, first);
    let counts = cold.count.counts();
    assert_eq!((counts.get, counts.list, counts.head, counts.put), (1, 1, 0, 0));
    assert!(!stats(&bench.cold(), &StatsRequest { refresh: true, ..request("") }).await.cached);
    assert!(!stats(&bench.cold(), &request("r")).await.cached, "another question");
    bench.put("r/a-4.zip", &version(4)).await;
    let changed = stats(&bench.cold(), &request("")).await;
    assert_eq!((changed.cached, changed.objects), (false, first.objects + 1));
    // What is kept there is no object, and what cannot be read there is no answer.
    let kept: Vec<_> = bench.stored().await.into_iter().filter(|key| key.starts_with(".deltaglider/stats/")).collect();
    assert_eq!(kept.len(), 2);
    for key in kept {
        bench.put_raw(&key, b"{", &[]).await;
    }
    assert_eq!(stats(&bench.cold(), &request("")).await.objects, changed.objects);
}

#[tokio::test]
async fn many_deltas_are_estimated_unless_all_are_asked_for() {
    let bench = Bench::new();
    for n in 0..60 {
        bench.put(&format!("r/a-{n:02}.zip"), &version(n)).await;
    }
    let cold = bench.cold();
    let quick = stats(&cold, &request("")).await;
    assert!(!quick.exact);
    assert_eq!(cold.count.counts().head, 20 + 1);
    let detailed = stats(&bench.cold(), &StatsRequest { detailed: true, ..request("") }).await;
    assert!(detailed.exact);
    // They are all of the same length.
    assert_eq!((quick.objects, quick.logical, quick.stored), (60, detailed.logical, detailed.stored));
}

#[tokio::test]
async fn who_may_not_write_counts_all_the_same() {
    let bench = bucket().await.cold();
    bench.fault.fail(Operation::Get, 1, Fault::Before(StoreErrorKind::Denied));
    bench.fault.fail(Operation::Put, 1, Fault::Before(StoreErrorKind::Denied));
    assert_eq!(stats(&bench, &request("")).await.objects, 6);
    assert_eq!(bench.fault.struck(), 2);
}

#[tokio::test]
async fn groups_follow_prefixes_and_extensions() {
    let bench = bucket().await;
    bench.put("r/deep/x.zip", &version(1)).await;
    let names = async |by| {
        let counted = stats(&bench, &StatsRequest { by, ..request("") }).await;
        let mut names: Vec<_> = counted.groups.into_iter().map(|group| (group.name, group.objects)).collect();
        names.sort();
        names
    };
    let named = |pairs: &[(&str, u64)]| pairs.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect::<Vec<_>>();
    assert_eq!(names(GroupBy::Prefix(1)).await, named(&[("r/", 5), ("s/", 2)]));
    assert_eq!(names(GroupBy::Prefix(2)).await, named(&[("r/", 4), ("r/deep/", 1), ("s/", 2)]));
    assert_eq!(names(GroupBy::Extension).await, named(&[(".delta", 1), (".txt", 1), (".zip", 5)]));
}
