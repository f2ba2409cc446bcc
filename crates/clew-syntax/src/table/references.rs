//! From reads and bindings, as they stand in the text, to the uses and definitions of statements.
//!
//! The collector writes [`Event`]s in the order of evaluation; when all scopes are known, [`settle`] decides which
//! scope each name belongs to.

use super::names::Names;
use super::scopes::{Binder, Scopes};
use clew_trace::{Define, DefineKind, NameId, ScopeId, ScopeKind, Statement, StatementId, StatementKind, Use};
use rustc_hash::{FxHashMap, FxHashSet};
use std::hash::Hash;

/// Something that a statement's own text does with a name.
#[derive(Clone, Copy)]
pub(super) enum Event {
    /// Reads it.
    Read {
        statement: StatementId,
        /// The innermost scope around the place.
        scope: ScopeId,
        name: NameId,
        /// Inside a lambda, a generator expression or something evaluated lazily.
        delayed: bool,
        /// Calls it with arguments, so that `vars(x)` is not taken for `vars()`.
        with_arguments: bool,
    },
    /// Binds or deletes it.
    Bind { statement: StatementId, scope: ScopeId, name: NameId, kind: DefineKind },
    /// From here on, of the statement's bindings only the first `keep` are known to have happened.
    Forget { statement: StatementId, keep: u32 },
}

/// Whether a binding of this kind leaves the name bound, for what the same statement evaluates after it.
pub(super) const fn leaves_bound(kind: DefineKind) -> bool {
    matches!(kind, DefineKind::Bind | DefineKind::Maybe | DefineKind::Augment)
}

/// Fills the uses and definitions of `statements`.
pub(super) fn settle(events: &[Event], names: &Names<'_>, scopes: &mut Scopes, statements: &mut [Statement]) {
    let introspective = ["locals", "vars", "dir", "eval", "exec", "globals"].map(|name| names.find(name));
    let mut settler = Settler {
        statements,
        scopes,
        class_cell: names.find("__class__"),
        binders: FxHashMap::default(),
        long_uses: FxHashSet::default(),
        long_defines: FxHashSet::default(),
        current: StatementId(0),
        bound: Vec::new(),
        class_bound: FxHashSet::default(),
    };
    for event in events {
        match *event {
            Event::Read { statement, scope, name, delayed, with_arguments } => {
                settler.enter(statement);
                let binder = settler.read(scope, name, delayed);
                let introspects = introspective.contains(&Some(name)) && binder.scope == ScopeId(0);
                if introspects && !settler.scopes.hides_builtin(name) {
                    let of_an_object = with_arguments && introspective[1..3].contains(&Some(name));
                    if !of_an_object {
                        settler.scopes.use_dynamic_names(scope);
                    }
                }
            }
            Event::Bind { statement, scope, name, kind } => {
                settler.enter(statement);
                settler.bind(scope, name, kind);
            }
            Event::Forget { statement, keep } => {
                settler.enter(statement);
                settler.bound.truncate(keep as usize);
            }
        }
    }
}

struct Settler<'t> {
    statements: &'t mut [Statement],
    scopes: &'t mut Scopes,
    class_cell: Option<NameId>,
    binders: FxHashMap<(ScopeId, NameId), Binder>,
    long_uses: FxHashSet<(StatementId, Use)>,
    long_defines: FxHashSet<(StatementId, Define)>,
    /// The statement of the last event.
    current: StatementId,
    /// What the current statement has bound so far: reading it afterwards needs no earlier definition.
    bound: Vec<(NameId, ScopeId)>,
    /// Names that their class body has bound for certain; others are looked up in the module as well.
    class_bound: FxHashSet<(ScopeId, NameId)>,
}

