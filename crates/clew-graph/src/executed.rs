//! Which statements ran: the recorder's marks, completed.
//!
//! Marks stand at the beginnings of blocks; a `def`, `class` or `try` often has none. What is inferred here is an
//! over-approximation: a statement that is wrongly taken as run makes slices larger, never wrong, because the flow
//! graph keeps the paths around it.

use clew_trace::{Arm, SourceTable, StatementId, StatementKind};

use crate::facts::Blocks;

/// What is known about the execution of one source.
pub(crate) struct Executed {
    ran: Vec<bool>,
    marked: Vec<bool>,
}

impl Executed {
    /// Completes `marks`. `entered` tells whether the body of a `def` or `class` ran; `exact` whether simple
    /// statements of the module scope carry marks of their own.
    pub(crate) fn new(
        table: &SourceTable,
        text: &str,
        blocks: &Blocks,
        marks: impl Iterator<Item = StatementId>,
        entered: impl Fn(StatementId) -> bool,
        exact: bool,
    ) -> Self {
        let mut marked = vec![false; table.statements.len()];
        for mark in marks {
            if let Some(slot) = marked.get_mut(mark.index()) {
                *slot = true;
            }
        }
        // Around a statement that ran, everything ran.
        for index in (0..marked.len()).rev() {
            if let (true, Some(parent)) = (marked[index], table.statements[index].parent) {
                marked[parent.index()] = true;
            }
        }
        let mut executed = Self { ran: marked.clone(), marked };
        executed.block(table, text, blocks.top(), true, exact);
        // Parents come before children, so one pass over the blocks settles them from the outside inwards.
        for index in 0..table.statements.len() {
            let parent = StatementId(index as u32);
            for (arm, block) in blocks.arms(parent) {
                let statement = &table.statements[index];
                let opens = match statement.kind {
                    StatementKind::Function | StatementKind::Class => entered(parent) && executed.ran[index],
                    StatementKind::Try => executed.ran[index] && matches!(arm, Arm::Body | Arm::Finally),
                    _ => executed.ran[index] && block.iter().all(|s| is_unmarkable(table, text, *s)),
                };
                let any_marked = block.iter().any(|s| executed.marked[s.index()]);
                if opens || any_marked {
                    executed.block(table, text, block, opens, exact);
                }
            }
        }
        executed
    }

    /// Whether the statement ran.
    pub(crate) fn ran(&self, statement: StatementId) -> bool {
        self.ran[statement.index()]
    }

    /// Whether a mark tells that the statement, or something in it, ran.
    pub(crate) fn is_marked(&self, statement: StatementId) -> bool {
        self.marked[statement.index()]
    }

    /// Whether a mark tells that a statement of the block ran.
    pub(crate) fn surely_ran(&self, block: &[StatementId]) -> bool {
        block.iter().any(|statement| self.marked[statement.index()])
    }

    fn block(&mut self, table: &SourceTable, text: &str, block: &[StatementId], opens: bool, exact: bool) {
        let mut alive = opens || self.surely_ran(block);
        for (nth, &id) in block.iter().enumerate() {
            let statement = table.statement(id);
            let marked = self.marked[id.index()];
            let ran = if marked {
                true
            } else if is_unmarkable(table, text, id) {
                alive || block[nth + 1..].first().is_some_and(|next| self.marked[next.index()])
            } else if exact && table.is_unit(id) {
                false
            } else {
                let expects_mark = nth == 0 || jumps_inside(table, block[nth - 1]);
                let later = block[nth + 1..].iter().any(|next| self.marked[next.index()]);
                if expects_mark {
                    nth == 0 && later
                } else {
                    alive
                }
            };
            self.ran[id.index()] = ran;
            alive = ran && !leaves(statement.kind);
        }
    }
}

/// Whether the statement's kind carries no mark of its own.
fn is_unmarkable(table: &SourceTable, text: &str, id: StatementId) -> bool {
    use StatementKind as K;
    let statement = table.statement(id);
    match statement.kind {
        K::Function | K::Class | K::Try | K::Pass | K::Global | K::Nonlocal => true,
        K::Expression => statement.is_docstring,
        K::ImportFrom => is_future_import(text, table, id),
        K::AnnotatedAssign | K::TypeAlias => {
            statement.defines.iter().all(|d| d.kind == clew_trace::DefineKind::Declare)
        }
        _ => false,
    }
}

/// Whether the statement is `from __future__ import ...`.
pub(crate) fn is_future_import(text: &str, table: &SourceTable, id: StatementId) -> bool {
    let statement = table.statement(id);
    statement.kind == StatementKind::ImportFrom && {
        let own = text.get(statement.span.start as usize..statement.span.end as usize).unwrap_or_default();
        own.split_whitespace().nth(1) == Some("__future__")
    }
}

const fn leaves(kind: StatementKind) -> bool {
    matches!(kind, StatementKind::Return | StatementKind::Raise | StatementKind::Break | StatementKind::Continue)
}

/// Whether a compound statement holds a jump, so that what follows it carries a mark of its own.
fn jumps_inside(table: &SourceTable, id: StatementId) -> bool {
    let statement = table.statement(id);
    if !statement.kind.is_compound() || matches!(statement.kind, StatementKind::Function | StatementKind::Class) {
        return false;
    }
    let inside = &table.statements[id.index() + 1..];
    inside
        .iter()
        .take_while(|s| s.span.start < statement.span.end)
        .any(|s| s.scope == statement.scope && leaves(s.kind))
}
