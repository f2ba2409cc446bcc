//! What is known of variables from all the places that bind them.
//!
//! One walk notes every binding; then a variable is *atomic* when each of its bindings gives it something that cannot
//! be changed, which is found by assuming it of all and taking it back until nothing changes.

mod collect;

use super::builtins::{builtin, module_is_pure, string_method_is_atomic, Gives};
use super::names::{Names, Variable, MODULE};
use clew_trace::{ScopeId, ScopeKind, SourceTable};
use ruff_python_ast::{CmpOp, Expr, ModModule, Operator};
use rustc_hash::{FxHashMap, FxHashSet};

/// Where a variable gets a value.
#[derive(Clone, Copy)]
enum Origin<'a> {
    /// From an expression, evaluated in a scope.
    Value(&'a Expr, ScopeId),
    /// From an item of what the expression gives, evaluated in a scope.
    Item(&'a Expr, ScopeId),
    /// From its own value and an expression's.
    Augmented(&'a Expr, ScopeId),
    /// A number made by the language (the first item of an `enumerate`).
    Number,
    /// An undecorated `def`.
    Function,
    /// A `class`, by its scope.
    Class(ScopeId),
    /// A module that only computes numbers.
    PureModule,
    /// A function or constant of such a module, which takes numbers one by one.
    PureFunction,
    /// `del`.
    Deleted,
    /// Anything else.
    Unknown,
}

/// A class whose decorators, metaclass and bases are those that its text shows.
#[derive(Clone, Copy)]
struct ClassText<'a> {
    /// The scope in which its bases are evaluated.
    around: ScopeId,
    /// The bases; `None` if there are decorators, keywords, type parameters, or a star among the bases.
    bases: Option<&'a [Expr]>,
}

/// What is known of the variables of one source.
pub(super) struct Facts<'a> {
    origins: FxHashMap<Variable, Vec<Origin<'a>>>,
    atomic: FxHashSet<Variable>,
    /// Whether the module may bind names that are not written in it.
    module_is_dynamic: bool,
    /// Variables of enclosing functions that each function reads, when some are bound by `nonlocal`.
    shared_reads: FxHashMap<ScopeId, Vec<Variable>>,
    classes: FxHashMap<ScopeId, ClassText<'a>>,
    /// Names of attributes that some statement stores to.
    stored_attributes: FxHashSet<&'a str>,
    /// Names of functions that some `def` makes.
    function_names: FxHashSet<String>,
    /// Variables that a `def` binds which can log its own calls.
    noted: FxHashSet<Variable>,
}

/// What classifying an expression needs to know.
pub(super) struct View<'v> {
    pub(super) names: &'v Names,
    pub(super) table: &'v SourceTable,
    pub(super) class: Option<&'v str>,
}

impl<'a> Facts<'a> {
    /// Gathers the facts of a module.
    pub(super) fn new(module: &'a ModModule, names: &Names, table: &SourceTable, index: &crate::Index) -> Self {
        let collected = collect::collect(module, names, table, index);
        let mut facts = Self {
            origins: collected.origins,
            atomic: FxHashSet::default(),
            module_is_dynamic: collected.star_import,
            shared_reads: collected.shared_reads,
            classes: collected.classes,
            stored_attributes: collected.stored_attributes,
            noted: collected.noted,
            function_names: table
                .scopes
                .iter()
                .filter(|scope| scope.kind == ScopeKind::Function)
                .map(|scope| scope.name.clone())
                .collect(),
        };
        facts.find_atomic(&View { names, table, class: None });
        facts
    }

