//! What a statement does by the look of its text, where the run's own record may be silent.
//!
//! The recorder notes a change of an object once a unit, so that a second statement that changes the same object may
//! carry no note. Stores to attributes and items, and calls whose result nobody takes, are seen in the text.

use clew_trace::{Statement, StatementKind};

use crate::scan::{Token, TokenKind, Tokens};

/// Builtins that neither change nor use up what they are given.
const PURE: [&str; 22] = [
    "len",
    "int",
    "float",
    "str",
    "bool",
    "abs",
    "round",
    "ord",
    "chr",
    "repr",
    "isinstance",
    "issubclass",
    "range",
    "type",
    "id",
    "hash",
    "callable",
    "hasattr",
    "bytes",
    "complex",
    "format",
    "print",
];
/// Methods of builtin containers and files, which user classes often have under the same name.
const CHANGERS: [&str; 27] = [
    "append",
    "extend",
    "insert",
    "pop",
    "remove",
    "clear",
    "sort",
    "reverse",
    "add",
    "discard",
    "update",
    "setdefault",
    "popitem",
    "appendleft",
    "extendleft",
    "popleft",
    "rotate",
    "write",
    "writelines",
    "close",
    "send",
    "throw",
    "put",
    "seek",
    "read",
    "readline",
    "flush",
];

/// The statement's own text.
pub(crate) fn own_text<'t>(text: &'t str, statement: &Statement) -> &'t str {
    text.get(statement.header.start as usize..statement.header.end as usize).unwrap_or_default()
}

fn code(own: &str) -> Vec<Token> {
    let is_code = |token: &Token| !matches!(token.kind, TokenKind::Comment | TokenKind::Newline);
    Tokens::new(own).filter(is_code).collect()
}

/// Whether the statement stores to, or deletes, an attribute or item.
pub(crate) fn stores(text: &str, statement: &Statement) -> bool {
    let own = own_text(text, statement);
    if !own.contains(['.', '[']) {
        return false;
    }
    let is_target_end =
        |tokens: &[Token], at: usize, stop: u8| tokens[at].kind == TokenKind::Mark(stop) && tokens[at].depth == 0;
    match statement.kind {
        StatementKind::Assign | StatementKind::AugmentedAssign | StatementKind::AnnotatedAssign => {
            let tokens = code(own);
            let annotated = statement.kind == StatementKind::AnnotatedAssign;
            let stop = if annotated { b':' } else { b'=' };
            let last = if annotated {
                (0..tokens.len()).find(|at| is_target_end(&tokens, *at, stop))
            } else {
                last_target_end(&tokens)
            };
            last.is_some_and(|last| reaches_inside(&tokens[..last]))
        }
        StatementKind::Delete => reaches_inside(code(own).get(1..).unwrap_or_default()),
        StatementKind::For => {
            let tokens = code(own);
            let end =
                tokens.iter().position(|t| t.kind == TokenKind::Name && &own[t.start..t.end] == "in" && t.depth == 0);
            end.is_some_and(|end| reaches_inside(&tokens[..end]))
        }
        _ => false,
    }
}

/// The position of the last `=` (of any `+=` too) that ends a target of an assignment.
fn last_target_end(tokens: &[Token]) -> Option<usize> {
    let is = |at: usize, byte: u8| tokens.get(at).is_some_and(|token| token.kind == TokenKind::Mark(byte));
    (0..tokens.len()).rev().find(|&at| {
        let touches =
            |other: usize| tokens.get(other).is_some_and(|o| o.end == tokens[at].start || o.start == tokens[at].end);
        let compares = at > 0 && touches(at - 1) && [b'=', b'!', b'<', b'>', b':'].iter().any(|b| is(at - 1, *b));
        let shifts =
            compares && at > 1 && (is(at - 1, b'<') && is(at - 2, b'<') || is(at - 1, b'>') && is(at - 2, b'>'));
        is(at, b'=') && tokens[at].depth == 0 && !(is(at + 1, b'=') && touches(at + 1)) && (!compares || shifts)
    })
}

/// Whether targets hold an attribute or an item: a dot, or a bracket after a value.
fn reaches_inside(targets: &[Token]) -> bool {
    targets.iter().enumerate().any(|(at, token)| match token.kind {
        TokenKind::Mark(b'.') => true,
        TokenKind::Mark(b'[') => {
            at > 0 && matches!(targets[at - 1].kind, TokenKind::Name | TokenKind::Mark(b')' | b']'))
        }
        _ => false,
    })
}

