//! Definitions of functions and classes, and the expressions that have an activation of their own.

use super::blocks::{carrier_met_once, has_no_code, is_constant, without_docstring};
use super::operands::Need;
use super::walker::{coverage, entry_check, Fragment, Method, Walker};
use crate::hooks::Hook;
use clew_trace::ScopeId;
use ruff_python_ast::{Expr, ExprLambda, Parameters, Stmt, StmtClassDef, StmtFunctionDef};
use ruff_text_size::{Ranged, TextRange};

impl<'a> Walker<'a> {
    /// Walks a `def`; `header` is the part that carries the fragments.
    pub(super) fn function(&mut self, def: &'a StmtFunctionDef, header: Option<&Expr>, fragments: &[Fragment]) {
        let fragments_of = |expr: &Expr| match header {
            Some(header) if std::ptr::eq(header, expr) => fragments,
            _ => &[],
        };
        for decorator in &def.decorator_list {
            let expr = &decorator.expression;
            self.fragments_around(expr, fragments_of(expr), |this| this.decorator(expr));
        }
        for parameter in def.parameters.iter_non_variadic_params() {
            if let Some(default) = parameter.default() {
                self.fragments_around(default, fragments_of(default), |this| this.expr(default, Need::Value));
            }
        }
        self.bind(&def.name);
        let Some(scope) = self.index.scope(def.range()) else {
            return self.leave(def.range(), "not in the table of scopes");
        };
        let method = self.method_of(def, scope);
        let outer_method = self.method;
        if method.is_some() || !matches!(self.table.scope(self.scope).kind, clew_trace::ScopeKind::Function) {
            self.method = method;
        }
        self.activate(scope, |this| this.function_body(def, scope));
        self.method = outer_method;
    }

    fn function_body(&mut self, def: &'a StmtFunctionDef, scope: ScopeId) {
        let statement = self.statement;
        let body = without_docstring(&def.body);
        if body.iter().all(has_no_code) {
            return self.entry_after(def, scope);
        }
        let cells = self.cell_reads(scope);
        let mut fragments = Vec::new();
        if !self.note_beginning(def, scope, body) {
            fragments.push(Fragment::Entry(scope));
        }
        fragments.extend(cells);
        for fragment in fragments {
            if !self.attach(body, fragment) && fragment == Fragment::Entry(scope) && !can_meet(body) {
                self.leave(def.range(), "no place to note that the function is entered");
            }
        }
        self.covered_block(body);
        self.statement = statement;
    }

    /// Has the function log its calls, with the values of its parameters, if it is one whose body runs when it is called.
    fn note_beginning(&mut self, def: &StmtFunctionDef, scope: ScopeId, body: &[Stmt]) -> bool {
        if !self.logs_native_calls() || !notes_beginning(def, self.table.scope(scope).suspends) {
            return false;
        }
        let parameters = &def.parameters;
        let names = parameters.posonlyargs.iter().chain(&parameters.args).map(|parameter| parameter.name().as_str());
        let hook = self.hooks.len() as u32;
        let attached = self.attach_once(body, Fragment::Begun(hook));
        if attached {
            self.parameters.insert(hook, names.collect::<Vec<_>>().join(","));
            self.hook(Hook::Began { scope });
        }
        attached
    }

    /// Notes the entry into a function that has no statement with code; it is shown where the plain function returns.
    fn entry_after(&mut self, def: &StmtFunctionDef, scope: ScopeId) {
        let Some(last) = def.body.last() else { return };
        let start = def.start().to_usize();
        let line = self.source[..start].rfind(['\n', '\r']).map_or(0, |at| at as u32 + 1);
        let Some(statement) = self.index.statement(last.range()) else { return };
        let text = format!(";{}[{}]={}", coverage(), statement.0, entry_check(scope));
        self.edits.close_shown(last.end().to_u32(), text, (line, line));
    }

    /// The hook for variables of enclosing functions that others bind.
    fn cell_reads(&mut self, scope: ScopeId) -> Vec<Fragment> {
        let mut reads = self.facts.shared_reads(scope).to_vec();
        reads.sort_unstable();
        let statement = self.statement;
        let mut fragments = Vec::new();
        for variables in reads.chunk_by(|a, b| a.0 == b.0) {
            let names = variables.iter().map(|variable| variable.1).collect();
            let hook = self.hook(Hook::CellRead { statement, scope: variables[0].0, names });
            fragments.push(Fragment::Call(hook));
        }
        fragments
    }

    /// Walks the body of something that runs in an activation of its own.
    pub(super) fn activate(&mut self, scope: ScopeId, walk: impl FnOnce(&mut Self)) {
        let seen = std::mem::take(&mut self.seen);
        let activation = self.activation.replace(scope);
        let outer = std::mem::replace(&mut self.scope, scope);
        let statement = self.statement;
        walk(self);
        self.statement = statement;
        self.scope = outer;
        self.activation = activation;
        self.seen = seen;
    }

