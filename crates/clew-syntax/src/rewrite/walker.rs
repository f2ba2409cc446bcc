//! The state of the walk over a module, and what inserts text.

use super::blocks::{ends_in_its_place, first_evaluated, first_of_simple};
use super::edits::Edits;
use super::elision::Seen;
use super::facts::{Facts, View};
use super::names::{Names, Variable, MODULE};
use super::{Detail, Diagnostic, Instrumented, Options};
use crate::hooks::{self, Hook, LogPlace};
use crate::positions::line_starts;
use crate::Index;
use clew_trace::{NameId, ScopeId, SourceTable, Span, StatementId};
use ruff_python_ast::{Expr, ExprBinOp, ModModule, Stmt, UnaryOp};
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
    /// `Entry` written without a comparison.
    EntryCall(ScopeId),
    /// `Cover` written with a comparison.
    CoverCompared,
    /// `Call` written with a comparison.
    CallCompared(u32),
    /// `Entry` by a hook that takes the parameters of the function.
    Begun(u32),
    /// `Begun` written with a comparison.
    BegunCompared(u32),
    /// A hook that takes the object whose attribute was just written, which is called `self`.
    WrittenSelf(u32),
}

/// Inserted text, and the part of the source as which it is shown.
pub(super) type Shown = (String, (u32, u32));

/// The usual name of the object in a method.
pub(super) const SELF: &str = "self";

