//! Scopes while the source is read, and which scope binds a name.
//!
//! The rules are CPython's (`Python/symtable.c`): class scopes are invisible to what is nested in them, except to
//! scopes of type parameters that stand directly in the class.

use clew_trace::{NameId, Scope, ScopeId, ScopeKind, StatementId};
use rustc_hash::FxHashMap;

/// What a scope does with a name.
#[derive(Clone, Copy, Default)]
struct Symbol(u8);

impl Symbol {
    const BOUND: u8 = 1;
    const GLOBAL: u8 = 2;
    const NONLOCAL: u8 = 4;
    const IMPORTED: u8 = 8;

    const fn has(self, flags: u8) -> bool {
        self.0 & flags != 0
    }
}

/// The scope that binds a name, as seen from some scope.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Binder {
    /// The scope.
    pub(super) scope: ScopeId,
    /// Whether it is the `__class__` that the compiler provides to methods.
    pub(super) implicit: bool,
}

/// The scopes read so far. Scope 0 is the module.
pub(super) struct Scopes {
    pub(super) rows: Vec<Scope>,
    /// First byte of the node that opens each scope.
    starts: Vec<u32>,
    symbols: FxHashMap<(ScopeId, NameId), Symbol>,
}

impl Scopes {
    /// Only the module.
    pub(super) fn new() -> Self {
        let mut scopes = Self { rows: Vec::new(), starts: Vec::new(), symbols: FxHashMap::default() };
        scopes.open(None, ScopeKind::Module, String::from("<module>"), None, 0);
        scopes
    }

    /// A new scope in `parent`.
    pub(super) fn open(
        &mut self,
        parent: Option<ScopeId>,
        kind: ScopeKind,
        name: String,
        owner: Option<StatementId>,
        start: u32,
    ) -> ScopeId {
        self.rows.push(Scope {
            parent,
            kind,
            name,
            owner,
            locals: Vec::new(),
            parameters: Vec::new(),
            declared_global: Vec::new(),
            declared_nonlocal: Vec::new(),
            // A generator expression gives its values away one by one.
            suspends: kind == ScopeKind::Generator,
            dynamic_names: false,
        });
        self.starts.push(start);
        ScopeId(self.rows.len() as u32 - 1)
    }

    /// The kind of a scope.
    pub(super) fn kind(&self, scope: ScopeId) -> ScopeKind {
        self.rows[scope.index()].kind
    }

    /// The scope around `scope`; the module's is itself.
    pub(super) fn parent(&self, scope: ScopeId) -> ScopeId {
        self.rows[scope.index()].parent.unwrap_or(ScopeId(0))
    }

    /// `name` is bound by the text of `scope`.
    pub(super) fn bind(&mut self, scope: ScopeId, name: NameId) {
        let symbol = self.symbols.entry((scope, name)).or_default();
        let elsewhere = scope != ScopeId(0) && symbol.has(Symbol::GLOBAL | Symbol::NONLOCAL);
        if !elsewhere && !symbol.has(Symbol::BOUND) {
            symbol.0 |= Symbol::BOUND;
            self.rows[scope.index()].locals.push(name);
        }
    }

    /// `name` is bound by an import in `scope`.
    pub(super) fn bind_import(&mut self, scope: ScopeId, name: NameId) {
        self.bind(scope, name);
        self.symbols.entry((scope, name)).or_default().0 |= Symbol::IMPORTED;
    }

    /// `name` is a parameter of `scope`.
    pub(super) fn bind_parameter(&mut self, scope: ScopeId, name: NameId) {
        self.bind(scope, name);
        self.rows[scope.index()].parameters.push(name);
    }

    /// `global name` stands in `scope`.
    pub(super) fn declare_global(&mut self, scope: ScopeId, name: NameId) {
        let symbol = self.symbols.entry((scope, name)).or_default();
        if !symbol.has(Symbol::GLOBAL) {
            symbol.0 |= Symbol::GLOBAL;
            self.rows[scope.index()].declared_global.push(name);
        }
    }

    /// `nonlocal name` stands in `scope`.
    pub(super) fn declare_nonlocal(&mut self, scope: ScopeId, name: NameId) {
        let symbol = self.symbols.entry((scope, name)).or_default();
        if !symbol.has(Symbol::NONLOCAL) {
            symbol.0 |= Symbol::NONLOCAL;
            self.rows[scope.index()].declared_nonlocal.push(name);
        }
    }

