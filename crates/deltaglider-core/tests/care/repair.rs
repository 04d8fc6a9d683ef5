//! Repair: what is broken is told and mended, and nothing is lost on the way.

use std::time::{Duration, SystemTime};

use deltaglider_core::Sha256;
use deltaglider_core::engine::Depth;
use deltaglider_core::engine::repair::{Action, Finding, Mended, Problem, RepairRequest};
use deltaglider_core::store::StoreErrorKind;
use deltaglider_testkit::Fault;
use futures::TryStreamExt;

use crate::bench::{Bench, at, unrelated, version};

async fn plan(bench: &Bench) -> Vec<Finding> {
    let request = RepairRequest { prefix: at(""), depth: Depth::Full, now: SystemTime::now() };
    bench.engine.repair_plan(request).try_collect().await.expect("planned")
}

async fn repair(bench: &Bench) -> Vec<Finding> {
    let findings = plan(bench).await;
    for finding in &findings {
        bench.engine.mend(finding).await.expect("mended");
    }
    findings
}

fn told(findings: &[Finding]) -> Vec<(String, &'static str, &'static str, bool)> {
    findings
        .iter()
        .map(|found| (found.at.key().to_owned(), found.problem.as_str(), found.action.as_str(), found.lost.is_some()))
        .collect()
}

fn line(
    key: &str,
    problem: &'static str,
    action: &'static str,
    lost: bool,
) -> (String, &'static str, &'static str, bool) {
    (key.to_owned(), problem, action, lost)
}

async fn versions() -> Bench {
    let bench = Bench::new();
    for n in 1..=3 {
        bench.put(&format!("r/a-{n}.zip"), &version(n)).await;
    }
    bench
}

async fn readable(bench: &Bench) {
    for n in 1..=3 {
        assert_eq!(bench.get(&format!("r/a-{n}.zip")).await.expect("got"), version(n), "{n}");
    }
}

#[tokio::test]
async fn a_sound_bucket_needs_nothing() {
    let bench = versions().await;
    bench.put("x.txt", b"x").await;
    assert_eq!(told(&plan(&bench).await), []);
}

#[tokio::test]
async fn a_reference_comes_back_from_the_trash() {
    let bench = versions().await;
    let trash = format!("r/.deltaglider/trash/{}-0000000000000001", Sha256::of(&version(1)));
    bench.rename("r/reference.bin", &trash).await;
    let cold = bench.cold();
    let findings = repair(&cold).await;
    assert_eq!(told(&findings), [line("r/reference.bin", "reference_missing", "put_reference", false)]);
    let stored = cold.stored().await;
    assert_eq!(stored, ["r/a-1.zip.delta", "r/a-2.zip.delta", "r/a-3.zip.delta", "r/reference.bin"]);
    readable(&bench.cold()).await;
    assert_eq!(plan(&bench.cold()).await, []);
}

#[tokio::test]
async fn a_deleted_reference_comes_back_from_whatever_has_its_content() {
    for origin in ["cache", "whole", "foreign"] {
        let bench = versions().await;
        match origin {
            "whole" => bench.put_whole("r/copy.zip", &version(1)).await,
            "foreign" => bench.put_raw("r/copy.bin", &version(1), &[]).await,
            _ => {}
        }
        bench.remove("r/reference.bin").await;
        let client = if origin == "cache" { bench } else { bench.cold() };
        let findings = repair(&client).await;
        assert_eq!(told(&findings), [line("r/reference.bin", "reference_missing", "put_reference", false)], "{origin}");
        readable(&client.cold()).await;
        assert_eq!(plan(&client.cold()).await, [], "{origin}");
    }
}

#[tokio::test]
async fn an_overwritten_reference_is_kept_beside_the_new_one() {
    let bench = versions().await;
    // The earlier tool overwrote references: what came later needs the new one.
    bench.remove("r/reference.bin").await;
    let later = bench.cold();
    later.put("r/z-1.zip", &unrelated(9)).await;
    later.put_whole("r/copy.zip", &version(1)).await;
    let cold = bench.cold();
    assert!(cold.get("r/a-2.zip").await.is_err());
    let findings = repair(&cold).await;
    assert_eq!(told(&findings), [line("r/reference.bin", "reference_missing", "keep_reference_beside", false)]);
    readable(&bench.cold()).await;
    assert_eq!(bench.cold().get("r/z-1.zip").await.expect("got"), unrelated(9));
    assert_eq!(plan(&bench.cold()).await, []);
}

