//! From what the user calls a run (`latest`, `latest~2`, the beginning of an id) to the run.

use crate::connection::Purpose;
use crate::runs::{from_row, Run, COLUMNS};
use crate::store::Store;
use crate::{Error, Result};
use rusqlite::OptionalExtension;

/// How many runs an error names.
const SHOWN: usize = 4;

impl Store {
    /// The run that `text` names: `latest`, `latest~N` (N runs before it), an id, or an id's unique prefix.
    pub fn run(&self, text: &str) -> Result<Run> {
        self.settle()?;
        let count: u64 = self
            .with(Purpose::Read, |c| c.query_row("SELECT count(*) FROM runs", [], |r| r.get::<_, i64>(0)))?
            .try_into()
            .unwrap_or_default();
        if count == 0 {
            return Err(Error::NoRuns { path: self.root().to_owned() });
        }
        match steps_back(text) {
            Some(steps) => self.run_before_latest(steps)?.ok_or(Error::TooFarBack { text: text.to_owned(), count }),
            None => self.run_by_prefix(text),
        }
    }

    fn run_before_latest(&self, steps: u32) -> Result<Option<Run>> {
        let sql = format!("SELECT {COLUMNS} FROM runs ORDER BY started DESC, id DESC LIMIT 1 OFFSET ?1");
        self.with(Purpose::Read, |connection| connection.query_row(&sql, [steps], from_row).optional())
    }

    fn run_by_prefix(&self, text: &str) -> Result<Run> {
        let prefix = text.to_ascii_lowercase();
        if let Some(run) = self.run_by_id(&prefix)? {
            return Ok(run);
        }
        let mut found = self.ids_where("substr(id, 1, length(?1)) = ?1", &prefix)?;
        match found.len() {
            _ if prefix.is_empty() => Err(Error::UnknownRun { text: text.to_owned(), near: Vec::new() }),
            1 => {
                let unknown = || Error::UnknownRun { text: text.to_owned(), near: Vec::new() };
                self.run_by_id(&found.remove(0))?.ok_or_else(unknown)
            }
            // The last part of an id is what tells runs of one day apart; people try to name a run by it.
            0 => Err(Error::UnknownRun { text: text.to_owned(), near: self.ids_where("instr(id, ?1) > 0", &prefix)? }),
            _ => Err(Error::AmbiguousRun { prefix: text.to_owned(), candidates: found }),
        }
    }

    fn ids_where(&self, condition: &str, text: &str) -> Result<Vec<String>> {
        let sql = format!("SELECT id FROM runs WHERE {condition} ORDER BY started DESC, id DESC LIMIT {SHOWN}");
        self.with(Purpose::Read, |connection| connection.prepare(&sql)?.query_map([text], |r| r.get(0))?.collect())
    }
}

/// `N` of `latest~N`, 0 for `latest` itself and 1 for `latest~`; `None` for anything else.
fn steps_back(text: &str) -> Option<u32> {
    match text.strip_prefix("latest")? {
        "" => Some(0),
        "~" => Some(1),
        rest => rest.strip_prefix('~')?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::steps_back;

    #[test]
    fn latest_is_understood() {
        assert_eq!(steps_back("latest"), Some(0));
        assert_eq!(steps_back("latest~"), Some(1));
        assert_eq!(steps_back("latest~12"), Some(12));
        for text in ["latest~x", "latest~-1", "latest2", "2026", ""] {
            assert_eq!(steps_back(text), None);
        }
    }
}
