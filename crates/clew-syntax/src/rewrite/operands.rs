//! Which operands get a hook, by what is done with them.

use super::builtins::{self, Container};
use super::elision::Covered;
use super::facts::Facts;
use super::names::Variable;
use super::walker::Walker;
use crate::hooks::Hook;
use clew_trace::{NameId, ScopeKind};
use ruff_python_ast::{Expr, ExprName};

/// What is done with the value of an expression, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// It is passed on.
    Value,
    /// An attribute or item of it is accessed: the one named, or any.
    See(Option<NameId>),
    /// All that it holds is read.
    Read,
    /// All that it holds is read, and it may be advanced if it is an iterator.
    Search,
    /// It is iterated to its end.
    Consume,
}

impl<'a> Walker<'a> {
    /// Puts the hook for a need around an expression that may give any object, while `walk` walks its inside.
    pub(super) fn operand(&mut self, expr: &Expr, need: Need, walk: impl FnOnce(&mut Self)) {
        let statement = self.statement;
        let hook = match need {
            Need::Value => return walk(self),
            Need::See(key) => self.see_hook(key),
            Need::Read => self.hook(Hook::Read { statement, advances: false }),
            Need::Search => self.hook(Hook::Read { statement, advances: true }),
            Need::Consume => self.hook(Hook::Consume { statement, unpacks: 0 }),
        };
        self.call_around(expr, hook, walk);
    }

    /// Puts the hook for a need around a name, unless an earlier one covers it.
    pub(super) fn name_operand(&mut self, expr: &Expr, name: &ExprName, need: Need) {
        if need == Need::Value || self.is_unshared(expr) {
            return;
        }
        let Some(variable) = self.followed(&name.id) else {
            return self.operand(expr, need, |_| {});
        };
        match need {
            Need::Value => {}
            Need::See(key) => match self.seen.see(variable, key) {
                Covered::Yes => {}
                Covered::By(hooks) => hooks.into_iter().for_each(|hook| self.extend_see(hook, key)),
                Covered::No => {
                    let hook = self.see_hook(key);
                    self.seen.saw(variable, hook);
                    self.call_around(expr, hook, |_| {});
                }
            },
            Need::Read => {
                if !self.seen.read(variable) {
                    self.operand(expr, need, |_| {});
                }
            }
            Need::Search => {
                if !self.seen.search(variable) {
                    self.operand(expr, need, |_| {});
                }
            }
            Need::Consume => {
                if !self.seen.consume(variable) {
                    self.operand(expr, need, |_| {});
                }
            }
        }
    }

    /// The variable of a name, if what is known of it stays true until the activation binds it or suspends.
    pub(super) fn followed(&self, name: &str) -> Option<Variable> {
        let variable = self.variable(name)?;
        let (scope, name) = variable;
        let followed = match self.table.scope(scope).kind {
            ScopeKind::Class | ScopeKind::TypeParameters => false,
            ScopeKind::Module => !self.names.is_declared_global(name),
            _ => !self.names.is_shared(variable),
        };
        followed.then_some(variable)
    }

    /// Whether the expression gives an object that no other unit can have changed, whatever is done with it.
    pub(super) fn is_unshared(&self, expr: &Expr) -> bool {
        let view = self.view();
        if self.facts.is_atomic(expr, self.scope, &view) {
            return true;
        }
        match expr {
            Expr::Name(name) => {
                let builtin = self.facts.builtin_name(expr, self.scope, &view);
                builtin.is_some_and(builtins::is_constant)
                    || Facts::variable(&name.id, self.scope, &view).is_some_and(|it| self.facts.is_pure_module(it))
            }
            Expr::Call(call) => self.is_super(&call.func),
            _ => false,
        }
    }

    /// Whether the expression is the builtin `super`.
    pub(super) fn is_super(&self, function: &Expr) -> bool {
        self.facts.likely_builtin_name(function, self.scope, &self.view()) == Some("super")
    }

    /// Whether the expression gives an object made just now.
    pub(super) fn is_fresh(&self, expr: &Expr) -> bool {
        self.facts.is_fresh(expr, self.scope, &self.view())
    }

