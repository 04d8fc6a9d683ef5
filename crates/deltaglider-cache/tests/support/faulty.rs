//! A store of entries whose calls fail where a test says so.
#![allow(dead_code, reason = "each test uses its part")]

use std::fmt::Debug;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use deltaglider_cache::entry::{Draft, EntryId, EntryName, EntryStore, Usage};
use deltaglider_core::RandomAccess;
use deltaglider_core::cache::{CacheError, Freed, PrunePolicy};

/// A call of the store, of a draft that it gave, or of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    Header,
    Headers,
    Body,
    Read,
    Draft,
    Write,
    Publish,
    Replace,
    Remove,
    Prune,
    Clear,
    Usage,
    Claim,
    Close,
}

/// Decides which calls fail; sees each with its number, from 1.
type Decide = Box<dyn FnMut(Call, usize) -> Option<io::ErrorKind> + Send>;

/// What fails, and what was called.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

#[derive(Default)]
struct Plan {
    calls: Vec<Call>,
    decide: Option<Decide>,
    struck: usize,
}

impl Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Faults")
    }
}

impl Faults {
    /// Lets calls fail from now on; numbers begin anew.
    pub fn inject(&self, decide: impl FnMut(Call, usize) -> Option<io::ErrorKind> + Send + 'static) {
        let mut plan = self.0.lock().expect("not poisoned");
        *plan = Plan { decide: Some(Box::new(decide)), ..Plan::default() };
    }

    /// Every call since faults were injected last.
    pub fn calls(&self) -> Vec<Call> {
        self.0.lock().expect("not poisoned").calls.clone()
    }

    /// How many calls failed since then.
    pub fn struck(&self) -> usize {
        self.0.lock().expect("not poisoned").struck
    }

    fn pass(&self, call: Call) -> io::Result<()> {
        let mut plan = self.0.lock().expect("not poisoned");
        plan.calls.push(call);
        let number = plan.calls.len();
        match plan.decide.as_mut().and_then(|decide| decide(call, number)) {
            Some(kind) => {
                plan.struck += 1;
                Err(io::Error::new(kind, "a fault was injected"))
            }
            None => Ok(()),
        }
    }
}

/// A store that passes everything on, but for the calls that are to fail.
#[derive(Debug)]
pub struct Faulty<S> {
    pub store: S,
    pub faults: Faults,
}

impl<S: EntryStore> EntryStore for Faulty<S> {
    fn backend(&self) -> &'static str {
        self.store.backend()
    }

    fn limit(&self) -> u64 {
        self.store.limit()
    }

    fn header(&self, name: EntryName) -> io::Result<Option<Vec<u8>>> {
        self.faults.pass(Call::Header)?;
        self.store.header(name)
    }

    fn headers(&self) -> io::Result<Vec<(EntryName, Vec<u8>)>> {
        self.faults.pass(Call::Headers)?;
        self.store.headers()
    }

    fn body(&self, id: EntryId) -> io::Result<Option<Arc<dyn RandomAccess>>> {
        self.faults.pass(Call::Body)?;
        let body = self.store.body(id)?;
        Ok(body.map(|body| Arc::new(FaultyBody { body, faults: self.faults.clone() }) as Arc<dyn RandomAccess>))
    }

    fn draft(&self, id: EntryId, length: u64) -> Result<Box<dyn Draft>, CacheError> {
        self.faults.pass(Call::Draft)?;
        let draft = self.store.draft(id, length)?;
        Ok(Box::new(FaultyDraft { draft, faults: self.faults.clone() }))
    }

    fn replace(&self, old: EntryName, expected: &[u8], new: EntryName, header: &[u8]) -> io::Result<bool> {
        self.faults.pass(Call::Replace)?;
        self.store.replace(old, expected, new, header)
    }

    fn remove(&self, name: EntryName, expected: Option<&[u8]>) -> io::Result<Option<u64>> {
        self.faults.pass(Call::Remove)?;
        self.store.remove(name, expected)
    }

    fn prune(&self, policy: &PrunePolicy) -> io::Result<Freed> {
        self.faults.pass(Call::Prune)?;
        self.store.prune(policy)
    }

    fn clear(&self) -> io::Result<Freed> {
        self.faults.pass(Call::Clear)?;
        self.store.clear()
    }

    fn usage(&self) -> io::Result<Usage> {
        self.faults.pass(Call::Usage)?;
        self.store.usage()
    }

    fn claim(&self, name: EntryName) -> io::Result<Option<Box<dyn Fn() + Send + Sync>>> {
        self.faults.pass(Call::Claim)?;
        self.store.claim(name)
    }

    fn claim_progress(&self, name: EntryName) -> Option<SystemTime> {
        self.store.claim_progress(name)
    }

    fn tend(&self) {
        self.store.tend();
    }

    fn close(&self) -> io::Result<()> {
        self.faults.pass(Call::Close)?;
        self.store.close()
    }
}

/// A body on disk, as its readers see it: never a slice, so that each read can fail.
#[derive(Debug)]
struct FaultyBody {
    body: Arc<dyn RandomAccess>,
    faults: Faults,
}

impl RandomAccess for FaultyBody {
    fn size(&self) -> u64 {
        self.body.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.faults.pass(Call::Read)?;
        self.body.read_at(buffer, offset)
    }
}

struct FaultyDraft {
    draft: Box<dyn Draft>,
    faults: Faults,
}

impl Write for FaultyDraft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.faults.pass(Call::Write)?;
        self.draft.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.draft.flush()
    }
}

struct FaultyPart<'a> {
    part: Box<dyn Write + Send + 'a>,
    faults: Faults,
}

impl Write for FaultyPart<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.faults.pass(Call::Write)?;
        self.part.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.part.flush()
    }
}

impl Draft for FaultyDraft {
    fn parts(&mut self, length: usize) -> io::Result<Vec<Box<dyn Write + Send + '_>>> {
        let faults = &self.faults;
        let parts = self.draft.parts(length)?.into_iter();
        Ok(parts.map(|part| Box::new(FaultyPart { part, faults: faults.clone() }) as _).collect())
    }

    fn publish(self: Box<Self>, name: EntryName, header: &[u8]) -> io::Result<Arc<dyn RandomAccess>> {
        self.faults.pass(Call::Publish)?;
        self.draft.publish(name, header)
    }
}
