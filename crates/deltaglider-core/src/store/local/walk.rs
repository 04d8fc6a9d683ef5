//! A listing: a walk through the directories of a bucket in the order of the keys.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::super::{ListEntry, ListRequest, ListedObject, StoreError};
use super::asked::Asked;
use super::bucket_directory::BucketDirectory;
use super::object_file::{ObjectFile, ObjectFileError};
use super::path::{Name, decode, directory_path, object_path};

/// How often a directory is read again, without an entry in between, since names in it went while it was walked through.
const LOOKS: u32 = 16;

/// Where a listing stands. Holds no file open between its steps; every step blocks.
#[derive(Debug)]
pub(super) struct Walk {
    bucket: BucketDirectory,
    asked: Asked,
    prefix: String,
    delimiter: Option<String>,
    /// Names up to this one were listed, or were not wanted.
    cursor: String,
    /// What is still to be visited, the next at the end.
    stack: Vec<Node>,
    /// How often directories may be read again before the next entry.
    looks: u32,
}

/// What came of a name.
enum Seen {
    Object(ListedObject),
    /// It has gone since its directory was read.
    Gone,
    /// No key has such a name.
    NoKey,
}

/// An object, or a directory whose name is the prefix of all its keys.
#[derive(Debug)]
struct Node {
    name: String,
    path: PathBuf,
    is_directory: bool,
}

impl Walk {
    /// Begins a listing.
    pub(super) fn new(bucket: BucketDirectory, asked: Asked, request: ListRequest) -> Result<Self, StoreError> {
        let name = directory_of(&request.prefix).to_owned();
        let relative = directory_path(&name);
        bucket.refuse_links(&relative, &asked)?;
        let start = Node { name, path: bucket.path().join(relative), is_directory: true };
        let mut walk = Self {
            bucket,
            asked,
            prefix: request.prefix,
            delimiter: request.delimiter.filter(|delimiter| !delimiter.is_empty()),
            cursor: request.start_after.unwrap_or_default(),
            stack: Vec::new(),
            looks: LOOKS,
        };
        walk.descend(&start)?;
        Ok(walk)
    }

    /// The next entries, at most so many; none at the end.
    pub(super) fn page(&mut self, limit: usize) -> Result<Vec<ListEntry>, StoreError> {
        let mut page = Vec::new();
        while page.len() < limit
            && let Some(node) = self.stack.pop()
        {
            if let Some(entry) = self.visit(&node)? {
                entry.name().clone_into(&mut self.cursor);
                self.looks = LOOKS;
                page.push(entry);
            }
        }
        Ok(page)
    }

    fn visit(&mut self, node: &Node) -> Result<Option<ListEntry>, StoreError> {
        if let Some(common) = self.common_prefix(&node.name) {
            let listed = common <= self.cursor.as_str() || !self.holds_object(node)?;
            return Ok((!listed).then(|| ListEntry::Prefix(common.to_owned())));
        }
        if node.is_directory {
            self.descend(node)?;
            return Ok(None);
        }
        match self.listed(node)? {
            Seen::Object(object) => return Ok(Some(ListEntry::Object(object))),
            Seen::Gone => self.look_again(node)?,
            Seen::NoKey => {}
        }
        Ok(None)
    }

    /// Reads the directory of a name that has gone again: who puts one name in place of another, as a delta for a whole object, puts
    /// before it deletes, and a listing that saw neither would say that there is none.
    fn look_again(&mut self, gone: &Node) -> Result<(), StoreError> {
        let Some(looks) = self.looks.checked_sub(1) else { return Ok(()) };
        self.looks = looks;
        let name = directory_of(&gone.name).to_owned();
        // What is left of it, and of nothing else: what lies beside it comes later, and is not below it.
        self.stack.retain(|node| !node.name.starts_with(&name));
        let path = self.bucket.path().join(directory_path(&name));
        self.descend(&Node { name, path, is_directory: true })
    }

    /// Puts on the stack what a directory holds and the request wants.
    fn descend(&mut self, directory: &Node) -> Result<(), StoreError> {
        let mut nodes = self.children(directory)?;
        nodes.retain(|node| self.is_wanted(node));
        // No name is the beginning of a directory's name but for an object's that comes before it: names in order, keys in order.
        nodes.sort_unstable_by(|a, b| b.name.cmp(&a.name));
        nodes.dedup_by(|a, b| a.path == b.path);
        self.stack.append(&mut nodes);
        Ok(())
    }

