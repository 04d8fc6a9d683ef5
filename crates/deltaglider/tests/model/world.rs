//! Two clients of a bucket, and the model beside them.

use std::marker::PhantomData;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use deltaglider::config::Codec;
use deltaglider::core::Location;
use deltaglider::core::store::memory::MemoryStore;
use deltaglider::core::store::{ObjectStore, PutOptions};
use deltaglider::{Error, ErrorKind};
use deltaglider_testkit::Fault;
use proptest::strategy::{BoxedStrategy, Strategy};
use proptest_state_machine::StateMachineTest;
use tempfile::TempDir;

use crate::carry_out::{Came, carry_out};
use crate::contents::{self, BUCKET};
use crate::counts::Counts;
use crate::expectation::{Event, Model, one};
use crate::finish::finish;
use crate::seat::Seat;
use crate::step::{Op, Step, Steps, Trouble, step};

/// What lies between the bucket and a client.
pub trait Below: 'static {
    fn over(bucket: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore>;

    /// What is done over it.
    fn steps() -> BoxedStrategy<Step> {
        step().boxed()
    }
}

/// Nothing.
#[derive(Debug)]
pub struct AsItIs;

impl Below for AsItIs {
    fn over(bucket: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        bucket
    }
}

pub struct World {
    bucket: MemoryStore,
    seats: [Seat; 2],
    directory: TempDir,
    model: Model,
}

/// A play of sequences.
pub struct Play<B>(PhantomData<B>);

impl<B: Below> StateMachineTest for Play<B> {
    type SystemUnderTest = World;
    type Reference = Steps<B>;

    fn init_test((): &()) -> World {
        Counts::add::<B>(|counts| counts.sequences += 1);
        let directory = tempfile::tempdir().expect("a directory");
        let bucket = MemoryStore::with_bucket(BUCKET);
        let seat =
            |codec| Seat::new(B::over(Arc::new(bucket.clone())), &bucket, &directory.path().join("cache"), codec);
        World { seats: [seat(Codec::Dgd1), seat(Codec::Zstd)], bucket, directory, model: Model::default() }
    }

    fn apply(mut world: World, (): &(), step: Step) -> World {
        match step {
            Step::Do { client, op, trouble } => world.one::<B>(client, &op, trouble),
            Step::Within { client, held, call, at, others } => {
                world.within::<B>(client, &held, (call, at), &others);
            }
            Step::Restart { client, cold } => {
                let seat = &mut world.seats[client];
                if cold {
                    seat.clear_cache();
                }
                seat.runtime.block_on(seat.client.close()).expect("closed");
                seat.replace();
            }
            Step::ClearCache(client) => world.seats[client].clear_cache(),
            Step::Rotate { client, rewrap } => world.seats[client].rotate(rewrap),
            Step::DamageCache => damage(&world.directory.path().join("cache")),
            Step::PutPlain { key, content } => {
                let options = PutOptions { attributes: contents::attributes(content), ..PutOptions::default() };
                let put = async {
                    let body = contents::content(content).clone().into();
                    world.bucket.put(&Location::new(BUCKET, key), body, options).await
                };
                world.seats[0].runtime.block_on(put).expect("put");
                // A delta hides it: where one stands, nothing has changed.
                world.model.happened("a plain put", &[Event::Maybe(key, one(Some(content)))]);
            }
        }
        world
    }

    fn teardown(world: World, (): ()) {
        let World { bucket, seats, directory, model } = world;
        drop(seats);
        finish::<B>(&bucket, directory.path(), model);
    }
}

