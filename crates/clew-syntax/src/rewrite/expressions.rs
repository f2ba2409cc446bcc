//! Expressions, in the order of evaluation.

use super::blocks::is_constant;
use super::kills::Kills;
use super::operands::Need;
use super::walker::{Fragment, Walker};
use crate::hooks::Note;
use ruff_python_ast::{
    CmpOp, Comprehension, Expr, ExprBoolOp, ExprCompare, ExprFString, ExprGenerator, ExprIf, FStringPart,
    InterpolatedStringElement, InterpolatedStringElements,
};
use ruff_text_size::{Ranged, TextRange, TextSize};

impl<'a> Walker<'a> {
    /// Walks an expression whose value is used in this way.
    pub(super) fn expr(&mut self, expr: &'a Expr, need: Need) {
        match expr {
            Expr::Name(name) => self.name_operand(expr, name, need),
            Expr::Attribute(attribute) => self.operand(expr, need, |this| this.attribute(expr, attribute)),
            Expr::Subscript(subscript) => {
                let need = if self.is_unshared(expr) { Need::Value } else { need };
                self.operand(expr, need, |this| this.item(expr, subscript));
            }
            Expr::Call(call) => {
                let need = if self.is_fresh(expr) || self.is_unshared(expr) { Need::Value } else { need };
                self.operand(expr, need, |this| this.call(expr, call));
            }
            Expr::Await(_) | Expr::Yield(_) | Expr::YieldFrom(_) => {
                self.operand(expr, need, |this| this.suspension(expr));
            }
            Expr::BoolOp(operation) => self.choice_of_operands(operation, need, false),
            Expr::If(choice) => self.conditional(choice, need),
            Expr::Named(named) => {
                self.expr(&named.value, need);
                self.store(&named.target);
            }
            Expr::BinOp(operation) => self.binary(expr, operation),
            Expr::UnaryOp(operation) => self.unary(expr, operation, false),
            Expr::Compare(comparison) => self.comparison(expr, comparison, false),
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
                        None => self.unpacked(&item.value),
                    }
                }
            }
            Expr::Starred(starred) => self.unpacked(&starred.value),
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
            Expr::FString(string) => self.formatted(expr, string),
            _ => {}
        }
    }

    fn items(&mut self, items: &'a [Expr], need: Need) {
        for item in items {
            self.expr(item, need);
        }
    }

    /// Walks what stands between the brackets of a subscript.
    pub(super) fn subscript_key(&mut self, key: &'a Expr) {
        self.expr(key, Need::Read);
    }

    fn suspension(&mut self, expr: &'a Expr) {
        let walk = |this: &mut Self| match expr {
            Expr::Await(suspended) => {
                this.suspended(expr, &suspended.value, "await", |this| this.expr(&suspended.value, Need::Consume));
            }
            Expr::YieldFrom(suspended) => {
                this.suspended(expr, &suspended.value, "yield from", |this| {
                    this.expr(&suspended.value, Need::Consume);
                });
            }
            Expr::Yield(suspended) => {
                if let Some(value) = &suspended.value {
                    this.noted(value, Note::Suspended, "yield", |this| this.expr(value, Need::Value));
                }
            }
            _ => {}
        };
        match self.activation {
            Some(scope) => {
                let hook = if self.logs_operations() && expr.is_yield_expr() {
                    self.note_hook(expr, Note::Resumed(scope), "yield")
                } else {
                    self.resume_hook(scope)
                };
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

    /// Walks the operands of `and` and `or`; `is_test` tells that the truth of the whole is all that counts.
    pub(super) fn choice_of_operands(&mut self, operation: &'a ExprBoolOp, need: Need, is_test: bool) {
        let last = operation.values.len() - 1;
        for (index, value) in operation.values.iter().enumerate() {
            let need = if index == last { need } else { need.max(Need::Read) };
            let walk = |this: &mut Self| {
                if index == last && !is_test {
                    this.expr(value, need);
                } else {
                    this.truth(value, need, is_test);
                }
            };
            if index == 0 {
                walk(self);
            } else {
                self.maybe(value, walk);
            }
        }
    }

    fn conditional(&mut self, choice: &'a ExprIf, need: Need) {
        self.truth(&choice.test, Need::Read, true);
        let start = self.seen.clone();
        self.expr(&choice.body, need);
        let after = std::mem::replace(&mut self.seen, start);
        self.expr(&choice.orelse, need);
        self.seen.join(after);
    }

    /// Walks a comparison; `is_test` tells that its truth is all that counts.
    pub(super) fn comparison(&mut self, expr: &'a Expr, comparison: &'a ExprCompare, is_test: bool) {
        let identity = comparison.ops.iter().all(|op| matches!(op, CmpOp::Is | CmpOp::IsNot));
        let need = |op: Option<&CmpOp>| match op {
            _ if identity => Need::Value,
            Some(CmpOp::In | CmpOp::NotIn) => Need::Search,
            _ => Need::Read,
        };
        self.compared(expr, comparison, is_test, |this, operand, index| {
            let need = need(index.checked_sub(1).and_then(|index| comparison.ops.get(index)));
            if index < 2 {
                this.expr(operand, need);
            } else {
                this.maybe(operand, |this| this.expr(operand, need));
            }
        });
    }

    /// Walks what is iterated by a `for`.
    pub(super) fn iterated(&mut self, iterable: &'a Expr, target: &'a Expr, walk: impl FnOnce(&mut Self)) {
        // The compiler makes constants of the first, and nothing at all of the second.
        let is_folded = is_constant(iterable) && !iterable.is_tuple_expr();
        let is_single = match iterable {
            Expr::List(list) => list.elts.len() == 1,
            Expr::Tuple(tuple) => tuple.elts.len() == 1,
            _ => false,
        };
        if is_folded || is_single {
            return walk(self);
        }
        let unpacks = target.is_tuple_expr() || target.is_list_expr();
        self.noted(iterable, Note::Iterated { unpacks }, "for", walk);
    }

    /// Walks what is unpacked.
    pub(super) fn unpacked(&mut self, value: &'a Expr) {
        self.noted(value, Note::Unpacked, "unpack", |this| this.expr(value, Need::Consume));
    }

    fn comprehension(&mut self, range: TextRange, generators: &'a [Comprehension], elements: &[(&'a Expr, Need)]) {
        if let Some(first) = generators.first() {
            self.turns(first);
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
                self.turns(generator);
            }
            self.store(&generator.target);
            for test in &generator.ifs {
                self.entered(test, range, &fragments, None);
            }
        }
        for (index, (element, need)) in elements.iter().enumerate() {
            let fragments = if index == 0 { &fragments[..] } else { &[] };
            self.entered(element, range, fragments, Some(*need));
        }
        self.scope = outer;
        self.seen = after;
    }

    fn generator(&mut self, expr: &'a Expr, range: TextRange, generators: &'a [Comprehension], element: &'a Expr) {
        if let Some(first) = generators.first() {
            self.turns(first);
        }
        let scope = self.scope_of(expr.range());
        self.activate(scope, |this| {
            let fragments = [Fragment::Entry(scope)];
            for (index, generator) in generators.iter().enumerate() {
                if index > 0 {
                    this.turns(generator);
                }
                // Each turn may follow a suspension.
                this.seen.forget_all();
                this.store(&generator.target);
                for (position, test) in generator.ifs.iter().enumerate() {
                    let fragments = if position == 0 { &fragments[..] } else { &[] };
                    // The element is yielded where the last comparison of the tests is, on 3.11.
                    this.keeps_comparisons = this.options.minor < 12;
                    this.entered(test, range, fragments, None);
                    this.keeps_comparisons = false;
                }
            }
            this.entered(element, range, &fragments, Some(Need::Value));
        });
    }

    /// Walks the iterable of a part of a comprehension.
    fn turns(&mut self, generator: &'a Comprehension) {
        let walk = |this: &mut Self| this.consumed(&generator.iter, &generator.target);
        if generator.is_async {
            walk(self);
        } else {
            self.iterated(&generator.iter, &generator.target, walk);
        }
    }

    /// Walks an element with its need, or a test, in front of which an activation is entered; `range` is that of the
    /// comprehension.
    fn entered(&mut self, expr: &'a Expr, range: TextRange, fragments: &[Fragment], need: Option<Need>) {
        let fragments = if is_constant(expr) { &[] } else { fragments };
        self.fragments_in_test(expr, range, fragments, |this| match need {
            Some(need) => this.expr(expr, need),
            None => this.truth(expr, Need::Read, true),
        });
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

    fn formatted(&mut self, expr: &'a Expr, string: &'a ExprFString) {
        let first = first_field(string).filter(|_| self.logs_operations());
        let begun = first.map(|first| self.note_hook(first, Note::Begun, "format"));
        let mut fields = Fields { begun, is_first: true };
        let mut parts = |this: &mut Self| {
            for part in &string.value {
                if let FStringPart::FString(part) = part {
                    this.fields(&part.elements, &mut fields);
                }
            }
        };
        match begun {
            Some(begun) => {
                let result = self.note_hook(expr, Note::Result(begun), "format");
                self.call_around(expr, result, parts);
            }
            None => parts(self),
        }
    }

    fn fields(&mut self, elements: &'a InterpolatedStringElements, fields: &mut Fields) {
        for element in elements {
            let InterpolatedStringElement::Interpolation(field) = element else { continue };
            if field.debug_text.is_some() {
                self.forget_kills(&Kills::of_expr(&field.expression));
                continue;
            }
            let walk = |this: &mut Self| this.expr(&field.expression, Need::Read);
            match (fields.begun, std::mem::take(&mut fields.is_first)) {
                (Some(begun), true) => self.call_around(&field.expression, begun, walk),
                (Some(begun), false) => self.noted(&field.expression, Note::Operand(begun), "format", walk),
                (None, _) => walk(self),
            }
            if let Some(spec) = &field.format_spec {
                self.fields(&spec.elements, fields);
            }
        }
    }
}

/// The fields of one f-string.
struct Fields {
    /// The hook of the first one, if they are logged.
    begun: Option<u32>,
    /// Whether the first one is still to come.
    is_first: bool,
}

/// What is done with the items of a display, by what is done with the display.
fn item_need(need: Need) -> Need {
    match need {
        Need::Read | Need::Search => Need::Read,
        _ => Need::Value,
    }
}

/// The first field that can have a hook.
fn first_field(string: &ExprFString) -> Option<&Expr> {
    let parts = string.value.iter().filter_map(|part| match part {
        FStringPart::FString(part) => Some(&part.elements),
        FStringPart::Literal(_) => None,
    });
    let fields = parts.flat_map(|elements| elements.iter().filter_map(|element| element.as_interpolation()));
    fields.filter(|field| field.debug_text.is_none()).map(|field| &*field.expression).next()
}
