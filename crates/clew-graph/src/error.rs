//! Why a criterion cannot be sliced: errors (it means nothing in this run) and refusals (it cannot be sliced soundly).
//!
//! Messages are for users: one line, what is the matter and what to do next.

use std::fmt::Write as _;

/// Why there is no slice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text of the program, or its table, was not given.
    #[error("the text of the program is not available; run it again with `clew run`")]
    NoProgram,
    /// No statement binds the name at top level.
    #[error("no top-level variable `{name}` in this run{}", suggestion(.nearest, "clew show lists them"))]
    UnknownName {
        /// The name asked for.
        name: String,
        /// Names that are close to it, best first.
        nearest: Vec<String>,
    },
    /// Statements that would bind the name exist, but none of them ran.
    #[error("`{name}` was never bound in this run: line {line} did not run; run the program so that it does")]
    NeverBound {
        /// The name asked for.
        name: String,
        /// A line that would bind it.
        line: u32,
    },
    /// The name was bound, but deleted before the moment asked for.
    #[error("`{name}` was deleted at line {line}; ask for `{name}@LINE` with a line before it")]
    Deleted {
        /// The name asked for.
        name: String,
        /// The line that deleted it.
        line: u32,
    },
    /// The name is bound only after the line.
    #[error("`{name}` is not bound yet after line {line}; it is bound first at line {first}")]
    NotYetBound {
        /// The name asked for.
        name: String,
        /// The line asked for.
        line: u32,
        /// The first line that binds it.
        first: u32,
    },
    /// No statement stands on the line.
    #[error("line {line} holds no statement{}", near_lines(.nearest))]
    NoStatement {
        /// The line asked for.
        line: u32,
        /// The nearest lines that hold statements, before and after.
        nearest: Vec<u32>,
    },
    /// The statement did not run.
    #[error("line {line} did not run in this run; choose a line that ran")]
    NeverRan {
        /// The line of the statement.
        line: u32,
    },
    /// A function's line was given where a top-level line is needed.
    #[error("line {line} is inside `{function}`, where `{name}` may change between calls; ask for `{name}` or for a line at top level")]
    InsideFunction {
        /// The name asked for.
        name: String,
        /// The line asked for.
        line: u32,
        /// The function or class around it.
        function: String,
    },
    /// The source does not exist in this run, or its text is not known.
    #[error("source {source_id} is not part of this run, or its text is not available; name a file of this run")]
    UnknownSource {
        /// The source's number.
        source_id: u32,
    },
    /// The run did not touch this piece of outside state.
    #[error("this run did not write `{key}`{}", suggestion(.nearest, "clew effects lists what it wrote"))]
    UnknownExternal {
        /// The path or key asked for.
        key: String,
        /// Keys that were written and are close to it, best first.
        nearest: Vec<String>,
    },
    /// The run only read it.
    #[error("this run only read `{key}`, at line {line}; ask for something that it wrote")]
    OnlyRead {
        /// The path or key asked for.
        key: String,
        /// A line that read it.
        line: u32,
    },
    /// No artifact of this name was saved.
    #[error("no artifact `{name}` was saved in this run{}", suggestion(.nearest, "clew artifacts lists them"))]
    UnknownArtifact {
        /// The name asked for.
        name: String,
        /// Names that are close to it, best first.
        nearest: Vec<String>,
    },
    /// The record is not complete, so that a dependency could be missing.
    #[error("the record of this run is not complete: {reason}; a slice could miss a statement")]
    Degraded {
        /// The reason, in the recorder's words.
        reason: String,
    },
    /// Statements of the same loop change the value after the line, and are needed for later turns.
    #[error("`{name}` just after line {line} is changed again by line {by} in the same loop, which the value needs; ask for `{name}` at the end, or copy it under another name")]
    OverwrittenLater {
        /// The name asked for.
        name: String,
        /// The line asked for.
        line: u32,
        /// The line that changes it afterwards.
        by: u32,
    },
    /// The value depends on something that differs from run to run.
    #[error("the value depends on {what} (line {line}), which differs from run to run{}", remedy(.what))]
    Nondeterministic {
        /// What, for people.
        what: String,
        /// The line that reads it.
        line: u32,
    },
    /// The value depends on outside state that the run itself has changed since.
    #[error("line {line} used `{key}` as it was before the run changed it (line {by}); restore it, or copy it first, then slice the copy's run")]
    Stale {
        /// The path or key.
        key: String,
        /// The line that used it.
        line: u32,
        /// The line that changed it.
        by: u32,
    },
}

impl Error {
    /// Whether the criterion is understood but cannot be sliced soundly (exit code 3 instead of 2).
    pub const fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Degraded { .. } | Self::OverwrittenLater { .. } | Self::Nondeterministic { .. } | Self::Stale { .. }
        )
    }
}

/// The nearest names, or where to find all of them.
fn suggestion(nearest: &[String], otherwise: &str) -> String {
    let mut text = String::new();
    for (nth, name) in nearest.iter().enumerate() {
        let before = if nth == 0 { "; did you mean " } else { " or " };
        let _ = write!(text, "{before}`{name}`");
    }
    if nearest.is_empty() {
        let _ = write!(text, "; {otherwise}");
    } else {
        text.push('?');
    }
    text
}

fn near_lines(nearest: &[u32]) -> String {
    match nearest {
        [] => String::new(),
        [one] => format!("; the nearest is on line {one}"),
        [first, second, ..] => format!("; the nearest are on lines {first} and {second}"),
    }
}

fn remedy(what: &str) -> &'static str {
    if what.contains("random") {
        "; seed it first"
    } else {
        "; save it with `clew.save` where it is made"
    }
}

/// The candidates closest to `wanted`, best first, at most three.
pub(crate) fn nearest<'n>(wanted: &str, candidates: impl Iterator<Item = &'n str>) -> Vec<String> {
    let limit = (wanted.chars().count() / 3).max(2);
    let lower = wanted.to_lowercase();
    let mut scored: Vec<(usize, &str)> = candidates
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(score, candidate)| *score <= limit && *candidate != wanted)
        .collect();
    scored.sort_unstable();
    scored.dedup();
    scored.into_iter().take(3).map(|(_, candidate)| candidate.to_owned()).collect()
}

/// Levenshtein distance.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(l != *r);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
