//! Objects: bytes named by their BLAKE3, compressed, in `objects/ab/cdef...`.
//!
//! An object appears at its place complete or not at all. One that is put again is only touched, so that a collection
//! of garbage at the same time sees that somebody wants it.

use crate::error::reason;
use crate::store::Store;
use crate::{Error, Result};
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

const LEVEL: i32 = 3;
const DIRECTORY: &str = "objects";
/// Names of files that are being written begin so.
const UNFINISHED: &str = ".new-";
/// Names of files that were found damaged begin so.
const DAMAGED: &str = ".damaged-";

/// Objects by name, with their files.
type Named = Vec<(String, PathBuf)>;

impl Store {
    /// Stores bytes and says their name. Cheap when they are there already.
    pub fn put_object(&self, bytes: &[u8]) -> Result<String> {
        let hash = blake3::hash(bytes).to_hex().to_string();
        self.require_writable()?;
        let place = self.object_path(&hash)?;
        let _lock = self.lock(false)?;
        if !touch(&place) {
            let directory = place.parent().unwrap_or(self.root());
            let unfinished =
                self.write_unfinished(directory, |target| zstd::stream::copy_encode(bytes, target, LEVEL))?;
            fs::rename(&unfinished, &place).map_err(|e| self.io_error(&place, &e))?;
        }
        Ok(hash)
    }

    /// Stores the content of a file, read once and never held in memory as a whole.
    pub fn put_file(&self, path: &Path) -> Result<String> {
        let mut source =
            Hashed { inner: File::open(path).map_err(|e| self.io_error(path, &e))?, hasher: blake3::Hasher::new() };
        self.require_writable()?;
        let _lock = self.lock(false)?;
        let directory = self.root().join(DIRECTORY);
        let unfinished =
            self.write_unfinished(&directory, |target| zstd::stream::copy_encode(&mut source, target, LEVEL))?;
        let hash = source.hasher.finalize().to_hex().to_string();
        let place = self.object_path(&hash)?;
        let placed = if touch(&place) {
            fs::remove_file(&unfinished)
        } else {
            fs::create_dir_all(place.parent().unwrap_or(&directory)).and_then(|()| fs::rename(&unfinished, &place))
        };
        placed.map_err(|e| self.io_error(&place, &e))?;
        Ok(hash)
    }

    /// The bytes of an object, verified against its name.
    pub fn object(&self, hash: &str) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.copy_object(hash, &mut bytes)?;
        Ok(bytes)
    }

    /// Copies an object into `target`, verified; on an error what was written is not to be used.
    pub fn copy_object(&self, hash: &str, target: &mut dyn Write) -> Result<u64> {
        let path = self.object_path(hash)?;
        let file = File::open(&path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => Error::MissingObject { hash: hash.to_owned() },
            _ => self.io_error(&path, &e),
        })?;
        let mut decoder = zstd::Decoder::new(file).map_err(|e| self.unreadable(hash, &path, &e))?;
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; 1 << 16];
        let mut size = 0;
        loop {
            let n = decoder.read(&mut buffer).map_err(|e| self.unreadable(hash, &path, &e))?;
            if n == 0 {
                break;
            }
            hasher.update(&buffer[..n]);
            target.write_all(&buffer[..n]).map_err(|e| Error::Copy { hash: hash.to_owned(), reason: reason(&e) })?;
            size += n as u64;
        }
        if hasher.finalize().to_hex().as_str() == hash {
            return Ok(size);
        }
        Err(self.damaged(hash, &path))
    }

    /// Whether an object of this name is there (its content is not read).
    pub fn has_object(&self, hash: &str) -> Result<bool> {
        Ok(self.object_path(hash)?.is_file())
    }

    /// All objects with their files, in no particular order, and files that are no objects: unfinished or damaged.
    pub(crate) fn object_files(&self) -> Result<(Named, Vec<PathBuf>)> {
        let root = self.root().join(DIRECTORY);
        let (mut objects, mut others) = (Vec::new(), Vec::new());
        for (name, directory) in self.entries(&root)? {
            if is_temporary(&name) {
                others.push(directory);
                continue;
            }
            for (rest, path) in self.entries(&directory)? {
                let hash = format!("{name}{rest}");
                if is_hash(&hash) {
                    objects.push((hash, path));
                } else if is_temporary(&rest) {
                    others.push(path);
                }
            }
        }
        Ok((objects, others))
    }

    fn entries(&self, directory: &Path) -> Result<Vec<(String, PathBuf)>> {
        let fail = |e: io::Error| self.io_error(directory, &e);
        let listing = match fs::read_dir(directory) {
            Ok(listing) => listing,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Vec::new())
            }
            Err(e) => return Err(fail(e)),
        };
        let named = |entry: fs::DirEntry| (entry.file_name().to_string_lossy().into_owned(), entry.path());
        listing.map(|entry| entry.map(named).map_err(fail)).collect()
    }

    fn object_path(&self, hash: &str) -> Result<PathBuf> {
        if !is_hash(hash) {
            return Err(Error::InvalidHash { text: hash.to_owned() });
        }
        Ok(self.root().join(DIRECTORY).join(&hash[..2]).join(&hash[2..]))
    }

    fn write_unfinished(&self, directory: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<PathBuf> {
        let path = directory.join(unfinished_name());
        let written = fs::create_dir_all(directory).and_then(|()| write(&mut File::create(&path)?));
        if let Err(error) = written {
            let _ = fs::remove_file(&path);
            return Err(self.io_error(&path, &error));
        }
        Ok(path)
    }

    fn unreadable(&self, hash: &str, path: &Path, error: &io::Error) -> Error {
        match error.raw_os_error() {
            Some(_) => self.io_error(path, error),
            None => self.damaged(hash, path),
        }
    }

    /// Puts a damaged object's file aside, so that recording the program again stores it anew.
    fn damaged(&self, hash: &str, path: &Path) -> Error {
        if self.is_writable() {
            let _ = fs::rename(path, path.with_file_name(format!("{DAMAGED}{}", &hash[2..])));
        }
        Error::DamagedObject { hash: hash.to_owned() }
    }
}

/// A reader that hashes what goes through it.
struct Hashed<R> {
    inner: R,
    hasher: blake3::Hasher,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        Ok(n)
    }
}

/// Makes an object that is there look new, and says whether it is there. A file of no bytes, which a power failure
/// can leave of a rename, does not count.
fn touch(path: &Path) -> bool {
    let Ok(file) = OpenOptions::new().write(true).open(path) else { return false };
    let is_there = file.metadata().is_ok_and(|m| m.len() > 0);
    let _ = file.set_times(FileTimes::new().set_modified(SystemTime::now()));
    is_there
}

fn is_temporary(name: &str) -> bool {
    name.starts_with(UNFINISHED) || name.starts_with(DAMAGED)
}

fn is_hash(text: &str) -> bool {
    text.len() == 2 * blake3::OUT_LEN && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// A name that no other process or thread uses at this time.
fn unfinished_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{UNFINISHED}{}-{n}-{}", std::process::id(), crate::runs::random_digits())
}
