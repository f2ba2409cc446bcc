//! Removes runs that are no longer wanted, objects that nothing refers to, and cached sources that nobody uses.
//!
//! Safe beside recordings: rows go first, in one transaction; then, under the store's exclusive lock, objects that no
//! row names and that nobody has put for a while. A recording puts its objects before the rows that name them, so
//! young objects stay, and while a run is open older ones stay too.

use crate::clock::Moment;
use crate::connection::Purpose;
use crate::store::Store;
use crate::Result;
use rusqlite::{Connection, TransactionBehavior};
use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// How long an object without a row is left alone, in seconds, when no run is open, and when one is.
const GRACE: u64 = 60;
const GRACE_WHILE_RECORDING: u64 = 3600;
/// A cached source that was not used for this time is removed; using one renews its time.
const CACHED: Duration = Duration::from_hours(168);
/// An open run of another host is taken for dead after this time.
const FOREIGN_RUN_SECONDS: u64 = 7 * 24 * 3600;

/// What to remove. The default removes no run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Criteria {
    /// Keep this many of the newest runs, remove the others.
    pub keep: Option<u32>,
    /// Remove runs that began longer ago than this, in seconds.
    pub older_than_seconds: Option<u64>,
    /// Remove runs that saved artifacts too, with their artifacts.
    pub artifacts_too: bool,
    /// Only say what would be removed.
    pub dry_run: bool,
    /// How long an object without a row is left alone; the default is safe beside recordings.
    pub grace_seconds: Option<u64>,
}

/// What was removed, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Runs removed, oldest first.
    pub runs: Vec<String>,
    /// Runs that the criteria name but that are kept: they saved artifacts.
    pub kept_for_artifacts: u64,
    /// Objects removed.
    pub n_objects: u64,
    /// Cached sources removed.
    pub n_cached: u64,
    /// Bytes on disk that all these took.
    pub n_bytes: u64,
    /// Objects that nothing refers to but that are too young to be removed.
    pub n_young: u64,
}

impl Store {
    /// Removes what the criteria name, then what nothing refers to.
    pub fn gc(&self, criteria: &Criteria) -> Result<Collected> {
        self.settle()?;
        self.require_writable()?;
        let _lock = self.lock(true)?;
        let mut collected = Collected::default();
        let (wanted, without_log, is_recording) = self.with(Purpose::Write, |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            remove_runs(&transaction, criteria, &mut collected)?;
            let wanted = references(&transaction)?;
            let without_log = runs_without_log(&transaction)?;
            let open = "SELECT count(*) > 0 FROM runs WHERE state = 'open'";
            let is_recording: bool = transaction.query_row(open, [], |r| r.get(0))?;
            if criteria.dry_run {
                transaction.rollback()?;
            } else {
                transaction.commit()?;
            }
            Ok((wanted, without_log, is_recording))
        })?;
        for (path, size) in self.stray_logs(&without_log)? {
            collected.n_bytes += size;
            if !criteria.dry_run {
                fs::remove_file(&path).map_err(|e| self.io_error(&path, &e))?;
            }
        }
        let grace = criteria.grace_seconds.unwrap_or(if is_recording { GRACE_WHILE_RECORDING } else { GRACE });
        self.remove_objects(&wanted, Duration::from_secs(grace), criteria.dry_run, &mut collected)?;
        self.remove_cached(criteria.dry_run, &mut collected)?;
        if !criteria.dry_run && !collected.runs.is_empty() {
            self.with(Purpose::Write, |connection| connection.execute_batch("VACUUM"))?;
        }
        Ok(collected)
    }

    fn remove_objects(
        &self,
        wanted: &HashSet<String>,
        grace: Duration,
        dry_run: bool,
        into: &mut Collected,
    ) -> Result<()> {
        let (objects, others) = self.object_files()?;
        for (hash, path) in objects {
            if wanted.contains(&hash) {
                continue;
            }
            if is_younger(&path, grace) {
                into.n_young += 1;
                continue;
            }
            into.n_objects += 1;
            into.n_bytes += self.remove(&path, dry_run)?;
        }
        for path in others {
            if !is_younger(&path, grace.max(Duration::from_secs(GRACE_WHILE_RECORDING))) {
                into.n_bytes += self.remove(&path, dry_run)?;
            }
        }
        Ok(())
    }

    fn remove_cached(&self, dry_run: bool, into: &mut Collected) -> Result<()> {
        // A store without a cache is a store in which no source was rewritten.
        let Ok(entries) = fs::read_dir(self.root().join("cache")) else { return Ok(()) };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_file() && !is_younger(&path, CACHED) {
                into.n_cached += 1;
                into.n_bytes += self.remove(&path, dry_run)?;
            }
        }
        Ok(())
    }

    fn remove(&self, path: &Path, dry_run: bool) -> Result<u64> {
        let size = path.metadata().map_or(0, |m| m.len());
        if !dry_run {
            fs::remove_file(path).map_err(|e| self.io_error(path, &e))?;
        }
        Ok(size)
    }
}

fn remove_runs(connection: &Connection, criteria: &Criteria, collected: &mut Collected) -> rusqlite::Result<()> {
    if criteria.keep.is_none() && criteria.older_than_seconds.is_none() {
        return Ok(());
    }
    let before = criteria.older_than_seconds.map(|s| Moment::now().minus_seconds(s).iso());
    let long_ago = Moment::now().minus_seconds(FOREIGN_RUN_SECONDS).iso();
    // Both criteria together remove what either names. `settle` has closed the dead runs of this host.
    let sql = "WITH ranked AS (SELECT id, started, state, row_number() OVER (ORDER BY started DESC, id DESC) AS rank FROM runs)
        SELECT id, EXISTS (SELECT 1 FROM artifacts WHERE run = id) FROM ranked
        WHERE (rank > ?1 OR started < ?2) AND (state <> 'open' OR started < ?3) ORDER BY started, id";
    let named: Vec<(String, bool)> = connection
        .prepare(sql)?
        .query_map((criteria.keep, before, long_ago), |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (id, has_artifacts) in named {
        if has_artifacts && !criteria.artifacts_too {
            collected.kept_for_artifacts += 1;
            continue;
        }
        connection.execute("DELETE FROM runs WHERE id = ?1", [&id])?;
        collected.runs.push(id);
    }
    Ok(())
}

fn references(connection: &Connection) -> rusqlite::Result<HashSet<String>> {
    let sql = "SELECT trace FROM runs WHERE trace IS NOT NULL UNION SELECT object FROM run_sources
        UNION SELECT object FROM run_logs UNION SELECT object FROM artifacts WHERE object IS NOT NULL";
    connection.prepare(sql)?.query_map([], |r| r.get(0))?.collect()
}

/// Runs whose log, if they have one, is still a file.
fn runs_without_log(connection: &Connection) -> rusqlite::Result<HashSet<String>> {
    let sql = "SELECT id FROM runs EXCEPT SELECT run FROM run_logs";
    connection.prepare(sql)?.query_map([], |r| r.get(0))?.collect()
}

/// Whether the file was put less than `grace` ago. What cannot be told counts as young.
fn is_younger(path: &Path, grace: Duration) -> bool {
    let Ok(modified) = path.metadata().and_then(|m| m.modified()) else { return true };
    match SystemTime::now().duration_since(modified) {
        Ok(age) => age < grace,
        Err(_) => !grace.is_zero(),
    }
}
