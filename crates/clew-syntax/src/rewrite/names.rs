//! Names as the rewriter meets them: their numbers, and the scope that binds each.

use clew_trace::{NameId, ScopeId, ScopeKind, SourceTable};
use rustc_hash::{FxHashMap, FxHashSet};

/// A variable: the scope that binds it, and its name.
pub(super) type Variable = (ScopeId, NameId);

/// The module's scope.
pub(super) const MODULE: ScopeId = ScopeId(0);

/// What a scope does with a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Bound,
    Global,
    Nonlocal,
}

/// The names of one source.
pub(super) struct Names {
    ids: FxHashMap<String, NameId>,
    roles: FxHashMap<Variable, Role>,
    /// Names that some scope declares `global`.
    declared_global: FxHashSet<NameId>,
    /// Variables of functions that some other function binds by `nonlocal`.
    shared: FxHashSet<Variable>,
}

impl Names {
    /// The names of a table.
    pub(super) fn new(table: &SourceTable) -> Self {
        let ids = (0..).map(NameId).zip(&table.names).map(|(id, text)| (text.clone(), id)).collect();
        let mut names = Self {
            ids,
            roles: FxHashMap::default(),
            declared_global: FxHashSet::default(),
            shared: FxHashSet::default(),
        };
        for (id, scope) in (0..).map(ScopeId).zip(&table.scopes) {
            names.roles.extend(scope.locals.iter().map(|name| ((id, *name), Role::Bound)));
            names.roles.extend(scope.declared_global.iter().map(|name| ((id, *name), Role::Global)));
            names.roles.extend(scope.declared_nonlocal.iter().map(|name| ((id, *name), Role::Nonlocal)));
            names.declared_global.extend(&scope.declared_global);
        }
        for (id, scope) in (0..).map(ScopeId).zip(&table.scopes) {
            for name in &scope.declared_nonlocal {
                names.shared.insert((names.binder(table, id, *name), *name));
            }
        }
        names
    }

    /// The number of `text` as it is written inside the class `class`, which mangles private names.
    pub(super) fn id(&mut self, table: &mut SourceTable, text: &str, class: Option<&str>) -> NameId {
        let mangled = mangle(text, class);
        let text = mangled.as_deref().unwrap_or(text);
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let id = NameId(table.names.len() as u32);
        table.names.push(text.to_owned());
        self.ids.insert(text.to_owned(), id);
        id
    }

    /// The number of `text` if it has one.
    pub(super) fn find(&self, text: &str, class: Option<&str>) -> Option<NameId> {
        match mangle(text, class) {
            Some(mangled) => self.ids.get(&mangled).copied(),
            None => self.ids.get(text).copied(),
        }
    }

    /// The scope that binds `name` as it is written in `scope`; the module for builtins.
    pub(super) fn binder(&self, table: &SourceTable, scope: ScopeId, name: NameId) -> ScopeId {
        let mut current = scope;
        loop {
            let kind = table.scope(current).kind;
            if current == scope || kind != ScopeKind::Class {
                match self.roles.get(&(current, name)) {
                    Some(Role::Bound) => return current,
                    Some(Role::Global) => return MODULE,
                    Some(Role::Nonlocal) | None => {}
                }
            }
            match table.scope(current).parent {
                Some(parent) => current = parent,
                None => return MODULE,
            }
        }
    }

    /// Whether some scope declares the name `global`, so that any call may bind it.
    pub(super) fn is_declared_global(&self, name: NameId) -> bool {
        self.declared_global.contains(&name)
    }

    /// Whether some function binds the variable by `nonlocal`.
    pub(super) fn is_shared(&self, variable: Variable) -> bool {
        self.shared.contains(&variable)
    }

    /// Whether any variable is bound by `nonlocal`.
    pub(super) fn any_shared(&self) -> bool {
        !self.shared.is_empty()
    }
}

/// The private name that `text` stands for inside a class, if it is one.
fn mangle(text: &str, class: Option<&str>) -> Option<String> {
    let class = class?.trim_start_matches('_');
    let private = text.starts_with("__") && !text.ends_with("__") && !class.is_empty();
    private.then(|| format!("_{class}{text}"))
}