    /// The method that a `def` directly in a class is.
    fn method_of(&self, def: &'a StmtFunctionDef, scope: ScopeId) -> Option<Method> {
        let class = self.scope;
        let in_class = self.table.scope(class).kind == clew_trace::ScopeKind::Class;
        if !in_class || !def.decorator_list.is_empty() {
            return None;
        }
        let first = def.parameters.posonlyargs.iter().chain(&def.parameters.args).next()?;
        let name = self.names.find(first.name(), self.class)?;
        let receiver = (scope, name);
        let fixed = self.facts.is_bound_once(receiver) && !self.names.is_shared(receiver);
        fixed.then_some(Method { receiver, class, initializes: def.name.as_str() == "__init__" })
    }

    /// Walks a `class`; `header` is the part that carries the fragments.
    pub(super) fn class(&mut self, class: &'a StmtClassDef, header: Option<&Expr>, fragments: &[Fragment]) {
        let fragments_of = |expr: &Expr| match header {
            Some(header) if std::ptr::eq(header, expr) => fragments,
            _ => &[],
        };
        for decorator in &class.decorator_list {
            let expr = &decorator.expression;
            self.fragments_around(expr, fragments_of(expr), |this| this.decorator(expr));
        }
        if let Some(arguments) = &class.arguments {
            for base in &arguments.args {
                match base {
                    Expr::Starred(starred) => {
                        let fragments = fragments_of(&starred.value);
                        self.fragments_around(&starred.value, fragments, |this| {
                            this.expr(&starred.value, Need::Consume);
                        });
                    }
                    _ => self.fragments_around(base, fragments_of(base), |this| this.expr(base, Need::Value)),
                }
            }
            for keyword in &arguments.keywords {
                let value = &keyword.value;
                let need = if keyword.arg.is_some() { Need::Value } else { Need::Consume };
                self.fragments_around(value, fragments_of(value), |this| this.expr(value, need));
            }
        }
        self.bind(&class.name);
        let Some(scope) = self.index.scope(class.range()) else {
            return self.leave(class.range(), "not in the table of scopes");
        };
        self.class_body(class, scope);
    }

    fn class_body(&mut self, class: &'a StmtClassDef, scope: ScopeId) {
        let seen = std::mem::take(&mut self.seen);
        let activation = self.activation.take();
        let method = self.method.take();
        let outer_class = self.class.replace(class.name.as_str());
        let outer = std::mem::replace(&mut self.scope, scope);
        let statement = self.statement;
        self.covered_block(without_docstring(&class.body));
        self.statement = statement;
        self.scope = outer;
        self.class = outer_class;
        self.method = method;
        self.activation = activation;
        self.seen = seen;
    }

    /// Walks a lambda.
    pub(super) fn lambda(&mut self, lambda: &'a ExprLambda) {
        if let Some(parameters) = &lambda.parameters {
            self.defaults(parameters);
        }
        let Some(scope) = self.index.scope(lambda.range()) else { return };
        self.activate(scope, |this| {
            let mut fragments = vec![Fragment::Entry(scope)];
            fragments.extend(this.cell_reads(scope));
            let fragments = if is_constant(&lambda.body) { &[] } else { &fragments[..] };
            this.fragments_around(&lambda.body, fragments, |this| this.expr(&lambda.body, Need::Value));
        });
    }

    fn defaults(&mut self, parameters: &'a Parameters) {
        for parameter in parameters.iter_non_variadic_params() {
            if let Some(default) = parameter.default() {
                self.expr(default, Need::Value);
            }
        }
    }

    /// Whether the range opens a scope; its number.
    pub(super) fn scope_of(&mut self, range: TextRange) -> ScopeId {
        if let Some(scope) = self.index.scope(range) {
            scope
        } else {
            self.leave(range, "not in the table of scopes");
            self.scope
        }
    }
}

/// Whether a function can log its own calls: its body runs when it is called, and its parameters are what it is passed.
pub(super) fn notes_beginning(def: &StmtFunctionDef, suspends: bool) -> bool {
    let is_simple = def.parameters.vararg.is_none() && def.parameters.kwarg.is_none();
    !def.is_async && !suspends && is_simple && carrier_met_once(without_docstring(&def.body)).is_some()
}

/// Whether a statement that may not be met still carries the fragment on some path.
fn can_meet(body: &[Stmt]) -> bool {
    body.iter().any(|statement| !matches!(statement, Stmt::FunctionDef(_) | Stmt::ClassDef(_)))
}
