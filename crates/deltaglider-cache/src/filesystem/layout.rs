//! Where the entries lie: the root, what is in it, and how all of it is cleared at once.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use deltaglider_core::cache::{CacheError, Freed};
use deltaglider_core::keys::Lifetime;

use super::body_of;
use super::locks::is_lock_name;
use crate::directory::{Directory, Status, UNPUBLISHED, absent, is_hex_name, random_name};
use crate::entry::{EntryId, EntryName};
use crate::sealed::HEADER_LENGTH;
use crate::sync::Mutex;

/// The directory of this version of the layout.
const VERSION: &str = "v1";
const HEADERS: &str = "headers";
const BODIES: &str = "bodies";
const LOCKS: &str = "locks";
const TRASH: &str = "trash-";
/// Beginning of the name of an ephemeral cache's directory.
pub(super) const EPHEMERAL: &str = "deltaglider-";
/// Bodies without a header are left alone for this long: theirs may be about to come.
const GRACE: Duration = Duration::from_secs(600);

/// How often something is tried that others may disturb.
const ATTEMPTS: u32 = 8;

/// The directory that holds [`VERSION`], and who takes care of it.
#[derive(Debug)]
pub(super) struct Root {
    path: PathBuf,
    directory: Mutex<Arc<Directory>>,
    ephemeral: Mutex<Option<Ephemeral>>,
    lifetime: Lifetime,
}

/// A directory that goes with its owner.
#[derive(Debug)]
struct Ephemeral {
    parent: Directory,
    name: String,
    /// Locked as long as it is open: no other process takes the directory for an orphan.
    _owner: File,
}

impl Root {
    pub(super) fn open(path: &Path, lifetime: Lifetime) -> Result<Self, CacheError> {
        let (path, directory, ephemeral) = match lifetime {
            Lifetime::Persistent => (path.to_owned(), Directory::open_own(path)?, None),
            Lifetime::Ephemeral => {
                let parent = Directory::open_shared(path)?;
                loop {
                    let name = random_name(EPHEMERAL)?;
                    if let Some((directory, owner)) = parent.make_owned_child(&name)? {
                        let path = path.join(&name);
                        break (path, directory, Some(Ephemeral { parent, name, _owner: owner }));
                    }
                }
            }
        };
        let directory = Arc::new(directory);
        Layout::ensure(&directory).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory => {
                CacheError::InsecureDirectory { path: path.join(VERSION), reason: error.to_string() }
            }
            _ => error.into(),
        })?;
        Ok(Self { path, directory: Mutex::new(directory), ephemeral: Mutex::new(ephemeral), lifetime })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn is_ephemeral(&self) -> bool {
        self.lifetime == Lifetime::Ephemeral
    }

    /// The directory; opened anew where a persistent one was removed behind our back.
    pub(super) fn current(&self) -> io::Result<Arc<Directory>> {
        let mut directory = self.directory.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_ephemeral() && directory.is_gone() {
            *directory = Arc::new(Directory::open_own(&self.path).map_err(io::Error::other)?);
        }
        Ok(Arc::clone(&directory))
    }

    /// Removes an ephemeral directory; a persistent one stays.
    pub(super) fn end(&self) -> io::Result<()> {
        let ephemeral = self.ephemeral.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Ephemeral { parent, name, _owner }) = ephemeral else { return Ok(()) };
        remove_root(&*self.current()?, &parent, &name)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::warn!(path = %self.path.display(), %error, "the cache directory could not be removed");
        }
    }
}

/// Removes a whole ephemeral root; what somebody else put there stays, and its directory with it.
pub(super) fn remove_root(root: &Directory, parent: &Directory, name: &str) -> io::Result<()> {
    let mut removed = Ok(());
    // A late writer may put one more file there while we are at it.
    for _ in 0..ATTEMPTS {
        if let Ok(Some(version)) = absent(root.child(VERSION)) {
            empty(&version, None);
            let _ = root.remove_child(VERSION);
        }
        sweep_trash(root);
        removed = parent.remove_child(name);
        match &removed {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            _ => break,
        }
    }
    removed
}

/// The directories of one moment; a clear takes them away from under whoever holds them, who is not to keep them.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) headers: Directory,
    pub(super) bodies: Directory,
    pub(super) locks: Directory,
}

impl Layout {
    pub(super) fn open(root: &Directory) -> io::Result<Self> {
        let version = root.child(VERSION)?;
        Ok(Self { headers: version.child(HEADERS)?, bodies: version.child(BODIES)?, locks: version.child(LOCKS)? })
    }

