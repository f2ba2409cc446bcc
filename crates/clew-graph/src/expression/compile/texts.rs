//! Texts of expressions: what is known of one, how it is put together, how a long statement is broken.

use clew_trace::values::{Kind, Op};
use std::fmt::Write as _;

use super::super::form::{Form, Piece, Precedence, ANY, ATOM, PRIMARY};
use super::lower::Class;

/// Expressions longer than this are not nested, and statements are broken about there.
pub(super) const WIDTH: usize = 80;

/// How a value is written where it is used.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) text: String,
    pub(super) precedence: Precedence,
    /// Its text between brackets, when that is another.
    pub(super) key: Option<String>,
    pub(super) waits: Option<Waits>,
}

/// A value waits to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waits {
    /// Since when.
    pub(super) step: u32,
    /// How it may move, with all that is nested in it.
    pub(super) class: Class,
    pub(super) value: u32,
}

impl Written {
    pub(super) fn name(name: &str) -> Self {
        Self { text: name.to_owned(), precedence: ATOM, key: None, waits: None }
    }
}

/// How operations are written that a function does otherwise than an expression shows them.
pub(super) fn special(kind: Kind, op: Op) -> Option<Form<'static>> {
    let pieces = match (kind, op) {
        // What initialises the object stands in the function.
        (Kind::New, _) => {
            vec![Piece::Operand(0, PRIMARY), Piece::Text(".__new__("), Piece::Operand(0, ANY), Piece::Text(")")]
        }
        (Kind::Convert, Op::Exhausted) => {
            vec![Piece::Text("next("), Piece::Operand(0, ANY), Piece::Text(", _guard) is _guard")]
        }
        (Kind::Convert, Op::Plain) => vec![Piece::Operand(0, PRIMARY)],
        _ => return None,
    };
    Some(Form { precedence: PRIMARY, pieces })
}

/// The operands in the order in which Python evaluates them.
pub(super) fn read_order(pieces: &[Piece<'_>]) -> Vec<usize> {
    pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Operand(at, _) | Piece::Key(at) | Piece::Bound(at) => Some(*at),
        })
        .collect()
}

pub(super) fn compose(pieces: &[Piece<'_>], operands: &[Written]) -> String {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(piece) => text.push_str(piece),
            Piece::Operand(at, least) => match operands.get(*at) {
                Some(operand) if operand.precedence < *least => {
                    let _ = write!(text, "({})", operand.text);
                }
                operand => text.push_str(operand.map_or("", |operand| &operand.text)),
            },
            Piece::Key(at) => {
                if let Some(operand) = operands.get(*at) {
                    text.push_str(operand.key.as_ref().unwrap_or(&operand.text));
                }
            }
            Piece::Bound(at) => {
                text.push_str(operands.get(*at).map_or("", |operand| operand.text.as_str()).trim_start_matches("None"));
            }
        }
    }
    text
}

/// A statement on several lines if it is long: it is broken between brackets, after commas.
pub(super) fn broken(text: &str, depth: usize) -> String {
    if text.len() <= WIDTH + 30 {
        return text.to_owned();
    }
    let mut lines = String::with_capacity(text.len() + text.len() / 8);
    let (mut n_open, mut width) = (0_u32, 0);
    let mut quote = None;
    let mut is_escaped = false;
    for letter in text.chars() {
        if letter == ' ' && width > WIDTH && n_open > 0 && quote.is_none() && lines.ends_with(',') {
            lines.push('\n');
            lines.extend(std::iter::repeat_n("    ", depth + 1));
            width = 0;
            continue;
        }
        match (quote, letter) {
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(open), _) if open == letter => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, '(' | '[' | '{') => n_open += 1,
            (None, ')' | ']' | '}') => n_open = n_open.saturating_sub(1),
            _ => {}
        }
        lines.push(letter);
        width += 1;
    }
    lines
}
