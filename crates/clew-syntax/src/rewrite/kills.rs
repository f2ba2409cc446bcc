//! What a piece of a program may do to what is known of variables: bind them, or suspend the function.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{ExceptHandler, Expr, ExprContext, Pattern, Stmt};
use rustc_hash::FxHashSet;

/// The names a piece of a program binds, and whether it suspends.
#[derive(Debug, Default)]
pub(super) struct Kills<'a> {
    /// Names that it binds or deletes, as they are written.
    pub(super) names: FxHashSet<&'a str>,
    /// Whether it holds `yield`, `await` or anything else that lets other code run.
    pub(super) suspends: bool,
    /// Whether it holds `return`, `raise`, `break` or `continue`.
    pub(super) jumps: bool,
}

impl<'a> Kills<'a> {
    /// Those of statements.
    pub(super) fn of_body(body: &'a [Stmt]) -> Self {
        let mut kills = Self::default();
        kills.visit_body(body);
        kills
    }

    /// Those of an expression.
    pub(super) fn of_expr(expr: &'a Expr) -> Self {
        let mut kills = Self::default();
        kills.visit_expr(expr);
        kills
    }

    /// Those of this and of more statements.
    pub(super) fn and_body(mut self, body: &'a [Stmt]) -> Self {
        self.visit_body(body);
        self
    }

    /// Those of this and of another expression.
    pub(super) fn and_expr(mut self, expr: &'a Expr) -> Self {
        self.visit_expr(expr);
        self
    }
}

impl<'a> Visitor<'a> for Kills<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => {
                self.names.insert(&function.name);
                return;
            }
            Stmt::ClassDef(class) => {
                self.names.insert(&class.name);
            }
            // The result of an augmented assignment is the old object, or one made by it.
            Stmt::AugAssign(assign) if assign.target.is_name_expr() => return self.visit_expr(&assign.value),
            Stmt::Import(import) => {
                for alias in &import.names {
                    let module = alias.name.as_str();
                    let first = module.split('.').next().unwrap_or(module);
                    self.names.insert(alias.asname.as_ref().map_or(first, |name| name.as_str()));
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in &import.names {
                    self.names.insert(alias.asname.as_ref().unwrap_or(&alias.name));
                }
            }
            Stmt::For(stmt) => self.suspends |= stmt.is_async,
            Stmt::With(stmt) => self.suspends |= stmt.is_async,
            Stmt::Return(_) | Stmt::Raise(_) | Stmt::Break(_) | Stmt::Continue(_) => self.jumps = true,
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) if name.ctx != ExprContext::Load => {
                self.names.insert(&name.id);
            }
            Expr::Await(_) | Expr::Yield(_) | Expr::YieldFrom(_) => self.suspends = true,
            Expr::Lambda(_) => return,
            Expr::Generator(generator) => {
                // Only the first iterable is evaluated here; walruses in the rest bind when it is advanced.
                if let Some(first) = generator.generators.first() {
                    self.visit_expr(&first.iter);
                }
                let mut inner = Kills::default();
                visitor::walk_expr(&mut inner, expr);
                self.names.extend(inner.names);
                return;
            }
            Expr::ListComp(comp) => self.suspends |= comp.generators.iter().any(|generator| generator.is_async),
            Expr::SetComp(comp) => self.suspends |= comp.generators.iter().any(|generator| generator.is_async),
            Expr::DictComp(comp) => self.suspends |= comp.generators.iter().any(|generator| generator.is_async),
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }

    fn visit_annotation(&mut self, _annotation: &'a Expr) {}

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(clause) = handler;
        if let Some(name) = &clause.name {
            self.names.insert(name);
        }
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        let name = match pattern {
            Pattern::MatchAs(capture) => capture.name.as_ref(),
            Pattern::MatchStar(capture) => capture.name.as_ref(),
            Pattern::MatchMapping(mapping) => mapping.rest.as_ref(),
            _ => None,
        };
        if let Some(name) = name {
            self.names.insert(name);
        }
        visitor::walk_pattern(self, pattern);
    }
}
