//! Free SQL by the user: read-only, one statement, interruptible.

use crate::connection::Purpose;
use crate::store::Store;
use crate::{Error, Result};
use rusqlite::types::ValueRef;

/// Steps of SQLite's machine between two questions whether to stop: some milliseconds.
const STEPS_BETWEEN_QUESTIONS: i32 = 1_000_000;

/// One value of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// NULL.
    Null,
    /// An integer.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows, each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
}

/// A table of the store, for people who are about to write a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableInfo {
    /// Its name.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<String>,
    /// How many rows it has.
    pub n_rows: u64,
}

impl Store {
    /// Runs one statement that only reads. `stop` is asked from time to time whether to give up.
    pub fn sql(&self, query: &str, stop: impl FnMut() -> bool + Send + 'static) -> Result<Rows> {
        let answer = self.with(Purpose::Read, |connection| {
            connection.progress_handler(STEPS_BETWEEN_QUESTIONS, Some(stop))?;
            Ok(run(connection, query))
        })?;
        answer.map_err(|error| match error {
            rusqlite::Error::SqliteFailure(code, _) if code.code == rusqlite::ErrorCode::OperationInterrupted => {
                Error::Interrupted
            }
            rusqlite::Error::SqliteFailure(code, _) if code.code == rusqlite::ErrorCode::DatabaseCorrupt => {
                Error::from_sqlite(self.root(), &error)
            }
            rusqlite::Error::SqliteFailure(code, _) if code.code == rusqlite::ErrorCode::ReadOnly => refused(),
            rusqlite::Error::SqlInputError { msg, offset, .. } => {
                Error::Query { message: located(query, &msg, offset) }
            }
            rusqlite::Error::SqliteFailure(_, Some(message)) => Error::Query { message },
            rusqlite::Error::MultipleStatement => Error::Query { message: "give one statement at a time".to_owned() },
            rusqlite::Error::InvalidQuery => refused(),
            other => Error::Query { message: other.to_string() },
        })
    }

    /// The tables of the store.
    pub fn tables(&self) -> Result<Vec<TableInfo>> {
        self.with(Purpose::Read, |connection| {
            let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
            let names: Vec<String> =
                connection.prepare(sql)?.query_map([], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?;
            names.into_iter().map(|name| table(connection, name)).collect()
        })
    }
}

fn run(connection: &rusqlite::Connection, query: &str) -> rusqlite::Result<Rows> {
    let mut statement = connection.prepare(query)?;
    if !statement.readonly() {
        return Err(rusqlite::Error::InvalidQuery);
    }
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = Vec::new();
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        rows.push((0..columns.len()).map(|i| row.get_ref(i).map(cell)).collect::<rusqlite::Result<_>>()?);
    }
    Ok(Rows { columns, rows })
}

fn cell(value: ValueRef) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Real(number) => Cell::Real(number),
        ValueRef::Text(bytes) => Cell::Text(String::from_utf8_lossy(bytes).into_owned()),
        ValueRef::Blob(bytes) => Cell::Blob(bytes.to_owned()),
    }
}

fn table(connection: &rusqlite::Connection, name: String) -> rusqlite::Result<TableInfo> {
    let quoted = name.replace('"', "\"\"");
    let statement = connection.prepare(&format!("SELECT * FROM \"{quoted}\""))?;
    let columns = statement.column_names().map(str::to_owned).collect();
    let count: i64 = connection.query_row(&format!("SELECT count(*) FROM \"{quoted}\""), [], |r| r.get(0))?;
    Ok(TableInfo { name, columns, n_rows: count.try_into().unwrap_or_default() })
}

fn refused() -> Error {
    Error::Query { message: "only statements that read are allowed".to_owned() }
}

fn located(query: &str, message: &str, offset: i32) -> String {
    match usize::try_from(offset).ok().and_then(|at| query.get(at..)) {
        Some(rest) if !rest.is_empty() && !message.contains("near") => {
            let near: String = rest.chars().take(20).collect();
            format!("{message} (near {near:?})")
        }
        _ => message.to_owned(),
    }
}
