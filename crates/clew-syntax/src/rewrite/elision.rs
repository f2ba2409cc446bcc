//! Which operands need no hook because an earlier hook of the same activation already looked at the object.
//!
//! The rewriter walks a function in the order of evaluation and keeps, for each variable, what is certain to have
//! happened to the object that the variable holds *now*, on every path to this point. Three rules:
//!
//! - a binding of the variable, and a suspension of the function, forget what was known;
//! - where paths join, only what holds on all of them is kept;
//! - at the start of a loop's body, only what holds before the loop and is not forgotten anywhere in it is kept.
//!
//! This is enough because a hook looks for objects that *another* unit wrote, and no other unit can run before the
//! function ends or suspends. Which variables may be followed at all is decided by the caller ([`super::operands`]).

use super::builtins::Container;
use super::kills::Kills;
use super::names::Variable;
use clew_trace::NameId;
use rustc_hash::FxHashMap;

/// What is certain of the object that a variable holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)]
pub(super) struct Look {
    /// Hooks that looked at some of it, by index; later accesses add their keys to them.
    hooks: Vec<u32>,
    /// Whether the hooks above, or a look at all of it, happened.
    seen: bool,
    /// Whether its content was read.
    read: bool,
    /// Whether its content was read by something that may advance it.
    searched: bool,
    /// Whether it was iterated.
    consumed: bool,
    /// Whether it was the target of an augmented assignment.
    in_place: bool,
    /// Attributes and items that were written; `None` stands for any other item.
    written: Vec<Option<NameId>>,
    /// Whether this activation made it, so that no other unit can have written it.
    own: bool,
    /// What it is, if this activation made a builtin container.
    container: Option<Container>,
}

impl Look {
    /// Whether something better than these hooks looked at the object.
    fn is_known(&self) -> bool {
        self.own || self.read || self.consumed
    }

    /// What holds of both.
    fn join(&mut self, other: &Self) {
        let seen = (self.is_known() || self.seen) && (other.is_known() || other.seen);
        if self.is_known() {
            self.hooks.clear();
        }
        if !other.is_known() {
            for hook in &other.hooks {
                if !self.hooks.contains(hook) {
                    self.hooks.push(*hook);
                }
            }
        }
        self.seen = seen;
        self.read &= other.read;
        self.searched &= other.searched;
        self.consumed &= other.consumed;
        self.in_place &= other.in_place;
        self.written.retain(|key| other.written.contains(key));
        self.own &= other.own;
        if self.container != other.container {
            self.container = None;
        }
    }
}

/// What is certain at one point.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    looks: FxHashMap<Variable, Look>,
    /// Whether no path leads here.
    unreachable: bool,
}

/// Whether a hook is needed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Covered {
    /// It is.
    No,
    /// It is not.
    Yes,
    /// It is not, if these hooks learn what is accessed.
    By(Vec<u32>),
}

impl Seen {
    /// Whether a look at some attributes or items is covered; the caller reports the hook with [`Self::saw`].
    pub(super) fn see(&self, variable: Variable, key: Option<NameId>) -> Covered {
        match self.looks.get(&variable) {
            Some(look) if key.is_some() && look.written.contains(&key) => Covered::Yes,
            Some(look) if look.is_known() || (look.seen && look.hooks.is_empty()) => Covered::Yes,
            Some(look) if look.seen => Covered::By(look.hooks.clone()),
            _ => Covered::No,
        }
    }

    /// A hook of this index looks at some of the variable's object.
    pub(super) fn saw(&mut self, variable: Variable, hook: u32) {
        let look = self.looks.entry(variable).or_default();
        look.hooks = vec![hook];
        look.seen = true;
    }

    /// Whether the content was read; from here on it was.
    pub(super) fn read(&mut self, variable: Variable) -> bool {
        let look = self.looks.entry(variable).or_default();
        std::mem::replace(&mut look.read, true)
    }

    /// Whether the content was read by something that may advance the object; from here on it was.
    pub(super) fn search(&mut self, variable: Variable) -> bool {
        let look = self.looks.entry(variable).or_default();
        look.read = true;
        std::mem::replace(&mut look.searched, true)
    }

    /// Whether the object was iterated; from here on it was.
    pub(super) fn consume(&mut self, variable: Variable) -> bool {
        let look = self.looks.entry(variable).or_default();
        std::mem::replace(&mut look.consumed, true)
    }

    /// Whether the object was a target of an augmented assignment; from here on it was.
    pub(super) fn change_in_place(&mut self, variable: Variable) -> bool {
        let look = self.looks.entry(variable).or_default();
        look.read = true;
        std::mem::replace(&mut look.in_place, true)
    }

    /// Whether the attribute or item was written, or the object made here; from here on it was.
    pub(super) fn write(&mut self, variable: Variable, key: Option<NameId>) -> bool {
        let look = self.looks.entry(variable).or_default();
        if look.own || look.written.contains(&key) {
            return true;
        }
        look.written.push(key);
        if key.is_none() {
            // The hook of a store to any item looks at all of the object; that of an attribute only at the attribute.
            look.hooks.clear();
            look.seen = true;
        }
        false
    }

    /// The variable is bound to an object made here.
    pub(super) fn make(&mut self, variable: Variable, container: Container) {
        self.looks.insert(variable, Look { own: true, container: Some(container), ..Look::default() });
    }

    /// The variable is bound to something computed from objects whose content was read here.
    pub(super) fn compute(&mut self, variable: Variable) {
        self.looks.insert(variable, Look { seen: true, read: true, ..Look::default() });
    }

    /// The builtin container that this activation made and the variable holds.
    pub(super) fn container(&self, variable: Variable) -> Option<Container> {
        self.looks.get(&variable).filter(|look| look.own).and_then(|look| look.container)
    }

    /// The name is bound: nothing is known of its object.
    pub(super) fn forget(&mut self, name: NameId) {
        self.looks.retain(|variable, _| variable.1 != name);
    }

    /// The function is suspended: other units may have run.
    pub(super) fn forget_all(&mut self) {
        self.looks.clear();
    }

    /// Forgets what a piece of the program may make untrue.
    pub(super) fn forget_kills(&mut self, kills: &Kills<'_>, number: impl Fn(&str) -> Option<NameId>) {
        if kills.suspends {
            self.forget_all();
        } else if !self.looks.is_empty() {
            for name in kills.names.iter().filter_map(|name| number(name)) {
                self.forget(name);
            }
        }
    }

    /// Another path leads here as well.
    pub(super) fn join(&mut self, other: Self) {
        if self.unreachable {
            *self = other;
            return;
        }
        if other.unreachable {
            return;
        }
        self.looks.retain(|variable, look| match other.looks.get(variable) {
            Some(there) => {
                look.join(there);
                true
            }
            None => false,
        });
    }

    /// The path ends here.
    pub(super) fn end_path(&mut self) {
        self.unreachable = true;
    }
}
