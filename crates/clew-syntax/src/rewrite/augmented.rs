//! The `op` level: augmented assignments.
//!
//! `x -= v` becomes `x  = H(x,v)`: the hook does the operation. A string that grows keeps its room only if the interpreter
//! itself adds to it, so where one may grow the operation stays the program's: `x += B(x,v);S[0]=F(x)`.
//! `o.a += v` becomes `o.a  = S(H(A(o,o.a),v),o)`, and the same with items, if nothing but the function can bind `o`.

use super::blocks::is_constant;
use super::kills::Kills;
use super::operands::Need;
use super::operations::shown;
use super::targets::Written;
use super::walker::{state, Shown, Walker, SELF};
use crate::hooks::{placeholder, Hook, Load, Note, Operation};
use ruff_python_ast::{Expr, ExprAttribute, ExprSubscript, Operator, StmtAugAssign};
use ruff_text_size::Ranged;

impl<'a> Walker<'a> {
    /// Walks an augmented assignment whose operation is logged.
    pub(super) fn logged_augmented(&mut self, stmt: &'a StmtAugAssign) {
        match &*stmt.target {
            Expr::Name(name) => {
                self.change_in_place(stmt.range(), name);
                self.augmented_name(stmt);
            }
            Expr::Attribute(attribute) => self.augmented_attribute(stmt, attribute),
            Expr::Subscript(subscript) => self.augmented_item(stmt, subscript),
            _ => self.expr(&stmt.value, Need::Search),
        }
    }

    fn augmented_name(&mut self, stmt: &'a StmtAugAssign) {
        let value = &*stmt.value;
        let walk = |this: &mut Self| this.expr(value, Need::Search);
        let symbol = in_place(stmt.op).symbol();
        let Some((text, place)) = self.twice(&stmt.target) else {
            let begun = self.note_hook(&stmt.target, Note::Begun, symbol);
            return self.call_around(value, begun, walk);
        };
        let read = [(format!("{text},"), place)];
        if self.is_on_one_line(stmt) && !self.may_grow(stmt) {
            return self.operated(stmt, Vec::new(), &read, &[], walk);
        }
        let begun = self.note_hook(&stmt.target, Note::Begun, symbol);
        self.call_with(value, begun, &read, &[], walk);
        let finished = self.note_hook(&stmt.target, Note::Finished(begun), symbol);
        // What the hook gives is the unit that runs: a value that is dropped would have no line.
        let result = format!(";{}[0]={}({text})", state(), placeholder(finished));
        self.edits.after(stmt.end().to_u32(), result, place);
    }

    fn augmented_attribute(&mut self, stmt: &'a StmtAugAssign, attribute: &'a ExprAttribute) {
        let key = self.name(&attribute.attr);
        let object = |this: &mut Self| this.written_object(&attribute.value, Some(key), Written::Updated(None));
        let Some((name, place)) = self.repeated(stmt, &attribute.value) else {
            return self.augmented_in_parts(stmt, &attribute.value, object, |_| {});
        };
        let stored = format!(".{}=", attribute.attr);
        let target = shown(&stmt.target);
        let is_listed = self.options.minor >= 13 && name == SELF;
        if !is_listed && (stmt.value.is_name_expr() || is_constant(&stmt.value)) {
            if let Some((load, object_again)) = self.load_of(&stmt.target, 0) {
                object(self);
                let hook = self.note_hook(&stmt.target, Note::Stored, &stored);
                let read = [(name.clone(), place), (format!(".{},", attribute.attr), target)];
                return self.call_with(&stmt.value, hook, &[], &[(format!(",{name}"), place)], |this| {
                    let walk = |this: &mut Self| this.expr(&stmt.value, Need::Search);
                    this.operated(stmt, vec![load], &read, &[object_again], walk);
                });
            }
        }
        let load = self.note_hook(&stmt.target, Note::Done, &format!(".{}", attribute.attr));
        let read = [
            (format!("{}(", placeholder(load)), target),
            (format!("{name},"), place),
            (name.clone(), place),
            (format!(".{}),", attribute.attr), target),
        ];
        if is_listed {
            // The compiler would list the attribute as one that the class stores to.
            let hook = self.note_hook(&stmt.target, Note::Begun, &stored);
            self.call_around(&attribute.value, hook, object);
            return self.operated(stmt, Vec::new(), &read, &[], |this| this.expr(&stmt.value, Need::Search));
        }
        object(self);
        let hook = self.note_hook(&stmt.target, Note::Stored, &stored);
        self.stored(stmt, hook, &read, &[(format!(",{name}"), place)]);
    }

