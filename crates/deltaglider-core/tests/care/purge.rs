//! Purge: garbage goes, what may be needed stays, and another client loses nothing.

use std::time::{Duration, SystemTime};

use deltaglider_core::Sha256;
use deltaglider_core::engine::purge::{Garbage, PurgeOutcome, PurgeRequest, Purged};
use deltaglider_core::store::{ObjectStore, Operation, StoreErrorKind};
use deltaglider_testkit::Fault;
use futures::TryStreamExt;

use crate::bench::{Bench, at, unrelated, version};

const DAY: Duration = Duration::from_secs(86_400);

/// A purge of what is older than a week, in eight days.
fn later() -> PurgeRequest {
    PurgeRequest { prefix: at(""), older_than: 7 * DAY, now: SystemTime::now() + 8 * DAY, exclusive: false, dry: false }
}

async fn purge(bench: &Bench, request: PurgeRequest) -> Vec<Purged> {
    bench.engine.purge(request).try_collect().await.expect("purged")
}

fn told(purged: &[Purged]) -> Vec<(&str, &'static str, &'static str)> {
    purged
        .iter()
        .map(|purged| {
            let outcome = match purged.outcome {
                PurgeOutcome::Removed => "removed",
                PurgeOutcome::WouldRemove => "would",
                _ => "kept",
            };
            (purged.at.key(), purged.garbage.as_str(), outcome)
        })
        .collect()
}

async fn versions() -> Bench {
    let bench = Bench::new();
    for n in 1..=3 {
        bench.put(&format!("r/a-{n}.zip"), &version(n)).await;
    }
    bench
}

/// Garbage of every kind, beside three versions that are needed.
async fn littered() -> Bench {
    let bench = versions().await;
    bench.put_raw(".deltaglider/tmp/1.zip", b"xyz", &[("dg-expires-at", "2025-10-18T21:17:55.122115+00:00")]).await;
    bench.put_raw(".deltaglider/tmp/2.zip", b"xyz", &[("dg-expires-at", "2126-10-18T21:17:55.122115+00:00")]).await;
    bench.put_raw("r/.deltaglider/probe/0000000000000001", b"probe", &[]).await;
    bench.put_raw("r/.dg/other", b"another's", &[]).await;
    let trash = |content: &[u8]| format!("r/.deltaglider/trash/{}-0000000000000001", Sha256::of(content));
    bench.put_raw(&trash(b"gone"), b"gone", &[]).await;
    // An orphan: its objects were removed by somebody who knows no references.
    bench.put("s/x.zip", &unrelated(1)).await;
    bench.remove("s/x.zip.delta").await;
    bench.put_raw("t/reference.bin", b"a user's own", &[]).await;
    bench
}

async fn readable(bench: &Bench) {
    for n in 1..=3 {
        assert_eq!(bench.get(&format!("r/a-{n}.zip")).await.expect("got"), version(n), "{n}");
    }
}

#[tokio::test]
async fn garbage_goes_and_everything_else_stays() {
    let bench = littered().await;
    let before = bench.stored().await;
    let dry = purge(&bench, PurgeRequest { dry: true, ..later() }).await;
    assert_eq!(bench.stored().await, before);
    let purged = purge(&bench, later()).await;
    assert_eq!(dry.len(), purged.len());
    let trash = format!("r/.deltaglider/trash/{}-0000000000000001", Sha256::of(b"gone"));
    let expected = [
        ("r/.deltaglider/probe/0000000000000001", "probe", "removed"),
        (trash.as_str(), "trash", "removed"),
        ("s/reference.bin", "reference", "removed"),
        (".deltaglider/tmp/1.zip", "temporary", "removed"),
    ];
    assert_eq!(told(&purged), expected);
    assert!(told(&dry).iter().all(|(.., outcome)| *outcome == "would"), "{dry:?}");
    let expected = [
        ".deltaglider/tmp/2.zip",
        "r/.dg/other",
        "r/a-1.zip.delta",
        "r/a-2.zip.delta",
        "r/a-3.zip.delta",
        "r/reference.bin",
        "t/reference.bin",
    ];
    assert_eq!(bench.stored().await, expected);
    readable(&bench.cold()).await;
    assert_eq!(purge(&bench, later()).await, []);
}