    /// If the expression makes an object that only this activation can reach: the builtin container that it is.
    pub(super) fn made_container(&self, expr: &Expr) -> Option<Container> {
        match expr {
            Expr::List(_) | Expr::ListComp(_) => Some(Container::List),
            Expr::Dict(_) | Expr::DictComp(_) => Some(Container::Dict),
            Expr::Set(_) | Expr::SetComp(_) => Some(Container::Set),
            Expr::Call(call) => match self.facts.builtin_name(&call.func, self.scope, &self.view())? {
                "list" | "sorted" => Some(Container::List),
                "dict" => Some(Container::Dict),
                "set" => Some(Container::Set),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the expression computes its value from operands whose content it reads, so that no more is to be read.
    pub(super) fn is_computed(&self, expr: &Expr) -> bool {
        match expr {
            Expr::BinOp(operation) => self.is_read(&operation.left) && self.is_read(&operation.right),
            Expr::UnaryOp(operation) => self.is_read(&operation.operand),
            Expr::Compare(comparison) => {
                self.is_read(&comparison.left) && comparison.comparators.iter().all(|operand| self.is_read(operand))
            }
            _ => false,
        }
    }

    /// Whether the content of an operand that is to be read has been read wholly, by its hook or before.
    fn is_read(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Name(_) | Expr::Attribute(_) | Expr::Subscript(_) | Expr::FString(_) => true,
            Expr::Await(_) | Expr::Yield(_) | Expr::YieldFrom(_) => true,
            Expr::Call(_) => !self.is_fresh(expr) || self.is_unshared(expr),
            Expr::If(choice) => self.is_read(&choice.body) && self.is_read(&choice.orelse),
            Expr::BoolOp(operation) => operation.values.iter().all(|value| self.is_read(value)),
            Expr::Named(named) => self.is_read(&named.value),
            Expr::Tuple(tuple) => tuple.elts.iter().all(|item| self.is_read(item)),
            Expr::List(list) => list.elts.iter().all(|item| self.is_read(item)),
            Expr::BinOp(_) | Expr::UnaryOp(_) | Expr::Compare(_) => self.is_computed(expr),
            _ => self.is_unshared(expr),
        }
    }

    /// The string that a subscript names, if it is a literal.
    pub(super) fn string_key(&mut self, key: &Expr) -> Option<NameId> {
        let literal = key.as_string_literal_expr()?;
        let text = literal.value.to_str().to_owned();
        Some(self.names.id(&mut self.table, &text, None))
    }

    /// Walks the iterable of a `for` that is a unit.
    pub(super) fn iterate(&mut self, iterable: &'a Expr, target: &Expr) {
        let hook = self.hook(Hook::Iterate { statement: self.statement, unpacks: depth(target) });
        self.call_around(iterable, hook, |this| this.expr(iterable, Need::Value));
    }

    /// Walks what is iterated to the end for the sake of `target`, which may unpack the items.
    pub(super) fn consumed(&mut self, iterable: &'a Expr, target: &Expr) {
        let unpacks = depth(target);
        if unpacks == 0 || self.is_unshared(iterable) {
            return self.expr(iterable, Need::Consume);
        }
        let hook = self.hook(Hook::Consume { statement: self.statement, unpacks });
        self.call_around(iterable, hook, |this| this.expr(iterable, Need::Value));
    }

    /// Walks a context expression.
    pub(super) fn manager(&mut self, manager: &'a Expr) {
        let hook = self.hook(Hook::Manager { statement: self.statement });
        self.call_around(manager, hook, |this| this.expr(manager, Need::Value));
    }
}

/// How deep a target unpacks what it is given.
fn depth(target: &Expr) -> u32 {
    let inside = |items: &[Expr]| 1 + items.iter().map(depth).max().unwrap_or_default();
    match target {
        Expr::Tuple(tuple) => inside(&tuple.elts),
        Expr::List(list) => inside(&list.elts),
        Expr::Starred(starred) => depth(&starred.value),
        _ => 0,
    }
}
