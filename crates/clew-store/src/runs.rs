//! Runs: begun before the program starts, finished after it ends, and found dead when their process is gone.

use crate::clock::Moment;
use crate::connection::Purpose;
use crate::masking::masked;
use crate::store::Store;
use crate::{process, Error, Result};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, TransactionBehavior};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// Being recorded.
    Open,
    /// Recorded to its end, however the program ended.
    Finished,
    /// Stopped from outside (Ctrl-C, a signal), or its process vanished.
    Interrupted,
}

impl RunState {
    /// The word in the database and for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Finished => "finished",
            Self::Interrupted => "interrupted",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "finished" => Self::Finished,
            "interrupted" => Self::Interrupted,
            _ => Self::Open,
        }
    }
}

/// What is known of a run before the program starts.
#[derive(Clone, Debug, Default)]
pub struct NewRun {
    /// The program as the user gave it: a path, `-m MODULE`, `-c`.
    pub script: String,
    /// Its arguments; secrets are masked before they are stored.
    pub argv: Vec<String>,
    /// The directory it starts in.
    pub cwd: String,
    /// The interpreter's path.
    pub interpreter: String,
    /// The interpreter's version.
    pub python_version: String,
    /// Clew's version.
    pub clew_version: String,
    /// Versions of installed packages, by name, as far as they are known.
    pub packages: BTreeMap<String, String>,
    /// `statement`, `call` or `op`.
    pub detail: String,
}

/// One source of a run; its text is an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSource {
    /// Its number in the trace; 0 is the program.
    pub source: u32,
    /// Its path as the program saw it.
    pub path: String,
    /// Its module's name.
    pub module: String,
    /// The object that holds its bytes.
    pub object: String,
}

/// One piece of a run's event log; its bytes are an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSegment {
    /// The object that holds it.
    pub object: String,
    /// How many events it holds.
    pub n_events: u64,
}

/// What is known of a run when the program has ended.
#[derive(Clone, Debug, Default)]
pub struct FinishedRun {
    /// The exit status, if the program got as far.
    pub exit_status: Option<i64>,
    /// Whether it was stopped from outside.
    pub interrupted: bool,
    /// A sentence for people: why it was interrupted, what the recording lacks.
    pub note: Option<String>,
    /// The object that holds the trace.
    pub trace: Option<String>,
    /// The sources.
    pub sources: Vec<RunSource>,
    /// The event log, in order. What stands at [`Store::log_path`] need not be named: it becomes a segment.
    pub log: Vec<LogSegment>,
    /// How many events there were, whether or not they are in the log.
    pub n_events: u64,
    /// How many of them the log's cap left out.
    pub n_dropped: u64,
    /// Versions of the packages that were imported; empty leaves those given at the start.
    pub packages: BTreeMap<String, String>,
}

/// A run as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// `20261120-095512-3fa9c1`: the start in UTC and random digits.
    pub id: String,
    /// The program as the user gave it.
    pub script: String,
    /// Its arguments, secrets masked.
    pub argv: Vec<String>,
    /// The directory it started in.
    pub cwd: String,
    /// The interpreter's path.
    pub interpreter: String,
    /// The interpreter's version.
    pub python_version: String,
    /// The version of Clew that recorded it.
    pub clew_version: String,
    /// Versions of packages, by name.
    pub packages: BTreeMap<String, String>,
    /// `statement`, `call` or `op`.
    pub detail: String,
    /// When it began, UTC.
    pub started: String,
    /// When it ended, if it did.
    pub ended: Option<String>,
    /// Its exit status.
    pub exit_status: Option<i64>,
    /// How it stands.
    pub state: RunState,
    /// A sentence for people.
    pub note: Option<String>,
    /// The object that holds its trace.
    pub trace: Option<String>,
    /// How many events there were.
    pub n_events: u64,
    /// The number of its process.
    pub pid: u32,
    /// The host it ran on.
    pub host: String,
}

