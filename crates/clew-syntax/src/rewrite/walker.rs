//! The state of the walk over a module, and what inserts text.

use super::edits::Edits;
use super::elision::Seen;
use super::facts::{Facts, View};
use super::names::{Names, Variable, MODULE};
use super::{Detail, Diagnostic, Instrumented, Options};
use crate::hooks::{self, Hook};
use crate::Index;
use clew_trace::{NameId, ScopeId, SourceTable, Span, StatementId};
use ruff_python_ast::{Expr, ModModule};
use ruff_text_size::{Ranged, TextRange, TextSize};
use rustc_hash::{FxHashMap, FxHashSet};

/// How many calls may be inserted around each other; CPython's parser takes two hundred brackets in all.
const MAX_NESTING: u32 = 48;

/// Text that a statement carries, in two forms: before it, or in front of the first expression that it evaluates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fragment {
    /// The statement is a unit and begins.
    Unit,
    /// The statement runs.
    Cover,
    /// The scope is entered.
    Entry(ScopeId),
    /// A hook that only takes a number.
    Call(u32),
}

/// The method that is being walked.
#[derive(Clone, Copy)]
pub(super) struct Method {
    /// Its first parameter.
    pub(super) receiver: Variable,
    /// The scope of its class.
    pub(super) class: ScopeId,
    /// Whether it is `__init__`.
    pub(super) initializes: bool,
}

/// The walk. Fields from `scope` on describe the place where it is.
pub(super) struct Walker<'a> {
    pub(super) source: &'a str,
    pub(super) options: Options,
    pub(super) index: &'a Index,
    pub(super) facts: Facts<'a>,
    pub(super) names: Names,
    pub(super) table: SourceTable,
    pub(super) edits: Edits,
    pub(super) hooks: Vec<Hook>,
    /// `See` hooks that look at the whole object.
    whole: FxHashSet<u32>,
    resumes: FxHashMap<ScopeId, u32>,
    stores: Vec<StatementId>,
    diagnostics: Vec<Diagnostic>,
    /// What statements carry for the blocks that they begin, by their first byte.
    pub(super) pending: FxHashMap<TextSize, Vec<Fragment>>,
    /// Module-level names with more than one binding statement, when they are asked for.
    pub(super) rebound: FxHashSet<NameId>,
    /// The scope whose names are read here.
    pub(super) scope: ScopeId,
    /// The function, lambda or generator expression that runs here, if any.
    pub(super) activation: Option<ScopeId>,
    /// The statement whose text is walked.
    pub(super) statement: StatementId,
    /// The class around, which mangles private names.
    pub(super) class: Option<&'a str>,
    pub(super) method: Option<Method>,
    pub(super) seen: Seen,
    nesting: u32,
}

/// Rewrites a parsed module.
pub(super) fn rewrite(
    module: &ModModule,
    source: &str,
    table: SourceTable,
    index: &Index,
    options: Options,
) -> Instrumented {
    let names = Names::new(&table);
    let facts = Facts::new(module, &names, &table, index);
    let mut walker = Walker {
        source,
        options,
        index,
        facts,
        names,
        edits: Edits::default(),
        hooks: vec![Hook::State, Hook::Coverage, Hook::Entered, Hook::Enter],
        whole: FxHashSet::default(),
        resumes: FxHashMap::default(),
        stores: Vec::new(),
        diagnostics: Vec::new(),
        pending: FxHashMap::default(),
        rebound: FxHashSet::default(),
        scope: MODULE,
        activation: None,
        statement: StatementId(0),
        class: None,
        method: None,
        seen: Seen::default(),
        nesting: 0,
        table,
    };
    walker.module(&module.body);
    let (text, edits) = walker.edits.apply(source);
    walker.stores.sort_unstable();
    walker.stores.dedup();
    Instrumented {
        text,
        edits,
        hooks: walker.hooks,
        stores: walker.stores,
        table: walker.table,
        diagnostics: walker.diagnostics,
    }
}

impl<'a> Walker<'a> {
    /// A new hook; its index.
    pub(super) fn hook(&mut self, hook: Hook) -> u32 {
        self.hooks.push(hook);
        self.hooks.len() as u32 - 1
    }

    /// The hook that is called when the scope goes on after a suspension.
    pub(super) fn resume_hook(&mut self, scope: ScopeId) -> u32 {
        if let Some(hook) = self.resumes.get(&scope) {
            return *hook;
        }
        let hook = self.hook(Hook::Resume(scope));
        self.resumes.insert(scope, hook);
        hook
    }

    /// A `See` hook that was made learns that more is accessed through it.
    pub(super) fn extend_see(&mut self, hook: u32, key: Option<NameId>) {
        if self.whole.contains(&hook) {
            return;
        }
        let Some(Hook::See { keys, .. }) = self.hooks.get_mut(hook as usize) else { return };
        match key {
            Some(key) if !keys.contains(&key) => keys.push(key),
            Some(_) => {}
            None => {
                keys.clear();
                self.whole.insert(hook);
            }
        }
    }

    /// A new `See` hook.
    pub(super) fn see_hook(&mut self, key: Option<NameId>) -> u32 {
        let hook = self.hook(Hook::See { statement: self.statement, keys: key.into_iter().collect() });
        if key.is_none() {
            self.whole.insert(hook);
        }
        hook
    }

