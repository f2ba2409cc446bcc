//! Where the times go that a slice reads from clocks.
//!
//! A slice may hold statements that read a clock though the value asked for does not depend on the time: a function
//! that is called for its effects and gives back how long it took. From each kept statement that names a clock the
//! time is followed through names: to what the statement binds, to the parameters of the functions that it calls, to
//! those who call the function that gives it back, to attributes of the object whose method stores it. Wherever it
//! goes beyond that (into another object, a foreign call, a test), the value asked for may depend on it.
//!
//! - [`reading`]: which parts of a statement's text hold a time;
//! - [`handing`]: which parameters the calls in a text hand it to.

mod handing;
mod reading;

use clew_trace::{ScopeKind, StatementId, StatementKind};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

use crate::denoted::{Denoted, Meaning, Site};
use crate::facts::{region, Facts, MODULE};
use crate::fresh::{makes_container, Fresh};
use crate::imports::Imports;
use crate::looks;
use crate::program::Criterion;
use crate::scan::TokenKind;
use reading::{is_clock, Reading};

/// The elements of a tuple that hold a time, as bits; all of them where the value is no tuple display.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Parts(u64);

impl Parts {
    const ALL: Self = Self(u64::MAX);

    const fn has(self, nth: usize) -> bool {
        nth > 63 || self.0 & (1 << nth) != 0
    }
}

/// The times that a slice reads.
struct Clocks<'f, 'a> {
    facts: &'f Facts<'a>,
    fresh: &'f Fresh,
    denoted: Denoted<'f, 'a>,
    /// Imports of each source.
    imports: Vec<Imports>,
    /// Statements of the slice, and of functions of other sources, by what their names denote.
    sites: FxHashMap<Meaning<'a>, Vec<Site>>,
    /// What holds a time, or gives one when it is called.
    timed: FxHashMap<Meaning<'a>, Parts>,
    work: Vec<Meaning<'a>>,
}

/// The statement by which a time may get into what was asked for, if there is one.
pub(crate) fn leak(
    facts: &Facts<'_>,
    fresh: &Fresh,
    kept: &BTreeSet<StatementId>,
    criterion: &Criterion,
) -> Option<Site> {
    let imports = facts.program.tables.iter().enumerate().map(|(source, table)| {
        let text = facts.program.texts.get(source).map_or("", String::as_str);
        Imports::of(table, text, |_| true)
    });
    let mut clocks = Clocks {
        facts,
        fresh,
        denoted: Denoted::new(facts),
        imports: imports.collect(),
        sites: FxHashMap::default(),
        timed: FxHashMap::default(),
        work: Vec::new(),
    };
    let all = clocks.collect_sites(kept);
    let readers = all.into_iter().filter(|site| clocks.names_clock(*site)).collect();
    clocks.follow(readers, criterion)
}