    /// `scope` holds `yield` or `await`; what runs inside its surroundings suspends them as well.
    pub(super) fn suspend(&mut self, mut scope: ScopeId) {
        loop {
            self.rows[scope.index()].suspends = true;
            if self.kind(scope) != ScopeKind::Comprehension {
                return;
            }
            scope = self.parent(scope);
        }
    }

    /// `scope` reads or binds names that are not written; so does the function, class or module that it is part of.
    pub(super) fn use_dynamic_names(&mut self, mut scope: ScopeId) {
        loop {
            self.rows[scope.index()].dynamic_names = true;
            if matches!(self.kind(scope), ScopeKind::Module | ScopeKind::Class | ScopeKind::Function) {
                return;
            }
            scope = self.parent(scope);
        }
    }

    /// The scope in which `:=` binds when it is written in `scope`: out of all comprehensions.
    pub(super) fn walrus_target(&self, mut scope: ScopeId) -> ScopeId {
        while matches!(self.kind(scope), ScopeKind::Comprehension | ScopeKind::Generator) {
            scope = self.parent(scope);
        }
        scope
    }

    /// Whether the module binds `name` itself, other than by an import that may well bring the builtin.
    pub(super) fn hides_builtin(&self, name: NameId) -> bool {
        let symbol = self.symbol(ScopeId(0), name);
        symbol.has(Symbol::BOUND) && !symbol.has(Symbol::IMPORTED)
    }

    /// The scope that binds `name` as it is written in `scope`. `class_cell` is the name `__class__`.
    pub(super) fn binder(&self, scope: ScopeId, name: NameId, class_cell: Option<NameId>) -> Binder {
        let explicit = |scope| Binder { scope, implicit: false };
        let own = self.symbol(scope, name);
        if scope == ScopeId(0) || own.has(Symbol::GLOBAL) {
            return explicit(ScopeId(0));
        }
        if own.has(Symbol::BOUND) {
            return explicit(scope);
        }
        // Comprehensions of a scope of type parameters see what that scope sees.
        let mut sees_class =
            matches!(self.kind(scope), ScopeKind::TypeParameters | ScopeKind::Comprehension | ScopeKind::Generator)
                && !own.has(Symbol::NONLOCAL);
        let mut inner = scope;
        loop {
            let outer = self.parent(inner);
            if outer == ScopeId(0) {
                return explicit(outer);
            }
            let symbol = self.symbol(outer, name);
            let kind = self.kind(outer);
            if kind == ScopeKind::Class {
                if sees_class && self.kind(inner) == ScopeKind::TypeParameters {
                    if symbol.has(Symbol::GLOBAL) {
                        return explicit(ScopeId(0));
                    }
                    if symbol.has(Symbol::BOUND) {
                        return explicit(outer);
                    }
                }
                if Some(name) == class_cell {
                    return Binder { scope: outer, implicit: true };
                }
            } else if symbol.has(Symbol::GLOBAL) {
                return explicit(ScopeId(0));
            } else if symbol.has(Symbol::BOUND) {
                return explicit(outer);
            }
            sees_class &= matches!(kind, ScopeKind::TypeParameters | ScopeKind::Comprehension | ScopeKind::Generator);
            inner = outer;
        }
    }

    /// The new number of each scope in text order, or `None` when they stand in it already.
    ///
    /// They are opened in the order of evaluation, which differs where a comprehension's element holds a scope.
    pub(super) fn text_order(&self) -> Option<Vec<ScopeId>> {
        if self.starts.is_sorted() {
            return None;
        }
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        // The sort is stable, and scopes that start together are opened from the outer one to the inner one.
        order.sort_by_key(|scope| self.starts[*scope]);
        let mut renumbered = vec![ScopeId(0); order.len()];
        for (new, old) in order.iter().enumerate() {
            renumbered[*old] = ScopeId(new as u32);
        }
        Some(renumbered)
    }

    fn symbol(&self, scope: ScopeId, name: NameId) -> Symbol {
        self.symbols.get(&(scope, name)).copied().unwrap_or_default()
    }
}
