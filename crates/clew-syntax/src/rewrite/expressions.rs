//! Expressions, in the order of evaluation.

use super::blocks::is_constant;
use super::kills::Kills;
use super::operands::Need;
use super::walker::{Fragment, Walker};
use ruff_python_ast::{
    CmpOp, Comprehension, Expr, ExprBoolOp, ExprCompare, ExprFString, ExprGenerator, ExprIf, ExprSubscript,
    FStringPart, InterpolatedStringElement, InterpolatedStringElements, UnaryOp,
};
use ruff_text_size::{Ranged, TextRange, TextSize};

impl<'a> Walker<'a> {
    /// Walks an expression whose value is used in this way.
    pub(super) fn expr(&mut self, expr: &'a Expr, need: Need) {
        match expr {
            Expr::Name(name) => self.name_operand(expr, name, need),
            Expr::Attribute(attribute) => self.operand(expr, need, |this| {
                let key = this.name(&attribute.attr);
                this.expr(&attribute.value, Need::See(Some(key)));
            }),
            Expr::Subscript(subscript) => {
                let need = if self.is_unshared(expr) { Need::Value } else { need };
                self.operand(expr, need, |this| this.subscript(subscript));
            }
            Expr::Call(call) => {
                let need = if self.is_fresh(expr) || self.is_unshared(expr) { Need::Value } else { need };
                self.operand(expr, need, |this| this.call(call));
            }
            Expr::Await(_) | Expr::Yield(_) | Expr::YieldFrom(_) => {
                self.operand(expr, need, |this| this.suspension(expr));
            }
            Expr::BoolOp(operation) => self.choice_of_operands(operation, need),
            Expr::If(choice) => self.conditional(choice, need),
            Expr::Named(named) => {
                self.expr(&named.value, need);
                self.store(&named.target);
            }
            Expr::BinOp(operation) => {
                self.expr(&operation.left, Need::Read);
                self.expr(&operation.right, Need::Read);
            }
            Expr::UnaryOp(operation) => {
                let need = if operation.op == UnaryOp::Not { Need::Read } else { Need::Read };
                self.expr(&operation.operand, need);
            }
            Expr::Compare(comparison) => self.comparison(comparison),
            Expr::Lambda(lambda) => self.lambda(lambda),
            Expr::Tuple(tuple) => self.items(&tuple.elts, item_need(need)),
            Expr::List(list) => self.items(&list.elts, item_need(need)),
            Expr::Set(set) => self.items(&set.elts, Need::Read),
            Expr::Dict(dict) => {
                for item in &dict.items {
                    match &item.key {
                        Some(key) => {
                            self.expr(key, Need::Read);
                            self.expr(&item.value, item_need(need));
                        }
                        None => self.expr(&item.value, Need::Consume),
                    }
                }
            }
            Expr::Starred(starred) => self.expr(&starred.value, Need::Consume),
            Expr::Slice(slice) => {
                for part in [&slice.lower, &slice.upper, &slice.step].into_iter().flatten() {
                    self.expr(part, Need::Read);
                }
            }
            Expr::ListComp(comp) => {
                self.comprehension(comp.range(), &comp.generators, &[(&comp.elt, item_need(need))]);
            }
            Expr::SetComp(comp) => self.comprehension(comp.range(), &comp.generators, &[(&comp.elt, Need::Read)]),
            Expr::DictComp(comp) => {
                let key = comp.key.iter().map(|key| (&**key, Need::Read));
                let elements: Vec<_> = key.chain([(&*comp.value, item_need(need))]).collect();
                self.comprehension(comp.range(), &comp.generators, &elements);
            }
            Expr::Generator(generator) => {
                let range = self.generator_range(generator);
                self.generator(expr, range, &generator.generators, &generator.elt);
            }
            Expr::FString(string) => self.formatted(string),
            _ => {}
        }
    }

    fn items(&mut self, items: &'a [Expr], need: Need) {
        for item in items {
            self.expr(item, need);
        }
    }

    fn subscript(&mut self, subscript: &'a ExprSubscript) {
        let key = self.string_key(&subscript.slice);
        self.expr(&subscript.value, Need::See(key));
        self.subscript_key(&subscript.slice);
    }

    /// Walks what stands between the brackets of a subscript.
    pub(super) fn subscript_key(&mut self, key: &'a Expr) {
        self.expr(key, Need::Read);
    }

    fn suspension(&mut self, expr: &'a Expr) {
        let walk = |this: &mut Self| match expr {
            Expr::Await(suspended) => this.expr(&suspended.value, Need::Consume),
            Expr::YieldFrom(suspended) => this.expr(&suspended.value, Need::Consume),
            Expr::Yield(suspended) => {
                if let Some(value) = &suspended.value {
                    this.expr(value, Need::Value);
                }
            }
            _ => {}
        };
        match self.activation {
            Some(scope) => {
                let hook = self.resume_hook(scope);
                self.call_around(expr, hook, walk);
            }
            None => walk(self),
        }
        self.seen.forget_all();
    }

    /// Walks what may not be evaluated.
    fn maybe(&mut self, expr: &'a Expr, walk: impl FnOnce(&mut Self)) {
        let mut before = self.seen.clone();
        walk(self);
        let (names, class) = (&self.names, self.class);
        before.forget_kills(&Kills::of_expr(expr), |name| names.find(name, class));
        self.seen = before;
    }

