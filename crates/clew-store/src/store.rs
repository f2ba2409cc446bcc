//! A store as a whole: making one, opening one, and what it is on disk.

use crate::connection::{self, Purpose};
use crate::error::reason;
use crate::{Error, Result};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The name of the database in a store's directory.
pub const DATABASE_NAME: &str = "clew.db";
/// Version control leaves a store alone.
const IGNORE_FILE: (&str, &str) = (".gitignore", "*\n");

/// A store that was opened. It holds no open file, so it can be kept, shared between threads and taken through a fork.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    writable: bool,
}

impl Store {
    /// Opens the store in the directory `path` for reading and writing, and makes it if it is not there.
    pub fn create(path: &Path) -> Result<Self> {
        let root = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        if let Err(error) = fs::create_dir_all(&root) {
            return Err(match error.kind() {
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Error::ReadOnly { path: root },
                ErrorKind::AlreadyExists => not_a_directory(root),
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::DiskFull { path: root },
                _ => Error::CannotOpen { reason: reason(&error), path: root },
            });
        }
        let store = Self { root, writable: true };
        connection::prepare(&store.root, &store.database(), true)?;
        let ignore = store.root.join(IGNORE_FILE.0);
        if !ignore.exists() {
            // The store works without it.
            let _ = fs::write(ignore, IGNORE_FILE.1);
        }
        Ok(store)
    }

    /// Opens the store in the directory `path`, which must be there: for writing where that is possible, else for reading.
    pub fn open(path: &Path) -> Result<Self> {
        let root = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        match fs::metadata(&root) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(not_a_directory(root)),
            Err(error) => return Err(Error::CannotOpen { reason: reason(&error), path: root }),
        }
        let store = Self { root, writable: true };
        match fs::metadata(store.database()) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let reason = format!("it has no {DATABASE_NAME}, so it is not a store");
                return Err(Error::CannotOpen { path: store.root, reason });
            }
            Err(error) => return Err(Error::CannotOpen { reason: reason(&error), path: store.root }),
        }
        let writable = connection::prepare(&store.root, &store.database(), false)?;
        Ok(Self { writable, ..store })
    }

    /// The store's directory, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether the store can be written.
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.root.join(DATABASE_NAME)
    }

    pub(crate) fn require_writable(&self) -> Result<()> {
        if self.writable {
            return Ok(());
        }
        Err(Error::ReadOnly { path: self.root.clone() })
    }

    /// Runs `work` on a connection opened for it and closed after it.
    pub(crate) fn with<T>(
        &self,
        purpose: Purpose,
        work: impl FnOnce(&mut rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        if purpose != Purpose::Read {
            self.require_writable()?;
        }
        let mut connection = connection::connect(&self.root, &self.database(), self.writable, purpose)?;
        work(&mut connection).map_err(|e| Error::from_sqlite(&self.root, &e))
    }

    /// Takes the store's lock, for as long as the answer lives: shared to add objects, exclusive to remove them.
    ///
    /// `None` where the file system has no locks; a store there is used by one process at a time.
    pub(crate) fn lock(&self, exclusive: bool) -> Result<Option<File>> {
        connection::lock(&self.root, exclusive)
    }

    pub(crate) fn io_error(&self, file: &Path, error: &std::io::Error) -> Error {
        Error::from_io(&self.root, file, error)
    }
}

fn not_a_directory(path: PathBuf) -> Error {
    Error::CannotOpen { path, reason: "it is not a directory".to_owned() }
}
