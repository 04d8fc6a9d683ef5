//! Verify: every object of a prefix, by heads alone or by every byte.

use deltaglider_core::engine::{Depth, Verdict, VerifyReport, VerifyRequest};
use deltaglider_core::store::{Operation, StoreErrorKind};
use deltaglider_testkit::{Counts, Fault};
use futures::TryStreamExt;

use crate::bench::{Bench, at, unrelated, version};

fn request(prefix: &str, depth: Depth) -> VerifyRequest {
    VerifyRequest { prefix: at(prefix), recursive: true, depth, sample: None, parallel: 4 }
}

async fn verify(bench: &Bench, request: VerifyRequest) -> Vec<VerifyReport> {
    bench.engine.verify_all(request).try_collect().await.expect("verified")
}

fn told(reports: &[VerifyReport]) -> Vec<(String, &'static str)> {
    let name = |verdict: &Verdict| match verdict {
        Verdict::Proven => "proven",
        Verdict::Unproven => "unproven",
        Verdict::Consistent => "consistent",
        Verdict::Damaged(_) => "damaged",
        Verdict::ReferenceMissing(_) => "missing",
        Verdict::Unreadable(_) => "unreadable",
        _ => "another",
    };
    reports.iter().map(|report| (report.at.key().to_owned(), name(&report.verdict))).collect()
}

fn lines(lines: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
    lines.iter().map(|(key, verdict)| ((*key).to_owned(), *verdict)).collect()
}

async fn two_spaces() -> Bench {
    let bench = Bench::new();
    for n in 1..=3 {
        bench.put(&format!("r/a-{n}.zip"), &version(n)).await;
        bench.put(&format!("s/b-{n}.zip"), &version(n + 10)).await;
    }
    bench.put("r/notes.txt", b"notes").await;
    bench.put_raw("s/foreign.txt", b"foreign", &[]).await;
    bench
}

#[tokio::test]
async fn a_sound_bucket_is_proven_for_one_get_of_each_object_and_reference() {
    let bench = two_spaces().await.cold();
    let reports = verify(&bench, request("", Depth::Full)).await;
    let expected = [
        ("r/a-1.zip", "proven"),
        ("r/a-2.zip", "proven"),
        ("r/a-3.zip", "proven"),
        ("r/notes.txt", "proven"),
        ("s/b-1.zip", "proven"),
        ("s/b-2.zip", "proven"),
        ("s/b-3.zip", "proven"),
        ("s/foreign.txt", "unproven"),
    ];
    assert_eq!(told(&reports), lines(&expected));
    // 8 objects, 2 references; a HEAD for each of the 6 deltas, and for each reference, that it is none of the users' objects.
    assert_eq!(bench.count.counts(), Counts { list: 1, get: 10, head: 8, ..Counts::default() });
}

#[tokio::test]
async fn heads_alone_say_whether_records_and_references_are_in_order() {
    let bench = two_spaces().await.cold();
    let reports = verify(&bench, request("", Depth::Quick)).await;
    let consistent = reports.iter().filter(|report| matches!(report.verdict, Verdict::Consistent)).count();
    assert_eq!((reports.len(), consistent), (8, 7));
    // Those of the listing, one for each reference, one for each whole object.
    assert_eq!(bench.count.counts(), Counts { list: 1, head: 8 + 2 + 2, ..Counts::default() });
}

#[tokio::test]
async fn a_prefix_without_recursion_is_one_delta_space() {
    let bench = two_spaces().await;
    bench.put("r/deeper/x.zip", &version(1)).await;
    let flat = VerifyRequest { recursive: false, ..request("r/", Depth::Quick) };
    assert_eq!(verify(&bench, flat).await.len(), 4);
    assert_eq!(verify(&bench, request("r/", Depth::Quick)).await.len(), 5);
}

#[tokio::test]
async fn damage_is_found_where_it_is() {
    let bench = two_spaces().await;
    bench.damage("r/a-2.zip.delta").await;
    bench.damage("r/notes.txt").await;
    bench.damage("s/reference.bin").await;
    let reports = verify(&bench.cold(), request("", Depth::Full)).await;
    let expected = [
        ("r/a-1.zip", "proven"),
        ("r/a-2.zip", "damaged"),
        ("r/a-3.zip", "proven"),
        ("r/notes.txt", "damaged"),
        ("s/b-1.zip", "damaged"),
        ("s/b-2.zip", "damaged"),
        ("s/b-3.zip", "damaged"),
        ("s/foreign.txt", "unproven"),
    ];
    assert_eq!(told(&reports), lines(&expected));
}

