//! Opaque named entries: the seam between how entries are sealed and where they are kept.

use std::fmt::{self, Debug, Display};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use deltaglider_core::RandomAccess;
use deltaglider_core::cache::{CacheError, Freed, PrunePolicy};

/// The name of an entry's header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryName(pub [u8; 20]);

/// The random id of an entry: the name of its body.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId(pub [u8; 16]);

impl Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl Debug for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl Debug for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// Keeps sealed entries: headers by name, and the bodies that they point to. Every call blocks.
///
/// Contract: an entry appears whole, when its header does, and is never changed; what was opened stays readable after the entry
/// is removed; a draft that was begun before a [`clear`](Self::clear) brings nothing back after it.
pub trait EntryStore: Debug + Send + Sync + 'static {
    /// Name of the backend.
    fn backend(&self) -> &'static str;

    /// The byte budget.
    fn limit(&self) -> u64;

    /// Reads a header and marks its entry as used.
    fn header(&self, name: EntryName) -> io::Result<Option<Vec<u8>>>;

    /// Reads every header, marking nothing as used.
    fn headers(&self) -> io::Result<Vec<(EntryName, Vec<u8>)>>;

    /// Opens a body.
    fn body(&self, id: EntryId) -> io::Result<Option<Arc<dyn RandomAccess>>>;

    /// Begins an entry whose sealed body will be `length` bytes, and makes room for it.
    fn draft(&self, id: EntryId, length: u64) -> Result<Box<dyn Draft>, CacheError>;

    /// Puts a new header, under a new name, in the place of an old one if that still is `expected`; the body stays. Says whether
    /// it did.
    fn replace(&self, old: EntryName, expected: &[u8], new: EntryName, header: &[u8]) -> io::Result<bool>;

    /// Removes an entry, if its header still is `expected`; gives the bytes freed, or `None` where there was none.
    fn remove(&self, name: EntryName, expected: Option<&[u8]>) -> io::Result<Option<u64>>;

    /// Removes what a policy no longer wants.
    fn prune(&self, policy: &PrunePolicy) -> io::Result<Freed>;

    /// Removes everything.
    fn clear(&self) -> io::Result<Freed>;

    /// What is kept.
    fn usage(&self) -> io::Result<Usage>;

    /// The right to fetch an entry, among processes; `None` while another has it. It is given back when the value is dropped;
    /// called, it says that the fetch goes on.
    fn claim(&self, name: EntryName) -> io::Result<Option<Box<dyn Fn() + Send + Sync>>>;

    /// When the process that has the right to fetch last said that it goes on.
    fn claim_progress(&self, name: EntryName) -> Option<SystemTime>;

    /// Does what is due from time to time; cheap while nothing is.
    fn tend(&self);

    /// Ends the store; what must not outlive it is removed.
    fn close(&self) -> io::Result<()>;
}

/// A body being written; dropped, it leaves nothing.
pub trait Draft: Write + Send {
    /// The places of the body's parts of `length` bytes each, the last one shorter: instead of writing the body from its beginning
    /// to its end, each part is written to its place, in any order and from several threads.
    fn parts(&mut self, length: usize) -> io::Result<Vec<Box<dyn Write + Send + '_>>>;

    /// Publishes the entry, and opens its body. Where the entry cannot appear any more (it was cleared meanwhile, or somebody
    /// else's is there already), only the body is given.
    fn publish(self: Box<Self>, name: EntryName, header: &[u8]) -> io::Result<Arc<dyn RandomAccess>>;
}

/// What a store keeps, and what it evicted since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Entries kept.
    pub entries: u64,
    /// Bytes kept, as the store counts them.
    pub bytes: u64,
    /// When the entry that was used longest ago was last used.
    pub oldest_use: Option<SystemTime>,
    /// Entries evicted to stay inside the byte budget.
    pub evicted_for_budget: u64,
    /// Entries evicted to keep the floor of free space.
    pub evicted_for_space: u64,
    /// Entries evicted since nobody used them for too long.
    pub evicted_for_age: u64,
    /// Where the entries lie, on disk.
    pub path: Option<PathBuf>,
}