pub(crate) const COLUMNS: &str = "id, script, argv, cwd, interpreter, python_version, clew_version, packages, detail, \
    started, ended, exit_status, state, note, trace, n_events, pid, host";

impl Store {
    /// Records that a run begins in this process, and names it.
    pub fn begin_run(&self, run: &NewRun) -> Result<String> {
        let pid = std::process::id();
        let process = process::identity(pid).unwrap_or_default();
        let argv = json(&masked(&run.argv));
        let packages = json(&run.packages);
        let host = process::host();
        self.with(Purpose::Note, |connection| loop {
            let now = Moment::now();
            let id = format!("{}-{}", now.compact(), random_digits());
            let inserted = connection.execute(
                "INSERT INTO runs (id, script, argv, cwd, interpreter, python_version, clew_version, packages, detail,
                    started, state, pid, host, process)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'open', ?11, ?12, ?13)",
                rusqlite::params![
                    id,
                    run.script,
                    argv,
                    run.cwd,
                    run.interpreter,
                    run.python_version,
                    run.clew_version,
                    packages,
                    run.detail,
                    now.iso(),
                    pid,
                    host,
                    process
                ],
            );
            match inserted {
                // Two runs of one second drew the same digits.
                Err(e) if e.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {}
                other => return other.map(|_| id),
            }
        })
    }

    /// Records that a run has ended; all of it or nothing.
    pub fn finish_run(&self, id: &str, end: &FinishedRun) -> Result<()> {
        let state = if end.interrupted { RunState::Interrupted } else { RunState::Finished };
        let packages = (!end.packages.is_empty()).then(|| json(&end.packages));
        let (segments, file) = self.log_segments(id, end);
        let known = self.with(Purpose::Note, |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let changed = transaction.execute(
                "UPDATE runs SET ended = ?2, exit_status = ?3, state = ?4, note = ?5, trace = ?6, n_events = ?7,
                    packages = coalesce(?8, packages) WHERE id = ?1",
                rusqlite::params![
                    id,
                    Moment::now().iso(),
                    end.exit_status,
                    state.as_str(),
                    end.note,
                    end.trace,
                    i64::try_from(end.n_events).unwrap_or(i64::MAX),
                    packages
                ],
            )?;
            if changed == 1 {
                insert_parts(&transaction, id, &end.sources, &segments)?;
            }
            transaction.commit().map(|()| changed == 1)
        })?;
        if known {
            if let Some(path) = file {
                // Garbage collection removes what stays here.
                let _ = std::fs::remove_file(path);
            }
            return Ok(());
        }
        Err(Error::UnknownRun { text: id.to_owned(), near: Vec::new() })
    }

    /// The segments of the log, and the log file that has become one of them. If it cannot be stored, it stays a file.
    fn log_segments(&self, id: &str, end: &FinishedRun) -> (Vec<LogSegment>, Option<PathBuf>) {
        let mut segments = end.log.clone();
        let Some(path) = self.unfinished_log(id) else { return (segments, None) };
        let Ok(object) = self.put_file(&path) else { return (segments, None) };
        segments.push(LogSegment { object, n_events: end.n_events.saturating_sub(end.n_dropped) });
        (segments, Some(path))
    }

    /// The newest runs, newest first; all of them without a limit.
    pub fn runs(&self, limit: Option<u32>) -> Result<Vec<Run>> {
        self.settle()?;
        let sql = format!("SELECT {COLUMNS} FROM runs ORDER BY started DESC, id DESC LIMIT ?1");
        self.with(Purpose::Read, |connection| {
            connection.prepare(&sql)?.query_map([limit.map_or(-1, i64::from)], from_row)?.collect()
        })
    }

    /// The sources of a run, in their order.
    pub fn run_sources(&self, id: &str) -> Result<Vec<RunSource>> {
        let sql = "SELECT source, path, module, object FROM run_sources WHERE run = ?1 ORDER BY source";
        self.with(Purpose::Read, |connection| {
            let source =
                |r: &Row| Ok(RunSource { source: r.get(0)?, path: r.get(1)?, module: r.get(2)?, object: r.get(3)? });
            connection.prepare(sql)?.query_map([id], source)?.collect()
        })
    }

    /// The event log of a run, in its order.
    pub fn run_log(&self, id: &str) -> Result<Vec<LogSegment>> {
        let sql = "SELECT object, n_events FROM run_logs WHERE run = ?1 ORDER BY segment";
        self.with(Purpose::Read, |connection| {
            let segment = |r: &Row| Ok(LogSegment { object: r.get(0)?, n_events: count(r, 1)? });
            connection.prepare(sql)?.query_map([id], segment)?.collect()
        })
    }

    /// Marks runs as interrupted whose process is gone. A store that cannot be written keeps them as they are.
    pub(crate) fn settle(&self) -> Result<()> {
        if !self.is_writable() {
            return Ok(());
        }
        let open: Vec<(String, u32, String, String)> = self.with(Purpose::Read, |connection| {
            let mut statement = connection.prepare("SELECT id, pid, process, host FROM runs WHERE state = 'open'")?;
            let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?;
            rows.collect()
        })?;
        if open.is_empty() {
            return Ok(());
        }
        let here = process::host();
        let gone: Vec<_> =
            open.iter().filter(|(_, pid, process, host)| process::is_gone(*pid, process, host, &here)).collect();
        if gone.is_empty() {
            return Ok(());
        }
        self.with(Purpose::Write, |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (id, pid, ..) in gone {
                transaction.execute(
                    "UPDATE runs SET state = 'interrupted', note = ?2 WHERE id = ?1 AND state = 'open'",
                    (id, format!("process {pid} ended without finishing the recording")),
                )?;
            }
            transaction.commit()
        })
    }

    pub(crate) fn run_by_id(&self, id: &str) -> Result<Option<Run>> {
        let sql = format!("SELECT {COLUMNS} FROM runs WHERE id = ?1");
        self.with(Purpose::Read, |connection| connection.query_row(&sql, [id], from_row).optional())
    }
}

