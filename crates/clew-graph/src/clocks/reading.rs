//! Which parts of a statement's text hold a time.

use std::ops::Range;

use super::Clocks;
use crate::clauses::holds_word;
use crate::denoted::{Meaning, Site};
use crate::facts::MODULE;
use crate::fresh::CHANGERS;
use crate::scan::{Token, TokenKind, Tokens};
use clew_trace::{ScopeKind, StatementKind};

/// Names by which text reads a clock.
const CLOCK_NAMES: [&str; 24] = [
    "time",
    "time_ns",
    "perf_counter",
    "perf_counter_ns",
    "monotonic",
    "monotonic_ns",
    "process_time",
    "process_time_ns",
    "thread_time",
    "thread_time_ns",
    "clock",
    "now",
    "today",
    "utcnow",
    "localtime",
    "gmtime",
    "ctime",
    "asctime",
    "strftime",
    "timestamp",
    "default_timer",
    "clock_gettime",
    "timeit",
    "Timestamp",
];

/// Whether text may read a clock by this name.
pub(super) fn is_clock(name: &str) -> bool {
    CLOCK_NAMES.contains(&name)
}

/// Whether the dotted path of an import ends in the name of a clock (`time.perf_counter`, not the module `time`).
pub(super) fn is_clock_path(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, name)| is_clock(name))
}

