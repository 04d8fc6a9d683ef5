//! Runs with one persistent key share one cache: however many begin at once, one of them fetches.

use std::process::Stdio;

use crate::bench::archive;
use crate::s3::Cloud;

const KEY: &str = "m7Jx4Kq0Yd1n8Zb3Vw6Rt5Ua2Pc9Le0Hf7Gi4Sj1Xo8=";

/// A world with a bucket of one reference and eight deltas, and no cache.
fn cloud() -> Cloud {
    let cloud = Cloud::with_bucket();
    for number in 0..9 {
        cloud.bench.write(&format!("d/{number}.zip"), &archive(number));
    }
    assert_eq!(cloud.bench.run(&["cp", "d", "s3://shop/rel", "--recursive"]).code, 0);
    cloud
}

#[test]
fn eight_cold_runs_fetch_one_reference_and_a_later_one_none() {
    let mut cloud = cloud().with("DG_CACHE_ENCRYPTION_KEY", KEY);
    for round in 0..3 {
        let cache = cloud.bench.outside(&format!("cache-{round}"));
        cloud = cloud.with("DG_CACHE_DIR", &cache.display().to_string());
        cloud.server.log().reset();
        let runs: Vec<_> = (1..9)
            .map(|number| {
                let (from, to) = (format!("s3://shop/rel/{number}.zip"), format!("got-{round}/{number}.zip"));
                cloud.bench.command(&["cp", &from, &to]).stdin(Stdio::null()).spawn().unwrap()
            })
            .collect();
        for run in runs {
            let output = run.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        assert_eq!(cloud.reference_gets(), 1, "eight that begin cold");
        for number in 1..9 {
            assert_eq!(cloud.bench.read(&format!("got-{round}/{number}.zip")), archive(number));
        }
        cloud.server.log().reset();
        assert_eq!(cloud.bench.run(&["cp", "s3://shop/rel/3.zip", "again.zip"]).code, 0);
        assert_eq!(cloud.reference_gets(), 0, "one that comes later");
        assert_eq!(cloud.bench.left_behind(), Vec::<String>::new());
    }
}

#[test]
fn runs_without_a_key_share_nothing() {
    let cloud = cloud();
    cloud.server.log().reset();
    for number in 1..4 {
        assert_eq!(cloud.bench.run(&["cp", &format!("s3://shop/rel/{number}.zip"), "got.zip"]).code, 0);
        assert_eq!(cloud.bench.read("got.zip"), archive(number));
    }
    assert_eq!(cloud.reference_gets(), 3);
    assert_eq!(cloud.bench.left_behind(), Vec::<String>::new());
}