#[tokio::test]
async fn an_object_against_the_new_reference_gives_the_old_one() {
    let bench = versions().await;
    bench.remove("r/reference.bin").await;
    let later = bench.cold();
    later.put("r/z-1.zip", &version(7)).await;
    later.put("r/z-2.zip", &version(1)).await;
    let cold = bench.cold();
    let findings = plan(&cold).await;
    let [Finding { action: Action::KeepBeside { origin, .. }, .. }] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!(*origin, deltaglider_core::engine::repair::Origin::Object(at("r/z-2.zip")));
    repair(&cold).await;
    readable(&bench.cold()).await;
}

#[tokio::test]
async fn a_damaged_reference_is_replaced_by_what_its_record_says() {
    let bench = versions().await;
    bench.put_whole("r/copy.zip", &version(1)).await;
    bench.damage("r/reference.bin").await;
    let cold = bench.cold();
    assert!(cold.get("r/a-2.zip").await.is_err());
    assert_eq!(told(&repair(&cold).await), [line("r/reference.bin", "reference_damaged", "replace_reference", false)]);
    readable(&bench.cold()).await;
    assert_eq!(plan(&bench.cold()).await, []);
}

#[tokio::test]
async fn what_is_lost_is_said_and_left_alone() {
    let bench = versions().await;
    bench.remove("r/reference.bin").await;
    let cold = bench.cold();
    let before = cold.stored().await;
    let findings = repair(&cold).await;
    let expected = [
        line("r/reference.bin", "reference_missing", "none", true),
        line("r/a-1.zip", "reference_missing", "none", true),
        line("r/a-2.zip", "reference_missing", "none", true),
        line("r/a-3.zip", "reference_missing", "none", true),
    ];
    assert_eq!(told(&findings), expected);
    assert!(findings[0].detail.contains("it is the content of r/a-1.zip"), "{}", findings[0].detail);
    assert_eq!(cold.stored().await, before);
    // The file that it names helps.
    cold.put_whole("r/a-1.zip", &version(1)).await;
    repair(&cold).await;
    readable(&bench.cold()).await;
}

#[tokio::test]
async fn a_whole_form_saves_the_object_whose_delta_is_lost() {
    let bench = versions().await;
    // As the earlier tool leaves it: whole, beside a delta of the same name.
    let fields = record(&version(2));
    bench.put_raw("r/a-2.zip", &version(2), &borrowed(&fields)).await;
    bench.remove("r/reference.bin").await;
    let cold = bench.cold();
    let findings = repair(&cold).await;
    let forms = findings.iter().find(|found| found.at == at("r/a-2.zip")).expect("found");
    assert_eq!((forms.problem, forms.action.as_str(), &forms.lost), (Problem::BothForms, "remove_delta", &None));
    assert_eq!(bench.cold().get("r/a-2.zip").await.expect("got"), version(2));
    assert!(!cold.stored().await.contains(&"r/a-2.zip.delta".to_owned()));
}

#[tokio::test]
async fn a_whole_form_that_lies_saves_nothing() {
    let bench = versions().await;
    let fields = record(&version(2));
    bench.put_raw("r/a-2.zip", &unrelated(4), &borrowed(&fields)).await;
    bench.remove("r/reference.bin").await;
    let cold = bench.cold();
    let findings = plan(&cold).await;
    let forms = findings.iter().find(|found| found.at == at("r/a-2.zip")).expect("found");
    assert!(matches!(cold.engine.mend(forms).await.expect("left"), Mended::Left(_)));
    assert!(cold.stored().await.contains(&"r/a-2.zip.delta".to_owned()));
}

#[tokio::test]
async fn two_forms_are_told_and_both_kept() {
    let bench = versions().await;
    bench.put_raw("r/a-1.zip", &unrelated(5), &[]).await;
    let before = bench.stored().await;
    let findings = repair(&bench).await;
    assert_eq!(told(&findings), [line("r/a-1.zip", "both_forms", "none", false)]);
    assert_eq!(bench.stored().await, before);
}

