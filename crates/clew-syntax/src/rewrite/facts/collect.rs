//! The walk that notes where each variable gets its values.

use super::super::builtins::takes_many;
use super::super::functions::notes_beginning;
use super::super::names::{Names, Variable, MODULE};
use super::{is_pure_module, ClassText, Origin};
use crate::Index;
use clew_trace::{ScopeId, ScopeKind, SourceTable};
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    Comprehension, ExceptHandler, Expr, ExprContext, ModModule, Parameters, Pattern, Stmt, StmtClassDef,
    StmtFunctionDef,
};
use ruff_text_size::{Ranged, TextRange};
use rustc_hash::{FxHashMap, FxHashSet};

/// What the walk found.
pub(super) struct Collected<'a> {
    pub(super) origins: FxHashMap<Variable, Vec<Origin<'a>>>,
    pub(super) star_import: bool,
    pub(super) shared_reads: FxHashMap<ScopeId, Vec<Variable>>,
    pub(super) classes: FxHashMap<ScopeId, ClassText<'a>>,
    pub(super) stored_attributes: FxHashSet<&'a str>,
    pub(super) noted: FxHashSet<Variable>,
}

/// Walks the module.
pub(super) fn collect<'a>(module: &'a ModModule, names: &Names, table: &SourceTable, index: &Index) -> Collected<'a> {
    let mut collector = Collector {
        names,
        table,
        index,
        scope: MODULE,
        class: None,
        found: Collected {
            origins: FxHashMap::default(),
            star_import: false,
            shared_reads: FxHashMap::default(),
            classes: FxHashMap::default(),
            stored_attributes: FxHashSet::default(),
            noted: FxHashSet::default(),
        },
    };
    collector.visit_body(&module.body);
    collector.found
}

struct Collector<'a, 't> {
    names: &'t Names,
    table: &'t SourceTable,
    index: &'t Index,
    scope: ScopeId,
    class: Option<&'a str>,
    found: Collected<'a>,
}