#[tokio::test]
async fn what_is_old_is_told_by_the_clock_of_the_store() {
    const YEARS: i64 = 10 * 366 * 86_400;
    let bench = littered().await;
    bench.fault.set_clock_ahead(YEARS);
    let now = SystemTime::now() + Duration::from_secs(YEARS.unsigned_abs());
    let purged = purge(&bench, PurgeRequest { now, ..later() }).await;
    assert_eq!(told(&purged), [(".deltaglider/tmp/1.zip", "temporary", "removed")]);
    bench.fault.set_clock_ahead(-YEARS);
    let now = SystemTime::now() + 8 * DAY - Duration::from_secs(YEARS.unsigned_abs());
    assert_eq!(purge(&bench, PurgeRequest { now, ..later() }).await.len(), 3);
    // Less than a minute may be the way of an answer.
    bench.fault.set_clock_ahead(59);
    assert_eq!(bench.engine.store_time(now), now);
    bench.fault.set_clock_ahead(60);
    assert_eq!(bench.engine.store_time(now), now - Duration::from_secs(60));
}

#[tokio::test]
async fn a_copy_for_a_while_expires_by_the_clock_of_the_store() {
    let bench = versions().await;
    bench.fault.set_clock_ahead(-86_400);
    let copy = bench.engine.shareable(&at("r/a-2.zip"), Some(SystemTime::now() + DAY / 2)).await.expect("stored");
    let now = SystemTime::now();
    let purged = purge(&bench, PurgeRequest { now, ..later() }).await;
    assert_eq!(told(&purged), []);
    bench.fault.set_clock_ahead(0);
    let purged = purge(&bench, PurgeRequest { now: now + DAY, ..later() }).await;
    assert_eq!(told(&purged), []);
    let purged = purge(&bench, PurgeRequest { now: now + 2 * DAY, ..later() }).await;
    assert_eq!(told(&purged), [(copy.key(), "temporary", "removed")]);
}

#[tokio::test]
async fn what_is_young_stays_though_nothing_needs_it() {
    let bench = littered().await;
    let now = PurgeRequest { now: SystemTime::now(), ..later() };
    assert_eq!(told(&purge(&bench, now.clone()).await), [(".deltaglider/tmp/1.zip", "temporary", "removed")]);
    // Asked for it, what another client may be moving stays all the same.
    let purged = purge(&bench, PurgeRequest { older_than: Duration::ZERO, ..now.clone() }).await;
    let kept: Vec<_> = told(&purged).into_iter().map(|(_, garbage, outcome)| (garbage, outcome)).collect();
    assert_eq!(kept, [("probe", "kept"), ("trash", "kept"), ("reference", "removed")]);
    let purged = purge(&bench, PurgeRequest { older_than: Duration::ZERO, exclusive: true, ..now }).await;
    assert!(purged.iter().all(|purged| purged.outcome == PurgeOutcome::Removed) && purged.len() == 2, "{purged:?}");
}

#[tokio::test]
async fn trash_that_a_delta_needs_stays() {
    let bench = versions().await;
    let trash = format!("r/.deltaglider/trash/{}-0000000000000001", Sha256::of(&version(1)));
    bench.rename("r/reference.bin", &trash).await;
    // Another reference took its place meanwhile.
    bench.cold().put("r/z-1.zip", &unrelated(3)).await;
    for exclusive in [false, true] {
        let purged = purge(&bench.cold(), PurgeRequest { exclusive, ..later() }).await;
        assert_eq!(told(&purged), [(trash.as_str(), "trash", "kept")]);
    }
    readable(&bench.cold()).await;
    // Where the same reference stands again, the copy is garbage.
    let standing = versions().await;
    standing.store.copy(&at("r/reference.bin"), &at(&trash), Default::default()).await.expect("copied");
    assert_eq!(told(&purge(&standing.cold(), later()).await), [(trash.as_str(), "trash", "removed")]);
    readable(&standing.cold()).await;
}

#[tokio::test]
async fn hidden_whole_forms_go_only_where_nobody_else_writes() {
    let bench = versions().await;
    bench.put_raw("r/a-1.zip", b"another's", &[]).await;
    bench.put_raw("r/a-2.zip", b"another's", &[]).await;
    bench.put("r/a-2.zip", &version(2)).await;
    assert_eq!(purge(&bench, later()).await, []);
    let purged = purge(&bench, PurgeRequest { exclusive: true, ..later() }).await;
    // The first one was written later than its delta: a client that reads it may have written it.
    assert_eq!(told(&purged), [("r/a-1.zip", "hidden_form", "kept"), ("r/a-2.zip", "hidden_form", "removed")]);
    assert_eq!(purged[0].garbage, Garbage::HiddenForm);
    readable(&bench.cold()).await;
}

