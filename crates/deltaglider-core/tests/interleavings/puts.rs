//! Puts, beside puts, gets and deletes.

use super::clients::{delete, delete_all, delete_and_put, get, purge, put, put_and_get};
use super::scenarios::{holds, of_three, other, scenario, stored, version};

const A: &str = "p/a.zip";
const B: &str = "p/b.zip";
const X: &str = "p/x.zip";

#[test]
fn two_puts_into_an_empty_space() {
    for (b, c) in [(B, version(2)), (A, version(2)), (B, version(1)), (B, other(1)), (A, other(1))] {
        let clients = vec![put(A, version(1)), put(b, c)];
        holds(&format!("put a | put {b}, empty"), scenario(&[A, B], stored(&[]), clients));
    }
}

#[test]
fn two_puts_of_a_name_that_is_there() {
    for before in [version(1), other(1)] {
        for (one, two) in [
            (version(2), version(3)),
            (version(2), other(2)),
            (other(2), other(3)),
            (version(2), version(2)),
            (other(2), other(2)),
        ] {
            let at_first = stored(&[(X, version(0)), (A, before.clone())]);
            let clients = vec![put(A, one), put(A, two)];
            holds("put a | put a, over a", scenario(&[A, X], at_first, clients));
        }
    }
}

#[test]
fn both_forms_of_a_new_name() {
    let clients = vec![put(A, version(2)), put(A, other(2))];
    holds("put a as delta | put a whole", scenario(&[A, X], stored(&[(X, version(0))]), clients));
}

#[test]
fn a_put_and_the_delete_of_the_last() {
    for (b, content) in
        [(B, version(2)), (B, version(1)), (A, version(2)), (A, version(1)), (B, other(1)), (A, other(1))]
    {
        let clients = vec![put(b, content), delete(A)];
        holds(&format!("put {b} | delete a"), scenario(&[A, B], stored(&[(A, version(1))]), clients));
    }
}

#[test]
fn a_put_and_the_delete_of_a_whole_form() {
    for content in [version(2), other(2)] {
        let at_first = stored(&[(X, version(0)), (A, other(1))]);
        let clients = vec![put(A, content), delete(A)];
        holds("put a | delete a, whole", scenario(&[A, X], at_first, clients));
    }
}

#[test]
fn a_put_and_the_delete_of_all() {
    for (b, content) in [(B, version(2)), (A, version(2)), (A, other(2))] {
        let at_first = stored(&[(A, version(1)), (X, other(1))]);
        let clients = vec![put(b, content), delete_all("p/")];
        holds(&format!("put {b} | delete all"), scenario(&[A, B, X], at_first, clients));
    }
}

#[test]
fn a_get_and_a_put() {
    for before in [version(1), other(1)] {
        for after in [version(2), other(2)] {
            let at_first = stored(&[(X, version(0)), (A, before.clone())]);
            let clients = vec![get(A), put(A, after)];
            holds("get a | put a", scenario(&[A, X], at_first, clients));
        }
    }
}

#[test]
fn a_get_and_a_delete() {
    for content in [version(1), other(1)] {
        let clients = vec![get(A), delete(A)];
        holds("get a | delete a", scenario(&[A], stored(&[(A, content)]), clients));
    }
    let clients = vec![get(A), delete_all("p/")];
    holds("get a | delete all", scenario(&[A, B], stored(&[(A, version(1)), (B, version(2))]), clients));
}

#[test]
fn two_deletes() {
    let at_first = || stored(&[(A, version(1)), (B, version(2))]);
    holds("delete a | delete b", scenario(&[A, B], at_first(), vec![delete(A), delete(B)]));
    holds("delete a | delete a", scenario(&[A, B], at_first(), vec![delete(A), delete(A)]));
    holds("delete a | delete a, last", scenario(&[A], stored(&[(A, version(1))]), vec![delete(A), delete(A)]));
    holds("delete a | delete all", scenario(&[A, B], at_first(), vec![delete(A), delete_all("p/")]));
}

#[test]
fn a_put_and_two_deletes() {
    for content in [version(2), version(1)] {
        let clients = vec![put(B, content), delete(A), delete(A)];
        holds("put b | delete a | delete a", of_three(scenario(&[A, B], stored(&[(A, version(1))]), clients)));
    }
    let clients = vec![put(B, version(2)), delete(A), delete(B)];
    holds("put b | delete a | delete b", of_three(scenario(&[A, B], stored(&[(A, version(1))]), clients)));
}

#[test]
fn a_purge() {
    let at_first = || stored(&[(A, version(1))]);
    holds("purge | put b", scenario(&[A, B], at_first(), vec![purge("p/"), put(B, version(2))]));
    holds("purge | delete a", scenario(&[A], at_first(), vec![purge("p/"), delete(A)]));
    holds(
        "purge | put b | delete a",
        of_three(scenario(&[A, B], at_first(), vec![purge("p/"), put(B, version(2)), delete(A)])),
    );
}

#[test]
fn one_client_does_one_thing_after_the_other() {
    let at_first = || stored(&[(X, version(0)), (A, version(1))]);
    for beside in [put(A, version(3)), put(A, other(3)), delete(A), delete_and_put(A, version(3)), delete_all("p/")] {
        let clients = vec![put_and_get(A, version(2)), beside.clone()];
        holds(&format!("put and get a | {beside:?}"), scenario(&[A, X], at_first(), clients));
        let clients = vec![delete_and_put(A, other(2)), beside.clone()];
        holds(&format!("delete a and put it whole | {beside:?}"), scenario(&[A, X], at_first(), clients));
    }
}
