//! Copies, moves, and changes of form, beside puts, gets and deletes.

use deltaglider_testkit::interleavings::Scenario;

use super::clients::{copy, delete, delete_and_put, get, migrate, put, put_plain, put_whole, rehydrate, rename};
use super::scenarios::{holds, other, plain, scenario, stored, version};

const A: &str = "p/a.zip";
const B: &str = "p/b.zip";
const C: &str = "q/c.zip";
const X: &str = "p/x.zip";

#[test]
fn a_copy_and_a_delete_of_its_source() {
    for to in [B, C] {
        for content in [version(1), other(1)] {
            let clients = vec![copy(A, to), delete(A)];
            holds(&format!("copy a {to} | delete a"), scenario(&[A, to], stored(&[(A, content)]), clients));
        }
    }
}

#[test]
fn a_copy_and_a_put_over_its_source() {
    for to in [B, C] {
        for (before, after) in
            [(version(1), version(2)), (other(1), other(2)), (version(1), other(1)), (other(1), version(1))]
        {
            let at_first = stored(&[(X, version(0)), (A, before)]);
            let clients = vec![copy(A, to), put(A, after)];
            holds(&format!("copy a {to} | put a"), scenario(&[A, to, X], at_first, clients));
        }
    }
}

#[test]
fn a_copy_of_a_name_that_is_never_a_delta() {
    let at_first = stored(&[("p/a.txt", version(1))]);
    let clients = vec![copy("p/a.txt", "p/b.txt"), put("p/a.txt", version(2))];
    holds("copy a | put a, text", scenario(&["p/a.txt", "p/b.txt"], at_first, clients));
}

#[test]
fn a_copy_and_a_put_or_a_delete_at_its_destination() {
    for (to, last) in [(B, B), (C, "q/y.zip")] {
        let at_first = || stored(&[(A, version(1)), (to, version(2)), (last, version(3))]);
        holds(
            &format!("copy a {to} | put {to}"),
            scenario(&[A, to], at_first(), vec![copy(A, to), put(to, version(4))]),
        );
        holds(&format!("copy a {to} | delete {to}"), scenario(&[A, to], at_first(), vec![copy(A, to), delete(to)]));
    }
}

#[test]
fn a_move_beside_others() {
    for to in [B, C] {
        let at_first = || stored(&[(A, version(1))]);
        for beside in [delete(A), put(A, version(2)), put(A, other(2)), get(A), get(to), put(to, version(2))] {
            holds(&format!("move a {to} | {beside:?}"), scenario(&[A, to], at_first(), vec![rename(A, to), beside]));
        }
    }
}

#[test]
fn a_migration_beside_others() {
    for content in [version(1), version(2)] {
        let size = content.len() as u64;
        let at_first = || plain(stored(&[(X, version(0))]), A, &content);
        for beside in [
            get(A),
            put(A, version(2)),
            put(A, version(3)),
            put(A, other(1)),
            delete(X),
            migrate(A, size),
            put(B, version(4)),
            delete(A),
        ] {
            holds(&format!("migrate a | {beside:?}"), scenario(&[A, B, X], at_first(), vec![migrate(A, size), beside]));
        }
    }
}

#[test]
fn a_migration_beside_a_delete_and_a_put() {
    let at_first = plain(stored(&[(X, version(0))]), A, &version(1));
    for beside in [delete_and_put(A, version(2)), delete_and_put(A, other(2))] {
        for third in [put(A, other(3)), put(A, version(3))] {
            let clients = vec![migrate(A, 256), beside.clone(), third.clone()];
            let scenario = Scenario { faults: 0, ..scenario(&[A, X], at_first.clone(), clients) };
            holds(&format!("migrate a | {beside:?} | {third:?}"), scenario);
        }
    }
}

#[test]
fn a_rehydration_beside_others() {
    let at_first = || stored(&[(X, version(0)), (A, version(1))]);
    for beside in
        [get(A), put(A, version(2)), put(A, version(1)), put(A, other(1)), delete(X), rehydrate(A), put(B, version(4))]
    {
        holds(&format!("rehydrate a | {beside:?}"), scenario(&[A, B, X], at_first(), vec![rehydrate(A), beside]));
    }
}

#[test]
fn a_plain_put_beside_others() {
    let contents = [
        stored(&[(X, version(0))]),
        stored(&[(X, version(0)), (A, version(1))]),
        stored(&[(X, version(0)), (A, other(1))]),
    ];
    for at_first in contents {
        for beside in [
            get(A),
            put(A, version(2)),
            put(A, other(2)),
            put_whole(A, version(2)),
            put_plain(A, version(2)),
            delete(A),
            delete_and_put(A, version(2)),
            rehydrate(A),
        ] {
            let clients = vec![put_plain(A, version(4)), beside.clone()];
            holds(&format!("put a plain | {beside:?}"), scenario(&[A, X], at_first.clone(), clients));
        }
    }
}

#[test]
fn a_plain_put_beside_a_migration() {
    let at_first = plain(stored(&[(X, version(0))]), A, &version(1));
    for content in [version(4), other(4)] {
        let clients = vec![migrate(A, 256), put_plain(A, content)];
        holds("migrate a | put a plain", scenario(&[A, X], at_first.clone(), clients));
    }
}

/// Where the second of them dies before it removes the delta that it saw, the first one has done so.
#[test]
fn a_migration_beside_two_whole_puts() {
    let at_first = plain(stored(&[(X, version(0))]), A, &version(1));
    for one in [put_plain(A, version(4)), put_whole(A, version(4))] {
        for two in [put_plain(A, version(3)), put_whole(A, version(3)), put(A, other(3))] {
            let clients = vec![migrate(A, 256), one.clone(), two.clone()];
            let three = Scenario { faults: 0, ..scenario(&[A, X], at_first.clone(), clients) };
            holds(&format!("migrate a | {one:?} | {two:?}"), three);
        }
    }
}
