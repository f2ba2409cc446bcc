//! What can go wrong in a store, in fields; the text of each variant says what happened, [`Error::hint`] what to do.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Why an operation on a store failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No store in the directory or above it.
    #[error("no store found in {} or above it", .start.display())]
    NotFound {
        /// Where the search began.
        start: PathBuf,
        /// A store that was passed over because it belongs to another user.
        skipped: Option<PathBuf>,
    },
    /// The store's location is neither a path nor a `file:` URL.
    #[error("cannot open the store {url}: only paths and file: URLs are supported")]
    UnsupportedUrl {
        /// The location as given.
        url: String,
    },
    /// The store exists and cannot be opened, or cannot be made.
    #[error("cannot open the store {}: {reason}", .path.display())]
    CannotOpen {
        /// The store's directory.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The store, or the directory it should be made in, cannot be written.
    #[error("the store {} is read-only", .path.display())]
    ReadOnly {
        /// The store's directory.
        path: PathBuf,
    },
    /// The disk or the user's quota is full.
    #[error("no space left for the store {}", .path.display())]
    DiskFull {
        /// The store's directory.
        path: PathBuf,
    },
    /// Another process kept the store locked for longer than the timeout.
    #[error("the store {} is locked by another process", .path.display())]
    Busy {
        /// The store's directory.
        path: PathBuf,
    },
    /// The database is damaged or is not a database.
    #[error("the store {} is damaged: {detail}", .path.display())]
    Corrupt {
        /// The store's directory.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The database belongs to some other program.
    #[error("{} is not a Clew store: its database has other tables", .path.display())]
    Foreign {
        /// The store's directory.
        path: PathBuf,
    },
    /// The store was written by a newer Clew.
    #[error("the store {} has schema version {found}; this Clew reads versions up to {supported}", .path.display())]
    Newer {
        /// The store's directory.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version that is understood here.
        supported: u32,
    },
    /// Reading or writing a file of the store failed.
    #[error("cannot access {}: {reason}", .path.display())]
    Access {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// An object is not in the store.
    #[error("object {hash} is not in the store")]
    MissingObject {
        /// Its hash.
        hash: String,
    },
    /// An object's bytes are not those that were stored.
    #[error("object {hash} of the store is damaged")]
    DamagedObject {
        /// Its hash.
        hash: String,
    },
    /// A copy of an object cannot be written to where it was asked for.
    #[error("cannot write a copy of object {hash}: {reason}")]
    Copy {
        /// The object's hash.
        hash: String,
        /// What the system said.
        reason: String,
    },
    /// A text that should be an object's hash is not one.
    #[error("{text:?} is not an object's hash")]
    InvalidHash {
        /// The text.
        text: String,
    },
    /// A run was asked for and the store has none.
    #[error("the store {} has no runs yet", .path.display())]
    NoRuns {
        /// The store's directory.
        path: PathBuf,
    },
    /// No run has this name.
    #[error("unknown run {text:?}")]
    UnknownRun {
        /// What was asked for.
        text: String,
        /// Runs that may have been meant, newest first.
        near: Vec<String>,
    },
    /// `latest~N` reaches further back than there are runs.
    #[error("{text} does not exist: the store has {count} run(s)")]
    TooFarBack {
        /// What was asked for.
        text: String,
        /// How many runs there are.
        count: u64,
    },
    /// Several runs begin with the prefix.
    #[error("{prefix:?} names more than one run: {}", .candidates.join(", "))]
    AmbiguousRun {
        /// What was asked for.
        prefix: String,
        /// Runs that begin so, newest first, a few of them.
        candidates: Vec<String>,
    },
    /// No artifact has this name, or not this version.
    #[error("unknown artifact {text:?}")]
    UnknownArtifact {
        /// What was asked for.
        text: String,
        /// Artifacts that exist, the nearest names first.
        near: Vec<String>,
    },
    /// A query is not valid SQL, or would change something.
    #[error("the query failed: {message}")]
    Query {
        /// What SQLite said.
        message: String,
    },
    /// A query was stopped by the caller.
    #[error("the query was interrupted")]
    Interrupted,
}

impl Error {
    /// What the user can do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotFound { skipped: None, .. } => {
                "record a program first: clew run SCRIPT, or name a store with --store".to_owned()
            }
            Self::NotFound { skipped: Some(path), .. } => {
                format!("{} belongs to another user; use it with --store {0} if you trust it", path.display())
            }
            Self::UnsupportedUrl { .. } => "give a directory with --store or CLEW_STORE".to_owned(),
            Self::CannotOpen { .. } | Self::Access { .. } => {
                "check the path and its permissions, or name another store with --store".to_owned()
            }
            Self::ReadOnly { .. } => "make it writable, or name another store with --store".to_owned(),
            Self::DiskFull { .. } => {
                "free some space (clew gc removes what is not needed), or name another store with --store".to_owned()
            }
            Self::Busy { .. } => "try again when it has finished".to_owned(),
            Self::Corrupt { path, .. } => {
                format!("move it away (mv {0} {0}.damaged) and record again", path.display())
            }
            Self::Foreign { .. } => "name another directory with --store".to_owned(),
            Self::Newer { .. } => "upgrade Clew, or name another store with --store".to_owned(),
            Self::MissingObject { .. } | Self::DamagedObject { .. } => "record the program again".to_owned(),
            Self::NoRuns { .. } => "record a program first: clew run SCRIPT".to_owned(),
            Self::UnknownRun { near, .. } if near.is_empty() => "clew runs lists them".to_owned(),
            Self::UnknownRun { near, .. } => format!("did you mean {}? clew runs lists them", near.join(" or ")),
            Self::TooFarBack { .. } => "clew runs lists them".to_owned(),
            Self::AmbiguousRun { .. } => "give more characters".to_owned(),
            Self::UnknownArtifact { near, .. } if near.is_empty() => {
                "clew.save(value, name) makes one; clew artifacts lists them".to_owned()
            }
            Self::UnknownArtifact { near, .. } => {
                format!("did you mean {}? clew artifacts lists them", near.join(" or "))
            }
            Self::Query { .. } => "clew sql without a query lists the tables and their columns".to_owned(),
            Self::InvalidHash { .. } | Self::Copy { .. } | Self::Interrupted => return None,
        })
    }

    /// An error of the file system, about `file` in the store at `root`.
    pub(crate) fn from_io(root: &Path, file: &Path, error: &std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Self::DiskFull { path: root.to_owned() }
            }
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path: root.to_owned() },
            _ => Self::Access { path: file.to_owned(), reason: reason(error) },
        }
    }

    /// An error of SQLite, about the store at `root`.
    pub(crate) fn from_sqlite(root: &Path, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let path = root.to_owned();
        let detail = error.to_string();
        match error.sqlite_error_code() {
            Some(Code::DiskFull) => Self::DiskFull { path },
            Some(Code::ReadOnly) => Self::ReadOnly { path },
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => Self::Busy { path },
            Some(Code::NotADatabase) => Self::Corrupt { path, detail: "clew.db is not a database".to_owned() },
            Some(Code::OperationInterrupted) => Self::Interrupted,
            Some(Code::SystemIoFailure) if is_full(root) => Self::DiskFull { path },
            Some(Code::CannotOpen | Code::PermissionDenied | Code::SystemIoFailure) => {
                Self::CannotOpen { path, reason: detail }
            }
            _ => Self::Corrupt { path, detail },
        }
    }
}

/// Whether the disk takes no more. SQLite does not tell a full disk from a broken one when its shared memory cannot grow.
fn is_full(root: &Path) -> bool {
    let probe = root.join(format!(".space-{}", std::process::id()));
    let written = std::fs::write(&probe, vec![1; 1 << 16]);
    let _ = std::fs::remove_file(&probe);
    written.is_err_and(|e| matches!(e.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
}

/// The system's own words for an error, without Rust's `(os error N)`.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}
