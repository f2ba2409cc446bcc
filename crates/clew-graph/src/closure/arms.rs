//! Clauses that must stay although nothing in them is kept: handlers that catch what is still raised, cases that
//! match before others, and whatever the syntax asks for.

use clew_trace::{Arm, StatementId, StatementKind};

use super::Closure;
use crate::clauses::{clauses, holds_word};
use crate::criterion::changes_something;
use crate::facts::{Facts, MODULE};

impl Closure<'_, '_> {
    /// Decides which arms of kept `try` and `match` statements stay, and needs what their clauses name.
    pub(super) fn keep_arms(&mut self) {
        let facts = self.facts;
        let with_arms: Vec<StatementId> = self
            .kept
            .iter()
            .copied()
            .filter(|id| matches!(facts.statement(*id).kind, StatementKind::Try | StatementKind::Match))
            .collect();
        for id in with_arms {
            match facts.statement(id).kind {
                StatementKind::Try => self.keep_handlers(id),
                _ => self.keep_cases(id),
            }
            self.need_clauses(id);
        }
    }

    fn stays(&self, id: StatementId, arm: Arm) -> bool {
        self.arms.contains(&(id, arm)) || self.has_in_block(self.arm(id, arm))
    }

    fn keep_handlers(&mut self, id: StatementId) {
        let facts = self.facts;
        let raised = facts.raised().iter().filter(|r| r.catcher == id);
        let is_raised = raised.clone().any(|raised| self.has(raised.raiser));
        let handlers: Vec<Arm> = arms_of(facts, id, |arm| matches!(arm, Arm::Handler(_)));
        if is_raised {
            for &arm in handlers.iter().filter(|arm| facts.may_have_run(facts.blocks.arm(id, **arm))) {
                self.arms.insert((id, arm));
            }
        }
        let has_handler = handlers.iter().any(|arm| self.stays(id, *arm));
        if has_handler {
            return;
        }
        let needs_handler = self.stays(id, Arm::Else);
        let last = facts.blocks.arm(id, Arm::Finally);
        if !needs_handler && !last.is_empty() {
            self.arms.insert((id, Arm::Finally));
        } else if let Some(&first) = handlers.first() {
            self.arms.insert((id, first));
        }
    }

    fn keep_cases(&mut self, id: StatementId) {
        let facts = self.facts;
        let cases: Vec<Arm> = arms_of(facts, id, |arm| matches!(arm, Arm::Case(_)));
        let captures = self.capturing.contains(&id) || facts.touch(id).lasts();
        let last = cases.iter().rposition(|arm| self.stays(id, *arm));
        let clauses = clauses(facts.table, facts.text, &facts.blocks, id);
        let runs_code = self.may_run_code(id);
        let last_run = cases.iter().rposition(|arm| facts.may_have_run(facts.blocks.arm(id, *arm)));
        for (nth, &arm) in cases.iter().enumerate() {
            let matched = facts.may_have_run(facts.blocks.arm(id, arm));
            let is_before = last.is_some_and(|last| nth < last);
            let is_reached = last_run.is_none_or(|last_run| nth <= last_run);
            // Trying a class pattern or a guard may run properties and functions.
            let is_tried = runs_code
                && clauses.iter().any(|clause| clause.arm == arm && facts.text[clause.start..clause.end].contains('('));
            // A pattern that matched binds its names even when the guard then fails.
            let binds =
                captures
                    && is_reached
                    && clauses.iter().any(|clause| {
                        clause.arm == arm
                            && facts.statement(id).defines.iter().any(|define| {
                                holds_word(&facts.text[clause.start..clause.end], facts.name(define.name))
                            })
                    });
            if matched && (captures || is_before) || is_tried && (is_before || is_reached) || binds {
                self.arms.insert((id, arm));
            }
        }
        if let (true, Some(&first)) = (!cases.iter().any(|arm| self.stays(id, *arm)), cases.first()) {
            self.arms.insert((id, first));
        }
    }

    /// Whether evaluating the statement may have run functions with effects.
    fn may_run_code(&self, id: StatementId) -> bool {
        let (scope, anchor) = self.facts.home(id);
        if scope == MODULE {
            changes_something(self.analysis, anchor)
        } else {
            self.effects.are_implicit() || self.effects.calls(id)
        }
    }

    /// Names in the clauses that stay are looked up when an exception arrives or a case is tried.
    fn need_clauses(&mut self, id: StatementId) {
        let facts = self.facts;
        for clause in clauses(facts.table, facts.text, &facts.blocks, id) {
            if self.stays(id, clause.arm) {
                self.need_names_in(id, &facts.text[clause.start..clause.end]);
            }
        }
    }
}

fn arms_of(facts: &Facts<'_>, id: StatementId, wanted: impl Fn(Arm) -> bool) -> Vec<Arm> {
    facts.blocks.arms(id).iter().map(|(arm, _)| *arm).filter(|arm| wanted(*arm)).collect()
}
