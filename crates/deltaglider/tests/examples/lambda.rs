//! The Lambda function, in a container that stays warm: 512 MB of memory and of `/tmp`, one reference for all invocations.
#![allow(clippy::print_stderr, reason = "a test that cannot be made has to say so")]

use std::path::{Path, PathBuf};
use std::process::Command;

use deltaglider::Client;
use deltaglider::core::store::BucketStore;
use serde_json::{Value, json};

use crate::program::{BUCKET, Program, World, archive, binary};
use crate::runtime_api::RuntimeApi;
use crate::seconds;

const INBOX: &str = "inbox";
const MEMORY: u64 = 512 << 20;
/// What arrives is a part of the reference.
const ARRIVES: usize = 1 << 20;

/// A volume in memory of a size, where this user may mount one; a directory elsewhere.
struct Mounted(Option<PathBuf>);

impl Mounted {
    fn at(path: &Path) -> Self {
        let arguments = ["-t", "tmpfs", "-o", "size=512m,mode=700", "tmpfs"];
        let mounted = Command::new("mount").args(arguments).arg(path).output().is_ok_and(|done| done.status.success());
        Self(mounted.then(|| path.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            drop(Command::new("umount").arg(path).status());
        }
    }
}

/// A container, and what it works on.
struct Container {
    // In the order in which they have to go.
    function: Program,
    _mounted: Mounted,
    api: RuntimeApi,
    client: Client,
    reference: Vec<u8>,
    world: World,
}

impl Container {
    /// One with a volume for its files, as large as that of a function.
    async fn start(variables: &[(&str, &str)]) -> Self {
        Self::start_by(Command::new(binary("lambda")), Mounted::at, variables).await
    }

    async fn start_by(command: Command, mount: fn(&Path) -> Mounted, variables: &[(&str, &str)]) -> Self {
        let world = World::new().await;
        world.server.store().create_bucket(INBOX).await.unwrap();
        let client = world.client().await;
        // 96 MiB in the long run.
        let reference = archive((4 << 20) * usize::try_from(seconds()).unwrap().clamp(1, 24), 0);
        let put = client.put_object().bucket(BUCKET).key("app/v0.zip").body(reference.clone());
        put.send().await.unwrap();
        world.server.log().reset();

        let api = RuntimeApi::start().await;
        let mounted = mount(&world.path("cache"));
        let temporary = world.path("cache");
        let mut all = vec![
            ("AWS_LAMBDA_RUNTIME_API", api.address.as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "archive"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("ARCHIVE_BUCKET", BUCKET),
            ("TMPDIR", temporary.to_str().unwrap()),
        ];
        all.extend(variables);
        let function = world.start_by(command, &[], &all);
        Self { function, _mounted: mounted, api, client, reference, world }
    }

    /// Lets an object arrive, and the function store it.
    async fn arrive(&mut self, number: u64) {
        let key = format!("app/v{number}.zip");
        let at = usize::try_from(number).unwrap() * 4096 % (self.reference.len() - ARRIVES);
        let mut content = self.reference[at..at + ARRIVES].to_vec();
        content[..8].copy_from_slice(&number.to_le_bytes());
        let put = self.client.put_object().bucket(INBOX).key(&key).body(content).whole(true).send().await.unwrap();
        let stored = self.api.invoke(event(&key)).await.unwrap();
        assert_eq!(stored["e_tag"], put.e_tag.as_str());
        assert_eq!(stored["kind"], "delta");
        assert!(stored["stored"].as_u64().unwrap() < 4096, "{stored}");
    }
}

/// What EventBridge says of an object of S3.
fn event(key: &str) -> Value {
    json!({ "detail-type": "Object Created", "detail": { "bucket": { "name": INBOX }, "object": { "key": key } } })
}

/// 500 in the long run.
fn invocations() -> u64 {
    (10 * seconds()).min(500)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_container_fetches_the_reference_once() {
    let mut container = Container::start(&[]).await;
    for number in 1..=invocations() {
        container.arrive(number).await;
    }
    assert_eq!(container.world.reference_gets(), 1);
    let (most, on_disk) = (container.function.memory("VmHWM"), container.world.cache_bytes());
    println!("{} invocations: {most} bytes of memory at most, {on_disk} on disk", invocations());
    assert!(most < MEMORY && on_disk < MEMORY, "{most} {on_disk}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clearing_every_so_often_and_on_an_error_works_too() {
    let every = (5 * seconds()).min(50);
    let mut container = Container::start(&[("CLEAR_EVERY", &every.to_string())]).await;
    let (mut fetches, mut cached) = (0, false);
    for number in 1..=invocations() {
        if number == every + every / 2 {
            let error = container.api.invoke(event("app/nothing.zip")).await.unwrap_err();
            assert!(error["errorMessage"].is_string(), "{error}");
            cached = false;
        } else {
            container.arrive(number).await;
            fetches += u64::from(!cached);
            cached = true;
        }
        cached &= !number.is_multiple_of(every);
    }
    assert_eq!(container.world.reference_gets() as u64, fetches);
    assert_eq!(
        fetches,
        invocations() / every + 1,
        "one at first, one after each clear but the last, one after the error"
    );
    assert!(container.function.memory("VmHWM") < MEMORY);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_larger_than_its_share_of_memory_is_stored_without_being_killed() {
    let group = match deltaglider_testkit::ControlGroup::of_memory(MEMORY) {
        Ok(group) => group,
        Err(error) => {
            eprintln!("SKIPPED: no control group can be made, which takes root and its memory controller: {error}");
            return;
        }
    };
    // Its files lie on disk: a volume in memory would count as the function's own.
    let mut container = Container::start_by(group.command(binary("lambda")), |_| Mounted(None), &[]).await;
    for number in 1..=2 {
        container.arrive(number).await;
    }
    let large = archive(4 << 20, 7).repeat(75);
    let size = large.len();
    let put = container.client.put_object().bucket(INBOX).key("app/large.zip").body(large).whole(true);
    let put = put.send().await.unwrap();
    let stored = container.api.invoke(event("app/large.zip")).await.unwrap();
    assert_eq!(stored["e_tag"], put.e_tag.as_str());
    container.arrive(3).await;
    println!("{size} bytes in a group of {MEMORY}: {:?} bytes at most, {stored}", group.peak());
    assert_eq!((group.killed().unwrap(), container.world.reference_gets()), (0, 1));
    drop(container);
}
