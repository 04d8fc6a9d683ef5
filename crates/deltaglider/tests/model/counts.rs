//! What was done, in numbers.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Counts of all sequences over one kind of store.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub sequences: u64,
    pub operations: u64,
    pub acknowledged: u64,
    pub faults: u64,
    pub crashes: u64,
    pub within: u64,
    pub read_at_the_end: u64,
}

impl Counts {
    pub fn of<B: 'static>() -> Self {
        all().get(&TypeId::of::<B>()).copied().unwrap_or_default()
    }

    pub fn add<B: 'static>(change: impl FnOnce(&mut Self)) {
        change(all().entry(TypeId::of::<B>()).or_default());
    }
}

fn all() -> MutexGuard<'static, HashMap<TypeId, Counts>> {
    static ALL: OnceLock<Mutex<HashMap<TypeId, Counts>>> = OnceLock::new();
    ALL.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sequences, operations, acknowledged, faults, crashes, within, read_at_the_end } = self;
        write!(
            f,
            "{sequences} sequences, {operations} operations, {acknowledged} acknowledged, {faults} faults, {crashes} crashes, \
             {within} operations within another one's, {read_at_the_end} names read at the end"
        )
    }
}
