//! Where the clauses of compound statements begin and end: `else:`, `except E as e:`, `case p if g:`, `finally:`.
//!
//! The table holds the first clause only (the header). The others stand between two blocks.

use clew_trace::{Arm, SourceTable, StatementId, StatementKind};

use crate::facts::Blocks;
use crate::scan::{TokenKind, Tokens};

/// A clause other than the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clause {
    /// The arm that it begins.
    pub(crate) arm: Arm,
    /// First byte of its keyword.
    pub(crate) start: usize,
    /// One past its colon.
    pub(crate) end: usize,
}

/// Whether the statement is an `elif`.
pub(crate) fn is_elif(table: &SourceTable, text: &str, id: StatementId) -> bool {
    let statement = table.statement(id);
    statement.kind == StatementKind::If
        && statement.arm == Arm::Else
        && text.get(statement.span.start as usize..).is_some_and(|rest| rest.starts_with("elif"))
}

/// The clauses of a compound statement after its header, in text order; an `elif` is a statement, not a clause.
pub(crate) fn clauses(table: &SourceTable, text: &str, blocks: &Blocks, id: StatementId) -> Vec<Clause> {
    let mut found = Vec::new();
    let mut before = table.statement(id).header.end as usize;
    for (arm, block) in blocks.arms(id) {
        let (Some(first), Some(last)) = (block.first(), block.last()) else { continue };
        let start = table.statement(*first).span.start as usize;
        if *arm != Arm::Body && !is_elif(table, text, *first) {
            if let Some((start, end)) = clause_between(text, before, start) {
                found.push(Clause { arm: *arm, start, end });
            }
        }
        before = table.statement(*last).span.end as usize;
    }
    found
}

/// The keyword and the colon of the clause that stands between two blocks.
fn clause_between(text: &str, from: usize, to: usize) -> Option<(usize, usize)> {
    let mut start = None;
    let mut end = None;
    for token in Tokens::within(text, from, to) {
        match token.kind {
            TokenKind::Name if start.is_none() => start = Some(token.start),
            TokenKind::Mark(b':') if token.depth == 0 => end = Some(token.end),
            _ => {}
        }
    }
    Some((start?, end?))
}

/// Whether the text holds the name as a word of its own, in strings too.
pub(crate) fn holds_word(text: &str, name: &str) -> bool {
    let is_part = |c: char| c == '_' || c.is_alphanumeric();
    text.match_indices(name).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(is_part)
            && !text[at + name.len()..].chars().next().is_some_and(is_part)
    })
}