/// A statement's own text in tokens, and which of them hold a time.
pub(super) struct Reading<'a> {
    pub(super) site: Site,
    kind: StatementKind,
    own: &'a str,
    pub(super) tokens: Vec<Token>,
    meanings: Vec<Option<Meaning<'a>>>,
    timed: Vec<bool>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(clocks: &Clocks<'_, 'a>, site: Site) -> Self {
        let own = clocks.denoted.header_text(site);
        let is_code = |token: &Token| !matches!(token.kind, TokenKind::Comment | TokenKind::Newline);
        let tokens: Vec<Token> = Tokens::new(own).filter(is_code).collect();
        let kind = clocks.denoted.statement(site).kind;
        let mut reading = Self { site, kind, own, tokens, meanings: Vec::new(), timed: Vec::new() };
        for at in 0..reading.tokens.len() {
            let meaning = reading.denoted(clocks, at);
            reading.meanings.push(meaning);
            let timed = meaning.is_some_and(|meaning| clocks.timed.contains_key(&meaning))
                || reading.names_clock(clocks, at)
                || reading.text_holds(clocks, at);
            reading.timed.push(timed);
        }
        reading
    }

    pub(super) fn spelled(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |token| &self.own[token.start..token.end])
    }

    pub(super) fn is(&self, at: usize, mark: u8) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == TokenKind::Mark(mark))
    }

    fn is_attribute(&self, at: usize) -> bool {
        at > 0 && self.is(at - 1, b'.')
    }

    /// What a token denotes, if it is a name that the statement reads.
    fn denoted(&self, clocks: &Clocks<'_, 'a>, at: usize) -> Option<Meaning<'a>> {
        if self.tokens[at].kind != TokenKind::Name {
            return None;
        }
        if self.is_attribute(at) {
            return Some(Meaning::Named(self.spelled(at)));
        }
        let is_keyword = self.tokens[at].depth > 0 && self.is(at + 1, b'=') && !self.is(at + 2, b'=');
        let statement = clocks.denoted.statement(self.site);
        let is_definition = matches!(statement.kind, StatementKind::Function | StatementKind::Class);
        let table = clocks.denoted.table(self.site.0);
        let used = statement.uses.iter().find(|used| {
            table.name(used.name) == self.spelled(at) && !is_keyword && !(is_definition && used.delayed)
        })?;
        Some(clocks.denoted.in_scope(self.site.0, used.scope, used.name))
    }

    /// Whether the token is the name of a clock, and none that the program's own text explains.
    fn names_clock(&self, clocks: &Clocks<'_, 'a>, at: usize) -> bool {
        let Some(Meaning::Named(name)) = self.meanings[at] else { return false };
        let table = clocks.denoted.table(self.site.0);
        let imports = &clocks.imports[self.site.0 as usize];
        let id =
            |text: &str| clocks.denoted.statement(self.site).uses.iter().find(|used| table.name(used.name) == text);
        if self.is_attribute(at) {
            let of_import = at > 1 && id(self.spelled(at - 2)).is_some_and(|used| imports.is_module(used.name));
            return is_clock(name) && !clocks.is_user(name) && (of_import || self.is(at + 1, b'('));
        }
        let Some(used) = id(self.spelled(at)).filter(|_| !self.is(at + 1, b'.')) else { return false };
        let is_bound = table.scope(MODULE).locals.contains(&used.name);
        let is_imported = imports.modules(used.name).any(|path| is_clock_path(path) || path == name && is_clock(name));
        (is_imported || !is_bound && is_clock(name)) && !clocks.is_user(name)
    }

    /// Whether a string evaluates something that holds a time, or names a clock that is looked up.
    fn text_holds(&self, clocks: &Clocks<'_, 'a>, at: usize) -> bool {
        let TokenKind::String { format } = self.tokens[at].kind else { return false };
        let text = self.spelled(at);
        if !format {
            return self.own.contains("getattr") && is_clock(text.trim_matches(['"', '\'']));
        }
        let denoted = &clocks.denoted;
        let statement = denoted.statement(self.site);
        let name = |id| denoted.table(self.site.0).name(id);
        statement.uses.iter().any(|used| {
            let meaning = denoted.in_scope(self.site.0, used.scope, used.name);
            holds_word(text, name(used.name)) && clocks.timed.contains_key(&meaning)
        }) || statement.mentions.iter().copied().chain(statement.uses.iter().map(|used| used.name)).any(|mentioned| {
            let meaning = Meaning::Named(name(mentioned));
            let is_local = statement.uses.iter().any(|used| {
                used.name == mentioned && denoted.table(self.site.0).scope(used.scope).kind == ScopeKind::Function
            });
            !is_local
                && holds_word(text, name(mentioned))
                && (clocks.timed.contains_key(&meaning) || is_clock(name(mentioned)))
        })
    }

    /// What a name denotes.
    pub(super) fn meaning(&self, at: usize) -> Option<Meaning<'a>> {
        self.meanings.get(at).copied().flatten()
    }

    pub(super) fn holds(&self, range: Range<usize>) -> bool {
        self.timed.get(range).is_some_and(|timed| timed.contains(&true))
    }

    pub(super) fn holds_any(&self) -> bool {
        self.timed.contains(&true)
    }

    /// Whether the statement gives something to whoever advances its function.
    pub(super) fn suspends(&self) -> bool {
        (0..self.tokens.len()).any(|at| self.tokens[at].kind == TokenKind::Name && self.spelled(at) == "yield")
    }

    /// The tokens of the value that the statement assigns, gives back or drops.
    pub(super) fn value(&self) -> Range<usize> {
        let first = match self.kind {
            StatementKind::Return => 1,
            StatementKind::Assign | StatementKind::AnnotatedAssign => self.equals().map_or(0, |at| at + 1),
            _ => 0,
        };
        let awaited = usize::from(self.spelled(first) == "await");
        first + awaited..self.tokens.len()
    }

    /// The last `=` that stands between targets and value.
    fn equals(&self) -> Option<usize> {
        (1..self.tokens.len()).rev().find(|&at| {
            let operator = [b'=', b'!', b'<', b'>', b':']
                .iter()
                .any(|mark| self.is(at - 1, *mark) && self.tokens[at - 1].end == self.tokens[at].start);
            self.is(at, b'=') && self.tokens[at].depth == 0 && !operator && !self.is(at + 1, b'=')
        })
    }

    /// The names that a plain `a, b = ...` binds, in order; none for every other form.
    pub(super) fn targets(&self) -> Vec<&'a str> {
        let Some(equals) = self.equals().filter(|_| self.kind == StatementKind::Assign) else { return Vec::new() };
        let is_plain = (0..equals).all(|at| match at % 2 {
            0 => self.tokens[at].kind == TokenKind::Name,
            _ => self.is(at, b','),
        });
        if is_plain && equals > 1 {
            (0..equals).step_by(2).map(|at| self.spelled(at)).collect()
        } else {
            Vec::new()
        }
    }

    /// The name that is called, if the tokens are one call of a name or an attribute.
    pub(super) fn whole_call(&self, value: Range<usize>) -> Option<usize> {
        let open = value.clone().find(|at| self.is(*at, b'('))?;
        let is_chain = (value.start..open).all(|at| match (at - value.start) % 2 {
            0 => self.tokens[at].kind == TokenKind::Name,
            _ => self.is(at, b'.'),
        });
        let callee = open.checked_sub(1).filter(|callee| is_chain && *callee >= value.start)?;
        (self.close(open)? + 1 == value.end).then_some(callee)
    }

    /// The elements of a tuple display.
    pub(super) fn elements(&self, mut value: Range<usize>) -> Option<Vec<Range<usize>>> {
        if self.is(value.start, b'(') && self.close(value.start).is_some_and(|close| close + 1 == value.end) {
            value = value.start + 1..value.end - 1;
        }
        let elements = self.split(value.clone());
        let is_starred = elements.iter().any(|element| self.is(element.start, b'*'));
        let is_generator = value.clone().any(|at| self.spelled(at) == "for");
        (elements.len() > 1 && !is_starred && !is_generator && !value.is_empty()).then_some(elements)
    }

    /// The bracket that closes the one at a position.
    pub(super) fn close(&self, open: usize) -> Option<usize> {
        let depth = self.tokens[open].depth;
        (open + 1..self.tokens.len())
            .find(|at| self.tokens[*at].depth == depth && [b')', b']', b'}'].iter().any(|mark| self.is(*at, *mark)))
    }

    /// The parts of a range between its outer commas.
    pub(super) fn split(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let Some(depth) = self.tokens.get(range.clone()).and_then(|tokens| tokens.iter().map(|t| t.depth).min()) else {
            return Vec::new();
        };
        let mut parts = Vec::new();
        let mut start = range.start;
        for at in range.clone() {
            if self.is(at, b',') && self.tokens[at].depth == depth {
                parts.push(start..at);
                start = at + 1;
            }
        }
        if start < range.end {
            parts.push(start..range.end);
        }
        parts
    }

    /// The attribute, if the statement only stores one of the receiver's.
    pub(super) fn stored_attribute(&self, receiver: &str) -> Option<&'a str> {
        let is_store = self.spelled(0) == receiver && self.is(1, b'.') && self.tokens.get(2)?.kind == TokenKind::Name;
        let single = self
            .tokens
            .iter()
            .enumerate()
            .skip(3)
            .filter(|(at, token)| token.depth == 0 && self.is(*at, b'=') && !self.is(at + 1, b'='));
        let ends = matches!(self.tokens.get(3)?.kind, TokenKind::Mark(b'=' | b':' | b'+' | b'-' | b'*' | b'/'));
        (is_store && ends && single.count() == 1).then(|| self.spelled(2))
    }

    /// The parameters of a `def` without decorators whose defaults hold a time; `None` where something else does.
    pub(super) fn timed_defaults(&self) -> Option<Vec<&'a str>> {
        let open = (0..self.tokens.len()).find(|at| self.is(*at, b'('))?;
        let close = self.close(open)?;
        if self.holds(0..open) || self.holds(close..self.tokens.len()) {
            return None;
        }
        let timed = self.split(open + 1..close).into_iter().filter(|parameter| self.holds(parameter.clone()));
        Some(timed.map(|parameter| self.spelled(parameter.start)).collect())
    }

    /// The name of the container into which the statement only puts something: `name.append(...)`, `name[...] = ...`.
    pub(super) fn filled(&self) -> Option<&'a str> {
        let name = self.tokens.first().filter(|first| first.kind == TokenKind::Name).map(|_| self.spelled(0))?;
        let is_filled = match self.kind {
            StatementKind::Expression => {
                self.is(1, b'.') && CHANGERS.contains(&self.spelled(2)) && self.outer_call().is_some()
            }
            StatementKind::Assign => {
                self.is(1, b'[') && self.equals().is_some() && self.equals() == self.close(1).map(|at| at + 1)
            }
            _ => false,
        };
        is_filled.then_some(name)
    }

    /// The bracket of the call that is the whole statement.
    pub(super) fn outer_call(&self) -> Option<usize> {
        let callee = self.whole_call(0..self.tokens.len()).filter(|_| self.kind == StatementKind::Expression)?;
        Some(callee + 1)
    }
}