    /// Opens the directories, and makes those that are not there.
    pub(super) fn ensure(root: &Directory) -> io::Result<Self> {
        let mut made = Self::make(root);
        for _ in 1..ATTEMPTS {
            match &made {
                // A clear has taken them away between two steps.
                Err(error) if error.kind() == io::ErrorKind::NotFound => made = Self::make(root),
                _ => break,
            }
        }
        made
    }

    fn make(root: &Directory) -> io::Result<Self> {
        if let Ok(layout) = Self::open(root) {
            return Ok(layout);
        }
        let version = root.ensure_child(VERSION)?;
        Ok(Self {
            headers: version.ensure_child(HEADERS)?,
            bodies: version.ensure_child(BODIES)?,
            locks: version.ensure_child(LOCKS)?,
        })
    }

    /// A header and its open file.
    pub(super) fn header(&self, name: EntryName) -> io::Result<Option<(File, Vec<u8>)>> {
        let Some(mut file) = absent(self.headers.open_file(&name.to_string()))? else { return Ok(None) };
        let mut header = Vec::with_capacity(HEADER_LENGTH + 1);
        // One byte more than a header has, so that a longer one is found out.
        (&mut file).take(HEADER_LENGTH as u64 + 1).read_to_end(&mut header)?;
        Ok(Some((file, header)))
    }

    pub(super) fn header_names(&self) -> io::Result<Vec<EntryName>> {
        Ok(hex_names(&self.headers)?.into_iter().map(EntryName).collect())
    }

    /// Every entry, with what is known of its header's file.
    pub(super) fn uses(&self) -> io::Result<Vec<Use>> {
        let mut uses = Vec::new();
        for name in self.header_names()? {
            if let Some(Status { modified, .. }) = absent(self.headers.status(&name.to_string()))? {
                uses.push(Use { name, modified });
            }
        }
        Ok(uses)
    }

    /// Bytes that headers and bodies take on disk.
    pub(super) fn bytes(&self) -> io::Result<u64> {
        let mut bytes = 0;
        for directory in [&self.headers, &self.bodies] {
            for name in directory.names()? {
                let Some(name) = name.to_str() else { continue };
                bytes += absent(directory.status(name))?.map_or(0, |status| status.bytes);
            }
        }
        Ok(bytes)
    }

    /// Publishes a header, with a time of last use; `false` where the name is taken.
    pub(super) fn publish_header(&self, name: EntryName, header: &[u8], used: Option<SystemTime>) -> io::Result<bool> {
        use std::io::Write;

        let mut unpublished = self.headers.unpublished(0)?;
        let written = unpublished.file.write_all(header).and_then(|()| match used {
            Some(used) => unpublished.file.set_modified(used),
            None => Ok(()),
        });
        if let Err(error) = written {
            self.headers.forget(&unpublished);
            return Err(error);
        }
        self.headers.publish(&unpublished, &name.to_string())
    }

    /// Removes an entry, the header first, if that still is `expected`; gives the bytes freed.
    pub(super) fn remove(&self, name: EntryName, expected: Option<&[u8]>) -> io::Result<Option<u64>> {
        let Some((file, header)) = self.header(name)? else { return Ok(None) };
        if expected.is_some_and(|expected| expected != header) {
            return Ok(None);
        }
        let mut bytes = crate::directory::status_of_file(&file)?.bytes;
        if absent(self.headers.unlink(&name.to_string()))?.is_none() {
            return Ok(None);
        }
        if let Some(body) = body_of(&header) {
            bytes += self.remove_body(body)?;
        }
        Ok(Some(bytes))
    }

    /// Whether the header of this name has the same body as another header: put there by a rewrap that was broken off between
    /// its two steps, or by another one at this moment.
    pub(super) fn shares_body(&self, name: EntryName, header: &[u8]) -> io::Result<bool> {
        Ok(self.header(name)?.is_some_and(|(_, found)| body_of(&found) == body_of(header)))
    }

    pub(super) fn remove_body(&self, id: EntryId) -> io::Result<u64> {
        let name = id.to_string();
        let bytes = absent(self.bodies.status(&name))?.map_or(0, |status| status.bytes);
        Ok(absent(self.bodies.unlink(&name))?.map_or(0, |()| bytes))
    }