#[tokio::test]
async fn expired_temporary_copies_go_and_others_stay() {
    let bench = versions().await;
    let field = "dg-expires-at";
    bench.put_raw(".deltaglider/tmp/1.zip", b"x", &[(field, "2025-10-18T21:17:55.122115+00:00")]).await;
    bench.put_raw(".deltaglider/tmp/2.zip", b"x", &[(field, "2126-10-18T21:17:55.122115+00:00")]).await;
    bench.put_raw(".deltaglider/tmp/3.zip", b"x", &[]).await;
    bench.put_raw(".deltaglider/stats_quick.json", b"{}", &[]).await;
    let findings = repair(&bench).await;
    assert_eq!(told(&findings), [line(".deltaglider/tmp/1.zip", "temporary_expired", "remove_temporary", false)]);
    let left: Vec<_> = bench.stored().await.into_iter().filter(|key| key.starts_with(".deltaglider")).collect();
    assert_eq!(left, [".deltaglider/stats_quick.json", ".deltaglider/tmp/2.zip", ".deltaglider/tmp/3.zip"]);
}

/// However far a repair gets, and whatever answer is lost, what was readable stays so, and the next one ends it.
#[tokio::test]
async fn a_repair_that_breaks_off_anywhere_is_ended_by_the_next() {
    let broken = versions().await;
    broken.remove("r/reference.bin").await;
    let later = broken.cold();
    later.put("r/z-1.zip", &unrelated(9)).await;
    later.put_whole("r/copy.zip", &version(1)).await;
    for n in 1..=3 {
        broken.put(&format!("s/a-{n}.zip"), &version(n)).await;
    }
    let trash = format!("s/.deltaglider/trash/{}-0000000000000001", Sha256::of(&version(1)));
    broken.rename("s/reference.bin", &trash).await;
    broken.put_raw(".deltaglider/tmp/1.zip", b"x", &[("dg-expires-at", "2025-10-18T21:17:55+00:00")]).await;

    let calls = {
        let whole = broken.copied().await;
        repair(&whole).await;
        whole.fault.calls()
    };
    assert!(calls > 15, "{calls}");
    for call in 1..=calls {
        for fault in [Fault::Before(StoreErrorKind::Transient), Fault::After(StoreErrorKind::Transient), Fault::Cut(7)]
        {
            let bench = broken.copied().await;
            bench.fault.fail_call(call, fault);
            let request = RepairRequest { prefix: at(""), depth: Depth::Full, now: SystemTime::now() };
            let planned: Result<Vec<Finding>, _> = bench.engine.repair_plan(request).try_collect().await;
            for finding in planned.unwrap_or_default() {
                // The process ends here.
                if bench.engine.mend(&finding).await.is_err() {
                    break;
                }
            }
            let next = bench.cold();
            repair(&next).await;
            let reader = bench.cold();
            readable(&reader).await;
            assert_eq!(reader.get("r/z-1.zip").await.expect("got"), unrelated(9));
            for n in 1..=3 {
                assert_eq!(reader.get(&format!("s/a-{n}.zip")).await.expect("got"), version(n), "{call} {fault:?}");
            }
            assert_eq!(plan(&bench.cold()).await, [], "{call} {fault:?}");
        }
    }
}

/// Whoever comes between plan and repair loses nothing.
#[tokio::test]
async fn what_changed_meanwhile_is_left() {
    let bench = versions().await;
    bench.put_whole("r/copy.zip", &version(1)).await;
    bench.remove("r/reference.bin").await;
    let cold = bench.cold();
    let findings = plan(&cold).await;
    // A writer with an empty cache makes its own reference.
    bench.cold().put("r/new.zip", &unrelated(3)).await;
    assert!(matches!(cold.engine.mend(&findings[0]).await.expect("left"), Mended::Left(_)));
    assert_eq!(bench.cold().get("r/new.zip").await.expect("got"), unrelated(3));
    repair(&cold).await;
    readable(&bench.cold()).await;
    assert_eq!(bench.cold().get("r/new.zip").await.expect("got"), unrelated(3));
}

#[tokio::test]
async fn quick_plans_read_nothing() {
    let bench = versions().await;
    bench.damage("r/reference.bin").await;
    let cold = bench.cold();
    let now = SystemTime::now() + Duration::from_secs(1);
    let request = RepairRequest { prefix: at("r"), depth: Depth::Quick, now };
    let findings: Vec<Finding> = cold.engine.repair_plan(request).try_collect().await.expect("planned");
    assert_eq!(findings, []);
    assert_eq!(cold.count.counts().get, 0);
}

/// The record of an object that is stored whole.
fn record(content: &[u8]) -> Vec<(String, String)> {
    let text = |text: &str| text.to_owned();
    vec![
        (text("dg-tool"), text("deltaglider/6.2.0")),
        (text("dg-file-sha256"), Sha256::of(content).to_string()),
        (text("dg-file-size"), content.len().to_string()),
        (text("dg-compression"), text("none")),
    ]
}

fn borrowed(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
