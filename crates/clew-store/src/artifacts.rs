//! Artifacts: values saved under a name. Each save makes a new version; none is ever changed.

use crate::clock::Moment;
use crate::connection::Purpose;
use crate::store::Store;
use crate::{Error, Result};
use rusqlite::{OptionalExtension, Row, TransactionBehavior};

/// How many names an error offers.
const SHOWN: usize = 3;

/// A value to be saved.
#[derive(Clone, Debug, Default)]
pub struct NewArtifact {
    /// Its name.
    pub name: String,
    /// The run that made it; `None` outside a recording.
    pub run: Option<String>,
    /// The statement that saved it, numbered as in the run's trace.
    pub unit: Option<u32>,
    /// The line of that statement.
    pub line: Option<u32>,
    /// Fingerprint of the value.
    pub fingerprint: Option<String>,
    /// Its type's name.
    pub type_name: String,
    /// A short text of it.
    pub summary: String,
    /// The object that holds the serialised value, if it could be serialised.
    pub object: Option<String>,
}

/// A saved value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its name.
    pub name: String,
    /// Its version, from 1.
    pub version: u32,
    /// The run that made it.
    pub run: Option<String>,
    /// The statement that saved it.
    pub unit: Option<u32>,
    /// The line of that statement.
    pub line: Option<u32>,
    /// Fingerprint of the value.
    pub fingerprint: Option<String>,
    /// Its type's name.
    pub type_name: String,
    /// A short text of it.
    pub summary: String,
    /// The object that holds the serialised value.
    pub object: Option<String>,
    /// When it was saved, UTC.
    pub created: String,
}

const COLUMNS: &str = "name, version, run, unit, line, fingerprint, type, summary, object, created";

impl Store {
    /// Saves a value under its name and answers the version that it got.
    pub fn save_artifact(&self, artifact: &NewArtifact) -> Result<u32> {
        if let Some(run) = &artifact.run {
            let unknown = || Error::UnknownRun { text: run.clone(), near: Vec::new() };
            self.run_by_id(run)?.ok_or_else(unknown)?;
        }
        self.with(Purpose::Note, |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let version: u32 = transaction.query_row(
                "INSERT INTO artifacts
                 SELECT ?1, 1 + coalesce(max(version), 0), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM artifacts WHERE name = ?1
                 RETURNING version",
                rusqlite::params![
                    artifact.name,
                    artifact.run,
                    artifact.unit,
                    artifact.line,
                    artifact.fingerprint,
                    artifact.type_name,
                    artifact.summary,
                    artifact.object,
                    Moment::now().iso()
                ],
                |row| row.get(0),
            )?;
            transaction.commit().map(|()| version)
        })
    }

    /// The newest version of every artifact, or all versions; by name, then newest first.
    pub fn artifacts(&self, all_versions: bool) -> Result<Vec<Artifact>> {
        let newest = "WHERE version = (SELECT max(version) FROM artifacts AS other WHERE other.name = artifacts.name)";
        let condition = if all_versions { "" } else { newest };
        let sql = format!("SELECT {COLUMNS} FROM artifacts {condition} ORDER BY name, version DESC");
        self.with(Purpose::Read, |connection| connection.prepare(&sql)?.query_map([], from_row)?.collect())
    }

    /// The artifacts that a run saved, in the order of saving.
    pub fn artifacts_of_run(&self, run: &str) -> Result<Vec<Artifact>> {
        let sql = format!("SELECT {COLUMNS} FROM artifacts WHERE run = ?1 ORDER BY created, name, version");
        self.with(Purpose::Read, |connection| connection.prepare(&sql)?.query_map([run], from_row)?.collect())
    }

    /// One artifact: the newest version, the given one, or the newest that `run` saved.
    pub fn artifact(&self, name: &str, version: Option<u32>, run: Option<&str>) -> Result<Artifact> {
        let sql = format!(
            "SELECT {COLUMNS} FROM artifacts WHERE name = ?1 AND (?2 IS NULL OR version = ?2) AND (?3 IS NULL OR run = ?3)
             ORDER BY version DESC LIMIT 1"
        );
        let found = self
            .with(Purpose::Read, |connection| connection.query_row(&sql, (name, version, run), from_row).optional())?;
        if let Some(artifact) = found {
            return Ok(artifact);
        }
        let text = version.map_or_else(|| name.to_owned(), |v| format!("{name} (version {v})"));
        Err(Error::UnknownArtifact { text, near: self.artifact_names_like(name)? })
    }

    fn artifact_names_like(&self, name: &str) -> Result<Vec<String>> {
        let mut names: Vec<String> = self.with(Purpose::Read, |connection| {
            connection
                .prepare("SELECT DISTINCT name FROM artifacts ORDER BY name")?
                .query_map([], |r| r.get(0))?
                .collect()
        })?;
        names.sort_by_key(|other| distance(name, other));
        names.truncate(SHOWN);
        Ok(names)
    }
}

fn from_row(row: &Row) -> rusqlite::Result<Artifact> {
    Ok(Artifact {
        name: row.get(0)?,
        version: row.get(1)?,
        run: row.get(2)?,
        unit: row.get(3)?,
        line: row.get(4)?,
        fingerprint: row.get(5)?,
        type_name: row.get(6)?,
        summary: row.get(7)?,
        object: row.get(8)?,
        created: row.get(9)?,
    })
}

/// Levenshtein's distance, in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn distances() {
        assert_eq!(distance("model", "model"), 0);
        assert_eq!(distance("modle", "model"), 2);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