    /// Removes bodies without a header, and files that were never published.
    pub(super) fn sweep(&self) {
        self.headers.sweep_unpublished();
        self.bodies.sweep_unpublished();
        // Bodies first: one that comes after its header was read is not among them.
        let Ok(bodies) = hex_names::<16>(&self.bodies) else { return };
        if bodies.is_empty() {
            return;
        }
        let Ok(names) = self.header_names() else { return };
        let mut wanted = std::collections::HashSet::new();
        for name in names {
            match self.header(name) {
                Ok(Some((_, header))) => wanted.extend(body_of(&header)),
                Ok(None) => {}
                // Not knowing which body it names, none can be removed.
                Err(_) => return,
            }
        }
        for id in bodies.into_iter().map(EntryId).filter(|id| !wanted.contains(id)) {
            let old = self
                .bodies
                .status(&id.to_string())
                .is_ok_and(|status| status.modified.elapsed().is_ok_and(|elapsed| elapsed > GRACE));
            if old {
                let _ = self.remove_body(id);
            }
        }
    }
}

/// An entry and when it was last used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    pub(super) name: EntryName,
    pub(super) modified: SystemTime,
}

fn hex_names<const LENGTH: usize>(directory: &Directory) -> io::Result<Vec<[u8; LENGTH]>> {
    let decode = |name: &str| {
        let mut bytes = [0; LENGTH];
        let ours = is_hex_name(name, "", 2 * LENGTH) && hex::decode_to_slice(name, &mut bytes).is_ok();
        ours.then_some(bytes)
    };
    Ok(directory.names()?.iter().filter_map(|name| decode(name.to_str()?)).collect())
}

/// Takes all entries away in one step, and then removes them.
pub(super) fn clear(root: &Directory) -> io::Result<Freed> {
    let trash = random_name(TRASH)?;
    if absent(root.rename(VERSION, root, &trash))?.is_none() {
        return Ok(Freed::default());
    }
    let fresh = Layout::ensure(root);
    Ok(remove_trash(root, &trash, fresh.ok().as_ref()))
}

/// Removes what clears left behind whose processes died.
pub(super) fn sweep_trash(root: &Directory) {
    for name in root.names().unwrap_or_default() {
        if let Some(name) = name.to_str().filter(|name| is_hex_name(name, TRASH, 32)) {
            remove_trash(root, name, Layout::open(root).ok().as_ref());
        }
    }
}

fn remove_trash(root: &Directory, name: &str, fresh: Option<&Layout>) -> Freed {
    let mut freed = Freed::default();
    let Ok(trash) = root.child(name) else { return freed };
    // Again where a late writer put one more file there.
    for _ in 0..ATTEMPTS {
        let more = empty(&trash, fresh);
        freed.entries += more.entries;
        freed.bytes += more.bytes;
        freed.failed = more.failed;
        if let Ok(version) = root.child(VERSION) {
            give_back(&trash, &version, |name| [HEADERS, BODIES, LOCKS].contains(&name));
        }
        match root.remove_child(name) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            _ => break,
        }
    }
    freed
}

/// Removes the cache's own files from a tree; what is somebody else's goes to where it was, in `fresh`, or stays.
fn empty(tree: &Directory, fresh: Option<&Layout>) -> Freed {
    let mut freed = Freed::default();
    type Room<'a> = (&'static str, fn(&str) -> bool, Option<&'a Directory>);
    let rooms: [Room<'_>; 3] = [
        (HEADERS, |name| is_hex_name(name, "", 40), fresh.map(|layout| &layout.headers)),
        (BODIES, |name| is_hex_name(name, "", 32), fresh.map(|layout| &layout.bodies)),
        (LOCKS, is_lock_name, fresh.map(|layout| &layout.locks)),
    ];
    for (room, is_entry, into) in rooms {
        let Ok(directory) = tree.child(room) else { continue };
        let ours = |name: &str| is_entry(name) || is_hex_name(name, UNPUBLISHED, 32);
        for name in directory.names().unwrap_or_default() {
            let Some(name) = name.to_str().filter(|name| ours(name)) else { continue };
            let bytes = if room == LOCKS { 0 } else { directory.status(name).map_or(0, |status| status.bytes) };
            match absent(directory.unlink(name)) {
                Ok(Some(())) => {
                    freed.bytes += bytes;
                    freed.entries += u64::from(room == HEADERS && is_entry(name));
                }
                Ok(None) => {}
                Err(_) => freed.failed += 1,
            }
        }
        if let Some(into) = into {
            give_back(&directory, into, ours);
        }
        let _ = tree.remove_child(room);
    }
    freed
}

fn give_back(from: &Directory, into: &Directory, ours: impl Fn(&str) -> bool) {
    for name in from.names().unwrap_or_default() {
        if !name.to_str().is_some_and(&ours) {
            let _ = from.give_back(&name, into);
        }
    }
}