    fn find_atomic(&mut self, view: &View<'_>) {
        let plain = |origin: &Origin<'_>| !matches!(origin, Origin::Unknown | Origin::Function | Origin::Class(_));
        let candidates = self.origins.iter().filter(|(_, origins)| origins.iter().all(plain));
        self.atomic = candidates.map(|(variable, _)| *variable).collect();
        loop {
            let wrong: Vec<Variable> = self
                .atomic
                .iter()
                .copied()
                .filter(|variable| !self.origins[variable].iter().all(|origin| self.origin_is_atomic(origin, view)))
                .collect();
            if wrong.is_empty() {
                return;
            }
            for variable in wrong {
                self.atomic.remove(&variable);
            }
        }
    }

    fn origin_is_atomic(&self, origin: &Origin<'_>, view: &View<'_>) -> bool {
        match *origin {
            Origin::Value(value, scope) | Origin::Augmented(value, scope) => self.is_atomic(value, scope, view),
            Origin::Item(value, scope) => self.has_atomic_items(value, scope, view),
            Origin::Number | Origin::PureFunction | Origin::Deleted => true,
            Origin::Function | Origin::Class(_) | Origin::PureModule | Origin::Unknown => false,
        }
    }

    /// The only origin of a variable, unless others are possible.
    fn only_origin(&self, variable: Variable, view: &View<'_>) -> Option<Origin<'a>> {
        if view.names.is_declared_global(variable.1) || view.names.is_shared(variable) {
            return None;
        }
        match self.origins.get(&variable)?.as_slice() {
            [origin] => Some(*origin),
            _ => None,
        }
    }

    /// Whether a `def` of this source has this name.
    pub(super) fn is_function_name(&self, name: &str) -> bool {
        self.function_names.contains(name)
    }

    /// Whether the variable is bound once, by an undecorated `def` that can log its own calls.
    pub(super) fn logs_itself(&self, variable: Variable, view: &View<'_>) -> bool {
        self.noted.contains(&variable) && self.is_plain_function(variable, view)
    }

    /// Whether the variable is bound once, by an undecorated `def`.
    pub(super) fn is_plain_function(&self, variable: Variable, view: &View<'_>) -> bool {
        matches!(self.only_origin(variable, view), Some(Origin::Function))
    }

    /// Whether the variable is bound once, by a class that is made and called by `type` and `object` alone.
    pub(super) fn is_plain_class(&self, variable: Variable, view: &View<'_>) -> bool {
        let Some(Origin::Class(scope)) = self.only_origin(variable, view) else { return false };
        let Some(scopes) = self.hierarchy(scope, view) else { return false };
        let plain = |name: &str| {
            let id = view.names.find(name, None);
            id.is_none_or(|id| {
                scopes.iter().all(|scope| match self.origins.get(&(*scope, id)).map(Vec::as_slice) {
                    None => true,
                    Some([Origin::Function]) => name == "__init__",
                    Some(_) => false,
                })
            })
        };
        plain("__new__") && plain("__init__")
    }

    /// Whether the class, or a class of this source that it inherits from, defines the method by an undecorated `def`,
    /// and nothing else in this source can be meant.
    pub(super) fn is_plain_method(&self, class: ScopeId, name: &str, view: &View<'_>) -> bool {
        if self.stored_attributes.contains(name) {
            return false;
        }
        let (Some(id), Some(scopes)) = (view.names.find(name, view.class), self.hierarchy(class, view)) else {
            return false;
        };
        let mut definitions = scopes.iter().filter_map(|scope| self.origins.get(&(*scope, id))).peekable();
        definitions.peek().is_some() && definitions.all(|origins| matches!(origins.as_slice(), [Origin::Function]))
    }

    /// The scopes of a class and of all that it inherits from, if they are all known.
    fn hierarchy(&self, class: ScopeId, view: &View<'_>) -> Option<Vec<ScopeId>> {
        const MOST: usize = 32;
        let mut scopes = vec![class];
        let mut next = 0;
        while let Some(scope) = scopes.get(next).copied() {
            next += 1;
            let text = self.classes.get(&scope)?;
            for base in text.bases? {
                if self.builtin_name(base, text.around, view) == Some("object") {
                    continue;
                }
                let variable = Self::variable(&base.as_name_expr()?.id, text.around, view)?;
                let Some(Origin::Class(scope)) = self.only_origin(variable, view) else { return None };
                if !scopes.contains(&scope) {
                    scopes.push(scope);
                }
            }
            if scopes.len() > MOST {
                return None;
            }
        }
        Some(scopes)
    }

    /// Whether the variable is only ever bound to a module that computes numbers from numbers.
    pub(super) fn is_pure_module(&self, variable: Variable) -> bool {
        let pure = |origin: &Origin<'_>| matches!(origin, Origin::PureModule);
        self.origins.get(&variable).is_some_and(|origins| origins.iter().all(pure))
    }

    /// Whether the variable is only ever bound to a function that computes a number from numbers.
    pub(super) fn is_pure_function(&self, variable: Variable) -> bool {
        let pure = |origin: &Origin<'_>| matches!(origin, Origin::PureFunction);
        self.origins.get(&variable).is_some_and(|origins| origins.iter().all(pure))
    }

    /// Whether the variable is bound only once, as a parameter or otherwise.
    pub(super) fn is_bound_once(&self, variable: Variable) -> bool {
        self.origins.get(&variable).is_some_and(|origins| origins.len() == 1)
    }

    /// Whether the variable never holds anything that can be changed.
    pub(super) fn is_atomic_variable(&self, variable: Variable) -> bool {
        self.atomic.contains(&variable)
    }

    /// Variables of enclosing functions, bound by `nonlocal` somewhere, that the function reads.
    pub(super) fn shared_reads(&self, scope: ScopeId) -> &[Variable] {
        self.shared_reads.get(&scope).map_or(&[], Vec::as_slice)
    }

    /// The variable of a name as it is written in a scope.
    pub(super) fn variable(name: &str, scope: ScopeId, view: &View<'_>) -> Option<Variable> {
        let id = view.names.find(name, view.class)?;
        Some((view.names.binder(view.table, scope, id), id))
    }

    /// The builtin that the expression names, if it cannot be anything else.
    pub(super) fn builtin_name<'e>(&self, expr: &'e Expr, scope: ScopeId, view: &View<'_>) -> Option<&'e str> {
        self.likely_builtin_name(expr, scope, view).filter(|_| !self.module_is_dynamic)
    }

    /// The builtin that the expression names, if the source does not bind that name except perhaps by a star import.
    pub(super) fn likely_builtin_name<'e>(&self, expr: &'e Expr, scope: ScopeId, view: &View<'_>) -> Option<&'e str> {
        let name = expr.as_name_expr()?.id.as_str();
        let hidden = match Self::variable(name, scope, view) {
            Some(variable) => {
                variable.0 != MODULE
                    || self.origins.contains_key(&variable)
                    || view.names.is_declared_global(variable.1)
            }
            None => false,
        };
        (!hidden).then_some(name)
    }

    /// What a call of `function` with these arguments gives back.
    pub(super) fn call_gives(&self, call: &ruff_python_ast::ExprCall, scope: ScopeId, view: &View<'_>) -> Gives {
        let arguments = &call.arguments;
        if let Some(name) = self.builtin_name(&call.func, scope, view) {
            return builtin(name, arguments.args.len()).map_or(Gives::Anything, |known| known.gives);
        }
        match &*call.func {
            Expr::Name(name) => match Self::variable(&name.id, scope, view) {
                Some(variable) if self.is_plain_class(variable, view) => Gives::Fresh,
                Some(variable) if self.is_pure_function(variable) => Gives::Atomic,
                _ => Gives::Anything,
            },
            Expr::Attribute(method) => {
                let pure = |expr: &Expr| {
                    let name = expr.as_name_expr()?;
                    Self::variable(&name.id, scope, view).filter(|variable| self.is_pure_module(*variable))
                };
                if self.is_atomic(&method.value, scope, view) {
                    if string_method_is_atomic(&method.attr) {
                        Gives::Atomic
                    } else {
                        Gives::Fresh
                    }
                } else if pure(&method.value).is_some() {
                    if matches!(method.attr.as_str(), "prod" | "sumprod") {
                        Gives::Anything
                    } else {
                        Gives::Atomic
                    }
                } else {
                    Gives::Anything
                }
            }
            _ => Gives::Anything,
        }
    }

    /// Whether the expression gives nothing that can be changed.
    pub(super) fn is_atomic(&self, expr: &Expr, scope: ScopeId, view: &View<'_>) -> bool {
        let atomic = |part: &Expr| self.is_atomic(part, scope, view);
        match expr {
            Expr::NumberLiteral(_)
            | Expr::StringLiteral(_)
            | Expr::BytesLiteral(_)
            | Expr::BooleanLiteral(_)
            | Expr::NoneLiteral(_)
            | Expr::EllipsisLiteral(_)
            | Expr::FString(_) => true,
            Expr::Name(name) => match Self::variable(&name.id, scope, view) {
                Some(variable) => self.atomic.contains(&variable) || name.id == "__debug__",
                None => false,
            },
            Expr::BinOp(operation) => {
                let formats = operation.op == Operator::Mod
                    && matches!(*operation.left, Expr::StringLiteral(_) | Expr::BytesLiteral(_) | Expr::FString(_));
                formats || (atomic(&operation.left) && atomic(&operation.right))
            }
            Expr::UnaryOp(operation) => operation.op == ruff_python_ast::UnaryOp::Not || atomic(&operation.operand),
            Expr::BoolOp(operation) => operation.values.iter().all(atomic),
            Expr::If(choice) => atomic(&choice.body) && atomic(&choice.orelse),
            Expr::Named(named) => atomic(&named.value),
            Expr::Compare(comparison) => {
                let gives_bool = |op: &CmpOp| matches!(op, CmpOp::Is | CmpOp::IsNot | CmpOp::In | CmpOp::NotIn);
                comparison.ops.iter().all(gives_bool)
                    || (atomic(&comparison.left) && comparison.comparators.iter().all(atomic))
            }
            Expr::Tuple(tuple) => tuple.elts.iter().all(|part| !part.is_starred_expr() && atomic(part)),
            Expr::Subscript(subscript) => atomic(&subscript.value),
            Expr::Call(call) => self.call_gives(call, scope, view) == Gives::Atomic,
            _ => false,
        }
    }

    fn has_atomic_items(&self, expr: &Expr, scope: ScopeId, view: &View<'_>) -> bool {
        match expr {
            Expr::List(list) => {
                list.elts.iter().all(|part| !part.is_starred_expr() && self.is_atomic(part, scope, view))
            }
            Expr::Set(set) => set.elts.iter().all(|part| !part.is_starred_expr() && self.is_atomic(part, scope, view)),
            _ => self.is_atomic(expr, scope, view),
        }
    }

    /// Whether the expression gives an object made just now, or one that cannot be changed.
    pub(super) fn is_fresh(&self, expr: &Expr, scope: ScopeId, view: &View<'_>) -> bool {
        match expr {
            Expr::List(_)
            | Expr::Dict(_)
            | Expr::Set(_)
            | Expr::Tuple(_)
            | Expr::ListComp(_)
            | Expr::SetComp(_)
            | Expr::DictComp(_)
            | Expr::Generator(_)
            | Expr::BinOp(_)
            | Expr::UnaryOp(_)
            | Expr::Compare(_)
            | Expr::Lambda(_)
            | Expr::FString(_) => true,
            Expr::Call(call) => self.call_gives(call, scope, view) != Gives::Anything,
            _ => self.is_atomic(expr, scope, view),
        }
    }
}

/// Whether a module is in the table of pure ones.
fn is_pure_module(name: &str) -> bool {
    module_is_pure(name)
}