    fn augmented_item(&mut self, stmt: &'a StmtAugAssign, subscript: &'a ExprSubscript) {
        let key = self.string_key(&subscript.slice);
        let object = |this: &mut Self| this.written_object(&subscript.value, key, Written::Updated(None));
        let index = |this: &mut Self| this.changed_key(&subscript.slice);
        let repeated = self.repeated(stmt, &subscript.value);
        let (Some((name, place)), Some((item, item_place))) = (repeated, self.repeated(stmt, &subscript.slice)) else {
            return self.augmented_in_parts(stmt, &subscript.value, object, index);
        };
        let load = self.operation_hook(stmt.target.start(), Operation::Item);
        let target = shown(&stmt.target);
        let read = [
            (format!("{}(", placeholder(load)), target),
            (format!("{name},"), place),
            (item.clone(), item_place),
            (String::from("),"), target),
        ];
        object(self);
        index(self);
        let hook = self.note_hook(&stmt.target, Note::Stored, "[]=");
        self.stored(stmt, hook, &read, &[(format!(",{name}"), place), (format!(",{item}"), item_place)]);
    }

    /// Walks the value of an augmented assignment whose result goes through a hook that notes that it is stored.
    fn stored(&mut self, stmt: &'a StmtAugAssign, hook: u32, read: &[Shown], operands: &[Shown]) {
        self.call_with(&stmt.value, hook, &[], operands, |this| {
            this.operated(stmt, Vec::new(), read, &[], |this| this.expr(&stmt.value, Need::Search));
        });
    }

    /// Puts the hook that does the operation around the value; `read` gives the old value.
    fn operated(
        &mut self,
        stmt: &'a StmtAugAssign,
        loads: Vec<Load>,
        read: &[Shown],
        after: &[Shown],
        walk: impl FnOnce(&mut Self),
    ) {
        let (statement, place) = (self.statement, self.log_place(stmt.start()));
        let hook = self.hook(Hook::Operate { statement, operation: in_place(stmt.op), loads, is_test: false, place });
        self.overwrite_all_but_last(stmt.target.end(), stmt.value.start());
        let whole = (stmt.start().to_u32(), stmt.target.end().to_u32());
        self.call_shown(&stmt.value, hook, whole, read, after, walk);
    }

    /// Notes the object and the value of an operation that the program does.
    fn augmented_in_parts(
        &mut self,
        stmt: &'a StmtAugAssign,
        object: &'a Expr,
        walk_object: impl FnOnce(&mut Self),
        walk_key: impl FnOnce(&mut Self),
    ) {
        let symbol = in_place(stmt.op).symbol();
        let begun = self.note_hook(&stmt.target, Note::Begun, symbol);
        self.call_around(object, begun, walk_object);
        walk_key(self);
        let operand = self.note_hook(&stmt.target, Note::Operand(begun), symbol);
        self.call_around(&stmt.value, operand, |this| this.expr(&stmt.value, Need::Search));
    }

    /// A part of the target that can be read again before the value is computed and after.
    fn repeated(&self, stmt: &'a StmtAugAssign, part: &Expr) -> Option<Shown> {
        let found = self.steady(part).filter(|_| self.is_on_one_line(stmt))?;
        let is_bound = Kills::of_expr(&stmt.value).names.contains(found.0.as_str());
        let begins = stmt.target.start() == stmt.start();
        (!is_bound && begins && !self.is_too_deep()).then_some(found)
    }

    /// Whether the target may be a string of a function that the interpreter makes longer in place.
    fn may_grow(&self, stmt: &StmtAugAssign) -> bool {
        stmt.op == Operator::Add && self.activation == Some(self.scope) && may_be_text(&stmt.value)
    }

    /// Whether a call around the value can be shown as the whole statement.
    fn is_on_one_line(&self, stmt: &StmtAugAssign) -> bool {
        let is_bare = stmt.value.end() == stmt.end();
        is_bare
            && !self.are_on_different_lines(stmt.start(), stmt.value.start())
            && !self.moves(&stmt.value)
            && !self.is_too_deep()
    }
}

/// Whether the value of an expression may be a string.
fn may_be_text(expr: &Expr) -> bool {
    match expr {
        Expr::NumberLiteral(_) | Expr::BooleanLiteral(_) | Expr::UnaryOp(_) | Expr::Compare(_) => false,
        Expr::List(_) | Expr::Tuple(_) | Expr::Dict(_) | Expr::Set(_) | Expr::ListComp(_) => false,
        Expr::BinOp(operation) => match operation.op {
            Operator::Add => may_be_text(&operation.left) && may_be_text(&operation.right),
            Operator::Mult | Operator::Mod => true,
            _ => false,
        },
        _ => true,
    }
}

const fn in_place(operator: Operator) -> Operation {
    match operator {
        Operator::Add => Operation::AddInPlace,
        Operator::Sub => Operation::SubtractInPlace,
        Operator::Mult => Operation::MultiplyInPlace,
        Operator::MatMult => Operation::MatrixMultiplyInPlace,
        Operator::Div => Operation::DivideInPlace,
        Operator::FloorDiv => Operation::FloorDivideInPlace,
        Operator::Mod => Operation::RemainderInPlace,
        Operator::Pow => Operation::PowerInPlace,
        Operator::LShift => Operation::LeftShiftInPlace,
        Operator::RShift => Operation::RightShiftInPlace,
        Operator::BitAnd => Operation::AndInPlace,
        Operator::BitOr => Operation::OrInPlace,
        Operator::BitXor => Operation::XorInPlace,
    }
}
