//! An entry being written: a file without a name, until it is whole.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, PoisonError};

use deltaglider_core::RandomAccess;
use deltaglider_core::cache::CacheError;
use deltaglider_core::random_access::FileAccess;

use super::layout::Layout;
use super::{FilesystemEntries, Room};
use crate::directory::{Unpublished, status_of_file};
use crate::entry::{Draft, EntryId, EntryName};
use crate::sealed::HEADER_LENGTH;
use crate::sync::Mutex;

/// Blocks are what a disk gives: a body takes up to one more than its length, and its header one.
const BLOCK: u64 = 4096;

/// A body on its way, in the directories that were there when it was begun: after a clear they are in the trash.
#[derive(Debug)]
pub(super) struct FileDraft {
    layout: Layout,
    id: EntryId,
    length: u64,
    body: Option<Unpublished>,
    room: Arc<Mutex<Room>>,
    reserved: u64,
}

impl FilesystemEntries {
    pub(super) fn begin(&self, layout: Layout, id: EntryId, length: u64) -> Result<FileDraft, CacheError> {
        let reserved = length.next_multiple_of(BLOCK) + (HEADER_LENGTH as u64).next_multiple_of(BLOCK);
        self.reserve(&layout, reserved)?;
        let room = Arc::clone(&self.room);
        let mut draft = FileDraft { layout, id, length, body: None, room, reserved };
        let body = match draft.layout.bodies.unpublished(length) {
            // Fuller than it looked, by quotas or by others: once more, with less of ours.
            Err(error) if is_full(&error) => {
                let freed = self.evict_oldest(&draft.layout, reserved, &self.evicted.space)?;
                self.room().freed(freed.bytes);
                draft.layout.bodies.unpublished(length)
            }
            body => body,
        };
        draft.body = Some(body.map_err(|error| if is_full(&error) { CacheError::NoSpace } else { error.into() })?);
        Ok(draft)
    }
}

/// Whether a disk or a quota is full.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl Write for FileDraft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.body {
            Some(body) => body.file.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A part of a file, written from its beginning.
struct Part<'a> {
    file: &'a File,
    at: u64,
}

impl Write for Part<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = write_file_at(self.file, bytes, self.at)?;
        self.at += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(unix)]
fn write_file_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, bytes, offset)
}

#[cfg(windows)]
fn write_file_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_write(file, bytes, offset)
}

impl Draft for FileDraft {
    fn parts(&mut self, length: usize) -> io::Result<Vec<Box<dyn Write + Send + '_>>> {
        let file = &self.body.as_ref().ok_or(io::ErrorKind::BrokenPipe)?.file;
        let places = (0..self.length).step_by(length);
        Ok(places.map(|at| Box::new(Part { file, at }) as _).collect())
    }

    fn publish(mut self: Box<Self>, name: EntryName, header: &[u8]) -> io::Result<Arc<dyn RandomAccess>> {
        let body = self.body.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let bytes = status_of_file(&body.file)?.bytes + BLOCK;
        let opened = Arc::new(FileAccess::new(body.file.try_clone()?)?);
        // Cleared meanwhile, the directories are gone: the body is read, and is gone with its last reader.
        let appeared = match self.layout.bodies.publish(&body, &self.id.to_string()) {
            Ok(_) => self.layout.publish_header(name, header, None),
            Err(error) => Err(error),
        };
        match appeared {
            Ok(true) => self.room.lock().unwrap_or_else(PoisonError::into_inner).published(bytes),
            Ok(false) => drop(self.layout.remove_body(self.id)),
            Err(error) => {
                let _ = self.layout.remove_body(self.id);
                if error.kind() != io::ErrorKind::NotFound {
                    return Err(error);
                }
            }
        }
        Ok(opened)
    }
}

impl Drop for FileDraft {
    fn drop(&mut self) {
        if let Some(body) = &self.body {
            self.layout.bodies.forget(body);
        }
        self.room.lock().unwrap_or_else(PoisonError::into_inner).reserved -= self.reserved;
    }
}
