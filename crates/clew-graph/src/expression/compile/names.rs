//! Names in a function: of parameters, of variables, of constants that cannot be written.
//!
//! No name is given twice, and none hides what the text of a function may call.

use clew_trace::values::{Kind, NodeId, Value};
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::form::{literal_precedence, Precedence, ATOM};
use super::super::numbers::{python_float, python_int};
use super::blocks::Operand;
use super::lower::Lowered;

/// The helper that checks facts.
pub(crate) const GUARD: &str = "_guard";

const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// What the text of a function may call.
const CALLED: &[&str] = &[
    "abs",
    "bool",
    "bytes",
    "collections",
    "complex",
    "divmod",
    "enumerate",
    "float",
    "format",
    "frozenset",
    "hash",
    "int",
    "iter",
    "len",
    "list",
    "math",
    "next",
    "operator",
    "pow",
    "range",
    "round",
    "set",
    "slice",
    "str",
    "tuple",
    "untrace",
    "zip",
    "_",
    GUARD,
];

/// The names of one function.
#[derive(Default)]
pub(crate) struct Names {
    used: FxHashSet<String>,
    n_temporaries: u32,
    /// How often a name was asked for.
    n_alike: FxHashMap<String, u32>,
    /// What is lifted out of the function, in the order in which it is first used.
    pub(crate) constants: Vec<(String, NodeId)>,
    lifted: FxHashMap<(bool, u64), String>,
}

impl Names {
    /// A name that nothing else has: the wished one if it may be.
    pub(crate) fn variable(&mut self, wished: Option<&str>) -> String {
        if let Some(wished) = wished.filter(|name| is_identifier(name)) {
            if self.take(wished) {
                return wished.to_owned();
            }
            let mut n = self.n_alike.get(wished).copied().unwrap_or(1);
            loop {
                n += 1;
                let name = format!("{wished}_{n}");
                if self.take(&name) {
                    self.n_alike.insert(wished.to_owned(), n);
                    return name;
                }
            }
        }
        loop {
            self.n_temporaries += 1;
            let name = format!("t{}", self.n_temporaries);
            if self.take(&name) {
                return name;
            }
        }
    }

    fn take(&mut self, name: &str) -> bool {
        !CALLED.contains(&name) && self.used.insert(name.to_owned())
    }

    /// The text of a constant, which is lifted out if it cannot be written.
    pub(crate) fn constant(&mut self, lowered: &Lowered<'_>, operand: Operand) -> (String, Precedence) {
        let (Operand::Value(node) | Operand::Fact(node)) = operand;
        let id = NodeId(node);
        let row = lowered.nodes.row(id);
        let is_input = matches!(operand, Operand::Value(_)) && row.kind == Kind::Input;
        let text = match row.value() {
            _ if is_input => None,
            Value::Float(number) => Some(python_float(number)),
            Value::Int(number) => Some(python_int(number)),
            Value::Object(_) | Value::Absent => lowered.describe.literal(lowered.nodes, id),
        };
        if let Some(text) = text {
            let precedence = literal_precedence(&text);
            return (text, precedence);
        }
        let key = if is_input { (true, u64::from(node)) } else { (false, lowered.constant_key(node)) };
        if let Some(name) = self.lifted.get(&key) {
            return (name.clone(), ATOM);
        }
        let known_as =
            if is_input { lowered.nodes.text(id).to_owned() } else { lowered.describe.name(lowered.nodes, id) };
        let last = known_as.rsplit('.').next().unwrap_or_default();
        let is_path = known_as.split('.').all(|part| is_identifier(part) || part == "<locals>");
        let name = self.variable(Some(if is_path { last } else { "constant" }));
        self.lifted.insert(key, name.clone());
        self.constants.push((name.clone(), id));
        (name, ATOM)
    }
}

/// Whether a text can be a name in Python.
pub(crate) fn is_identifier(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first == '_' || first.is_alphabetic())
        && letters.all(|letter| letter == '_' || letter.is_alphanumeric())
        && !KEYWORDS.contains(&text)
}