impl<'a> Collector<'a, '_> {
    fn bind(&mut self, name: &str, origin: Origin<'a>) {
        if let Some(id) = self.names.find(name, self.class) {
            let variable = (self.names.binder(self.table, self.scope, id), id);
            self.found.origins.entry(variable).or_default().push(origin);
        }
    }

    /// Binds the names of a target that gets the whole of `origin`, or its parts when the target unpacks.
    fn bind_target(&mut self, target: &'a Expr, origin: Origin<'a>) {
        match target {
            Expr::Name(name) => self.bind(&name.id, origin),
            Expr::Starred(starred) => self.bind_target(&starred.value, Origin::Unknown),
            Expr::List(list) => self.bind_parts(&list.elts, origin),
            Expr::Tuple(tuple) => self.bind_parts(&tuple.elts, origin),
            _ => {}
        }
    }

    fn bind_parts(&mut self, targets: &'a [Expr], origin: Origin<'a>) {
        let parts = match origin {
            Origin::Value(Expr::Tuple(tuple), scope) => Some((&tuple.elts, scope)),
            Origin::Value(Expr::List(list), scope) => Some((&list.elts, scope)),
            _ => None,
        };
        let starred = |parts: &[Expr]| parts.iter().any(Expr::is_starred_expr);
        match (parts, origin) {
            (Some((parts, scope)), _) if parts.len() == targets.len() && !starred(parts) && !starred(targets) => {
                for (target, part) in targets.iter().zip(parts) {
                    self.bind_target(target, Origin::Value(part, scope));
                }
            }
            (_, Origin::Value(value, scope)) => {
                for target in targets {
                    self.bind_target(target, Origin::Item(value, scope));
                }
            }
            _ => targets.iter().for_each(|target| self.bind_target(target, Origin::Unknown)),
        }
    }

    /// Binds the target of a loop over `iterable`.
    fn bind_items(&mut self, target: &'a Expr, iterable: &'a Expr, scope: ScopeId, is_async: bool) {
        if is_async {
            return self.bind_target(target, Origin::Unknown);
        }
        if let (Expr::Call(call), Expr::Tuple(targets)) = (iterable, target) {
            let enumerates = call.func.as_name_expr().is_some_and(|name| {
                let bound = self.names.find(&name.id, None).map(|id| self.names.binder(self.table, scope, id));
                name.id == "enumerate" && bound.is_none_or(|binder| binder == MODULE)
            });
            if let (true, [number, item]) = (enumerates, targets.elts.as_slice()) {
                self.bind_target(number, Origin::Number);
                return self.bind_target(item, Origin::Unknown);
            }
        }
        if target.is_name_expr() {
            self.bind_target(target, Origin::Item(iterable, scope));
        } else {
            self.bind_target(target, Origin::Unknown);
        }
    }

    fn bind_parameters(&mut self, parameters: &'a Parameters) {
        for parameter in parameters {
            self.bind(parameter.name(), Origin::Unknown);
        }
    }

    fn within(&mut self, range: TextRange, walk: impl FnOnce(&mut Self)) {
        let scope = self.index.scope(range).unwrap_or(self.scope);
        let outer = std::mem::replace(&mut self.scope, scope);
        walk(self);
        self.scope = outer;
    }

    fn visit_defaults(&mut self, parameters: &'a Parameters) {
        for parameter in parameters.iter_non_variadic_params() {
            if let Some(default) = parameter.default() {
                self.visit_expr(default);
            }
        }
    }

    fn visit_function(&mut self, function: &'a StmtFunctionDef) {
        for decorator in &function.decorator_list {
            self.visit_expr(&decorator.expression);
        }
        self.visit_defaults(&function.parameters);
        let origin = if function.decorator_list.is_empty() { Origin::Function } else { Origin::Unknown };
        self.bind(&function.name, origin);
        let suspends = self.index.scope(function.range()).is_none_or(|scope| self.table.scope(scope).suspends);
        if let (true, Some(id)) = (notes_beginning(function, suspends), self.names.find(&function.name, self.class)) {
            self.found.noted.insert((self.names.binder(self.table, self.scope, id), id));
        }
        self.within(function.range(), |this| {
            this.bind_parameters(&function.parameters);
            this.visit_body(&function.body);
        });
    }

    fn visit_class(&mut self, class: &'a StmtClassDef) {
        for decorator in &class.decorator_list {
            self.visit_expr(&decorator.expression);
        }
        if let Some(arguments) = &class.arguments {
            self.visit_arguments(arguments);
        }
        let arguments = class.arguments.as_deref();
        let bases = arguments.map_or(&[][..], |arguments| &arguments.args);
        let is_plain = class.decorator_list.is_empty()
            && class.type_params.is_none()
            && arguments.is_none_or(|arguments| arguments.keywords.is_empty())
            && !bases.iter().any(Expr::is_starred_expr);
        match self.index.scope(class.range()) {
            Some(scope) => {
                let text = ClassText { around: self.scope, bases: is_plain.then_some(bases) };
                self.found.classes.insert(scope, text);
                self.bind(&class.name, Origin::Class(scope));
            }
            None => self.bind(&class.name, Origin::Unknown),
        }
        let outer = self.class.replace(class.name.as_str());
        self.within(class.range(), |this| this.visit_body(&class.body));
        self.class = outer;
    }

    fn visit_comprehension_of(&mut self, range: TextRange, generators: &'a [Comprehension], elements: &[&'a Expr]) {
        let outside = self.scope;
        if let Some(first) = generators.first() {
            self.visit_expr(&first.iter);
        }
        self.within(range, |this| {
            for (index, generator) in generators.iter().enumerate() {
                let scope = if index == 0 { outside } else { this.scope };
                this.bind_items(&generator.target, &generator.iter, scope, generator.is_async);
                if index > 0 {
                    this.visit_expr(&generator.iter);
                }
                this.visit_expr(&generator.target);
                generator.ifs.iter().for_each(|test| this.visit_expr(test));
            }
            for element in elements {
                this.visit_expr(element);
            }
        });
    }

    fn note_read(&mut self, name: &str) {
        let Some(id) = self.names.find(name, self.class) else { return };
        let variable = (self.names.binder(self.table, self.scope, id), id);
        if !self.names.is_shared(variable) {
            return;
        }
        // A comprehension is part of the function around it.
        let mut reader = self.scope;
        while matches!(self.table.scope(reader).kind, ScopeKind::Comprehension) {
            match self.table.scope(reader).parent {
                Some(parent) => reader = parent,
                None => return,
            }
        }
        if reader != variable.0 {
            let reads = self.found.shared_reads.entry(reader).or_default();
            if !reads.contains(&variable) {
                reads.push(variable);
            }
        }
    }
}

