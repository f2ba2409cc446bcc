//! Jumps that decide whether kept statements run, and how often: `break`, `continue`, a bare `return`, exceptions that
//! something caught, and the exception that ended the program.

use clew_trace::{Arm, StatementId, StatementKind};

use super::{Closure, Reason};
use crate::facts::MODULE;
use crate::graph::EdgeKind;

impl Closure<'_, '_> {
    /// Keeps the jumps that kept statements depend on.
    pub(super) fn keep_jumps(&mut self) {
        self.keep_loop_jumps();
        self.keep_bare_returns();
        self.keep_raisers();
        self.keep_end_of_program();
    }

    fn keep_loop_jumps(&mut self) {
        let facts = self.facts;
        for &jump in &self.analysis.loop_jumps {
            let Some(target) = facts.inner_loop(jump).filter(|target| self.has(*target)) else { continue };
            // `break` decides how often the loop runs; `continue` only what it skips.
            if facts.statement(jump).kind == StatementKind::Break || self.is_followed(jump, target) {
                self.keep(jump, Reason::because(target, EdgeKind::Control, None));
            }
        }
    }

    fn keep_bare_returns(&mut self) {
        let facts = self.facts;
        for &id in &self.analysis.bare_returns {
            if self.has(id) {
                continue;
            }
            let Some(def) = facts.owner(facts.statement(id).scope).filter(|def| self.has(*def)) else { continue };
            if self.is_followed(id, def) || self.is_in_kept_loop(id, def) {
                self.keep(id, Reason::because(def, EdgeKind::Control, None));
            }
        }
    }

    fn keep_raisers(&mut self) {
        let facts = self.facts;
        for raised in facts.raised() {
            let (catcher, raiser) = (raised.catcher, raised.raiser);
            if raiser.index() >= facts.table.statements.len() || !facts.blocks.contains(catcher, raiser) {
                continue;
            }
            let is_handled = facts.statement(catcher).kind == StatementKind::Try
                && facts.blocks.arms(catcher).iter().any(|(arm, block)| {
                    matches!(arm, Arm::Handler(_)) && self.has_in_block(block) && facts.may_have_run(block)
                });
            let decides = is_handled
                || self.is_followed(raiser, catcher)
                || self.is_in_kept_loop(raiser, catcher)
                || self.is_told_to_manager(raiser, catcher);
            if decides && !self.has(raiser) {
                self.keep(raiser, Reason::because(catcher, EdgeKind::Control, None));
            }
            if self.has(raiser) {
                self.keep(catcher, Reason::because(raiser, EdgeKind::Control, None));
                self.leak(raiser);
            }
        }
    }

    /// Whether a context manager of the user between the two is kept, and so learns of the exception.
    fn is_told_to_manager(&self, raiser: StatementId, catcher: StatementId) -> bool {
        let facts = self.facts;
        let mut inner = raiser;
        while let Some(around) = facts.statement(inner).parent.filter(|around| facts.blocks.contains(catcher, *around))
        {
            let statement = facts.statement(around);
            let (scope, anchor) = facts.home(around);
            let is_of_user = || scope != MODULE || !facts.entries_of(anchor).is_empty();
            if statement.kind == StatementKind::With && self.has(around) && is_of_user() {
                return true;
            }
            inner = around;
        }
        false
    }

    /// A loop that ended because the program did would go on without the statement that ended it.
    fn keep_end_of_program(&mut self) {
        let facts = self.facts;
        let Some(last) = facts.trace.ended_by.and_then(|id| facts.unit(id)) else { return };
        let mut around = facts.inner_loop(last);
        while let Some(found) = around {
            if self.has(found) {
                self.keep(last, Reason::because(found, EdgeKind::Control, None));
            }
            around = facts.inner_loop(found);
        }
        if self.has(last) {
            self.leak(last);
        }
    }

    /// Whether a kept statement would run after `id` if `id` did not jump to the end of `region`.
    fn is_followed(&self, id: StatementId, region: StatementId) -> bool {
        let facts = self.facts;
        let mut inner = id;
        while inner != region {
            let statement = facts.statement(inner);
            let block = facts.blocks.around(facts.table, inner);
            let block_end = block.last().map_or(0, |last| facts.blocks.end(*last));
            if self.has_between(facts.blocks.end(inner), block_end) {
                return true;
            }
            let Some(parent) = statement.parent else { return false };
            let in_try_body = facts.statement(parent).kind == StatementKind::Try && statement.arm == Arm::Body;
            if in_try_body && self.has_in_block(facts.blocks.arm(parent, Arm::Else)) {
                return true;
            }
            inner = parent;
        }
        false
    }

    /// Whether a kept loop stands between `id` and `region`.
    fn is_in_kept_loop(&self, id: StatementId, region: StatementId) -> bool {
        let facts = self.facts;
        let mut around = facts.inner_loop(id);
        while let Some(found) = around.filter(|found| facts.blocks.contains(region, *found) && *found != region) {
            if self.has(found) {
                return true;
            }
            around = facts.inner_loop(found);
        }
        false
    }
}
