//! The database's schema: a list of migrations, each from one version to the next, and the code that applies them.
//!
//! Version history: 1, runs with their sources and logs; 2, artifacts. A migration that was released is never edited.
//! `user_version` holds the version; the table `migrations` tells when each was applied and by which Clew.

use crate::clock::Moment;
use rusqlite::{Connection, TransactionBehavior};

/// Marks the database as a Clew store (`CLEW`).
pub(crate) const APPLICATION_ID: u32 = 0x434C_4557;

/// One step of the schema.
pub(crate) struct Migration {
    /// The version it leads to; it starts at the one before.
    pub(crate) version: u32,
    /// What it does, run in one transaction.
    pub(crate) sql: &'static str,
}

/// All steps, ascending from 1.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, sql: include_str!("schema/0001_runs.sql") },
    Migration { version: 2, sql: include_str!("schema/0002_artifacts.sql") },
];

/// The schema version that this Clew writes.
pub const VERSION: u32 = 2;

const HISTORY: &str = "CREATE TABLE IF NOT EXISTS migrations (
    version INTEGER PRIMARY KEY, applied TEXT NOT NULL, clew TEXT NOT NULL) STRICT";

/// The version of the database; 0 when it is empty.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Whether the database holds tables of another program.
pub(crate) fn is_foreign(connection: &Connection) -> rusqlite::Result<bool> {
    let id: u32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if id == APPLICATION_ID {
        return Ok(false);
    }
    connection.query_row("SELECT count(*) > 0 FROM sqlite_schema", [], |row| row.get(0))
}

/// Brings the database to the last of `migrations`, all steps or none. Safe when several processes do it at once.
pub(crate) fn migrate(connection: &mut Connection, migrations: &[Migration]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    let missing: Vec<&Migration> = migrations.iter().filter(|m| m.version > found).collect();
    let Some(last) = missing.last() else { return transaction.commit() };
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.execute_batch(HISTORY)?;
    for migration in &missing {
        transaction.execute_batch(migration.sql)?;
        transaction.execute(
            "INSERT INTO migrations (version, applied, clew) VALUES (?1, ?2, ?3)",
            (migration.version, Moment::now().iso(), env!("CARGO_PKG_VERSION")),
        )?;
    }
    transaction.pragma_update(None, "user_version", last.version)?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store as an imaginary first Clew made it, before versions: a table of its own and no history.
    const V0: &str = "CREATE TABLE recordings (name TEXT, day TEXT);
        INSERT INTO recordings VALUES ('analysis.py', '2026-11-20'), ('plot.py', '2026-11-21');";
    const STEPS: &[Migration] = &[
        Migration {
            version: 1,
            sql: "CREATE TABLE runs (script TEXT NOT NULL, started TEXT NOT NULL);
                  INSERT INTO runs SELECT name, day || 'T00:00:00Z' FROM recordings;
                  DROP TABLE recordings;",
        },
        Migration { version: 2, sql: "ALTER TABLE runs ADD COLUMN detail TEXT NOT NULL DEFAULT 'statement'" },
    ];

    fn v0() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(V0).unwrap();
        connection
    }

    #[test]
    fn an_old_store_keeps_its_rows() {
        let mut connection = v0();
        migrate(&mut connection, STEPS).unwrap();
        migrate(&mut connection, STEPS).unwrap();
        let rows: Vec<(String, String, String)> = connection
            .prepare("SELECT script, started, detail FROM runs ORDER BY started")
            .and_then(|mut s| s.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?.collect())
            .unwrap();
        let row = |script: &str, day: &str| (script.into(), format!("{day}T00:00:00Z"), String::from("statement"));
        assert_eq!(rows, [row("analysis.py", "2026-11-20"), row("plot.py", "2026-11-21")]);
        let steps: Vec<u32> = connection
            .prepare("SELECT version FROM migrations ORDER BY version")
            .and_then(|mut s| s.query_map([], |r| r.get(0))?.collect())
            .unwrap();
        assert_eq!(steps, [1, 2]);
        assert_eq!(version(&connection).unwrap(), 2);
    }

    #[test]
    fn a_step_that_fails_changes_nothing() {
        let mut connection = v0();
        let broken = [
            Migration { version: 1, sql: STEPS[0].sql },
            Migration { version: 2, sql: "ALTER TABLE missing ADD COLUMN x" },
        ];
        assert!(migrate(&mut connection, &broken).is_err());
        assert_eq!(version(&connection).unwrap(), 0);
        let kept: u32 = connection.query_row("SELECT count(*) FROM recordings", [], |r| r.get(0)).unwrap();
        assert_eq!(kept, 2);
        migrate(&mut connection, STEPS).unwrap();
        assert_eq!(version(&connection).unwrap(), 2);
    }

    #[test]
    fn versions_ascend_to_the_current_one() {
        let versions: Vec<u32> = MIGRATIONS.iter().map(|m| m.version).collect();
        assert_eq!(versions, (1..=VERSION).collect::<Vec<_>>());
    }
}
