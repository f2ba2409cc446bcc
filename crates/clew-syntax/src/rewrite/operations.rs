//! The `op` level: hooks that log operations, with operands and result.
//!
//! Where an operation names nothing, a hook does it in place of the program: `a + b` becomes `H(a , b)`, with the
//! operator overwritten, so that nothing moves. Elsewhere the program does it and hooks note its parts: `o.name` becomes
//! `H(o,o.name)` where reading the variable `o` twice is harmless, and `R(B(f()).name)` otherwise.
//!
//! Operations on constants are left alone, because the compiler does them; so is what it would no longer do well (a
//! string that grows in place) or would place differently. Where an operation cannot be noted whole, a part of it is.

use super::blocks::is_constant;
use super::operands::Need;
use super::walker::{state, Shown, Walker, SELF};
use crate::hooks::{placeholder, Hook, Load, Note, Operation};
use clew_trace::ScopeKind;
use ruff_python_ast::{
    CmpOp, Expr, ExprAttribute, ExprBinOp, ExprCompare, ExprSlice, ExprSubscript, ExprUnaryOp, Operator, UnaryOp,
};
use ruff_text_size::{Ranged, TextSize};

/// Constants that are written twice are no longer than this.
const SHORT: usize = 24;

impl<'a> Walker<'a> {
    /// A new hook that notes something about an operation at `expr`.
    pub(super) fn note_hook(&mut self, expr: &Expr, note: Note, name: &str) -> u32 {
        let name = self.names.id(&mut self.table, name, None);
        let place = self.log_place(expr.start());
        self.hook(Hook::Note { statement: self.statement, note, loads: Vec::new(), name, place })
    }

    pub(super) fn operation_hook(&mut self, at: TextSize, operation: Operation) -> u32 {
        let place = self.log_place(at);
        self.hook(Hook::Operate { statement: self.statement, operation, loads: Vec::new(), is_test: false, place })
    }

    /// The load of an attribute that another hook can note, and the object, which that hook gets as well: a variable
    /// that nothing binds meanwhile.
    pub(super) fn load_of(&mut self, expr: &Expr, operand: u32) -> Option<(Load, Shown)> {
        let attribute = expr.as_attribute_expr().filter(|it| it.value.is_name_expr())?;
        let (object, shown) = self.steady(&attribute.value).filter(|_| attribute.value.start() == expr.start())?;
        let name = self.names.id(&mut self.table, &format!(".{}", attribute.attr), None);
        Some((Load { operand, name, place: self.log_place(expr.start()) }, (format!(",{object}"), shown)))
    }

    /// The operands whose loads the hook of an operation can note, which then are not noted for themselves. Nothing that
    /// is logged comes between the load and the operation.
    fn loads(&mut self, left: &'a Expr, right: &'a Expr) -> (Vec<Load>, Vec<Shown>) {
        let second = self.load_of(right, 1);
        let is_quiet = second.is_some() || right.is_name_expr() || is_constant(right);
        let first = if is_quiet { self.load_of(left, 0) } else { None };
        let noted = [(&first, left), (&second, right)].into_iter().filter(|(load, _)| load.is_some());
        self.unnoted.extend(noted.map(|(_, operand)| operand.range()));
        first.into_iter().chain(second).unzip()
    }

    /// Puts a hook that notes something around an expression, if operations are logged.
    pub(super) fn noted(&mut self, expr: &'a Expr, note: Note, name: &str, walk: impl FnOnce(&mut Self)) {
        if !self.logs_operations() {
            return walk(self);
        }
        let hook = self.note_hook(expr, note, name);
        self.call_around(expr, hook, walk);
    }

    /// The text of an operand that can be read twice: a variable whose reading runs no code.
    pub(super) fn twice(&self, expr: &Expr) -> Option<Shown> {
        let readable = !matches!(self.table.scope(self.scope).kind, ScopeKind::Class | ScopeKind::TypeParameters);
        let text = &self.source[expr.range()];
        (readable && expr.is_name_expr()).then(|| (text.to_owned(), shown(expr)))
    }