impl<'a> Clocks<'_, 'a> {
    fn collect_sites(&mut self, kept: &BTreeSet<StatementId>) -> Vec<Site> {
        let mut all: Vec<Site> = kept.iter().filter(|id| self.facts.ran(**id)).map(|id| (0, *id)).collect();
        for (source, table) in self.facts.program.tables.iter().enumerate().skip(1) {
            let sites = (0..table.statements.len() as u32).map(|index| (source as u32, StatementId(index)));
            let runs = |site: &Site| {
                let is_module = region(table, table.statement(site.1).scope) == MODULE;
                is_module || self.denoted.function_of(*site).is_some()
            };
            all.extend(sites.filter(runs));
        }
        for &site in &all {
            for meaning in self.denoted.held(site) {
                self.sites.entry(meaning).or_default().push(site);
            }
        }
        all
    }

    /// Whether the statement may name a clock.
    fn names_clock(&self, site: Site) -> bool {
        let table = self.denoted.table(site.0);
        let statement = self.denoted.statement(site);
        let used = statement.uses.iter().map(|used| used.name);
        used.clone().chain(statement.mentions.iter().copied()).any(|name| is_clock(table.name(name)))
            || used.into_iter().any(|name| self.imports[site.0 as usize].modules(name).any(reading::is_clock_path))
    }

    fn follow(&mut self, readers: Vec<Site>, criterion: &Criterion) -> Option<Site> {
        let mut waiting = readers;
        loop {
            for site in waiting {
                if self.visit(site).is_none() || self.is_asked_for(site, criterion) {
                    return Some(site);
                }
            }
            let meaning = self.work.pop()?;
            waiting = self.sites.get(&meaning).cloned().unwrap_or_default();
        }
    }

    /// Whether what was asked for holds a time, now that a statement was visited.
    fn is_asked_for(&self, site: Site, criterion: &Criterion) -> bool {
        match criterion {
            Criterion::Name { name } | Criterion::NameAtLine { name, .. } => {
                self.timed.contains_key(&Meaning::Named(name))
            }
            Criterion::Line { source, line } => {
                let statement = self.denoted.statement(site);
                let is_there = (statement.first_line..=statement.last_line).contains(line);
                source.0 == site.0 && is_there && Reading::new(self, site).holds_any()
            }
            Criterion::External { .. } | Criterion::Artifact { .. } => false,
        }
    }

    fn mark(&mut self, meaning: Meaning<'a>, parts: Parts) {
        let before = self.timed.get(&meaning).map_or(0, |parts| parts.0);
        if before | parts.0 != before {
            self.timed.insert(meaning, Parts(before | parts.0));
            self.work.push(meaning);
        }
    }

    /// Follows the times that a statement holds; `None` if they get out of sight.
    fn visit(&mut self, site: Site) -> Option<()> {
        let reading = Reading::new(self, site);
        if !reading.holds_any() {
            return Some(());
        }
        let statement = self.denoted.statement(site);
        if reading.suspends() {
            self.give_back(site, Parts::ALL)?;
        }
        match statement.kind {
            StatementKind::Import | StatementKind::ImportFrom | StatementKind::Delete => return Some(()),
            StatementKind::Function => return self.default(&reading),
            StatementKind::Return => {
                let parts = self.parts(&reading, reading.value());
                self.give_back(site, parts)?;
            }
            StatementKind::Assign
            | StatementKind::AugmentedAssign
            | StatementKind::AnnotatedAssign
            | StatementKind::With
            | StatementKind::Expression => {}
            _ => return None,
        }
        if self.fills_container(&reading).is_some() {
            return Some(());
        }
        self.hand_over(&reading, None)?;
        if looks::stores(self.text(site.0), statement) {
            return self.store(&reading);
        }
        let touches = site.0 == 0 && self.facts.touch(site.1).object && self.fresh.mutated_by(site.1).is_none();
        if touches && statement.kind == StatementKind::AugmentedAssign {
            return None;
        }
        let parts = self.parts(&reading, reading.value());
        let targets = reading.targets();
        for define in &statement.defines {
            let name = self.denoted.table(site.0).name(define.name);
            let is_clean = targets.iter().position(|target| *target == name).is_some_and(|nth| !parts.has(nth));
            if !is_clean {
                self.mark(self.denoted.in_scope(site.0, define.scope, define.name), Parts::ALL);
            }
        }
        Some(())
    }

    fn text(&self, source: u32) -> &'a str {
        self.facts.program.texts.get(source as usize).map_or("", String::as_str)
    }

    /// The elements of the value of an expression that hold a time.
    fn parts(&self, reading: &Reading<'a>, value: std::ops::Range<usize>) -> Parts {
        if let Some(callee) = reading.whole_call(value.clone()) {
            let given = reading.meaning(callee).and_then(|meaning| self.timed.get(&meaning));
            let arguments = callee + 2..value.end.saturating_sub(1);
            return given.filter(|_| !reading.holds(arguments)).copied().unwrap_or(Parts::ALL);
        }
        match reading.elements(value.clone()) {
            Some(elements) => Parts(elements.into_iter().enumerate().fold(0, |bits, (nth, element)| {
                let is_timed = nth > 63 || reading.holds(element);
                bits | u64::from(is_timed) << nth.min(63)
            })),
            None if reading.holds(value) => Parts::ALL,
            None => Parts(0),
        }
    }

    /// A function gives a time to whoever calls it.
    fn give_back(&mut self, site: Site, parts: Parts) -> Option<()> {
        let function = &self.denoted.functions[self.denoted.function_of(site)?];
        if function.name.starts_with("__") {
            // Called by operators and statements that do not name it.
            return None;
        }
        let meaning = function.meaning;
        if parts != Parts(0) {
            self.mark(meaning, parts);
        }
        Some(())
    }

    /// A parameter is bound to a clock where it is not given.
    fn default(&mut self, reading: &Reading<'a>) -> Option<()> {
        let scope = self.denoted.statement(reading.site).opens?;
        let record = self.denoted.table(reading.site.0).scope(scope);
        for name in reading.timed_defaults()? {
            let named = |id: &&clew_trace::NameId| self.denoted.table(reading.site.0).name(**id) == name;
            let parameter = *record.parameters.iter().find(named)?;
            self.mark(Meaning::Local(reading.site.0, scope, parameter), Parts::ALL);
        }
        Some(())
    }

    /// A time is put into a container that was made for one variable: whoever else holds it has it from there.
    fn fills_container(&mut self, reading: &Reading<'a>) -> Option<()> {
        let site = reading.site;
        if site.0 != 0 {
            return None;
        }
        let statement = self.denoted.statement(site);
        let filled = |used: &&clew_trace::Use| !used.delayed && reading.filled() == Some(self.facts.name(used.name));
        let used = statement.uses.iter().find(filled)?;
        let is_parameter = self.facts.table.scope(used.scope).parameters.contains(&used.name);
        let mut binders = self.facts.statements().filter(|id| {
            let mut defines = self.facts.statement(*id).defines.iter();
            defines.any(|define| define.scope == used.scope && define.name == used.name)
        });
        if is_parameter || !binders.all(|binder| makes_container(self.facts, binder)) {
            return None;
        }
        self.hand_over(reading, reading.outer_call())?;
        self.mark(self.denoted.in_scope(0, used.scope, used.name), Parts::ALL);
        Some(())
    }

    /// A time is stored in an attribute of the object whose method this is, which then is one that holds a time.
    fn store(&mut self, reading: &Reading<'a>) -> Option<()> {
        let site = reading.site;
        let class = self.denoted.functions[self.denoted.function_of(site)?].class?;
        let table = self.denoted.table(site.0);
        let scope = table.scope(region(table, self.denoted.statement(site).scope));
        let receiver = table.name(*scope.parameters.first()?);
        let attribute = reading.stored_attribute(receiver)?;
        self.mark(Meaning::Named(attribute), Parts::ALL);
        self.mark(Meaning::Named(class), Parts::ALL);
        Some(())
    }

    /// Whether the name is a function of the user that was entered, or a class of the user.
    fn is_user(&self, name: &str) -> bool {
        self.facts.is_user_function(name) || self.is_class(name)
    }

    fn is_class(&self, name: &str) -> bool {
        let has = |table: &clew_trace::SourceTable| {
            table.scopes.iter().any(|scope| scope.kind == ScopeKind::Class && scope.name == name)
        };
        self.facts.program.tables.iter().any(has)
    }

    /// Whether a token of a statement is a name that may stand for a user's function.
    fn is_function_value(&self, reading: &Reading<'a>, at: usize) -> bool {
        reading.tokens[at].kind == TokenKind::Name
            && (reading.spelled(at) == "lambda" || self.is_user(reading.spelled(at)))
    }
}