    fn choice_of_operands(&mut self, operation: &'a ExprBoolOp, need: Need) {
        let last = operation.values.len() - 1;
        for (index, value) in operation.values.iter().enumerate() {
            let need = if index == last { need } else { need.max(Need::Read) };
            if index == 0 {
                self.expr(value, need);
            } else {
                self.maybe(value, |this| this.expr(value, need));
            }
        }
    }

    fn conditional(&mut self, choice: &'a ExprIf, need: Need) {
        self.expr(&choice.test, Need::Read);
        let start = self.seen.clone();
        self.expr(&choice.body, need);
        let after = std::mem::replace(&mut self.seen, start);
        self.expr(&choice.orelse, need);
        self.seen.join(after);
    }

    fn comparison(&mut self, comparison: &'a ExprCompare) {
        let identity = comparison.ops.iter().all(|op| matches!(op, CmpOp::Is | CmpOp::IsNot));
        let need = if identity { Need::Value } else { Need::Read };
        self.expr(&comparison.left, need);
        for (index, operand) in comparison.comparators.iter().enumerate() {
            if index == 0 {
                self.expr(operand, need);
            } else {
                self.maybe(operand, |this| this.expr(operand, need));
            }
        }
    }

    fn comprehension(&mut self, range: TextRange, generators: &'a [Comprehension], elements: &[(&'a Expr, Need)]) {
        if let Some(first) = generators.first() {
            self.expr(&first.iter, Need::Consume);
        }
        let mut kills = Kills::default();
        for (element, _) in elements {
            kills = kills.and_expr(element);
        }
        for generator in generators {
            kills = generator.ifs.iter().fold(kills.and_expr(&generator.target), Kills::and_expr);
            kills.suspends |= generator.is_async;
        }
        self.forget_kills(&kills);
        let after = self.seen.clone();
        let scope = self.scope_of(range);
        let outer = std::mem::replace(&mut self.scope, scope);
        let resumed = generators.iter().any(|generator| generator.is_async);
        let fragments: Vec<Fragment> = self.activation.filter(|_| resumed).map(Fragment::Entry).into_iter().collect();
        for (index, generator) in generators.iter().enumerate() {
            if index > 0 {
                self.expr(&generator.iter, Need::Consume);
            }
            self.store(&generator.target);
            for test in &generator.ifs {
                self.entered(test, range, &fragments, Need::Read);
            }
        }
        for (index, (element, need)) in elements.iter().enumerate() {
            let fragments = if index == 0 { &fragments[..] } else { &[] };
            self.entered(element, range, fragments, *need);
        }
        self.scope = outer;
        self.seen = after;
    }

    fn generator(&mut self, expr: &'a Expr, range: TextRange, generators: &'a [Comprehension], element: &'a Expr) {
        if let Some(first) = generators.first() {
            self.expr(&first.iter, Need::Consume);
        }
        let scope = self.scope_of(expr.range());
        self.activate(scope, |this| {
            let fragments = [Fragment::Entry(scope)];
            for (index, generator) in generators.iter().enumerate() {
                if index > 0 {
                    this.expr(&generator.iter, Need::Consume);
                }
                // Each turn may follow a suspension.
                this.seen.forget_all();
                this.store(&generator.target);
                for (position, test) in generator.ifs.iter().enumerate() {
                    let fragments = if position == 0 { &fragments[..] } else { &[] };
                    this.entered(test, range, fragments, Need::Read);
                }
            }
            this.entered(element, range, &fragments, Need::Value);
        });
    }

    /// Walks a test or an element in front of which an activation is entered; `range` is that of the comprehension.
    fn entered(&mut self, expr: &'a Expr, range: TextRange, fragments: &[Fragment], need: Need) {
        let fragments = if is_constant(expr) { &[] } else { fragments };
        self.fragments_in_test(expr, range, fragments, |this| this.expr(expr, need));
    }

    /// The range of a generator expression as CPython sees it: with the brackets, even if they are those of a call.
    fn generator_range(&self, generator: &ExprGenerator) -> TextRange {
        let range = generator.range();
        if generator.parenthesized {
            return range;
        }
        let start = self.source[..range.start().to_usize()].rfind('(').unwrap_or(range.start().to_usize());
        let end = range.end().to_usize();
        let end = self.source[end..].find(')').map_or(end, |at| end + at + 1);
        TextRange::new(TextSize::new(start as u32), TextSize::new(end as u32))
    }

    fn formatted(&mut self, string: &'a ExprFString) {
        for part in &string.value {
            if let FStringPart::FString(part) = part {
                self.fields(&part.elements);
            }
        }
    }

    fn fields(&mut self, elements: &'a InterpolatedStringElements) {
        for element in elements {
            let InterpolatedStringElement::Interpolation(field) = element else { continue };
            if field.debug_text.is_some() {
                self.forget_kills(&Kills::of_expr(&field.expression));
                continue;
            }
            self.expr(&field.expression, Need::Read);
            if let Some(spec) = &field.format_spec {
                self.fields(&spec.elements);
            }
        }
    }
}

/// What is done with the items of a display, by what is done with the display.
fn item_need(need: Need) -> Need {
    match need {
        Need::Read => Need::Read,
        _ => Need::Value,
    }
}
