//! The walk over statements and their blocks.

use super::collect::Collector;
use super::expressions::unpacks;
use super::lines::after_colon;
use clew_trace::{Arm, DefineKind, ScopeId, ScopeKind, Span, StatementId, StatementKind};
use ruff_python_ast::{
    ElifElseClause, ExceptHandler, Expr, Stmt, StmtAnnAssign, StmtClassDef, StmtFunctionDef, StmtIf, StmtMatch,
    StmtTry, StmtTypeAlias, TypeParam, TypeParams,
};
use ruff_text_size::{Ranged, TextRange, TextSize};

impl<'a> Collector<'a> {
    /// Walks a block; `documents` when its first string is a docstring.
    pub(super) fn block(&mut self, body: &'a [Stmt], parent: Option<StatementId>, arm: Arm, documents: bool) {
        for (nth, statement) in body.iter().enumerate() {
            self.one_statement(statement, parent, arm, documents && nth == 0);
        }
    }

    fn one_statement(&mut self, statement: &'a Stmt, parent: Option<StatementId>, arm: Arm, documents: bool) {
        let range = statement.range();
        let kind = kind_of(statement);
        let id = self.begin(range, span(range), kind, parent, arm);
        match statement {
            Stmt::FunctionDef(node) => self.function(node, id),
            Stmt::ClassDef(node) => self.class_definition(node, id),
            Stmt::Return(node) => node.value.iter().for_each(|value| self.expression(value)),
            Stmt::Delete(node) => node.targets.iter().for_each(|target| self.delete(target)),
            Stmt::Assign(node) => {
                self.expression(&node.value);
                for target in &node.targets {
                    if unpacks(target, &node.value) {
                        self.may_raise();
                    }
                    self.target(target);
                }
            }
            Stmt::AugAssign(node) => {
                self.may_raise();
                if let Expr::Name(name) = &*node.target {
                    self.read(name.id.as_str(), false);
                    self.expression(&node.value);
                    self.bind(name.id.as_str(), DefineKind::Augment);
                } else {
                    self.expression(&node.target);
                    self.expression(&node.value);
                }
            }
            Stmt::AnnAssign(node) => self.annotated_assignment(node),
            Stmt::TypeAlias(node) => self.type_alias(node),
            Stmt::For(node) => {
                self.end_header(id, node.iter.range().end());
                self.may_raise();
                if node.is_async {
                    self.scopes.suspend(self.scope);
                }
                self.expression(&node.iter);
                self.target(&node.target);
                self.block(&node.body, Some(id), Arm::Body, false);
                self.block(&node.orelse, Some(id), Arm::Else, false);
            }
            Stmt::While(node) => {
                self.end_header(id, node.test.range().end());
                self.condition(&node.test);
                self.block(&node.body, Some(id), Arm::Body, false);
                self.block(&node.orelse, Some(id), Arm::Else, false);
            }
            Stmt::If(node) => self.if_statement(node, id),
            Stmt::With(node) => {
                let end = node.items.last().map_or(range.start(), |item| item.range.end());
                self.end_header(id, end);
                self.may_raise();
                if node.is_async {
                    self.scopes.suspend(self.scope);
                }
                for item in &node.items {
                    self.expression(&item.context_expr);
                    item.optional_vars.iter().for_each(|target| self.target(target));
                }
                self.block(&node.body, Some(id), Arm::Body, false);
            }
            Stmt::Match(node) => self.match_statement(node, id),
            Stmt::Raise(node) => {
                self.may_raise();
                node.exc.iter().chain(&node.cause).for_each(|part| self.expression(part));
            }
            Stmt::Try(node) => self.try_statement(node, id),
            Stmt::Assert(node) => {
                self.may_raise();
                self.condition(&node.test);
                self.branch(|walk| node.msg.iter().for_each(|message| walk.expression(message)));
            }
            Stmt::Import(node) => {
                self.may_raise();
                for alias in &node.names {
                    let whole = alias.name.as_str();
                    let first = whole.split_once('.').map_or(whole, |(first, _)| first);
                    self.bind_import(alias.asname.as_ref().map_or(first, |name| name.as_str()));
                }
            }
            Stmt::ImportFrom(node) => {
                self.may_raise();
                for alias in &node.names {
                    if alias.name.as_str() == "*" {
                        self.scopes.use_dynamic_names(self.scope);
                    } else {
                        self.bind_import(alias.asname.as_ref().unwrap_or(&alias.name).as_str());
                    }
                }
            }
            Stmt::Global(node) => {
                for name in &node.names {
                    let name = self.name(name.as_str());
                    self.scopes.declare_global(self.scope, name);
                }
            }
            Stmt::Nonlocal(node) => {
                for name in &node.names {
                    let name = self.name(name.as_str());
                    self.scopes.declare_nonlocal(self.scope, name);
                }
            }
            Stmt::Expr(node) => {
                if documents && node.value.is_string_literal_expr() {
                    self.statements[id.index()].is_docstring = true;
                } else {
                    self.expression(&node.value);
                }
            }
            Stmt::Pass(_) | Stmt::Break(_) | Stmt::Continue(_) | Stmt::IpyEscapeCommand(_) => {}
        }
    }

