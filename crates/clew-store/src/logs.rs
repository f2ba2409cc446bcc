//! Event logs while they are written: files in `logs/`, named by their runs.
//!
//! A recording that ends well puts its log among the objects and removes the file. One that is killed leaves it, and
//! what is in it can still be read; it goes when the run goes.

use crate::store::Store;
use crate::Result;
use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

const DIRECTORY: &str = "logs";
const SUFFIX: &str = ".events";

impl Store {
    /// Where the event log of a run is to be written. The file does not exist yet, its directory does.
    pub fn log_path(&self, run: &str) -> Result<PathBuf> {
        self.require_writable()?;
        let directory = self.root().join(DIRECTORY);
        fs::create_dir_all(&directory).map_err(|e| self.io_error(&directory, &e))?;
        Ok(directory.join(format!("{run}{SUFFIX}")))
    }

    /// The log file that a run left, because it is still open or was killed.
    pub fn unfinished_log(&self, run: &str) -> Option<PathBuf> {
        let path = self.root().join(DIRECTORY).join(format!("{run}{SUFFIX}"));
        path.is_file().then_some(path)
    }

    /// Log files of no run in `needing`, with their sizes.
    pub(crate) fn stray_logs(&self, needing: &HashSet<String>) -> Result<Vec<(PathBuf, u64)>> {
        let directory = self.root().join(DIRECTORY);
        let listing = match fs::read_dir(&directory) {
            Ok(listing) => listing,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(self.io_error(&directory, &e)),
        };
        let stray = listing.flatten().filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_stray = !needing.contains(name.strip_suffix(SUFFIX)?);
            is_stray.then(|| (entry.path(), entry.metadata().map_or(0, |m| m.len())))
        });
        Ok(stray.collect())
    }
}