fn insert_parts(
    connection: &Connection,
    id: &str,
    sources: &[RunSource],
    segments: &[LogSegment],
) -> rusqlite::Result<()> {
    let mut source = connection.prepare("INSERT OR REPLACE INTO run_sources VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for s in sources {
        source.execute((id, s.source, &s.path, &s.module, &s.object))?;
    }
    let mut log = connection.prepare("INSERT OR REPLACE INTO run_logs VALUES (?1, ?2, ?3, ?4)")?;
    for (segment, s) in (0_u32..).zip(segments) {
        log.execute((id, segment, &s.object, i64::try_from(s.n_events).unwrap_or(i64::MAX)))?;
    }
    Ok(())
}

pub(crate) fn from_row(row: &Row) -> rusqlite::Result<Run> {
    let state: String = row.get(12)?;
    Ok(Run {
        id: row.get(0)?,
        script: row.get(1)?,
        argv: serde_json::from_str(&row.get::<_, String>(2)?).unwrap_or_default(),
        cwd: row.get(3)?,
        interpreter: row.get(4)?,
        python_version: row.get(5)?,
        clew_version: row.get(6)?,
        packages: serde_json::from_str(&row.get::<_, String>(7)?).unwrap_or_default(),
        detail: row.get(8)?,
        started: row.get(9)?,
        ended: row.get(10)?,
        exit_status: row.get(11)?,
        state: RunState::parse(&state),
        note: row.get(13)?,
        trace: row.get(14)?,
        n_events: count(row, 15)?,
        pid: row.get(16)?,
        host: row.get(17)?,
    })
}

fn count(row: &Row, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or_default())
}

/// JSON of a list or map of texts, which always has one.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Six random hexadecimal digits, seeded by the system.
pub(crate) fn random_digits() -> String {
    let number = RandomState::new().build_hasher().finish();
    format!("{:06x}", number & 0x00FF_FFFF)
}
