//! A server that throttles for a while: how much comes through then, and whether the client comes back to its speed.

use std::fs;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::BUCKET;
use super::case::Bench;
use super::fault::Fault;
use super::proxy::Proxy;
use crate::random::Random;

/// Small files that are stored.
const FILES: u64 = 3000;
/// How long half of the requests are refused.
const THROTTLED: Duration = Duration::from_secs(5);
/// Attempts for each request, as many as by default.
const ATTEMPTS: &str = "5";
/// How late each answer is, as from a server that is not next door.
const AWAY: Duration = Duration::from_millis(40);

/// Stores many files, without and with throttling; what must not be.
pub(super) fn play(bench: &Bench<'_>) -> Result<Vec<String>> {
    let user = bench.user("throttled", &bench.server.endpoint())?;
    fs::create_dir_all(user.path("many"))?;
    for number in 0..FILES {
        fs::write(user.path(&format!("many/{number}.txt")), Random::new(number).bytes(2000))?;
    }
    let mut findings = Vec::new();
    println!(
        "\n| answers of the server, a second | in all | 0–5 s | 5–6 s | 6–7 s | 7–8 s | 8–9 s | 9–10 s | 10 s to the end |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (name, throttles) in [("no throttling", false), ("half of all requests throttled for 5 s", true)] {
        let random = Mutex::new(Random::new(1));
        let proxy = Proxy::start(bench.server.address(), move |_, _, since| {
            let mut random = random.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let refused = throttles && since < THROTTLED && random.below(2) == 0;
            if refused { Fault::Refuse(503, "SlowDown") } else { Fault::Late(AWAY) }
        })?;
        let url = format!("s3://{BUCKET}/many-{throttles}/");
        let through = user.clone().with("AWS_ENDPOINT_URL", proxy.endpoint());
        let run = through.run(&["cp", "many", &url, "--recursive", "--only-show-errors", "--retries", ATTEMPTS])?;
        let (all, answered) = (run.took.as_secs_f64(), proxy.answered());
        let rate = |from: f64, to: f64| {
            let within = answered.iter().filter(|at| (from..to).contains(&at.as_secs_f64())).count();
            if to <= from { "–".to_owned() } else { format!("{:.0}", within as f64 / (to - from)) }
        };
        let seconds: Vec<String> = (5..10).map(|from| rate(f64::from(from), f64::from(from + 1).min(all))).collect();
        println!(
            "| {name} | {all:.1} s | {} | {} | {} |",
            rate(0.0, all.min(5.0)),
            seconds.join(" | "),
            rate(10.0, all)
        );
        let refused: Vec<&str> = run.err.lines().filter_map(|line| line.strip_prefix("upload failed: many/")).collect();
        if !refused.is_empty() {
            println!("\n{} of {FILES} files were refused after {ATTEMPTS} attempts and told so\n", refused.len());
        }
        if run.is_fault() || run.is_done() != refused.is_empty() || (!throttles && !run.is_done()) {
            findings.push(format!("{name}: exit code {:?}, {}", run.code, run.err));
        }
        let back = format!("back-{throttles}");
        let fetched = user.run(&["sync", &url, &back, "--only-show-errors"])?;
        ensure!(fetched.is_done(), "what was stored cannot be fetched: {}", fetched.err);
        for number in 0..FILES {
            let file = format!("{number}.txt");
            let is_refused = refused.iter().any(|line| line.starts_with(&format!("{file} ")));
            let same =
                fs::read(user.path("many").join(&file))? == fs::read(user.path(&back).join(&file)).unwrap_or_default();
            if !same && !is_refused {
                findings.push(format!("{name}: {file} was acknowledged and does not come back"));
            }
        }
    }
    Ok(findings)
}
