//! What the numbers in events stand for. Tables only grow; parts of them are written as they come, so that a log whose
//! writer was killed can still be read by name.

use crate::ids::{SourceId, StatementId};
use serde::{Deserialize, Serialize};

/// A place in a source that makes events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogSite {
    /// The source; indexes [`Tables::sources`].
    pub source: SourceId,
    /// The statement around it.
    pub statement: StatementId,
    /// Its line, 1-based.
    pub line: u32,
    /// Its column, 0-based, in bytes of UTF-8.
    pub column: u32,
}

/// The tables of a log, or what is to be added to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tables {
    /// Names of callees, operators, types and constants; [`super::RawEvent::callee`] and some values index it.
    pub names: Vec<String>,
    /// Sites; [`super::RawEvent::site`] indexes it.
    pub sites: Vec<LogSite>,
    /// Paths of the sources.
    pub sources: Vec<String>,
    /// Threads by number, with their names.
    pub threads: Vec<(u16, String)>,
}

/// A part of the tables as it is written: it tells where it belongs, so that reading a part twice does no harm.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct TablesPart {
    first_name: u32,
    first_site: u32,
    first_source: u32,
    tables: Tables,
}

impl Tables {
    /// The part behind what `written` counts (names, sites, sources, threads); `written` moves to the end.
    pub(super) fn part_behind(&self, written: &mut [usize; 4]) -> TablesPart {
        let [names, sites, sources, threads] = *written;
        *written = [self.names.len(), self.sites.len(), self.sources.len(), self.threads.len()];
        TablesPart {
            first_name: names as u32,
            first_site: sites as u32,
            first_source: sources as u32,
            tables: Self {
                names: self.names[names..].to_vec(),
                sites: self.sites[sites..].to_vec(),
                sources: self.sources[sources..].to_vec(),
                threads: self.threads[threads..].to_vec(),
            },
        }
    }

    /// Puts a part where it belongs. What would leave a gap is left out: the part before it was lost.
    pub(super) fn put_part(&mut self, part: TablesPart) {
        append(&mut self.names, part.tables.names, part.first_name);
        append(&mut self.sites, part.tables.sites, part.first_site);
        append(&mut self.sources, part.tables.sources, part.first_source);
        self.threads.extend(part.tables.threads);
    }

    /// Puts more at the end of each table.
    pub fn extend(&mut self, more: Self) {
        self.names.extend(more.names);
        self.sites.extend(more.sites);
        self.sources.extend(more.sources);
        self.threads.extend(more.threads);
    }

    /// The name, or `?` for a number that was never given one.
    pub fn name(&self, index: u32) -> &str {
        self.names.get(index as usize).map_or("?", String::as_str)
    }

    /// The site's path and line.
    pub fn place(&self, site: u32) -> Option<(&str, u32)> {
        let site = self.sites.get(site as usize)?;
        Some((self.sources.get(site.source.index()).map_or("?", String::as_str), site.line))
    }

    /// The thread's name, or a name made of its number.
    pub fn thread(&self, thread: u16) -> String {
        let named = self.threads.iter().rev().find(|(number, _)| *number == thread);
        named.map_or_else(|| format!("thread {thread}"), |(_, name)| name.clone())
    }
}

fn append<T>(table: &mut Vec<T>, part: Vec<T>, first: u32) {
    if let Some(known) = table.len().checked_sub(first as usize) {
        table.extend(part.into_iter().skip(known));
    }
}