    /// The header of a compound statement ends at the colon after `last`, the end of its last expression.
    fn end_header(&mut self, statement: StatementId, last: TextSize) {
        let end = after_colon(self.source, last.to_u32());
        self.statements[statement.index()].header.end = end;
    }

    fn function(&mut self, node: &'a StmtFunctionDef, id: StatementId) {
        let last = node.returns.as_ref().map_or(node.parameters.range.end(), |returns| returns.range().end());
        self.end_header(id, last);
        let name = node.name.as_str();
        let generic = self.open_type_parameters(node.type_params.as_deref(), name, node.range);
        let annotations = generic.unwrap_or(self.scope);
        let start = node.range.start().to_u32();
        let scope = self.within(annotations, |walk| walk.open_scope(ScopeKind::Function, name, node.range, start));
        self.statements[id.index()].opens = Some(scope);
        self.decorators(&node.decorator_list);
        self.defaults(&node.parameters);
        self.within(annotations, |walk| {
            walk.type_parameters(node.type_params.as_deref());
            walk.signature_annotations(&node.parameters, node.returns.as_deref());
        });
        self.bind(name, DefineKind::Bind);
        self.parameters(scope, &node.parameters);
        self.within(scope, |walk| walk.block(&node.body, Some(id), Arm::Body, true));
    }

    fn class_definition(&mut self, node: &'a StmtClassDef, id: StatementId) {
        let header = [
            Some(node.name.range.end()),
            node.type_params.as_ref().map(|parameters| parameters.range.end()),
            node.arguments.as_ref().map(|arguments| arguments.range.end()),
        ];
        self.end_header(id, header.into_iter().flatten().max().unwrap_or(node.range.start()));
        self.may_raise();
        let name = node.name.as_str();
        let generic = self.open_type_parameters(node.type_params.as_deref(), name, node.range);
        let bases = generic.unwrap_or(self.scope);
        let start = node.range.start().to_u32();
        let scope = self.within(bases, |walk| walk.open_scope(ScopeKind::Class, name, node.range, start));
        self.statements[id.index()].opens = Some(scope);
        self.decorators(&node.decorator_list);
        self.within(bases, |walk| {
            walk.in_class(name, |walk| walk.type_parameters(node.type_params.as_deref()));
            for argument in node.arguments.iter().flat_map(|arguments| arguments.iter_source_order()) {
                walk.expression(argument.value());
                if let Some(keyword) = argument.as_keyword().and_then(|keyword| keyword.arg.as_ref()) {
                    let keyword = walk.names.intern(keyword.as_str());
                    walk.mention(keyword);
                }
            }
        });
        self.bind(name, DefineKind::Bind);
        self.within(scope, |walk| {
            walk.in_class(name, |walk| walk.block(&node.body, Some(id), Arm::Body, true));
        });
    }

    fn decorators(&mut self, decorators: &'a [ruff_python_ast::Decorator]) {
        for decorator in decorators {
            self.may_raise();
            self.expression(&decorator.expression);
        }
    }

    /// The scope of the type parameters of a `def` or `class`, if it has some.
    fn open_type_parameters(&mut self, node: Option<&TypeParams>, of: &str, definition: TextRange) -> Option<ScopeId> {
        let name = format!("<generic parameters of {of}>");
        node.map(|node| self.open_scope(ScopeKind::TypeParameters, &name, node.range, definition.start().to_u32()))
    }

    /// Binds type parameters in the current scope, which is theirs. Bounds and defaults are evaluated on demand.
    fn type_parameters(&mut self, node: Option<&'a TypeParams>) {
        for parameter in node.into_iter().flat_map(|node| node.iter()) {
            let (name, bound, default) = match parameter {
                TypeParam::TypeVar(node) => (&node.name, node.bound.as_deref(), node.default.as_deref()),
                TypeParam::TypeVarTuple(node) => (&node.name, None, node.default.as_deref()),
                TypeParam::ParamSpec(node) => (&node.name, None, node.default.as_deref()),
            };
            self.bind(name.as_str(), DefineKind::Bind);
            self.later(|walk| bound.into_iter().chain(default).for_each(|value| walk.expression(value)));
        }
    }

    fn type_alias(&mut self, node: &'a StmtTypeAlias) {
        let Expr::Name(target) = &*node.name else { return };
        let name = target.id.as_str();
        let start = node.range.start().to_u32();
        let scope = self.open_scope(ScopeKind::TypeParameters, name, node.range, start);
        self.within(scope, |walk| {
            walk.type_parameters(node.type_params.as_deref());
            walk.later(|walk| walk.expression(&node.value));
        });
        self.bind(name, DefineKind::Bind);
    }