    fn is_wanted(&self, node: &Node) -> bool {
        let (name, cursor) = (node.name.as_str(), self.cursor.as_str());
        if node.is_directory {
            let in_prefix = name.starts_with(&self.prefix) || self.prefix.starts_with(name);
            in_prefix && (name > cursor || cursor.starts_with(name))
        } else {
            name.starts_with(&self.prefix) && name > cursor
        }
    }

    /// What all keys that begin with `name` fold into.
    fn common_prefix<'a>(&self, name: &'a str) -> Option<&'a str> {
        let delimiter = self.delimiter.as_deref()?;
        let rest = name.strip_prefix(self.prefix.as_str())?;
        let found = rest.find(delimiter)?;
        Some(&name[..self.prefix.len() + found + delimiter.len()])
    }

    fn holds_object(&self, node: &Node) -> Result<bool, StoreError> {
        if !node.is_directory {
            return Ok(matches!(self.listed(node)?, Seen::Object(_)));
        }
        for _ in 0..=LOOKS {
            let mut is_steady = true;
            let mut nodes = self.children(node)?;
            while let Some(node) = nodes.pop() {
                if node.is_directory {
                    nodes.extend(self.children(&node)?);
                    continue;
                }
                match self.listed(&node)? {
                    Seen::Object(_) => return Ok(true),
                    // As when it is listed, another name may have come in its place.
                    Seen::Gone => is_steady = false,
                    Seen::NoKey => {}
                }
            }
            if is_steady {
                break;
            }
        }
        Ok(false)
    }

    /// An object as it is listed.
    fn listed(&self, node: &Node) -> Result<Seen, StoreError> {
        if self.bucket.path().join(object_path(&node.name)) != node.path {
            tracing::warn!(path = %node.path.display(), "not listed: a file whose name no key has");
            return Ok(Seen::NoKey);
        }
        match ObjectFile::open(&node.path, &node.name) {
            Ok(object) => Ok(Seen::Object(ListedObject {
                key: node.name.clone(),
                size: object.trailer.size,
                e_tag: object.trailer.e_tag(),
                last_modified: object.trailer.created.into(),
                storage_class: None,
            })),
            Err(ObjectFileError::Absent) => Ok(Seen::Gone),
            // It is there: whoever lists hears of it, and whoever reads it hears why it cannot be read.
            Err(ObjectFileError::Damaged(why)) => {
                tracing::debug!(path = %node.path.display(), why, "a damaged object");
                let Ok(file) = fs::symlink_metadata(&node.path) else { return Ok(Seen::Gone) };
                Ok(Seen::Object(ListedObject {
                    key: node.name.clone(),
                    size: file.len(),
                    e_tag: ObjectFile::damaged_tag(),
                    last_modified: file.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                    storage_class: None,
                }))
            }
            Err(error) => Err(self.asked.object_file(&node.path, error)),
        }
    }

    /// What a directory holds, in any order.
    fn children(&self, directory: &Node) -> Result<Vec<Node>, StoreError> {
        let mut nodes = Vec::new();
        let mut unread = vec![(directory.name.clone(), directory.path.clone())];
        while let Some((prefix, path)) = unread.pop() {
            let names = {
                let _steady = self.bucket.lock_for_reading();
                read_directory(&path)
            };
            for (name, is_directory) in names.map_err(|error| self.asked.io("cannot read", &path, error))? {
                let child = path.join(&name);
                match decode(&name, is_directory) {
                    None => {}
                    Some(Name::Continued(piece)) => unread.push((prefix.clone() + &piece, child)),
                    Some(Name::Object(component)) => {
                        nodes.push(Node { name: prefix.clone() + &component, path: child, is_directory: false });
                    }
                    Some(Name::Directory(component)) => {
                        nodes.push(Node { name: prefix.clone() + &component + "/", path: child, is_directory: true });
                    }
                }
            }
        }
        Ok(nodes)
    }
}

/// The part of a name that is its directory's.
fn directory_of(name: &str) -> &str {
    &name[..name.rfind('/').map_or(0, |slash| slash + 1)]
}

/// Files and directories in a directory, and which of them are directories; nothing where it has gone. Links are neither.
fn read_directory(path: &Path) -> io::Result<Vec<(String, bool)>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            tracing::warn!(path = %entry.path().display(), "not listed: a symbolic link, which a store does not follow");
        } else if let Ok(name) = entry.file_name().into_string()
            && (kind.is_dir() || kind.is_file())
        {
            names.push((name, kind.is_dir()));
        }
    }
    Ok(names)
}
