//! The walk over expressions and assignment targets, in the order of evaluation.

use super::collect::Collector;
use super::names::is_identifier;
use clew_trace::{DefineKind, ScopeId, ScopeKind};
use ruff_python_ast::{
    CmpOp, Comprehension, Expr, ExprCall, ExprLambda, InterpolatedStringElements, Parameters, UnaryOp,
};
use ruff_text_size::TextRange;

impl<'a> Collector<'a> {
    /// Walks an expression that is evaluated for its value.
    ///
    /// Chains along the first operand (`a + b + c`, `a.b(c).d`) are walked in a loop: sources hold thousands of links.
    pub(super) fn expression(&mut self, expression: &'a Expr) {
        let base = self.spine.len();
        let mut first = expression;
        while let Some(operand) = first_operand(first) {
            self.spine.push(first);
            first = operand;
        }
        if let Expr::Name(name) = first {
            let called = if self.spine.len() > base { self.spine.last() } else { None };
            let with_arguments =
                called.is_some_and(|node| matches!(node, Expr::Call(call) if !call.arguments.is_empty()));
            self.read(name.id.as_str(), with_arguments);
        } else {
            self.other_expression(first);
        }
        while self.spine.len() > base {
            if let Some(node) = self.spine.pop() {
                self.after_first_operand(node);
            }
        }
    }

    /// Walks what a node of [`first_operand`] evaluates after that operand.
    fn after_first_operand(&mut self, expression: &'a Expr) {
        self.may_raise();
        match expression {
            Expr::BinOp(node) => self.expression(&node.right),
            Expr::Attribute(node) => self.attribute(node.attr.as_str()),
            Expr::Subscript(node) => self.expression(&node.slice),
            Expr::Call(node) => self.arguments(node),
            _ => {}
        }
    }

    fn arguments(&mut self, call: &'a ExprCall) {
        for argument in &call.arguments.args {
            self.expression(argument);
        }
        for keyword in &call.arguments.keywords {
            if let Some(name) = &keyword.arg {
                let name = self.names.intern(name.as_str());
                self.mention(name);
            }
            self.expression(&keyword.value);
        }
    }

    fn attribute(&mut self, text: &'a str) {
        let name = self.name(text);
        self.mention(name);
    }

    fn other_expression(&mut self, expression: &'a Expr) {
        match expression {
            Expr::BoolOp(node) => {
                if let [first, rest @ ..] = node.values.as_slice() {
                    self.condition(first);
                    // Each value is evaluated only after all before it.
                    self.branch(|walk| rest.iter().for_each(|value| walk.expression(value)));
                }
            }
            Expr::Named(node) => {
                self.expression(&node.value);
                if let Expr::Name(target) = &*node.target {
                    self.bind_walrus(target.id.as_str());
                }
            }
            Expr::UnaryOp(node) => {
                if node.op == UnaryOp::Not {
                    self.condition(&node.operand);
                } else {
                    if !node.operand.is_number_literal_expr() {
                        self.may_raise();
                    }
                    self.expression(&node.operand);
                }
            }
            Expr::Lambda(node) => self.lambda(node),
            Expr::If(node) => {
                self.condition(&node.test);
                self.branch(|walk| walk.expression(&node.body));
                self.branch(|walk| walk.expression(&node.orelse));
            }
            Expr::Dict(node) => {
                for item in &node.items {
                    // Keys are hashed, and `**` runs the mapping's own methods.
                    if !item.key.as_ref().is_some_and(Expr::is_literal_expr) {
                        self.may_raise();
                    }
                    item.key.iter().for_each(|key| self.expression(key));
                    self.expression(&item.value);
                }
            }
            Expr::Set(node) => {
                if !node.elts.iter().all(Expr::is_literal_expr) {
                    self.may_raise();
                }
                node.elts.iter().for_each(|element| self.expression(element));
            }
            Expr::List(node) => node.elts.iter().for_each(|element| self.expression(element)),
            Expr::Tuple(node) => node.elts.iter().for_each(|element| self.expression(element)),
            Expr::ListComp(node) => {
                self.comprehension(node.range, "<listcomp>", [None, Some(&*node.elt)], &node.generators);
            }
            Expr::SetComp(node) => {
                self.comprehension(node.range, "<setcomp>", [None, Some(&*node.elt)], &node.generators);
            }
            Expr::DictComp(node) => {
                let elements = [node.key.as_deref(), Some(&*node.value)];
                self.comprehension(node.range, "<dictcomp>", elements, &node.generators);
            }
            Expr::Generator(node) => {
                self.comprehension(node.range, "<genexpr>", [None, Some(&*node.elt)], &node.generators);
            }
            Expr::Await(node) => {
                self.expression(&node.value);
                self.suspend();
            }
            Expr::Yield(node) => {
                node.value.iter().for_each(|value| self.expression(value));
                self.suspend();
            }
            Expr::YieldFrom(node) => {
                self.expression(&node.value);
                self.suspend();
            }
            Expr::Compare(node) => {
                if !node.ops.iter().all(|op| matches!(op, CmpOp::Is | CmpOp::IsNot)) {
                    self.may_raise();
                }
                self.expression(&node.left);
                if let [first, rest @ ..] = &*node.comparators {
                    self.expression(first);
                    self.branch(|walk| rest.iter().for_each(|value| walk.expression(value)));
                }
            }
            Expr::FString(node) => {
                for string in node.value.f_strings() {
                    self.interpolations(&string.elements);
                }
            }
            Expr::TString(node) => {
                for string in &node.value {
                    self.interpolations(&string.elements);
                }
            }
            Expr::StringLiteral(node) => {
                let text = node.value.to_str();
                if is_identifier(text) {
                    let name = self.names.intern(text);
                    self.mention(name);
                }
            }
            Expr::Starred(node) => {
                self.may_raise();
                self.expression(&node.value);
            }
            Expr::Slice(node) => {
                let parts = [&node.lower, &node.upper, &node.step];
                parts.into_iter().flatten().for_each(|part| self.expression(part));
            }
            // Constants need nothing; names and nodes with a first operand were met in `expression`.
            _ => {}
        }
    }

