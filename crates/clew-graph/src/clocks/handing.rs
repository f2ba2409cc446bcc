//! Which parameters the calls in a text hand a time to.

use clew_trace::ScopeKind;
use std::ops::Range;

use super::reading::Reading;
use super::{Clocks, Parts};
use crate::denoted::Meaning;
use crate::scan::{TokenKind, Tokens};

/// Builtins that keep nothing of what they are given but in their result.
const PURE: [&str; 28] = [
    "abs",
    "all",
    "any",
    "bool",
    "complex",
    "dict",
    "divmod",
    "enumerate",
    "float",
    "format",
    "frozenset",
    "int",
    "isinstance",
    "len",
    "list",
    "max",
    "min",
    "pow",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "sorted",
    "str",
    "sum",
    "tuple",
    "zip",
];
/// Names before a bracket that call nothing.
const KEYWORDS: [&str; 16] = [
    "and", "as", "assert", "await", "else", "for", "from", "if", "in", "is", "lambda", "not", "or", "return", "with",
    "yield",
];

impl<'a> Clocks<'_, 'a> {
    /// Follows times into the functions that a statement calls; `None` if one takes it out of sight.
    ///
    /// `known` is the bracket of a call of which it is known what becomes of its arguments.
    pub(super) fn hand_over(&mut self, reading: &Reading<'a>, known: Option<usize>) -> Option<()> {
        for open in (1..reading.tokens.len()).filter(|at| reading.is(*at, b'(') && Some(*at) != known) {
            let close = reading.close(open)?;
            let callee = open - 1;
            let before = reading.tokens[callee].kind;
            let is_called = match before {
                TokenKind::Name => !KEYWORDS.contains(&reading.spelled(callee)),
                _ => reading.is(callee, b')') || reading.is(callee, b']'),
            };
            if is_called && reading.holds(open + 1..close) {
                self.hand_to(reading, callee, open + 1..close)?;
            }
        }
        Some(())
    }

    fn hand_to(&mut self, reading: &Reading<'a>, callee: usize, arguments: Range<usize>) -> Option<()> {
        let name = reading.spelled(callee);
        let meaning = reading.meaning(callee)?;
        let mut functions = self.denoted.by_meaning.get(&meaning).cloned().unwrap_or_default();
        if self.is_class(name) {
            let makes = |function: &crate::denoted::Entered<'_>| {
                function.class == Some(name) && matches!(function.name, "__init__" | "__new__" | "__post_init__")
            };
            functions = (0..self.denoted.functions.len()).filter(|at| makes(&self.denoted.functions[*at])).collect();
        }
        if !functions.is_empty() {
            for function in functions {
                self.hand_to_parameters(reading, function, arguments.clone())?;
            }
            return Some(());
        }
        let is_attribute = callee > 0 && reading.is(callee - 1, b'.');
        let calls_back = arguments.clone().any(|at| self.is_function_value(reading, at));
        if self.is_user(name) || calls_back {
            return None;
        }
        if is_attribute {
            return self.only_prints(reading).or_else(|| self.is_quiet_attribute(reading, callee));
        }
        let is_builtin =
            matches!(meaning, Meaning::Named(name) if PURE.contains(&name)) && !self.is_bound(reading, name);
        if is_builtin {
            return Some(());
        }
        self.only_prints(reading)
    }

    /// The statement only writes to the terminal.
    fn only_prints(&self, reading: &Reading<'a>) -> Option<()> {
        let touch = self.facts.touch(reading.site.1);
        (reading.site.0 == 0 && touch.output && !touch.lasts()).then_some(())
    }

    /// A function of an imported module, or a method of a time, gives its result and keeps nothing.
    fn is_quiet_attribute(&self, reading: &Reading<'a>, callee: usize) -> Option<()> {
        let mut first = callee;
        while first > 1 && reading.is(first - 1, b'.') && reading.tokens[first - 2].kind == TokenKind::Name {
            first -= 2;
        }
        let statement = self.denoted.statement(reading.site);
        let table = self.denoted.table(reading.site.0);
        let imports = &self.imports[reading.site.0 as usize];
        let is_module = statement
            .uses
            .iter()
            .any(|used| table.name(used.name) == reading.spelled(first) && imports.is_module(used.name));
        let touches = reading.site.0 != 0 || self.facts.touch(reading.site.1).lasts();
        let is_dropped = statement.kind == clew_trace::StatementKind::Expression;
        (is_module && !touches && !is_dropped).then_some(())
    }

    /// Whether the source binds the name in some scope.
    fn is_bound(&self, reading: &Reading<'a>, name: &str) -> bool {
        let table = self.denoted.table(reading.site.0);
        table.scopes.iter().any(|scope| scope.locals.iter().any(|local| table.name(*local) == name))
    }

    fn hand_to_parameters(&mut self, reading: &Reading<'a>, function: usize, arguments: Range<usize>) -> Option<()> {
        let entered = &self.denoted.functions[function];
        let n_positional = self.positional(function)?;
        let mut handed: Vec<Meaning<'a>> = Vec::new();
        for (nth, argument) in reading.split(arguments).into_iter().enumerate() {
            if !reading.holds(argument.clone()) {
                continue;
            }
            let is_keyword = reading.is(argument.start + 1, b'=') && !reading.is(argument.start + 2, b'=');
            let keyword = reading.spelled(argument.start);
            let named = entered.parameters.iter().copied().find(|parameter| match parameter {
                Meaning::Local(source, _, name) => is_keyword && self.denoted.table(*source).name(*name) == keyword,
                Meaning::Named(_) => false,
            });
            match (named, entered.parameters.get(nth).filter(|_| nth < n_positional)) {
                (Some(parameter), _) => handed.push(parameter),
                (None, Some(parameter)) if !is_keyword && !reading.is(argument.start, b'*') => handed.push(*parameter),
                _ => handed.extend(entered.parameters.iter().copied()),
            }
        }
        for parameter in handed {
            self.mark(parameter, Parts::ALL);
        }
        Some(())
    }

    /// How many parameters of a function are bound by position, the receiver of a method left out.
    fn positional(&self, function: usize) -> Option<usize> {
        let entered = &self.denoted.functions[function];
        let owner = entered.owner?;
        let own = self.denoted.header_text(owner);
        let is_plain_method = entered.class.is_none() || own.starts_with("def") || own.starts_with("async");
        let scope = self.denoted.statement(owner).opens?;
        let record = self.denoted.table(owner.0).scope(scope);
        if !is_plain_method || record.kind != ScopeKind::Function {
            // A static method has no receiver: its parameters are one further.
            return Some(0);
        }
        let stars = Tokens::new(own)
            .take_while(|token| token.depth <= 1)
            .find(|token| token.depth == 1 && token.kind == TokenKind::Mark(b'*'));
        Some(match stars {
            None => entered.parameters.len(),
            Some(star) => {
                let before = Tokens::new(&own[..star.start]);
                let commas = before.filter(|token| token.depth == 1 && token.kind == TokenKind::Mark(b',')).count();
                commas.saturating_sub(usize::from(entered.class.is_some()))
            }
        })
    }
}
