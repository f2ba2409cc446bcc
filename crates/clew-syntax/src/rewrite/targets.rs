//! Targets: what is bound, stored into, or deleted.

use super::operands::Need;
use super::walker::{Fragment, HookPlace, Walker, SELF};
use crate::hooks::{placeholder, Hook};
use clew_trace::NameId;
use ruff_python_ast::{Expr, ExprAttribute, ExprContext, ExprName};
use ruff_text_size::{Ranged, TextRange};

/// How an attribute or item is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It gets a new value.
    Stored,
    /// Its value is read and changed; the index of the item, if it is written as a number.
    Updated(Option<u32>),
    /// It is deleted, which this hook looks up first.
    Deleted(u32),
}

impl<'a> Walker<'a> {
    /// Walks a target that gets a value.
    pub(super) fn store(&mut self, target: &'a Expr) {
        match target {
            Expr::Name(name) => self.bind(&name.id),
            Expr::Attribute(attribute) => {
                let key = self.name(&attribute.attr);
                self.target_object(target, &attribute.value, |this| {
                    if this.is_initialization(&attribute.value) {
                        this.note_store();
                    } else if !this.listed_object(attribute, key) {
                        this.written_object(&attribute.value, Some(key), Written::Stored);
                    }
                });
            }
            Expr::Subscript(subscript) => {
                let key = self.string_key(&subscript.slice);
                self.target_object(target, &subscript.value, |this| {
                    this.written_object(&subscript.value, key, Written::Stored);
                });
                self.subscript_key(&subscript.slice);
            }
            Expr::Starred(starred) => self.store(&starred.value),
            Expr::List(list) => list.elts.iter().for_each(|part| self.store(part)),
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|part| self.store(part)),
            _ => {}
        }
    }

    /// Walks a target of `del`.
    pub(super) fn delete(&mut self, target: &'a Expr) {
        match target {
            Expr::List(list) => list.elts.iter().for_each(|part| self.delete(part)),
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|part| self.delete(part)),
            Expr::Attribute(attribute) => {
                // Without the attribute there is nothing to delete.
                let key = self.name(&attribute.attr);
                let hook = self.see_hook(Some(key));
                self.target_object(target, &attribute.value, |this| {
                    this.written_object(&attribute.value, Some(key), Written::Deleted(hook));
                });
            }
            _ => self.store(target),
        }
    }

    /// A name is bound: nothing is known of its new object.
    pub(super) fn bind(&mut self, name: &str) {
        if let Some(id) = self.names.find(name, self.class) {
            self.seen.forget(id);
        }
    }

    /// A name was bound to the value of an expression, which may have made its object.
    pub(super) fn note_made(&mut self, name: &ExprName, value: &Expr) {
        let Some(variable) = self.followed(&name.id) else {
            return;
        };
        if let Some(container) = self.made_container(value) {
            self.seen.make(variable, container);
        } else if self.is_computed(value) {
            self.seen.compute(variable);
        }
    }

    /// Whether the expression is the new object in its `__init__`.
    fn is_initialization(&self, object: &Expr) -> bool {
        let (Some(method), Expr::Name(name)) = (self.method, object) else {
            return false;
        };
        method.initializes
            && self.activation == Some(method.receiver.0)
            && self.variable(&name.id) == Some(method.receiver)
    }

    /// Walks an object whose attribute or item is written.
    pub(super) fn written_object(&mut self, object: &'a Expr, key: Option<NameId>, written: Written) {
        if self.is_unshared(object) {
            return self.expr(object, Need::Value);
        }
        let (update, index) = match written {
            Written::Updated(index) => (true, index),
            Written::Stored | Written::Deleted(_) => (false, None),
        };
        if let Expr::Name(name) = object {
            if let Some(variable) = self.followed(&name.id) {
                let covered = self.seen.write(variable, key);
                if covered && written == Written::Stored {
                    return self.note_store();
                }
            }
        }
        let hook = self.hook(Hook::Write { statement: self.statement, key, update, index });
        self.call_around(object, hook, |this| match written {
            Written::Deleted(look) => this.call_around(object, look, |this| this.expr(object, Need::Value)),
            Written::Stored | Written::Updated(_) => this.expr(object, Need::Value),
        });
    }

    /// Walks the object of an attribute that the compiler lists in the `__static_attributes__` of the class (3.13): that
    /// of a plain store to a name spelt `self`, which must stay as it is. The hook stands in a statement of its own.
    fn listed_object(&mut self, attribute: &ExprAttribute, key: NameId) -> bool {
        let is_self = attribute.value.as_name_expr().is_some_and(|name| name.id == SELF);
        let is_listed =
            is_self && attribute.ctx == ExprContext::Store && self.options.minor >= 13 && self.class.is_some();
        if !is_listed || self.table.statement(self.statement).scope != self.scope {
            return false;
        }
        let Some(place) = self.hook_place else {
            return false;
        };
        if let Some(variable) = self.followed(SELF) {
            if self.seen.write(variable, Some(key)) {
                self.note_store();
                return true;
            }
        }
        let hook = self.hook(Hook::Write { statement: self.statement, key: Some(key), update: false, index: None });
        match place {
            HookPlace::Before(at) => {
                let shown = (attribute.value.start().to_u32(), attribute.value.end().to_u32());
                self.edits.before(at, format!("{}({SELF});", placeholder(hook)), shown);
                true
            }
            HookPlace::In(body) => {
                self.attach(body, Fragment::WrittenSelf(hook));
                true
            }
        }
    }

    /// Walks the key of an item that an augmented assignment may change in place.
    pub(super) fn changed_key(&mut self, key: &'a Expr) {
        if has_slice(key) {
            return self.subscript_key(key);
        }
        let hook = self.hook(Hook::ItemKey { statement: self.statement });
        self.call_around(key, hook, |this| this.subscript_key(key));
    }

    /// Puts the hook of an augmented assignment to a name before it.
    pub(super) fn change_in_place(&mut self, statement: TextRange, name: &ExprName) {
        let variable = self.variable(&name.id);
        if variable.is_some_and(|variable| self.facts.is_atomic_variable(variable)) {
            return;
        }
        if let Some(variable) = self.followed(&name.id) {
            if self.seen.change_in_place(variable) {
                return self.note_store();
            }
        }
        let hook = self.hook(Hook::InPlace { statement: self.statement });
        let shown = (name.start().to_u32(), name.end().to_u32());
        let text = format!("{}({});", placeholder(hook), name.id);
        self.edits.before(statement.start().to_u32(), text, shown);
    }
}

fn has_slice(key: &Expr) -> bool {
    match key {
        Expr::Slice(_) | Expr::Starred(_) => true,
        Expr::Tuple(tuple) => tuple.elts.iter().any(has_slice),
        _ => false,
    }
}
