//! Members of kept classes.
//!
//! A class that only this program's own text can look into keeps the members whose names kept text mentions. When a
//! decorator, a metaclass or a base from elsewhere may look at them, or text that names attributes at run time, it
//! keeps all attributes, and the methods that were entered.

use clew_trace::{DefineKind, StatementId, StatementKind};
use rustc_hash::FxHashSet;

use super::{Closure, Reason};
use crate::facts::Facts;
use crate::graph::EdgeKind;
use crate::scan::{TokenKind, Tokens};

/// Classes of the interpreter that do not look at the members of their subclasses.
const PLAIN_BASES: [&str; 24] = [
    "object",
    "BaseException",
    "Exception",
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "EOFError",
    "ImportError",
    "IndexError",
    "KeyError",
    "KeyboardInterrupt",
    "LookupError",
    "NameError",
    "NotImplementedError",
    "OSError",
    "RuntimeError",
    "StopIteration",
    "SystemExit",
    "TypeError",
    "UnicodeError",
    "ValueError",
    "Warning",
    "UserWarning",
    "ZeroDivisionError",
];
/// Names whose presence in kept text means that attributes are looked up by names made at run time.
const REFLECTION: [&str; 12] = [
    "__dict__",
    "__annotations__",
    "__members__",
    "__subclasses__",
    "__mro__",
    "vars",
    "dir",
    "inspect",
    "getmembers",
    "attrgetter",
    "methodcaller",
    "get_type_hints",
];

impl Closure<'_, '_> {
    /// A class is kept: its members are considered.
    pub(super) fn class_kept(&mut self, class: StatementId) {
        for member in self.members_of(class) {
            self.consider_member(member);
        }
    }

    fn members_of(&self, class: StatementId) -> Vec<StatementId> {
        let facts = self.facts;
        let Some(scope) = facts.statement(class).opens else { return Vec::new() };
        (class.0 + 1..facts.blocks.end(class))
            .map(StatementId)
            .filter(|id| facts.statement(*id).scope == scope && facts.ran(*id))
            .collect()
    }

    /// Keeps a statement of a class body if its class is kept and something may ask for what it binds.
    pub(super) fn consider_member(&mut self, member: StatementId) {
        let facts = self.facts;
        let statement = facts.statement(member);
        let Some(class) = facts.owner(statement.scope).filter(|class| self.has(*class)) else { return };
        if self.has(member) || !facts.ran(member) {
            return;
        }
        let mentioned = statement
            .defines
            .iter()
            .find(|define| self.is_attribute(define.name) || is_structural(facts.name(define.name)));
        let needed = match statement.kind {
            StatementKind::Function => mentioned.is_some() || self.is_method_needed(class, member),
            StatementKind::Pass | StatementKind::Global | StatementKind::Nonlocal => false,
            _ if statement.is_docstring => false,
            StatementKind::AnnotatedAssign if statement.defines.iter().all(|d| d.kind == DefineKind::Declare) => {
                !self.is_plain_class(class)
            }
            _ => {
                let binds = !statement.defines.is_empty();
                mentioned.is_some()
                    || facts.touch(member).lasts()
                    || self.effects.calls(member)
                    || binds && !self.is_plain_class(class)
            }
        };
        if needed {
            let name = mentioned.map(|define| facts.name(define.name));
            self.keep(member, Reason::because(class, EdgeKind::Data, name));
        }
    }

    /// A method whose name no kept text mentions.
    fn is_method_needed(&self, class: StatementId, method: StatementId) -> bool {
        let facts = self.facts;
        let statement = facts.statement(method);
        let Some(name) = statement.defines.first().map(|define| facts.name(define.name)) else { return true };
        let is_special = name.starts_with("__") && name.ends_with("__");
        let is_abstract = statement
            .mentions
            .iter()
            .copied()
            .chain(statement.uses.iter().map(|site| site.name))
            .any(|name| facts.name(name).starts_with("abstract"));
        let is_entered = statement.opens.is_some_and(|scope| self.functions.is_entered(scope));
        if is_entered {
            is_special || !self.is_plain_class(class)
        } else {
            (is_special || is_abstract) && !self.is_plain_class(class)
        }
    }

    /// Whether nothing but mentions of their names can reach the class's members.
    fn is_plain_class(&self, class: StatementId) -> bool {
        let reflects = |name: &&str| self.facts.name_id(name).is_some_and(|id| self.is_mentioned(id));
        !REFLECTION.iter().any(reflects) && self.analysis.plain_classes.contains(&class)
    }
}

/// Names of class attributes that the interpreter asks for.
fn is_structural(name: &str) -> bool {
    matches!(
        name,
        "__slots__" | "__match_args__" | "__hash__" | "__class_getitem__" | "__init_subclass__" | "__set_name__"
    )
}

/// Classes without decorators and keywords whose bases are such classes too.
pub(super) fn plain_classes(facts: &Facts<'_>) -> FxHashSet<StatementId> {
    let classes = facts.statements().filter(|id| facts.statement(*id).kind == StatementKind::Class);
    classes.filter(|id| is_plain(facts, *id, 0)).collect()
}

fn is_plain(facts: &Facts<'_>, class: StatementId, depth: u32) -> bool {
    let text = facts.header_text(class);
    if !text.starts_with("class") || depth > 20 {
        return false;
    }
    let tokens: Vec<_> = Tokens::new(text).collect();
    let Some(open) = tokens.iter().position(|token| token.kind == TokenKind::Mark(b'(')) else { return true };
    tokens[open + 1..].iter().take_while(|token| token.depth > 0).all(|token| match token.kind {
        TokenKind::Name => is_plain_base(facts, class, &text[token.start..token.end], depth),
        TokenKind::Mark(mark) => mark == b',',
        TokenKind::Newline | TokenKind::Comment => true,
        TokenKind::String { .. } | TokenKind::Number => false,
    })
}

fn is_plain_base(facts: &Facts<'_>, class: StatementId, base: &str, depth: u32) -> bool {
    let Some(name) = facts.name_id(base) else { return false };
    match facts.binders(name) {
        [] => PLAIN_BASES.contains(&base),
        [one] => {
            *one != class
                && facts.statement(*one).kind == StatementKind::Class
                && is_plain(facts, *one, depth + 1)
                && !hooks_subclasses(facts, *one)
        }
        _ => false,
    }
}

/// Whether the class looks at its subclasses when they are made.
fn hooks_subclasses(facts: &Facts<'_>, class: StatementId) -> bool {
    let scope = facts.statement(class).opens;
    let hooks = facts.name_id("__init_subclass__").map_or(&[][..], |name| facts.defs_named(name));
    hooks.iter().any(|def| Some(facts.statement(*def).scope) == scope)
}