    /// Whether calls are logged.
    pub(super) fn logs_calls(&self) -> bool {
        self.options.detail >= Detail::Call
    }

    /// Whether statements here are units.
    pub(super) fn in_units(&self) -> bool {
        self.options.is_main && self.scope == MODULE
    }

    /// Something is left as it is.
    pub(super) fn leave(&mut self, range: TextRange, message: &str) {
        let span = Span { start: range.start().to_u32(), end: range.end().to_u32() };
        self.diagnostics.push(Diagnostic { span, message: message.to_owned() });
    }

    /// The statement changes an object, and has no hook that tells.
    pub(super) fn note_store(&mut self) {
        self.stores.push(self.statement);
    }

    /// What is needed to ask [`Facts`].
    pub(super) fn view(&self) -> View<'_> {
        View { names: &self.names, table: &self.table, class: self.class }
    }

    /// The number of a name or attribute as it is written here.
    pub(super) fn name(&mut self, text: &str) -> NameId {
        self.names.id(&mut self.table, text, self.class)
    }

    /// The variable of a name as it is written here.
    pub(super) fn variable(&self, name: &str) -> Option<Variable> {
        Facts::variable(name, self.scope, &self.view())
    }

    /// Puts the call of a hook around an expression while `walk` walks what is inside.
    pub(super) fn call_around(&mut self, expr: &Expr, hook: u32, walk: impl FnOnce(&mut Self)) {
        if self.nesting >= MAX_NESTING {
            self.leave(expr.range(), "nested too deeply");
            return walk(self);
        }
        let (open, close) = if needs_brackets(expr) { ("((", "))") } else { ("(", ")") };
        let text = format!("{}{open}", hooks::placeholder(hook));
        self.edits.open(expr.start().to_u32(), text);
        self.nesting += 1;
        walk(self);
        self.nesting -= 1;
        self.edits.close(expr.end().to_u32(), close);
    }

    /// Puts fragments in front of an expression while `walk` walks it.
    pub(super) fn fragments_around(&mut self, expr: &Expr, fragments: &[Fragment], walk: impl FnOnce(&mut Self)) {
        if fragments.is_empty() {
            return walk(self);
        }
        let mut text = String::from("(");
        for fragment in fragments {
            text.push_str(&self.fragment_test(*fragment));
            text.push_str("and ");
        }
        text.push('(');
        self.edits.open(expr.start().to_u32(), text);
        self.nesting += 2;
        walk(self);
        self.nesting -= 2;
        self.edits.close(expr.end().to_u32(), "))");
    }

    /// Puts fragments in front of a statement.
    pub(super) fn fragments_before(&mut self, at: TextSize, fragments: &[Fragment]) {
        if fragments.is_empty() {
            return;
        }
        let text: String = fragments.iter().map(|fragment| self.fragment_statement(*fragment)).collect();
        self.edits.open(at.to_u32(), text);
    }

    /// The fragment as a simple statement with its semicolon.
    fn fragment_statement(&mut self, fragment: Fragment) -> String {
        let statement = self.statement;
        match fragment {
            Fragment::Unit => {
                let unit = self.hook(Hook::Unit(statement));
                format!("{}[0]={}[{}]={};", state(), coverage(), statement.0, hooks::placeholder(unit))
            }
            Fragment::Cover => format!("{}[{}]=1;", coverage(), statement.0),
            Fragment::Entry(_) | Fragment::Call(_) => format!("{};", self.fragment_expression(fragment)),
        }
    }

    /// The fragment as the operand of `and`, to which it is true.
    fn fragment_test(&mut self, fragment: Fragment) -> String {
        let statement = self.statement;
        match fragment {
            Fragment::Unit => {
                let mark = self.hook(Hook::Mark(statement));
                format!("{}(0)", hooks::placeholder(mark))
            }
            Fragment::Cover => {
                let mark = self.hook(Hook::Mark(statement));
                format!("({}[{}]or {}(0))", coverage(), statement.0, hooks::placeholder(mark))
            }
            Fragment::Entry(_) => format!("({})", self.fragment_expression(fragment)),
            Fragment::Call(_) => self.fragment_expression(fragment),
        }
    }

    fn fragment_expression(&self, fragment: Fragment) -> String {
        match fragment {
            Fragment::Entry(scope) => entry_check(scope),
            Fragment::Call(hook) => format!("{}(0)", hooks::placeholder(hook)),
            Fragment::Unit | Fragment::Cover => String::new(),
        }
    }
}

/// True; calls the entry hook when another unit entered the scope last.
pub(super) fn entry_check(scope: ScopeId) -> String {
    let [entered, enter] = [hooks::ENTERED, hooks::ENTER].map(hooks::placeholder);
    format!("{entered}[{0}]is {1}[0]or {enter}({0})", scope.0, state())
}

fn state() -> String {
    hooks::placeholder(hooks::STATE)
}

fn coverage() -> String {
    hooks::placeholder(hooks::COVERAGE)
}

/// Whether an expression cannot stand alone between the brackets of a call.
fn needs_brackets(expr: &Expr) -> bool {
    match expr {
        Expr::Tuple(tuple) => !tuple.parenthesized,
        Expr::Generator(generator) => !generator.parenthesized,
        Expr::Yield(_) | Expr::YieldFrom(_) => true,
        _ => false,
    }
}
