//! Connections to the database: one for each piece of work, configured the same way, and the store's lock file.

use crate::schema::{self, MIGRATIONS, VERSION};
use crate::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a connection waits for another process.
const PATIENCE: Duration = Duration::from_secs(15);
const LOCK_NAME: &str = "lock";

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reading only.
    Read,
    /// Writing in the process of the user's program: merging the log into the database is left to a later connection,
    /// which spares the program two waits for the disk.
    Note,
    /// Writing, with the log merged into the database and removed when this was the last connection.
    Write,
}

/// Checks the database, makes or migrates it where needed, and says whether it can be written.
pub(crate) fn prepare(root: &Path, database: &Path, create: bool) -> Result<bool> {
    if !can_write(root) {
        if create && !database.exists() {
            return Err(refusal(root));
        }
        // What an older Clew wrote is migrated before it is read, which is not possible here.
        return match check(root, &connect(root, database, false, Purpose::Read)?)? {
            VERSION => Ok(false),
            _ => Err(Error::ReadOnly { path: root.to_owned() }),
        };
    }
    let fail = |e: rusqlite::Error| Error::from_sqlite(root, &e);
    let access = if create { OpenFlags::SQLITE_OPEN_CREATE } else { OpenFlags::empty() };
    let mut connection = open(database, OpenFlags::SQLITE_OPEN_READ_WRITE | access).map_err(fail)?;
    leave_log(&connection).map_err(fail)?;
    let is_current = check(root, &connection)? == VERSION;
    if connection.is_readonly("main").map_err(fail)? {
        return if is_current { Ok(false) } else { Err(Error::ReadOnly { path: root.to_owned() }) };
    }
    if !is_current {
        let _lock = lock(root, true)?;
        configure_new(&connection).map_err(fail)?;
        schema::migrate(&mut connection, MIGRATIONS).map_err(fail)?;
    }
    Ok(true)
}

/// Opens a connection to a database that [`prepare`] has seen.
pub(crate) fn connect(root: &Path, database: &Path, writable: bool, purpose: Purpose) -> Result<Connection> {
    let fail = |e: rusqlite::Error| Error::from_sqlite(root, &e);
    let mode = if writable { OpenFlags::SQLITE_OPEN_READ_WRITE } else { OpenFlags::SQLITE_OPEN_READ_ONLY };
    let connection = match open(database, mode).and_then(|c| schema::version(&c).map(|v| (c, v))) {
        Ok((connection, _)) => connection,
        Err(error) if !writable && needs_files(&error) => open_immutable(database).map_err(fail)?,
        Err(error) => return Err(fail(error)),
    };
    let found = check(root, &connection)?;
    if found != VERSION && writable {
        return Err(Error::Corrupt { path: root.to_owned(), detail: format!("its schema version became {found}") });
    }
    match purpose {
        Purpose::Read => connection.pragma_update(None, "query_only", true).map_err(fail)?,
        Purpose::Note => leave_log(&connection).map_err(fail)?,
        Purpose::Write => {}
    }
    Ok(connection)
}

/// Takes the lock file of the store; `None` where the file system knows no locks.
pub(crate) fn lock(root: &Path, exclusive: bool) -> Result<Option<File>> {
    let file = lock_file(root).map_err(|e| Error::from_io(root, &root.join(LOCK_NAME), &e))?;
    let started = Instant::now();
    loop {
        let taken = if exclusive { file.try_lock() } else { file.try_lock_shared() };
        match taken {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if started.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(TryLockError::WouldBlock) => return Err(Error::Busy { path: root.to_owned() }),
            Err(TryLockError::Error(_)) => return Ok(None),
        }
    }
}

fn open(database: &Path, mode: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(database, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    configure(&connection)?;
    Ok(connection)
}

/// A database on a medium where nothing can be written, not even a lock: nobody else writes it either.
fn open_immutable(database: &Path) -> rusqlite::Result<Connection> {
    let mut url = String::from("file:");
    for byte in database.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => url.push(char::from(*byte)),
            other => {
                url.push('%');
                for digit in [other >> 4, other & 15] {
                    url.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
                }
            }
        }
    }
    url.push_str("?immutable=1");
    let mode = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(url, mode)?;
    configure(&connection)?;
    Ok(connection)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    // A store may come from elsewhere: nothing in its schema is trusted to run, and its pages are not edited by SQL.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // In WAL mode this survives a killed process, and loses at most the last commits in a power failure.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)
}

/// Leaves the log beside the database when the connection is closed.
fn leave_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map(|_| ())
}

/// Settings that the database keeps. The switch to WAL does not wait for others by itself; the caller holds the lock.
fn configure_new(connection: &Connection) -> rusqlite::Result<()> {
    let started = Instant::now();
    loop {
        let changed: rusqlite::Result<String> =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0));
        match changed {
            Err(error) if is_busy(&error) && started.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
            }
            // Some file systems have no shared memory; SQLite then stays with its other journal, which is sound too.
            other => return other.map(|_| ()),
        }
    }
}

/// The schema version of a database that may be used by this Clew.
fn check(root: &Path, connection: &Connection) -> Result<u32> {
    let fail = |e: rusqlite::Error| Error::from_sqlite(root, &e);
    let found = schema::version(connection).map_err(fail)?;
    if schema::is_foreign(connection).map_err(fail)? {
        return Err(Error::Foreign { path: root.to_owned() });
    }
    if found > VERSION {
        return Err(Error::Newer { path: root.to_owned(), found, supported: VERSION });
    }
    Ok(found)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether SQLite failed for want of its own files beside the database, which it may not make.
fn needs_files(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Whether a file can be made in the directory: permissions alone do not tell (user 0, read-only file systems).
fn can_write(root: &Path) -> bool {
    lock_file(root).is_ok()
}

/// Why nothing can be made in the directory.
fn refusal(root: &Path) -> Error {
    match lock_file(root) {
        Err(error) if error.kind() != ErrorKind::PermissionDenied => Error::from_io(root, root, &error),
        _ => Error::ReadOnly { path: root.to_owned() },
    }
}

fn lock_file(root: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).open(root.join(LOCK_NAME))
}