/// Who is called by a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Called<'t> {
    /// A name.
    Name(&'t str),
    /// An attribute of something.
    Attribute(&'t str),
    /// The result of an expression.
    Value,
}

/// The callees in a text, other than builtins that do nothing to what they are given.
pub(crate) fn callees(own: &str) -> Vec<Called<'_>> {
    let tokens = code(own);
    let mut found = Vec::new();
    for at in 1..tokens.len() {
        if tokens[at].kind != TokenKind::Mark(b'(') {
            continue;
        }
        let before = tokens[at - 1];
        let name = &own[before.start..before.end];
        match before.kind {
            TokenKind::Name if at > 1 && tokens[at - 2].kind == TokenKind::Mark(b'.') => {
                found.push(Called::Attribute(name));
            }
            TokenKind::Name if PURE.contains(&name) || is_keyword(name) => {}
            TokenKind::Name => found.push(Called::Name(name)),
            TokenKind::Mark(b')' | b']') => found.push(Called::Value),
            _ => {}
        }
    }
    found
}

fn is_keyword(name: &str) -> bool {
    matches!(
        name,
        "not"
            | "and"
            | "or"
            | "in"
            | "is"
            | "if"
            | "else"
            | "for"
            | "await"
            | "yield"
            | "return"
            | "lambda"
            | "from"
            | "del"
    )
}

/// Whether the statement is a call or an item whose value is dropped, made to something other than user functions
/// alone. `is_user` tells whether a function of the user was entered under a name.
pub(crate) fn calls_for_effect(text: &str, statement: &Statement, is_user: impl Fn(&str) -> bool) -> bool {
    let own = own_text(text, statement);
    statement.kind == StatementKind::Expression
        && !statement.is_docstring
        && statement.may_raise
        && (looks_up(own)
            || callees(own).iter().any(|called| match called {
                Called::Name(name) => !is_user(name),
                Called::Attribute(name) => CHANGERS.contains(name) || !is_user(name),
                Called::Value => true,
            }))
}

/// Whether the text is `x[k]`: for the sake of what that adds to a dictionary with defaults, or raises.
fn looks_up(own: &str) -> bool {
    let tokens = code(own);
    let Some(last) = tokens.last().filter(|last| last.kind == TokenKind::Mark(b']') && last.depth == 0) else {
        return false;
    };
    let opens = |token: &&Token| token.kind == TokenKind::Mark(b'[') && token.depth == last.depth;
    tokens.iter().rposition(|token| opens(&token)).is_some_and(|open| open > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> Statement {
        clew_syntax::table_of(text).map(|table| table.statements[0].clone()).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn stores_are_seen() {
        for text in [
            "a.b = 1",
            "a[0] = 1",
            "x, a.b = 1, 2",
            "a[0] += 1",
            "a[0] <<= 1",
            "x = a.b = 2",
            "a.b: int = 1",
            "del a.b",
            "del a[0]",
            "for a.b in c: pass",
            "(a).b = a == b",
            "x = y[0] = a <= b",
        ] {
            assert!(stores(text, &first(text)), "{text}");
        }
        for text in [
            "a = b.c",
            "a = b[0] == 1",
            "[a, b] = c.d",
            "a += b.c",
            "a: d.e = f.g",
            "del a",
            "for a in b.c: pass",
            "a = b(c=d.e)",
            "a = lambda x: x.y == 1",
            "x = a.b <= c.d",
            "x = (y := z.w)",
        ] {
            assert!(!stores(text, &first(text)), "{text}");
        }
    }

    #[test]
    fn callees_are_found() {
        assert_eq!(callees("f(x).g(len(y))[0](z)"), [Called::Name("f"), Called::Attribute("g"), Called::Value]);
        let quiet = |text: &str| !calls_for_effect(text, &first(text), |name| name == "mine");
        assert!(quiet("mine(len(x))") && quiet("x.mine()") && quiet("x.y") && quiet("(x)"));
        assert!(!quiet("x.append(1)") && !quiet("mine()(1)") && !quiet("other()"));
        assert!(!quiet("x[k]") && !quiet("x.y[mine(1)]") && quiet("[x, y]") && quiet("x[0] + 1"));
    }
}