    /// As [`Self::twice`], of a variable that nothing but this function can bind, or of a constant.
    pub(super) fn steady(&self, expr: &Expr) -> Option<Shown> {
        let text = &self.source[expr.range()];
        let is_steady = match expr {
            Expr::Name(name) => {
                self.activation == Some(self.scope)
                    && self.followed(&name.id).is_some_and(|variable| variable.0 == self.scope)
            }
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) => {
                text.len() <= SHORT && !text.contains(['\n', '\r', '\\'])
            }
            _ => false,
        };
        is_steady.then(|| (text.to_owned(), shown(expr)))
    }

    /// Walks a binary operation.
    pub(super) fn binary(&mut self, expr: &'a Expr, operation: &'a ExprBinOp) {
        let walk = |this: &mut Self, overwrite: bool| {
            this.expr(&operation.left, Need::Read);
            if overwrite {
                this.overwrite_operator(operation.left.end(), operation.right.start());
            }
            this.expr(&operation.right, Need::Read);
        };
        if !self.logs_operations() || is_constant(expr) || self.is_too_deep() {
            self.grows = None;
            return walk(self, false);
        }
        if self.grows.take().is_some_and(|grows| std::ptr::eq(grows, operation)) {
            return self.growing(expr, operation);
        }
        // The compiler makes an f-string of it.
        if operation.op == Operator::Mod && is_constant(&operation.left) && operation.right.is_tuple_expr() {
            let hook = self.note_hook(expr, Note::Done, "%");
            return self.call_around(expr, hook, |this| walk(this, false));
        }
        let (loads, objects) = self.loads(&operation.left, &operation.right);
        let (statement, place) = (self.statement, self.log_place(expr.start()));
        let operation = binary_operation(operation.op);
        let hook = self.hook(Hook::Operate { statement, operation, loads, is_test: false, place });
        self.call_with(expr, hook, &[], &objects, |this| walk(this, true));
    }

    /// Notes that the value of an assignment may be a string that grows in place: `x = x + ...`.
    pub(super) fn note_growth(&mut self, target: &Expr, value: &'a Expr) {
        let (Expr::Name(name), Expr::BinOp(operation)) = (target, value) else { return };
        let same = operation.left.as_name_expr().is_some_and(|left| left.id == name.id);
        if operation.op == Operator::Add && same && self.activation == Some(self.scope) {
            self.grows = Some(operation);
        }
    }

    /// Walks an addition to a string that may grow in place, which only the program itself can do.
    fn growing(&mut self, expr: &'a Expr, operation: &'a ExprBinOp) {
        let walk = |this: &mut Self| this.expr(&operation.right, Need::Read);
        self.expr(&operation.left, Need::Read);
        let Some((text, place)) = self.twice(&operation.left) else { return walk(self) };
        let begun = self.note_hook(expr, Note::Begun, "+");
        self.call_with(&operation.right, begun, &[(format!("{text},"), place)], &[], walk);
        let finished = self.note_hook(expr, Note::Finished(begun), "+");
        let result = format!(";{}[0]={}({text})", state(), placeholder(finished));
        self.edits.after(self.table.statement(self.statement).span.end, result, place);
    }

    /// Walks an operation with one operand; `is_test` tells that its truth is all that counts.
    pub(super) fn unary(&mut self, expr: &'a Expr, operation: &'a ExprUnaryOp, is_test: bool) {
        let hooked = match operation.op {
            UnaryOp::Not => return self.truth(&operation.operand, Need::Read, is_test),
            UnaryOp::USub => Operation::Negate,
            UnaryOp::UAdd => Operation::Plus,
            UnaryOp::Invert => Operation::Invert,
        };
        if !self.logs_operations() || is_constant(expr) || self.is_too_deep() {
            return self.expr(&operation.operand, Need::Read);
        }
        let hook = self.operation_hook(expr.start(), hooked);
        self.call_around(expr, hook, |this| {
            this.edits.overwrite(expr.start().to_u32(), ' ');
            this.expr(&operation.operand, Need::Read);
        });
    }

    /// Walks an expression whose truth decides what runs; `is_test` tells that it is all that counts.
    pub(super) fn truth(&mut self, expr: &'a Expr, need: Need, is_test: bool) {
        let is_bare = match expr {
            Expr::BoolOp(operation) => return self.choice_of_operands(operation, need, is_test),
            Expr::Compare(comparison) => return self.comparison(expr, comparison, is_test),
            Expr::UnaryOp(operation) if operation.op == UnaryOp::Not => return self.unary(expr, operation, is_test),
            Expr::Tuple(_) | Expr::List(_) | Expr::Set(_) | Expr::Dict(_) | Expr::Lambda(_) | Expr::FString(_) => true,
            _ => is_constant(expr),
        };
        if is_bare || !self.logs_operations() {
            return self.expr(expr, need);
        }
        let load = if self.is_too_deep() { None } else { self.load_of(expr, 0) };
        self.unnoted.extend(load.iter().map(|_| expr.range()));
        let (loads, objects): (Vec<_>, Vec<_>) = load.into_iter().unzip();
        let name = self.names.id(&mut self.table, "truth", None);
        let (statement, place) = (self.statement, self.log_place(expr.start()));
        let hook = self.hook(Hook::Note { statement, note: Note::Tested, loads, name, place });
        self.call_with(expr, hook, &[], &objects, |this| this.expr(expr, need));
    }

    /// Walks the test of an `assert`.
    pub(super) fn asserted(&mut self, test: &'a Expr) {
        // The exception is raised where the last comparison of the test is, on 3.11.
        self.keeps_comparisons = self.options.minor < 12;
        self.truth(test, Need::Read, true);
        self.keeps_comparisons = false;
    }

    /// Walks the operands of a comparison, each by `walk`, and puts hooks around them.
    pub(super) fn compared(
        &mut self,
        expr: &'a Expr,
        comparison: &'a ExprCompare,
        is_test: bool,
        walk: impl Fn(&mut Self, &'a Expr, usize),
    ) {
        let operands = || std::iter::once(&*comparison.left).chain(&comparison.comparators).enumerate();
        if !self.logs_operations() || is_constant(expr) || self.is_too_deep() {
            return operands().for_each(|(index, operand)| walk(self, operand, index));
        }
        let keeps = std::mem::take(&mut self.keeps_comparisons);
        let statement = TextSize::new(self.table.statement(self.statement).span.start);
        // The jump that follows a comparison of a test stands where the comparison does, on 3.11.
        let moves = self.options.minor < 12
            && (self.are_on_different_lines(statement, expr.start())
                || self.are_on_different_lines(expr.start(), expr.end()));
        let is_folded = comparison.ops.iter().zip(&comparison.comparators).any(|(op, right)| is_folded(right, *op));
        if comparison.ops.len() > 1 || is_folded || is_test && (moves || keeps) {
            self.compared_in_parts(expr, comparison, is_test && !keeps, is_test && (moves || keeps), walk);
        } else {
            let operation = comparison_operation(comparison.ops[0]);
            let (loads, objects) = self.loads(&comparison.left, &comparison.comparators[0]);
            let (statement, place) = (self.statement, self.log_place(expr.start()));
            let hook = self.hook(Hook::Operate { statement, operation, loads, is_test, place });
            self.call_with(expr, hook, &[], &objects, |this| {
                walk(this, &comparison.left, 0);
                this.overwrite_operator(comparison.left.end(), comparison.comparators[0].start());
                walk(this, &comparison.comparators[0], 1);
            });
        }
        self.keeps_comparisons = keeps;
    }

    /// A comparison that the program does, because it is a chain or because the compiler does part of it.
    fn compared_in_parts(
        &mut self,
        expr: &'a Expr,
        comparison: &'a ExprCompare,
        is_test: bool,
        is_bare: bool,
        walk: impl Fn(&mut Self, &'a Expr, usize),
    ) {
        let name = comparison_operation(comparison.ops[0]).symbol();
        let begun = self.note_hook(expr, Note::Begun, name);
        let parts = |this: &mut Self| {
            this.call_around(&comparison.left, begun, |this| walk(this, &comparison.left, 0));
            for (index, (op, operand)) in comparison.ops.iter().zip(&comparison.comparators).enumerate() {
                let walk = |this: &mut Self| walk(this, operand, index + 1);
                if is_folded(operand, *op) {
                    walk(this);
                } else {
                    let name = comparison_operation(*op).symbol();
                    let hook = this.note_hook(operand, Note::Compared(begun), name);
                    this.call_around(operand, hook, walk);
                }
            }
        };
        if is_bare {
            return parts(self);
        }
        let result = if is_test { Note::Decided(begun) } else { Note::Result(begun) };
        let result = self.note_hook(expr, result, name);
        self.call_around(expr, result, parts);
    }

    /// Walks the load of an attribute.
    pub(super) fn attribute(&mut self, expr: &'a Expr, attribute: &'a ExprAttribute) {
        let key = self.name(&attribute.attr);
        let walk = |this: &mut Self| this.expr(&attribute.value, Need::See(Some(key)));
        if !self.logs_operations() {
            return walk(self);
        }
        if let Some(at) = self.unnoted.iter().position(|range| *range == expr.range()) {
            self.unnoted.swap_remove(at);
            return walk(self);
        }
        let name = format!(".{}", attribute.attr);
        match self.twice(&attribute.value).filter(|_| attribute.value.start() == expr.start()) {
            Some((text, shown)) => {
                let hook = self.note_hook(expr, Note::Done, &name);
                self.call_with(expr, hook, &[(format!("{text},"), shown)], &[], walk);
            }
            None => self.in_parts(expr, &attribute.value, &name, walk),
        }
    }

    /// Walks an operation that the program does, and notes one operand and the result.
    fn in_parts(&mut self, expr: &'a Expr, operand: &'a Expr, name: &str, walk: impl FnOnce(&mut Self)) {
        let begun = self.note_hook(expr, Note::Begun, name);
        let result = self.note_hook(expr, Note::Result(begun), name);
        self.call_around(expr, result, |this| this.call_around(operand, begun, walk));
    }

    /// Walks a suspension that has an operand.
    pub(super) fn suspended(&mut self, expr: &'a Expr, operand: &'a Expr, name: &str, walk: impl FnOnce(&mut Self)) {
        if !self.logs_operations() {
            return walk(self);
        }
        self.in_parts(expr, operand, name, walk);
    }

    /// Walks the load of an item or a slice.
    pub(super) fn item(&mut self, expr: &'a Expr, subscript: &'a ExprSubscript) {
        let key = self.string_key(&subscript.slice);
        let object = |this: &mut Self| this.expr(&subscript.value, Need::See(key));
        if !self.logs_operations() || is_constant(expr) || self.is_too_deep() {
            object(self);
            return self.subscript_key(&subscript.slice);
        }
        let Some(bracket) = self.find(subscript.value.end(), b'[') else {
            object(self);
            return self.subscript_key(&subscript.slice);
        };
        let closing = expr.end().to_u32() - 1;
        match &*subscript.slice {
            Expr::Slice(slice) => self.slice(expr, slice, bracket, object),
            Expr::Starred(_) => self.item_in_parts(expr, subscript, object),
            Expr::Tuple(tuple) if !tuple.parenthesized => {
                let last = tuple.elts.last().map_or(tuple.start(), Ranged::end);
                let is_plain = tuple.elts.len() > 1
                    && self.find(last, b',').is_none_or(|comma| comma > closing)
                    && !tuple.elts.iter().any(|item| item.is_slice_expr() || item.is_starred_expr());
                if !is_plain {
                    return self.item_in_parts(expr, subscript, object);
                }
                let hook = self.operation_hook(expr.start(), Operation::Item);
                self.hook_before(expr, hook, |this| {
                    object(this);
                    this.edits.overwrite(bracket, ',');
                    this.edits.open(tuple.start().to_u32(), String::from("("));
                    this.subscript_key(&subscript.slice);
                    this.edits.close(tuple.end().to_u32(), ")");
                    this.edits.overwrite(closing, ')');
                });
            }
            _ => {
                let hook = self.operation_hook(expr.start(), Operation::Item);
                self.hook_before(expr, hook, |this| {
                    object(this);
                    this.edits.overwrite(bracket, ',');
                    this.subscript_key(&subscript.slice);
                    this.edits.overwrite(closing, ')');
                });
            }
        }
    }

    fn item_in_parts(&mut self, expr: &'a Expr, subscript: &'a ExprSubscript, object: impl FnOnce(&mut Self)) {
        let begun = self.note_hook(expr, Note::Begun, "[]");
        let result = self.note_hook(expr, Note::Result(begun), "[]");
        self.call_around(expr, result, |this| {
            this.call_around(&subscript.value, begun, object);
            this.subscript_key(&subscript.slice);
        });
    }

    /// `o[a:b]` becomes `H(o,a,b)`; a bound that is not given is `None`.
    fn slice(&mut self, expr: &'a Expr, slice: &'a ExprSlice, bracket: u32, object: impl FnOnce(&mut Self)) {
        let closing = expr.end().to_u32() - 1;
        let lower_end = slice.lower.as_ref().map_or(TextSize::new(bracket + 1), |lower| lower.end());
        let Some(colon) = self.find(lower_end, b':') else { return object(self) };
        let after = slice.upper.as_ref().map_or(TextSize::new(colon + 1), |upper| upper.end());
        let second = self.find(after, b':').filter(|second| *second < closing);
        let hook = self.operation_hook(expr.start(), Operation::Slice);
        self.hook_before(expr, hook, |this| {
            object(this);
            this.edits.overwrite(bracket, ',');
            this.bound(slice.lower.as_deref(), colon);
            this.edits.overwrite(colon, ',');
            this.bound(slice.upper.as_deref(), second.unwrap_or(closing));
            if let Some(second) = second {
                this.edits.overwrite(second, ',');
                this.bound(slice.step.as_deref(), closing);
            }
            this.edits.overwrite(closing, ')');
        });
    }

    /// Walks a bound of a slice; one that is not given is put before the character that ends it.
    fn bound(&mut self, bound: Option<&'a Expr>, end: u32) {
        match bound {
            Some(bound) => self.expr(bound, Need::Read),
            None => self.edits.open(end, String::from("None")),
        }
    }

    /// Walks the value of a store, with a hook that notes the store if the target's object can be read twice.
    pub(super) fn stored_value(&mut self, target: &'a Expr, value: &'a Expr, walk: impl FnOnce(&mut Self)) {
        let Some(operands) = self.stored_operands(target, value) else { return walk(self) };
        let name = store_name(target);
        let hook = self.note_hook(target, Note::Stored, &name);
        self.call_with(value, hook, &[], &operands, walk);
    }

    /// Whether [`Self::stored_value`] notes the store.
    pub(super) fn notes_store(&self, target: &Expr, value: &Expr) -> bool {
        self.stored_operands(target, value).is_some()
    }

    /// The object and the key of a target, as they follow the value in the hook that notes the store.
    fn stored_operands(&self, target: &Expr, value: &Expr) -> Option<Vec<Shown>> {
        let one_line = !self.are_on_different_lines(target.start(), value.start());
        if !self.logs_operations() || !one_line || self.is_too_deep() {
            return None;
        }
        let operands = match target {
            Expr::Attribute(attribute) => vec![self.twice(&attribute.value)?],
            Expr::Subscript(subscript) => {
                let key = self.twice(&subscript.slice).or_else(|| self.steady(&subscript.slice))?;
                vec![self.twice(&subscript.value)?, key]
            }
            _ => return None,
        };
        Some(operands.into_iter().map(|(text, shown)| (format!(",{text}"), shown)).collect())
    }

    /// Walks the object of a target, and notes that something of it is bound or deleted.
    pub(super) fn target_object(&mut self, target: &'a Expr, object: &'a Expr, walk: impl FnOnce(&mut Self)) {
        // The compiler lists the attributes of `self` that are stored to.
        let is_listed = self.options.minor >= 13 && object.as_name_expr().is_some_and(|name| name.id == SELF);
        if !self.logs_operations() || self.stores_noted || is_listed {
            return walk(self);
        }
        let name = store_name(target);
        let hook = self.note_hook(target, Note::Begun, &name);
        self.call_around(object, hook, walk);
    }

    /// Overwrites what stands between two operands with a comma.
    fn overwrite_operator(&mut self, from: TextSize, to: TextSize) {
        let mut replacement = ',';
        let mut in_comment = false;
        for (at, character) in self.source[from.to_usize()..to.to_usize()].char_indices() {
            match character {
                '\n' | '\r' => in_comment = false,
                '#' => in_comment = true,
                ' ' | '\t' | '\x0c' | '\\' | '(' | ')' => {}
                _ if in_comment => {}
                _ => {
                    self.edits.overwrite(from.to_u32() + at as u32, replacement);
                    replacement = ' ';
                }
            }
        }
    }

    /// Overwrites an operator and leaves its last character, the `=` of an augmented assignment.
    pub(super) fn overwrite_all_but_last(&mut self, from: TextSize, to: TextSize) {
        let between = &self.source[from.to_usize()..to.to_usize()];
        let Some(end) = between.find('=') else { return };
        let operator = between[..end].trim_start_matches([' ', '\t', '\x0c', '\\', ')']);
        for at in end - operator.len()..end {
            self.edits.overwrite(from.to_u32() + at as u32, ' ');
        }
    }

    /// Where the next such character stands, if nothing but brackets, comments and blanks come before it.
    fn find(&self, from: TextSize, wanted: u8) -> Option<u32> {
        let mut in_comment = false;
        for (at, byte) in self.source.bytes().enumerate().skip(from.to_usize()) {
            match byte {
                b'\n' | b'\r' => in_comment = false,
                b'#' => in_comment = true,
                _ if in_comment => {}
                _ if byte == wanted => return Some(at as u32),
                b' ' | b'\t' | b'\x0c' | b'\\' | b'(' | b')' => {}
                _ => return None,
            }
        }
        None
    }
}

fn store_name(target: &Expr) -> String {
    match target {
        Expr::Attribute(attribute) if attribute.ctx.is_del() => format!("del .{}", attribute.attr),
        Expr::Attribute(attribute) => format!(".{}=", attribute.attr),
        Expr::Subscript(subscript) if subscript.ctx.is_del() => String::from("del []"),
        _ => String::from("[]="),
    }
}

/// Whether the compiler makes a constant of the right side of a comparison, which it could not do elsewhere.
fn is_folded(operand: &Expr, operator: CmpOp) -> bool {
    matches!(operator, CmpOp::In | CmpOp::NotIn)
        && (operand.is_list_expr() || operand.is_set_expr())
        && is_constant(operand)
}

pub(super) fn shown(expr: &Expr) -> (u32, u32) {
    (expr.start().to_u32(), expr.end().to_u32())
}

const fn binary_operation(operator: Operator) -> Operation {
    match operator {
        Operator::Add => Operation::Add,
        Operator::Sub => Operation::Subtract,
        Operator::Mult => Operation::Multiply,
        Operator::MatMult => Operation::MatrixMultiply,
        Operator::Div => Operation::Divide,
        Operator::FloorDiv => Operation::FloorDivide,
        Operator::Mod => Operation::Remainder,
        Operator::Pow => Operation::Power,
        Operator::LShift => Operation::LeftShift,
        Operator::RShift => Operation::RightShift,
        Operator::BitAnd => Operation::And,
        Operator::BitOr => Operation::Or,
        Operator::BitXor => Operation::Xor,
    }
}

const fn comparison_operation(operator: CmpOp) -> Operation {
    match operator {
        CmpOp::Eq => Operation::Equal,
        CmpOp::NotEq => Operation::NotEqual,
        CmpOp::Lt => Operation::Less,
        CmpOp::LtE => Operation::LessEqual,
        CmpOp::Gt => Operation::Greater,
        CmpOp::GtE => Operation::GreaterEqual,
        CmpOp::Is => Operation::Is,
        CmpOp::IsNot => Operation::IsNot,
        CmpOp::In => Operation::In,
        CmpOp::NotIn => Operation::NotIn,
    }
}