    /// Walks an expression whose truth is asked for.
    pub(super) fn condition(&mut self, expression: &'a Expr) {
        let asks_an_object = match expression {
            Expr::Compare(_) | Expr::BoolOp(_) => false,
            Expr::UnaryOp(node) => node.op != UnaryOp::Not,
            other => !other.is_literal_expr(),
        };
        if asks_an_object {
            self.may_raise();
        }
        self.expression(expression);
    }

    fn interpolations(&mut self, elements: &'a InterpolatedStringElements) {
        for element in elements.interpolations() {
            self.may_raise();
            self.expression(&element.expression);
            if let Some(format) = &element.format_spec {
                self.interpolations(&format.elements);
            }
        }
    }

    fn suspend(&mut self) {
        self.may_raise();
        self.scopes.suspend(self.scope);
    }

    fn lambda(&mut self, node: &'a ExprLambda) {
        let scope = self.open_scope(ScopeKind::Lambda, "<lambda>", node.range, node.range.start().to_u32());
        if let Some(parameters) = &node.parameters {
            self.defaults(parameters);
            self.parameters(scope, parameters);
        }
        self.within(scope, |walk| walk.later(|walk| walk.expression(&node.body)));
    }

    /// Walks the defaults of a `def` or `lambda`.
    pub(super) fn defaults(&mut self, parameters: &'a Parameters) {
        for parameter in parameters.iter_non_variadic_params() {
            parameter.default.iter().for_each(|default| self.expression(default));
        }
    }

    /// Binds the parameters of a `def` or `lambda` in its scope.
    pub(super) fn parameters(&mut self, scope: ScopeId, parameters: &'a Parameters) {
        for parameter in parameters {
            let name = self.name(parameter.name().as_str());
            self.scopes.bind_parameter(scope, name);
        }
    }

    /// Walks a comprehension or generator expression. The first iterable belongs to the scope around.
    fn comprehension(
        &mut self,
        node: TextRange,
        name: &'static str,
        elements: [Option<&'a Expr>; 2],
        generators: &'a [Comprehension],
    ) {
        self.may_raise();
        let lazy = name == "<genexpr>";
        let kind = if lazy { ScopeKind::Generator } else { ScopeKind::Comprehension };
        let scope = self.open_scope(kind, name, node, node.start().to_u32());
        if let Some(first) = generators.first() {
            self.expression(&first.iter);
        }
        let rest = |walk: &mut Self| walk.comprehension_loops(elements, generators);
        self.within(scope, |walk| if lazy { walk.later(rest) } else { walk.branch(rest) });
    }

    fn comprehension_loops(&mut self, elements: [Option<&'a Expr>; 2], generators: &'a [Comprehension]) {
        for (nth, generator) in generators.iter().enumerate() {
            if nth > 0 {
                self.expression(&generator.iter);
            }
            if generator.is_async {
                self.suspend();
            }
            self.target(&generator.target);
            generator.ifs.iter().for_each(|test| self.condition(test));
        }
        elements.into_iter().flatten().for_each(|element| self.expression(element));
    }

    /// Walks an assignment target.
    pub(super) fn target(&mut self, target: &'a Expr) {
        match target {
            Expr::Name(name) => self.bind(name.id.as_str(), DefineKind::Bind),
            Expr::Tuple(node) => node.elts.iter().for_each(|element| self.target(element)),
            Expr::List(node) => node.elts.iter().for_each(|element| self.target(element)),
            Expr::Starred(node) => self.target(&node.value),
            // The object is read, then something in it is bound.
            other => self.expression(other),
        }
    }

    /// Walks a target of `del`.
    pub(super) fn delete(&mut self, target: &'a Expr) {
        match target {
            Expr::Name(name) => {
                self.read(name.id.as_str(), false);
                self.bind(name.id.as_str(), DefineKind::Delete);
            }
            Expr::Tuple(node) => node.elts.iter().for_each(|element| self.delete(element)),
            Expr::List(node) => node.elts.iter().for_each(|element| self.delete(element)),
            other => self.expression(other),
        }
    }
}

/// The operand that is evaluated first and may be as deep as the expression is long.
fn first_operand(expression: &Expr) -> Option<&Expr> {
    match expression {
        Expr::BinOp(node) => Some(&node.left),
        Expr::Attribute(node) => Some(&node.value),
        Expr::Subscript(node) => Some(&node.value),
        Expr::Call(node) => Some(&node.func),
        _ => None,
    }
}

/// Whether an assignment to `target` takes a value apart by iterating over it.
pub(super) fn unpacks(target: &Expr, value: &Expr) -> bool {
    let is_display = |expression: &Expr| matches!(expression, Expr::Tuple(_) | Expr::List(_));
    is_display(target) && !is_display(value)
}
