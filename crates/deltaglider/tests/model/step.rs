//! What may be done, and how a sequence of it is made.

use std::marker::PhantomData;

use deltaglider::core::store::{ByteRange, StoreErrorKind};
use deltaglider_testkit::Fault;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest_state_machine::ReferenceStateMachine;

use crate::contents::{CONTENTS, Id, KEYS, PLAIN, PREFIXES};
use crate::world::Below;

pub type Key = &'static str;

/// An operation of a client.
#[derive(Clone, Debug)]
pub enum Op {
    Put { key: Key, content: Id, whole: bool },
    Get(Key),
    GetRange(Key, ByteRange),
    Head(Key),
    List { prefix: Key, in_pages: bool },
    Delete(Key),
    DeleteObjects(Vec<Key>),
    DeletePrefix(Key),
    Copy(Key, Key),
    Move(Key, Key),
    Migrate(Key),
    Rehydrate(Key),
    Verify(Key),
    Purge { exclusive: bool },
    Repair,
}

/// What goes wrong in an operation.
#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    Fault(Fault),
    /// The client dies, before the effect of a call or after it.
    Crash(Fault),
}

/// A step of a sequence.
#[derive(Clone, Debug)]
pub enum Step {
    /// A client does something; at its n-th call something goes wrong.
    Do {
        client: usize,
        op: Op,
        trouble: Option<(usize, Trouble)>,
    },
    /// A client is held at a call, before its effect or after it, while the other one does something.
    Within {
        client: usize,
        held: Op,
        call: usize,
        at: Fault,
        others: Vec<Op>,
    },
    /// A client ends and another one begins, with the cache that is there or with an empty one.
    Restart {
        client: usize,
        cold: bool,
    },
    ClearCache(usize),
    /// A client gets a new key, and maybe rewraps what is sealed under the old one.
    Rotate {
        client: usize,
        rewrap: bool,
    },
    /// A byte of every file of the cache is another one.
    DamageCache,
    /// Somebody who knows nothing of deltas puts an object.
    PutPlain {
        key: Key,
        content: Id,
    },
}

fn key() -> impl Strategy<Value = Key> {
    // Most of what can go wrong goes wrong within a delta space.
    prop_oneof![3 => select(&["a/1.zip", "a/2.zip"][..]), 2 => select(&KEYS[..])]
}

fn content() -> impl Strategy<Value = Id> {
    prop_oneof![4 => 2..6_u8, 3 => 0..CONTENTS - 2, 1 => CONTENTS - 2..CONTENTS]
}

fn range() -> impl Strategy<Value = ByteRange> {
    prop_oneof![
        (0..7000_u64, 1..500_u64).prop_map(|(from, length)| ByteRange::Bounded(from, from + length)),
        (0..7000_u64).prop_map(ByteRange::From),
        (1..7000_u64).prop_map(ByteRange::Last),
        (250_000..300_000_u64).prop_map(|from| ByteRange::Bounded(from, from + 20_000)),
    ]
}

fn two_keys() -> impl Strategy<Value = (Key, Key)> {
    (key(), key()).prop_filter("two names", |(from, to)| from != to)
}

fn put() -> impl Strategy<Value = Op> {
    (key(), content(), prop::bool::weighted(0.2)).prop_map(|(key, content, whole)| Op::Put { key, content, whole })
}

/// What clients may do while another one is at it.
fn op_within() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => put(),
        4 => key().prop_map(Op::Get),
        1 => key().prop_map(Op::Head),
        6 => key().prop_map(Op::Delete),
        1 => subsequence(&KEYS[..], 1..4).prop_map(Op::DeleteObjects),
        1 => select(&PREFIXES[..]).prop_map(Op::DeletePrefix),
        2 => (key(), key()).prop_map(|(from, to)| Op::Copy(from, to)),
        1 => two_keys().prop_map(|(from, to)| Op::Move(from, to)),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => op_within(),
        2 => (key(), range()).prop_map(|(key, range)| Op::GetRange(key, range)),
        2 => (select(&PREFIXES[..]), any::<bool>()).prop_map(|(prefix, in_pages)| Op::List { prefix, in_pages }),
        2 => key().prop_map(Op::Migrate),
        2 => key().prop_map(Op::Rehydrate),
        1 => key().prop_map(Op::Verify),
        1 => any::<bool>().prop_map(|exclusive| Op::Purge { exclusive }),
        1 => Just(Op::Repair),
    ]
}