impl World {
    /// An operation beside which no other one is at work.
    fn one<B: Below>(&mut self, client: usize, op: &Op, trouble: Option<(usize, Trouble)>) {
        let Self { seats, model, .. } = self;
        let seat = &mut seats[client];
        let before = seat.faults.struck();
        let (Some((_, Trouble::Fault(fault) | Trouble::Crash(fault))), call) =
            (trouble, trouble.map_or(0, |(call, _)| call))
        else {
            let came = seat.runtime.block_on(carry_out(&seat.client, op, model));
            return finished::<B>(model, op, &came, false);
        };
        seat.faults.fail_call(call, fault);
        let came = seat.runtime.block_on(async {
            tokio::select! {
                biased;
                came = carry_out(&seat.client, op, model) => Some(came),
                () = seat.faults.held() => None,
            }
        });
        seat.faults.heal();
        let struck = seat.faults.struck() > before;
        match came {
            Some(came) => finished::<B>(model, op, &came, struck),
            None => {
                Counts::add::<B>(|counts| {
                    counts.operations += 1;
                    counts.crashes += 1;
                });
                seat.replace();
                model.happened(&format!("{op:?}"), &model.unfinished(op));
            }
        }
    }

    /// An operation that is held at a call while the other client is at work.
    fn within<B: Below>(&mut self, client: usize, op: &Op, (call, at): (usize, Fault), others: &[Op]) {
        /// Time after which the one that is held goes on: the other may wait for a reference that it is fetching.
        const AT_MOST: Duration = Duration::from_millis(200);
        let Self { seats, model, .. } = self;
        let (seat, other) = (&seats[client], &seats[1 - client]);
        seat.faults.fail_call(call, at);
        let (tell, told) = mpsc::channel();
        let (came, of_others) = std::thread::scope(|scope| {
            let model = &*model;
            let held = scope.spawn(move || {
                seat.runtime.block_on(async {
                    let mut doing = Box::pin(carry_out(&seat.client, op, model));
                    tokio::select! {
                        biased;
                        came = &mut doing => {
                            drop(tell);
                            came
                        }
                        () = seat.faults.held() => {
                            tell.send(()).expect("somebody waits for it");
                            doing.await
                        }
                    }
                })
            });
            if told.recv().is_err() {
                return (held.join(), None);
            }
            let doing = async {
                let mut came = Vec::new();
                for op in others {
                    came.push(carry_out(&other.client, op, model).await);
                }
                came
            };
            let came = other.runtime.block_on(async {
                let mut doing = Box::pin(doing);
                tokio::select! {
                    came = &mut doing => came,
                    () = tokio::time::sleep(AT_MOST) => {
                        seat.faults.release();
                        doing.await
                    }
                }
            });
            seat.faults.release();
            (held.join(), Some(came))
        });
        let came = came.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        seat.faults.heal();
        let Some(of_others) = of_others else {
            finished::<B>(model, op, &came, false);
            for op in others {
                let came = other.runtime.block_on(carry_out(&other.client, op, model));
                finished::<B>(model, op, &came, false);
            }
            return;
        };
        Counts::add::<B>(|counts| {
            counts.operations += 1 + others.len() as u64;
            counts.within += others.len() as u64;
        });
        for came in of_others.iter().chain([&came]) {
            // Others may be faster, each time.
            let allowed = came.error.as_ref().is_none_or(Error::is_retryable);
            assert!(allowed, "{op:?}, with {others:?} within: {:?}", came.error);
        }
        let of_others: Vec<_> =
            others.iter().zip(of_others).map(|(op, came)| (format!("{op:?}"), came.events)).collect();
        model.overlapped((&format!("{op:?}"), &came.events), &of_others);
    }
}

/// What an operation says goes into the model. Without a fault none may fail, and with one nothing may seem damaged.
fn finished<B: Below>(model: &mut Model, op: &Op, came: &Came, struck: bool) {
    Counts::add::<B>(|counts| {
        counts.operations += 1;
        counts.acknowledged += u64::from(came.error.is_none());
        counts.faults += u64::from(struck);
    });
    if let Some(error) = &came.error {
        assert!(struck, "{op:?} failed without a fault: {error:?}");
        assert!(error.kind() != ErrorKind::Integrity, "{op:?}: a fault is taken for damage: {error:?}");
    }
    model.happened(&format!("{op:?}"), &came.events);
}

/// Changes a byte of each file.
fn damage(directory: &Path) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            damage(&path);
        } else if let Ok(mut bytes) = std::fs::read(&path)
            && let Some(byte) = bytes.last_mut()
        {
            *byte ^= 1;
            std::fs::write(&path, bytes).expect("written");
        }
    }
}