impl<'a> Visitor<'a> for Collector<'a, '_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => return self.visit_function(function),
            Stmt::ClassDef(class) => return self.visit_class(class),
            Stmt::Assign(assign) => {
                for target in &assign.targets {
                    self.bind_target(target, Origin::Value(&assign.value, self.scope));
                }
            }
            Stmt::AugAssign(assign) => {
                if let Expr::Name(name) = &*assign.target {
                    self.bind(&name.id, Origin::Augmented(&assign.value, self.scope));
                }
            }
            Stmt::AnnAssign(assign) => {
                if let Some(value) = &assign.value {
                    self.bind_target(&assign.target, Origin::Value(value, self.scope));
                    self.visit_expr(value);
                }
                return self.visit_expr(&assign.target);
            }
            Stmt::For(stmt) => self.bind_items(&stmt.target, &stmt.iter, self.scope, stmt.is_async),
            Stmt::With(stmt) => {
                for item in &stmt.items {
                    if let Some(target) = &item.optional_vars {
                        self.bind_target(target, Origin::Unknown);
                    }
                }
            }
            Stmt::Import(import) => {
                for alias in &import.names {
                    let module = alias.name.as_str();
                    let bound =
                        alias.asname.as_ref().map_or(module.split('.').next().unwrap_or(module), |name| name.as_str());
                    let origin = if is_pure_module(module) { Origin::PureModule } else { Origin::Unknown };
                    self.bind(bound, origin);
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in &import.names {
                    self.found.star_import |= alias.name.as_str() == "*";
                    let is_pure = import.level == 0
                        && import.module.as_ref().is_some_and(|module| is_pure_module(module))
                        && !takes_many(&alias.name);
                    let origin = if is_pure { Origin::PureFunction } else { Origin::Unknown };
                    self.bind(alias.asname.as_ref().unwrap_or(&alias.name), origin);
                }
            }
            Stmt::TypeAlias(alias) => {
                return self.bind_target(&alias.name, Origin::Unknown);
            }
            Stmt::Delete(delete) => {
                delete.targets.iter().for_each(|target| self.bind_target(target, Origin::Deleted));
            }
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) if name.ctx == ExprContext::Load && self.names.any_shared() => self.note_read(&name.id),
            Expr::Attribute(attribute) if attribute.ctx != ExprContext::Load => {
                self.found.stored_attributes.insert(&attribute.attr);
                self.visit_expr(&attribute.value);
            }
            Expr::Named(named) => {
                if let Expr::Name(name) = &*named.target {
                    let origin = Origin::Value(&named.value, self.scope);
                    let inner = self.scope;
                    while matches!(self.table.scope(self.scope).kind, ScopeKind::Comprehension | ScopeKind::Generator) {
                        self.scope = self.table.scope(self.scope).parent.unwrap_or(MODULE);
                    }
                    self.bind(&name.id, origin);
                    self.scope = inner;
                }
                self.visit_expr(&named.value);
            }
            Expr::Lambda(lambda) => {
                if let Some(parameters) = &lambda.parameters {
                    self.visit_defaults(parameters);
                }
                self.within(lambda.range(), |this| {
                    if let Some(parameters) = &lambda.parameters {
                        this.bind_parameters(parameters);
                    }
                    this.visit_expr(&lambda.body);
                });
            }
            Expr::ListComp(comp) => self.visit_comprehension_of(comp.range(), &comp.generators, &[&comp.elt]),
            Expr::SetComp(comp) => self.visit_comprehension_of(comp.range(), &comp.generators, &[&comp.elt]),
            Expr::Generator(comp) => self.visit_comprehension_of(comp.range(), &comp.generators, &[&comp.elt]),
            Expr::DictComp(comp) => {
                let key = comp.key.as_deref();
                let elements: Vec<&Expr> = key.into_iter().chain([&*comp.value]).collect();
                self.visit_comprehension_of(comp.range(), &comp.generators, &elements);
            }
            _ => visitor::walk_expr(self, expr),
        }
    }

    fn visit_annotation(&mut self, _annotation: &'a Expr) {}

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(clause) = handler;
        if let Some(name) = &clause.name {
            self.bind(name, Origin::Unknown);
        }
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        match pattern {
            Pattern::MatchAs(capture) => {
                if let Some(name) = &capture.name {
                    self.bind(name, Origin::Unknown);
                }
            }
            Pattern::MatchStar(capture) => {
                if let Some(name) = &capture.name {
                    self.bind(name, Origin::Unknown);
                }
            }
            Pattern::MatchMapping(mapping) => {
                if let Some(rest) = &mapping.rest {
                    self.bind(rest, Origin::Unknown);
                }
            }
            _ => {}
        }
        visitor::walk_pattern(self, pattern);
    }
}