fn trouble() -> impl Strategy<Value = Trouble> {
    let kind = || {
        select(
            &[StoreErrorKind::Transient, StoreErrorKind::Throttled, StoreErrorKind::Denied, StoreErrorKind::Other][..],
        )
    };
    let held = || select(&[Fault::HeldBefore, Fault::HeldAfter][..]);
    prop_oneof![
        kind().prop_map(|kind| Trouble::Fault(Fault::Before(kind))),
        kind().prop_map(|kind| Trouble::Fault(Fault::After(kind))),
        (0..6000_u64).prop_map(|bytes| Trouble::Fault(Fault::Cut(bytes))),
        Just(Trouble::Fault(Fault::Again)),
        held().prop_map(Trouble::Crash),
    ]
}

/// Which call of an operation; few of them make more than ten.
fn call() -> impl Strategy<Value = usize> {
    prop_oneof![3 => 1..5_usize, 2 => 5..12_usize]
}

pub fn step() -> impl Strategy<Value = Step> {
    let client = || 0..2_usize;
    let held = || select(&[Fault::HeldBefore, Fault::HeldAfter][..]);
    prop_oneof![
        30 => (client(), op(), option::weighted(0.5, (call(), trouble())))
            .prop_map(|(client, op, trouble)| Step::Do { client, op, trouble }),
        10 => (client(), op_within(), call(), held(), prop::collection::vec(op_within(), 1..4))
            .prop_map(|(client, held, call, at, others)| Step::Within { client, held, call, at, others }),
        2 => (client(), any::<bool>()).prop_map(|(client, cold)| Step::Restart { client, cold }),
        1 => client().prop_map(Step::ClearCache),
        1 => (client(), any::<bool>()).prop_map(|(client, rewrap)| Step::Rotate { client, rewrap }),
        1 => Just(Step::DamageCache),
        2 => (select(&PLAIN[..]), content()).prop_map(|(key, content)| Step::PutPlain { key, content }),
    ]
}

/// Puts and deletes of two names of a delta space within one another: what conditions and confirmations are there for.
pub fn step_of_two_names() -> impl Strategy<Value = Step> {
    let key = || select(&["a/1.zip", "a/2.zip"][..]);
    let op = move || {
        prop_oneof![
            (key(), 2..6_u8).prop_map(|(key, content)| Op::Put { key, content, whole: false }),
            key().prop_map(Op::Delete),
        ]
    };
    // Put, deleted and put anew, a name may bring another reference.
    let anew = (key(), 2..6_u8, 2..6_u8).prop_map(|(key, one, two)| {
        let put = |content| Op::Put { key, content, whole: false };
        vec![put(one), Op::Delete(key), put(two)]
    });
    let others = prop_oneof![prop::collection::vec(op(), 1..4), anew];
    let held = || select(&[Fault::HeldBefore, Fault::HeldAfter][..]);
    (0..2_usize, op(), 3..9_usize, held(), others).prop_map(|(client, held, call, at, others)| Step::Within {
        client,
        held,
        call,
        at,
        others,
    })
}

/// Sequences of steps over a kind of store. What may be read after one depends on what came of it, so the model is kept by the play.
#[derive(Debug)]
pub struct Steps<B>(PhantomData<B>);

impl<B: Below> ReferenceStateMachine for Steps<B> {
    type State = ();
    type Transition = Step;

    fn init_state() -> BoxedStrategy<()> {
        Just(()).boxed()
    }

    fn transitions((): &()) -> BoxedStrategy<Step> {
        B::steps()
    }

    fn apply((): (), _: &Step) {}
}