#[tokio::test]
async fn what_the_cache_holds_hides_no_missing_reference() {
    let bench = two_spaces().await;
    bench.remove("r/reference.bin").await;
    assert_eq!(bench.get("r/a-2.zip").await.expect("cached"), version(2));
    for depth in [Depth::Quick, Depth::Full] {
        let reports = verify(&bench, request("r/a", depth)).await;
        assert_eq!(
            told(&reports),
            lines(&[("r/a-1.zip", "missing"), ("r/a-2.zip", "missing"), ("r/a-3.zip", "missing")])
        );
        let one = bench.engine.verify_stored(&at("r/a-2.zip"), depth).await.expect("verified");
        assert!(matches!(one.verdict, Verdict::ReferenceMissing(_)), "{one:?}");
    }
}

#[tokio::test]
async fn a_reference_in_the_trash_counts() {
    let bench = two_spaces().await;
    let digest = deltaglider_core::Sha256::of(&version(1));
    bench.rename("r/reference.bin", &format!("r/.deltaglider/trash/{digest}-0000000000000001")).await;
    for depth in [Depth::Quick, Depth::Full] {
        let reports = verify(&bench.cold(), request("r/", depth)).await;
        assert!(
            reports.iter().all(|report| matches!(report.verdict, Verdict::Proven | Verdict::Consistent)),
            "{reports:?}"
        );
    }
}

#[tokio::test]
async fn records_that_cannot_be_used_are_told_from_damage() {
    let bench = Bench::new();
    bench
        .put_raw("a.zip.delta", b"x", &[("dg-tool", "deltaglider/6"), ("dg-encrypted", "aes"), ("dg-ref-key", "r")])
        .await;
    bench.put_raw("b.zip.delta", b"x", &[("dg-tool", "deltaglider/6"), ("dg-ref-key", "reference.bin")]).await;
    bench.put("c.zip", &unrelated(1)).await;
    bench.put("d.zip", &unrelated(1)).await;
    let head = bench.store_fields("d.zip.delta").await;
    let changed: Vec<_> =
        head.iter().map(|(name, value)| (name.as_str(), if name == "dg-codec" { "future" } else { value })).collect();
    bench.put_raw("d.zip.delta", b"whatever", &changed).await;
    for depth in [Depth::Quick, Depth::Full] {
        let reports = verify(&bench, request("", depth)).await;
        let sound = if depth == Depth::Full { "proven" } else { "consistent" };
        let expected = [("a.zip", "unreadable"), ("b.zip", "damaged"), ("c.zip", sound), ("d.zip", "unreadable")];
        assert_eq!(told(&reports), lines(&expected));
    }
    let one = bench.engine.verify_stored(&at("b.zip"), Depth::Full).await.expect("verified");
    assert!(matches!(one.verdict, Verdict::Damaged(_)), "{one:?}");
    assert!(bench.engine.verify_stored(&at("none.zip"), Depth::Full).await.expect_err("absent").is_not_found());
}

#[tokio::test]
async fn one_object_that_the_store_refuses_does_not_end_the_run() {
    let bench = two_spaces().await.cold();
    bench.fault.fail(Operation::Get, 2, Fault::Before(StoreErrorKind::Denied));
    let one_by_one = VerifyRequest { parallel: 1, ..request("r/", Depth::Full) };
    let reports = verify(&bench, one_by_one).await;
    let unreadable = reports.iter().filter(|report| matches!(report.verdict, Verdict::Unreadable(_))).count();
    assert_eq!((reports.len(), unreadable), (4, 1), "{reports:?}");
}

#[tokio::test]
async fn a_sample_is_a_part() {
    let bench = Bench::new();
    for n in 0..200 {
        bench.put(&format!("{n}.txt"), b"x").await;
    }
    let sampled = VerifyRequest { sample: Some(0.25), ..request("", Depth::Quick) };
    let number = verify(&bench, sampled).await.len();
    assert!((15..100).contains(&number), "{number}");
}

#[tokio::test]
async fn heads_alone_find_what_was_cut_off() {
    let bench = two_spaces().await;
    for key in ["r/a-2.zip.delta", "r/notes.txt"] {
        let fields = bench.store_fields(key).await;
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        bench.put_raw(key, b"cut", &fields).await;
    }
    for depth in [Depth::Quick, Depth::Full] {
        let reports = verify(&bench.cold(), request("r/", depth)).await;
        let damaged = reports.iter().filter(|report| matches!(report.verdict, Verdict::Damaged(_))).count();
        assert_eq!((reports.len(), damaged), (4, 2), "{reports:?}");
    }
}
