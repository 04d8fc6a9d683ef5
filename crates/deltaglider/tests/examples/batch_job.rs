//! The batch job: whatever ends it, nothing of its cache is left.

use std::sync::{Mutex, mpsc};

use crate::program::{BUCKET, World, archive};

/// A world with two files and a manifest whose second line is given.
async fn world(second: &str) -> World {
    let world = World::new().await;
    let mut manifest = String::new();
    for (number, name) in ["first.zip", "second.zip"].into_iter().enumerate() {
        std::fs::write(world.path(name), archive(64 << 10, number as u64)).unwrap();
    }
    manifest.push_str(&format!("{} s3://{BUCKET}/app/first.zip\n", world.path("first.zip").display()));
    manifest.push_str(&second.replace("FILE", world.path("second.zip").to_str().unwrap()));
    std::fs::write(world.path("manifest.txt"), manifest).unwrap();
    world
}

/// Runs the job to its end; gives its exit code and its errors.
fn run(world: &World) -> (Option<i32>, String) {
    let mut job = world.start("batch_job", &[world.path("manifest.txt").to_str().unwrap()], &[]);
    assert!(job.line().contains("first.zip"));
    let (code, _, errors) = job.end();
    (code, errors)
}

#[tokio::test(flavor = "multi_thread")]
async fn success_leaves_nothing() {
    let world = world("FILE s3://releases/app/second.zip").await;
    assert_eq!(run(&world), (Some(0), String::new()));
    assert!(world.cached().is_empty());
    let client = world.client().await;
    for (number, name) in ["first.zip", "second.zip"].into_iter().enumerate() {
        let got = client.get_object().bucket(BUCKET).key(format!("app/{name}")).send().await.unwrap();
        assert_eq!(got.body.collect().await.unwrap(), archive(64 << 10, number as u64));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_leaves_nothing() {
    let world = world("/nothing/here.zip s3://releases/app/").await;
    let (code, errors) = run(&world);
    assert!(code == Some(1) && errors.contains("/nothing/here.zip"), "{code:?} {errors}");
    assert!(world.cached().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_leaves_nothing() {
    let world = world("a-line-without-a-url").await;
    let (code, errors) = run(&world);
    assert!(code == Some(101) && errors.contains("a line has a file and a URL"), "{code:?} {errors}");
    assert!(world.cached().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_leaves_nothing() {
    let world = world("FILE s3://releases/app/second.zip").await;
    // The second file's request comes in, and gets no answer before the job has ended.
    let (reached, is_reached) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let gate = Mutex::new((reached, ended));
    world.server.inject(move |request, _| {
        if request.key.contains("second") {
            let gate = gate.lock().unwrap();
            gate.0.send(()).unwrap();
            // An error: the other end was dropped.
            gate.1.recv().unwrap_err();
        }
        None
    });
    let mut job = world.start("batch_job", &[world.path("manifest.txt").to_str().unwrap()], &[]);
    assert!(job.line().contains("first.zip"));
    is_reached.recv().unwrap();
    assert_eq!(world.cached().len(), 1, "its cache is there");
    job.terminate();
    let (code, out, errors) = job.end();
    drop(end);
    assert!(code == Some(1) && out.is_empty() && errors.contains("ended by SIGTERM"), "{code:?} {out} {errors}");
    assert!(world.cached().is_empty());
}