/// Where hooks may stand that cannot stand at their operand.
#[derive(Clone, Copy)]
pub(super) enum HookPlace<'a> {
    /// Before the statement, which begins here.
    Before(u32),
    /// At the beginning of this block of the statement.
    In(&'a [Stmt]),
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
    /// First byte of each line.
    lines: Vec<u32>,
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
    /// The names of the parameters that [`Fragment::Begun`] takes, by its hook.
    pub(super) parameters: FxHashMap<u32, String>,
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
    /// Where hooks of the statement's targets may stand.
    pub(super) hook_place: Option<HookPlace<'a>>,
    /// The class around, which mangles private names.
    pub(super) class: Option<&'a str>,
    pub(super) method: Option<Method>,
    pub(super) seen: Seen,
    /// Whether the targets that are walked have their stores noted already.
    pub(super) stores_noted: bool,
    /// Attributes whose loads are noted by the hook that gets the value.
    pub(super) unnoted: Vec<TextRange>,
    /// Whether comparisons that are tested must stay comparisons.
    pub(super) keeps_comparisons: bool,
    /// An addition whose left operand may be a string that grows in place.
    pub(super) grows: Option<&'a ExprBinOp>,
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
        lines: line_starts(source),
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
        parameters: FxHashMap::default(),
        pending: FxHashMap::default(),
        rebound: FxHashSet::default(),
        scope: MODULE,
        activation: None,
        statement: StatementId(0),
        hook_place: None,
        class: None,
        method: None,
        seen: Seen::default(),
        stores_noted: false,
        unnoted: Vec::new(),
        keeps_comparisons: false,
        grows: None,
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

impl Walker<'_> {
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

    /// A hook that looks, and that was made, learns that more is accessed through it.
    pub(super) fn extend_see(&mut self, hook: u32, key: Option<NameId>) {
        if self.whole.contains(&hook) {
            return;
        }
        let Some(Hook::See { keys, .. } | Hook::Method { keys, .. }) = self.hooks.get_mut(hook as usize) else {
            return;
        };
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

    /// Where a call or operation stands for the log, if calls are logged.
    pub(super) fn logged(&self, expr: &Expr) -> Option<LogPlace> {
        (self.options.detail >= Detail::Call).then(|| self.log_place(expr.start()))
    }

    /// Whether calls of user code are logged by the code itself.
    pub(super) fn logs_native_calls(&self) -> bool {
        self.options.native_calls && self.options.detail >= Detail::Call
    }

    /// Whether operations are logged.
    pub(super) fn logs_operations(&self) -> bool {
        self.options.detail >= Detail::Op
    }

    /// A place as the log tells it.
    pub(super) fn log_place(&self, at: TextSize) -> LogPlace {
        let line = self.lines.partition_point(|start| *start <= at.to_u32());
        LogPlace { line: line as u32, column: at.to_u32() - self.lines[line - 1] }
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
        self.call_with(expr, hook, &[], &[], walk);
    }

    /// As [`Self::call_around`], with arguments before and after the expression.
    pub(super) fn call_with(
        &mut self,
        expr: &Expr,
        hook: u32,
        before: &[Shown],
        after: &[Shown],
        walk: impl FnOnce(&mut Self),
    ) {
        self.call_placed(expr, hook, None, before, (after, true), walk);
    }

    /// As [`Self::call_with`]; the call begins where `place` does.
    pub(super) fn call_shown(
        &mut self,
        expr: &Expr,
        hook: u32,
        place: (u32, u32),
        before: &[Shown],
        after: &[Shown],
        walk: impl FnOnce(&mut Self),
    ) {
        self.call_placed(expr, hook, Some(place), before, (after, true), walk);
    }

    /// Puts the call of a hook in front of an expression whose last character will be the bracket that closes it.
    pub(super) fn hook_before(&mut self, expr: &Expr, hook: u32, walk: impl FnOnce(&mut Self)) {
        self.call_placed(expr, hook, None, &[], (&[], false), walk);
    }

    fn call_placed(
        &mut self,
        expr: &Expr,
        hook: u32,
        place: Option<(u32, u32)>,
        before: &[Shown],
        (after, closes): (&[Shown], bool),
        walk: impl FnOnce(&mut Self),
    ) {
        if self.is_too_deep() {
            self.leave(expr.range(), "nested too deeply");
            return walk(self);
        }
        let (open, close) = if needs_brackets(expr) { ("(", ")") } else { ("", "") };
        let at = expr.start().to_u32();
        let hook = hooks::placeholder(hook);
        let text = format!("{hook}(");
        let moved = self.moved_start(expr);
        let wraps = moved.is_some() && !ends_in_its_place(expr);
        if let Some(shown) = moved {
            // What else begins here begins with the bracket, and is shown as it is; the call too, if it can be.
            self.edits.open(at, String::from("("));
            self.edits.open_shown(at, if wraps { text } else { format!("{hook})(") }, shown);
        } else {
            let blank = if self.follows_word(expr.start()) { " " } else { "" };
            let text = format!("{blank}{text}");
            match place {
                Some(place) => self.edits.open_shown(at, text, place),
                None => self.edits.open(at, text),
            }
        }
        for (text, shown) in before {
            self.edits.open_shown(at, text.clone(), *shown);
        }
        if !open.is_empty() {
            self.edits.open(at, open.to_owned());
        }
        self.nesting += 1;
        walk(self);
        self.nesting -= 1;
        let end = expr.end().to_u32();
        if !close.is_empty() {
            self.edits.close(end, close);
        }
        for (text, shown) in after {
            self.edits.close_shown(end, text.clone(), *shown);
        }
        match (closes, wraps) {
            (true, true) => self.edits.close(end, "))"),
            (false, false) => {}
            _ => self.edits.close(end, ")"),
        }
    }

    /// Whether text in front of the expression is shown on another line.
    pub(super) fn moves(&self, expr: &Expr) -> bool {
        self.moved_start(expr).is_some()
    }

    /// Whether two more calls can be put around what is walked.
    pub(super) fn has_room(&self) -> bool {
        self.nesting + 2 < MAX_NESTING
    }

    /// Whether no more calls can be put around what is walked.
    pub(super) fn is_too_deep(&self) -> bool {
        self.nesting >= MAX_NESTING
    }

    /// Puts fragments in front of an expression while `walk` walks it.
    ///
    /// They are shown where the expression is evaluated first, which may be on another line than the one it begins on.
    pub(super) fn fragments_around(&mut self, expr: &Expr, fragments: &[Fragment], walk: impl FnOnce(&mut Self)) {
        let shown = self.moved_start(expr);
        self.fragments_shown(expr, fragments, shown, walk);
    }

    /// Where text in front of an expression is shown when the line on which the expression begins may have no code:
    /// where it is evaluated first.
    fn moved_start(&self, expr: &Expr) -> Option<(u32, u32)> {
        let first = first_evaluated(expr).start();
        self.are_on_different_lines(expr.start(), first).then_some((first.to_u32(), first.to_u32()))
    }

    /// Puts fragments in front of a test of a statement or generator expression while `walk` walks it.
    ///
    /// Python 3.11 gives the jump that follows an operand of a test the place of the last comparison before it in the
    /// test, or else that of the statement or expression around. So fragments must hold a comparison or not as the test
    /// does, when the two are on different lines; otherwise it is enough to show the fragments as what is around.
    pub(super) fn fragments_in_test(
        &mut self,
        test: &Expr,
        around: TextRange,
        fragments: &[Fragment],
        walk: impl FnOnce(&mut Self),
    ) {
        let compares = fragments.iter().any(|fragment| matches!(fragment, Fragment::Entry(_)));
        if self.options.minor >= 12 || fragments.is_empty() {
            self.fragments_around(test, fragments, walk);
        } else if self.are_on_different_lines(around.start(), first_evaluated(test).start()) {
            let fragments = with_comparisons(fragments, begins_with_comparison(test));
            self.fragments_around(test, &fragments, walk);
        } else if compares {
            let shown = (around.start().to_u32(), around.end().to_u32());
            self.fragments_shown(test, fragments, Some(shown), walk);
        } else {
            self.fragments_around(test, fragments, walk);
        }
    }

    fn fragments_shown(
        &mut self,
        expr: &Expr,
        fragments: &[Fragment],
        shown: Option<(u32, u32)>,
        walk: impl FnOnce(&mut Self),
    ) {
        if fragments.is_empty() {
            return walk(self);
        }
        // The `and` as a whole begins between the brackets, and is shown as the expression itself.
        let at = expr.start().to_u32();
        self.edits.open(at, String::from("(("));
        let mut text = String::new();
        for (index, fragment) in fragments.iter().enumerate() {
            text.push_str(if index == 0 { "" } else { "(" });
            text.push_str(&self.fragment_test(*fragment));
            text.push_str(")and ");
        }
        text.push('(');
        match shown {
            Some(shown) => self.edits.open_shown(at, text, shown),
            None => self.edits.open(at, text),
        }
        self.nesting += 2;
        walk(self);
        self.nesting -= 2;
        self.edits.close(expr.end().to_u32(), "))");
    }

    /// Puts fragments in front of a simple statement, as which they are shown.
    pub(super) fn fragments_before(&mut self, statement: &Stmt, fragments: &[Fragment]) {
        if fragments.is_empty() {
            return;
        }
        let enters = fragments.iter().any(|it| matches!(it, Fragment::Entry(_) | Fragment::Begun(_)));
        let needed = fragments.iter().filter(|fragment| !enters || **fragment != Fragment::Cover);
        let text: String = needed.map(|fragment| self.fragment_statement(*fragment)).collect();
        let range = statement.range();
        let shown = match first_of_simple(statement).map(Ranged::start) {
            Some(first) if self.are_on_different_lines(range.start(), first) => (first.to_u32(), first.to_u32()),
            _ => (range.start().to_u32(), range.end().to_u32()),
        };
        self.edits.before(range.start().to_u32(), text, shown);
    }

    /// Whether a number put here would become part of the keyword before (`not(a).b`).
    fn follows_word(&self, at: TextSize) -> bool {
        self.source[..at.to_usize()].ends_with(|before: char| before.is_ascii_alphanumeric())
    }

    pub(super) fn are_on_different_lines(&self, one: TextSize, other: TextSize) -> bool {
        let (from, to) = (one.min(other).to_usize(), one.max(other).to_usize());
        self.source[from..to].contains(['\n', '\r'])
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
            Fragment::Entry(_) | Fragment::Begun(_) => {
                format!("{}[{}]={};", coverage(), statement.0, self.fragment_expression(fragment))
            }
            _ => format!("{};", self.fragment_expression(fragment)),
        }
    }

    /// The fragment as an operand of `and`, between brackets; it is true.
    fn fragment_test(&mut self, fragment: Fragment) -> String {
        let statement = self.statement;
        match fragment {
            Fragment::Unit => {
                let mark = self.hook(Hook::Mark(statement));
                format!("{}(0)", hooks::placeholder(mark))
            }
            Fragment::Cover => {
                let mark = self.hook(Hook::Mark(statement));
                format!("{}[{}]or {}(0)", coverage(), statement.0, hooks::placeholder(mark))
            }
            Fragment::CoverCompared => {
                let mark = self.hook(Hook::Mark(statement));
                format!("{}[{}]is not None or {}(0)", coverage(), statement.0, hooks::placeholder(mark))
            }
            Fragment::WrittenSelf(_) => format!("[{}]", self.fragment_expression(fragment)),
            _ => self.fragment_expression(fragment),
        }
    }

    /// The call of a hook that takes the parameters of a function.
    fn begun(&self, hook: u32) -> String {
        format!("{}({})", hooks::placeholder(hook), self.parameters.get(&hook).map_or("", String::as_str))
    }

    fn fragment_expression(&self, fragment: Fragment) -> String {
        match fragment {
            Fragment::Entry(scope) => entry_check(scope),
            Fragment::EntryCall(scope) => format!("{}({})", hooks::placeholder(hooks::ENTER), scope.0),
            Fragment::Call(hook) => format!("{}(0)", hooks::placeholder(hook)),
            Fragment::WrittenSelf(hook) => format!("{}({SELF})", hooks::placeholder(hook)),
            Fragment::CallCompared(hook) => format!("{}(0)is True", hooks::placeholder(hook)),
            Fragment::Begun(hook) => self.begun(hook),
            Fragment::BegunCompared(hook) => format!("{}is True", self.begun(hook)),
            Fragment::Unit | Fragment::Cover | Fragment::CoverCompared => String::new(),
        }
    }
}

