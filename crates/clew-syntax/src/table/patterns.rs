//! The walk over the patterns of `match`.

use super::collect::Collector;
use clew_trace::DefineKind;
use ruff_python_ast::{Identifier, MatchCase, Pattern};

impl<'a> Collector<'a> {
    /// Walks the pattern and guard of one case. Whatever they bind may stay unbound.
    pub(super) fn case(&mut self, case: &'a MatchCase) {
        self.branch(|walk| {
            walk.pattern(&case.pattern);
            case.guard.iter().for_each(|guard| walk.condition(guard));
        });
    }

    fn pattern(&mut self, pattern: &'a Pattern) {
        // Anything but a capture looks into the subject.
        if !matches!(pattern, Pattern::MatchAs(_) | Pattern::MatchStar(_) | Pattern::MatchSingleton(_)) {
            self.may_raise();
        }
        match pattern {
            Pattern::MatchValue(node) => self.expression(&node.value),
            Pattern::MatchSingleton(_) => {}
            Pattern::MatchSequence(node) => node.patterns.iter().for_each(|part| self.pattern(part)),
            Pattern::MatchMapping(node) => {
                node.keys.iter().for_each(|key| self.expression(key));
                node.patterns.iter().for_each(|part| self.pattern(part));
                self.capture(node.rest.as_ref());
            }
            Pattern::MatchClass(node) => {
                self.expression(&node.cls);
                node.arguments.patterns.iter().for_each(|part| self.pattern(part));
                for keyword in &node.arguments.keywords {
                    let name = self.names.intern(keyword.attr.as_str());
                    self.mention(name);
                    self.pattern(&keyword.pattern);
                }
            }
            Pattern::MatchStar(node) => self.capture(node.name.as_ref()),
            Pattern::MatchAs(node) => {
                node.pattern.iter().for_each(|part| self.pattern(part));
                self.capture(node.name.as_ref());
            }
            Pattern::MatchOr(node) => node.patterns.iter().for_each(|part| self.pattern(part)),
        }
    }

    fn capture(&mut self, name: Option<&'a Identifier>) {
        if let Some(name) = name {
            self.bind(name.as_str(), DefineKind::Maybe);
        }
    }
}