#[tokio::test]
async fn a_whole_form_whose_delta_cannot_be_read_stays() {
    let bench = versions().await;
    bench.put_raw("r/a-2.zip", b"another's", &[]).await;
    bench.put("r/a-2.zip", &version(2)).await;
    bench.remove("r/reference.bin").await;
    let purged = purge(&bench.cold(), PurgeRequest { exclusive: true, ..later() }).await;
    assert_eq!(told(&purged), [("r/a-2.zip", "hidden_form", "kept")]);
}

/// A writer that comes at any moment of a purge keeps what it puts.
#[tokio::test]
async fn an_orphan_that_a_writer_needs_again_is_put_back() {
    for call in 1..=12 {
        let bench = littered().await;
        let slow = bench.cold();
        slow.fault.fail_call(call, Fault::Before(StoreErrorKind::Transient));
        // It breaks off there, a writer comes, and the purge is made anew.
        drop(slow.engine.purge(later()).try_collect::<Vec<_>>().await);
        bench.put("s/new.zip", &unrelated(1)).await;
        purge(&bench.cold(), later()).await;
        assert_eq!(bench.cold().get("s/new.zip").await.expect("got"), unrelated(1), "{call}");
        readable(&bench.cold()).await;
    }
}

/// Where there is no room for a copy in the trash, what was to be deleted goes, and its reference when nobody else is writing.
#[tokio::test]
async fn a_full_store_is_emptied_all_the_same() {
    let bench = Bench::new();
    bench.put("s/x.zip", &unrelated(1)).await;
    bench.fault.fail(Operation::Copy, 1, Fault::Before(StoreErrorKind::NoSpace));
    let deleted = bench.engine.delete(&at("s/x.zip")).await.expect("deleted");
    assert!(!deleted.reference_removed);
    assert_eq!(bench.stored().await, ["s/reference.bin"]);
    for (exclusive, outcome) in [(false, "kept"), (true, "removed")] {
        bench.fault.fail(Operation::Copy, 1, Fault::Before(StoreErrorKind::NoSpace));
        let purged = purge(&bench, PurgeRequest { exclusive, ..later() }).await;
        assert_eq!(told(&purged), [("s/reference.bin", "reference", outcome)]);
    }
    assert_eq!(bench.stored().await, [""; 0]);
}

#[tokio::test]
async fn a_purge_that_breaks_off_anywhere_is_ended_by_the_next() {
    let calls = {
        let bench = littered().await.cold();
        purge(&bench, later()).await;
        bench.fault.calls()
    };
    for call in 1..=calls {
        for fault in [Fault::Before(StoreErrorKind::Transient), Fault::After(StoreErrorKind::Transient)] {
            let bench = littered().await;
            let broken = bench.cold();
            broken.fault.fail_call(call, fault);
            drop(broken.engine.purge(later()).try_collect::<Vec<_>>().await);
            readable(&bench.cold()).await;
            purge(&bench.cold(), later()).await;
            readable(&bench.cold()).await;
            assert_eq!(bench.stored().await.len(), 7, "{call} {fault:?}: {:?}", bench.stored().await);
        }
    }
}

/// Of a delta that the store holds damaged nobody knows what it needs.
#[tokio::test]
async fn trash_stays_where_a_damaged_delta_may_need_it() {
    let copy = format!("r/.deltaglider/trash/{}-0000000000000001", Sha256::of(b"gone"));
    for (damaged, outcome) in [(1, "removed"), (2, "kept"), (4, "kept"), (9, "removed")] {
        let bench = versions().await;
        bench.put_raw(&copy, b"gone", &[]).await;
        let bench = Bench::over(bench.store);
        // The first is the reference: what stands there is not known then, and no delta needs what lies in the trash.
        bench.fault.fail(Operation::Head, damaged, Fault::Before(StoreErrorKind::Damaged));
        assert_eq!(told(&purge(&bench, later()).await), [(copy.as_str(), "trash", outcome)], "{damaged}");
    }
    let bench = versions().await;
    bench.put_raw(&copy, b"gone", &[]).await;
    bench.put_raw("r/b.zip.delta", b"?", &[("dg-tool", "deltaglider/0.1.0"), ("dg-delta-size", "x")]).await;
    assert_eq!(told(&purge(&bench, later()).await), [(copy.as_str(), "trash", "kept")]);
}