/// The fragments, with comparisons or without.
fn with_comparisons(fragments: &[Fragment], compare: bool) -> Vec<Fragment> {
    let change = |fragment: &Fragment| match (*fragment, compare) {
        (Fragment::Entry(scope), false) => Fragment::EntryCall(scope),
        (Fragment::Cover, true) => Fragment::CoverCompared,
        (Fragment::Call(hook), true) => Fragment::CallCompared(hook),
        (Fragment::Begun(hook), true) => Fragment::BegunCompared(hook),
        (other, _) => other,
    };
    fragments.iter().map(change).collect()
}

/// Whether the first operand of the test that decides anything is a comparison.
fn begins_with_comparison(test: &Expr) -> bool {
    match test {
        Expr::Compare(_) => true,
        Expr::BoolOp(operation) => begins_with_comparison(&operation.values[0]),
        Expr::UnaryOp(operation) => operation.op == UnaryOp::Not && begins_with_comparison(&operation.operand),
        _ => false,
    }
}

/// True; calls the entry hook when another unit entered the scope last.
pub(super) fn entry_check(scope: ScopeId) -> String {
    // Where it is a statement, its value is stored rather than dropped: CPython gives the instruction that drops it no
    // line, and the next one would look like the beginning of a line to a debugger.
    let [entered, enter] = [hooks::ENTERED, hooks::ENTER].map(hooks::placeholder);
    format!("{entered}[{0}]is {1}[0]or {enter}({0})", scope.0, state())
}

pub(super) fn state() -> String {
    hooks::placeholder(hooks::STATE)
}

pub(super) fn coverage() -> String {
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