impl Settler<'_> {
    fn enter(&mut self, statement: StatementId) {
        if statement != self.current {
            self.current = statement;
            self.bound.clear();
        }
    }

    fn read(&mut self, scope: ScopeId, name: NameId, delayed: bool) -> Binder {
        let binder = self.binder(scope, name);
        let kind = self.scopes.kind(binder.scope);
        if binder.implicit || !outlives_statement(kind) {
            return binder;
        }
        if delayed || !self.has_just_bound(name, binder.scope) {
            let sites = &mut self.statements[self.current.index()].uses;
            let site = Use { name, scope: binder.scope, delayed };
            push_once(sites, site, self.current, &mut self.long_uses);
            if kind == ScopeKind::Class && !self.class_bound.contains(&(binder.scope, name)) {
                // A class body falls back to the module's name until its own is bound.
                let fallback = Use { name, scope: ScopeId(0), delayed };
                push_once(sites, fallback, self.current, &mut self.long_uses);
            }
        }
        binder
    }

    /// Whether the current statement bound the name before this place. Only its last few bindings are looked at, so
    /// that the time stays linear; not to find one is safe.
    fn has_just_bound(&self, name: NameId, scope: ScopeId) -> bool {
        self.bound.iter().rev().take(16).any(|binding| *binding == (name, scope))
    }

    fn bind(&mut self, scope: ScopeId, name: NameId, kind: DefineKind) {
        let binder = self.binder(scope, name);
        let binder_kind = self.scopes.kind(binder.scope);
        if leaves_bound(kind) {
            self.bound.push((name, binder.scope));
        }
        if !outlives_statement(binder_kind) {
            return;
        }
        let statement = &mut self.statements[self.current.index()];
        let definition = Define { name, scope: binder.scope, kind };
        push_once(&mut statement.defines, definition, self.current, &mut self.long_defines);
        if binder_kind == ScopeKind::Class {
            let (parent, own_kind) = (statement.parent, statement.kind);
            let always_runs = parent.is_some_and(|p| self.statements[p.index()].kind == StatementKind::Class);
            match kind {
                DefineKind::Delete => {
                    self.class_bound.remove(&(binder.scope, name));
                }
                DefineKind::Bind | DefineKind::Augment if always_runs && own_kind != StatementKind::For => {
                    self.class_bound.insert((binder.scope, name));
                }
                _ => {}
            }
        }
    }

    /// The binder of a name, looked up once for each scope; the first time, the functions and classes between the
    /// two capture it.
    fn binder(&mut self, scope: ScopeId, name: NameId) -> Binder {
        if scope == ScopeId(0) {
            return Binder { scope, implicit: false };
        }
        if let Some(binder) = self.binders.get(&(scope, name)) {
            return *binder;
        }
        let binder = self.scopes.binder(scope, name, self.class_cell);
        self.binders.insert((scope, name), binder);
        if self.scopes.kind(binder.scope) == ScopeKind::Function {
            self.capture(scope, name, binder.scope);
        }
        binder
    }

    /// Every `def` and `class` from `scope` outwards, up to the function that binds the name, uses it.
    fn capture(&mut self, mut scope: ScopeId, name: NameId, binder: ScopeId) {
        let mut delayed = false;
        while scope != binder {
            let row = &self.scopes.rows[scope.index()];
            delayed |= matches!(row.kind, ScopeKind::Function | ScopeKind::Lambda | ScopeKind::Generator);
            if let (ScopeKind::Function | ScopeKind::Class, Some(owner)) = (row.kind, row.owner) {
                let site = Use { name, scope: binder, delayed };
                push_once(&mut self.statements[owner.index()].uses, site, owner, &mut self.long_uses);
            }
            scope = self.scopes.parent(scope);
        }
    }
}

/// Whether names of such a scope are known outside the statement that holds it.
///
/// A lambda, a comprehension and a list of type parameters keep theirs to themselves.
const fn outlives_statement(kind: ScopeKind) -> bool {
    matches!(kind, ScopeKind::Module | ScopeKind::Class | ScopeKind::Function)
}

/// Appends `item` unless the list has it. `overflow` remembers what stands beyond the part that is searched.
pub(super) fn push_once<T: Copy + Eq + Hash>(
    list: &mut Vec<T>,
    item: T,
    owner: StatementId,
    overflow: &mut FxHashSet<(StatementId, T)>,
) {
    const SEARCHED: usize = 16;
    if list.len() < SEARCHED {
        if !list.contains(&item) {
            list.push(item);
        }
    } else if !list[..SEARCHED].contains(&item) && overflow.insert((owner, item)) {
        list.push(item);
    }
}
