//! Rewritten and compiled sources on disk, by content: the second run of a program rewrites nothing.
//!
//! A file that cannot be read, is damaged or was written by another Clew or interpreter is as good as absent;
//! one that cannot be written is not kept. Files are replaced whole, so that two processes may share a cache.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

use clew_syntax::hooks::Hook;
use clew_syntax::rewrite::Options;
use clew_trace::{SourceTable, StatementId};

/// Version of the layout of [`Prepared`].
const VERSION: u32 = 1;

/// What is needed to run a rewritten source.
#[derive(Serialize, Deserialize)]
pub struct Prepared {
    /// What the placeholders stand for.
    pub hooks: Vec<Hook>,
    /// Statements that change an object without a hook that tells.
    pub stores: Vec<StatementId>,
    /// Statements that carry a mark of their own.
    pub marked: Vec<StatementId>,
    /// Names of attributes that the source stores to.
    pub stored_attributes: Vec<String>,
    /// Static facts.
    pub table: SourceTable,
    /// The compiled code with its placeholders, marshalled; empty when it is not to be kept.
    pub code: Vec<u8>,
}

/// A directory of prepared sources.
pub struct Cache {
    directory: PathBuf,
}

impl Cache {
    /// The cache in a directory, which is made when something is kept.
    pub fn at(directory: &str) -> Self {
        Self { directory: PathBuf::from(directory) }
    }

    /// The key of a source: everything that the result depends on.
    pub fn key(text: &str, filename: &str, options: Options) -> String {
        let mut hasher = blake3::Hasher::new();
        let head = format!("{VERSION} {} {options:?} {}", env!("CARGO_PKG_VERSION"), BUILD);
        for part in [head.as_str(), filename, text] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    fn path(&self, key: &str) -> PathBuf {
        self.directory.join(key)
    }

    /// What was kept under a key.
    pub fn find(&self, key: &str) -> Option<Prepared> {
        let path = self.path(key);
        let bytes = std::fs::read(&path).ok()?;
        renew(&path);
        let (sum, rest) = bytes.split_first_chunk::<32>()?;
        if blake3::hash(rest).as_bytes() != sum {
            return None;
        }
        postcard::from_bytes(rest).ok()
    }

    /// Keeps a prepared source. Failure means that it will be prepared again.
    pub fn keep(&self, key: &str, prepared: &Prepared) {
        let Ok(bytes) = postcard::to_stdvec(prepared) else { return };
        let sum = blake3::hash(&bytes);
        let write = |path: &Path| -> std::io::Result<()> {
            std::fs::create_dir_all(&self.directory)?;
            std::fs::write(path, [sum.as_bytes().as_slice(), &bytes].concat())?;
            std::fs::rename(path, self.path(key))
        };
        let temporary = self.directory.join(format!("{key}.{}", std::process::id()));
        if write(&temporary).is_err() {
            // Nothing is lost but time; the leavings of a full disk are removed where that works.
            std::fs::remove_file(&temporary).unwrap_or_default();
        }
    }
}

/// Tells `clew gc` that a file is in use, once a day: it goes by the time of the last change.
fn renew(path: &Path) {
    let day = std::time::Duration::from_hours(24);
    let age = path.metadata().and_then(|found| found.modified()).map(|changed| changed.elapsed());
    if matches!(age, Ok(Ok(age)) if age > day) {
        if let Ok(file) = std::fs::File::options().append(true).open(path) {
            // Where it fails, the file is made again after it was removed.
            file.set_modified(std::time::SystemTime::now()).unwrap_or_default();
        }
    }
}

/// Distinguishes builds of the same version while the rewriter is being worked on.
const BUILD: &str = match option_env!("CLEW_BUILD") {
    Some(build) => build,
    None => "",
};