    fn annotated_assignment(&mut self, node: &'a StmtAnnAssign) {
        node.value.iter().for_each(|value| self.expression(value));
        match &*node.target {
            Expr::Name(name) if node.value.is_some() => self.bind(name.id.as_str(), DefineKind::Bind),
            // A name in parentheses is not even declared.
            Expr::Name(name) if node.simple => self.bind(name.id.as_str(), DefineKind::Declare),
            Expr::Name(_) => {}
            other => self.expression(other),
        }
        // Annotations of local variables are never evaluated, nor kept.
        if matches!(self.scopes.kind(self.scope), ScopeKind::Module | ScopeKind::Class) {
            self.annotation(&node.annotation);
        }
    }

    fn if_statement(&mut self, node: &'a StmtIf, id: StatementId) {
        self.end_header(id, node.test.range().end());
        self.condition(&node.test);
        self.block(&node.body, Some(id), Arm::Body, false);
        let mut innermost = id;
        for clause in &node.elif_else_clauses {
            match &clause.test {
                Some(test) => innermost = self.elif_clause(clause, test, innermost, node.range.end()),
                None => self.block(&clause.body, Some(innermost), Arm::Else, false),
            }
        }
    }

    /// An `elif` is an `if` in the `else` of the one before it, and reaches to the end of the whole.
    fn elif_clause(
        &mut self,
        clause: &'a ElifElseClause,
        test: &'a Expr,
        parent: StatementId,
        end: TextSize,
    ) -> StatementId {
        let whole = span(TextRange::new(clause.range.start(), end));
        let id = self.begin(clause.range, whole, StatementKind::If, Some(parent), Arm::Else);
        self.end_header(id, test.range().end());
        self.condition(test);
        self.block(&clause.body, Some(id), Arm::Body, false);
        id
    }

    fn match_statement(&mut self, node: &'a StmtMatch, id: StatementId) {
        self.end_header(id, node.subject.range().end());
        self.expression(&node.subject);
        for (nth, case) in node.cases.iter().enumerate() {
            if nth > 0 {
                self.resume(id);
            }
            self.case(case);
            self.block(&case.body, Some(id), Arm::Case(saturated(nth)), false);
        }
    }

    fn try_statement(&mut self, node: &'a StmtTry, id: StatementId) {
        self.end_header(id, node.range.start());
        self.block(&node.body, Some(id), Arm::Body, false);
        for (nth, handler) in node.handlers.iter().enumerate() {
            let ExceptHandler::ExceptHandler(handler) = handler;
            self.resume(id);
            self.branch(|walk| {
                handler.type_.iter().for_each(|class| walk.expression(class));
                if let Some(name) = &handler.name {
                    walk.bind(name.as_str(), DefineKind::Maybe);
                    walk.bind(name.as_str(), DefineKind::Delete);
                }
            });
            self.block(&handler.body, Some(id), Arm::Handler(saturated(nth)), false);
        }
        self.block(&node.orelse, Some(id), Arm::Else, false);
        self.block(&node.finalbody, Some(id), Arm::Finally, false);
    }
}

fn saturated(nth: usize) -> u16 {
    u16::try_from(nth).unwrap_or(u16::MAX)
}

fn span(range: TextRange) -> Span {
    Span { start: range.start().to_u32(), end: range.end().to_u32() }
}

fn kind_of(statement: &Stmt) -> StatementKind {
    match statement {
        Stmt::FunctionDef(_) => StatementKind::Function,
        Stmt::ClassDef(_) => StatementKind::Class,
        Stmt::Return(_) => StatementKind::Return,
        Stmt::Delete(_) => StatementKind::Delete,
        Stmt::Assign(_) => StatementKind::Assign,
        Stmt::AugAssign(_) => StatementKind::AugmentedAssign,
        Stmt::AnnAssign(_) => StatementKind::AnnotatedAssign,
        Stmt::TypeAlias(_) => StatementKind::TypeAlias,
        Stmt::For(_) => StatementKind::For,
        Stmt::While(_) => StatementKind::While,
        Stmt::If(_) => StatementKind::If,
        Stmt::With(_) => StatementKind::With,
        Stmt::Match(_) => StatementKind::Match,
        Stmt::Raise(_) => StatementKind::Raise,
        Stmt::Try(_) => StatementKind::Try,
        Stmt::Assert(_) => StatementKind::Assert,
        Stmt::Import(_) => StatementKind::Import,
        Stmt::ImportFrom(_) => StatementKind::ImportFrom,
        Stmt::Global(_) => StatementKind::Global,
        Stmt::Nonlocal(_) => StatementKind::Nonlocal,
        Stmt::Expr(_) | Stmt::IpyEscapeCommand(_) => StatementKind::Expression,
        Stmt::Pass(_) => StatementKind::Pass,
        Stmt::Break(_) => StatementKind::Break,
        Stmt::Continue(_) => StatementKind::Continue,
    }
}
