//! How each operation is written in Python: the pieces of its text, and how tightly they bind.
//!
//! A form names its operands by their number among the inputs; who writes it puts their texts in, with parentheses
//! where they bind less tightly than the place asks for. The pieces stand in the order in which Python evaluates them.

use clew_trace::values::{Kind, Label, Op};

/// How tightly a text binds, as in Python's grammar.
pub(crate) type Precedence = u8;

/// Anything, between commas.
pub(crate) const ANY: Precedence = 0;
const COMPARISON: Precedence = 4;
const OR: Precedence = 5;
const XOR: Precedence = 6;
const AND: Precedence = 7;
const SHIFT: Precedence = 8;
const SUM: Precedence = 9;
const TERM: Precedence = 10;
const UNARY: Precedence = 11;
const POWER: Precedence = 12;
const AWAIT: Precedence = 13;
/// An integer, which an attribute cannot follow.
const NUMBER: Precedence = 14;
/// A call, an attribute, an item.
pub(crate) const PRIMARY: Precedence = 15;
/// What no operator can break.
pub(crate) const ATOM: Precedence = 16;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Text that stands for itself.
    Text(&'a str),
    /// An operand, which must bind at least as tightly as this.
    Operand(usize, Precedence),
    /// An operand between brackets: a slice, or a tuple, is written without its own.
    Key(usize),
    /// An operand as a part of a slice: nothing is written for `None`.
    Bound(usize),
}

/// How an operation is written.
#[derive(Clone, Debug)]
pub(crate) struct Form<'a> {
    /// How tightly the whole binds.
    pub(crate) precedence: Precedence,
    /// Its pieces.
    pub(crate) pieces: Vec<Piece<'a>>,
}

use Piece::{Bound, Key, Operand, Text};

/// How tightly the text of a constant binds.
pub(crate) fn literal_precedence(text: &str) -> Precedence {
    if text.starts_with('-') {
        UNARY
    } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
        NUMBER
    } else {
        ATOM
    }
}

/// The module whose attribute the function of an operation is, if it must be imported.
pub(crate) fn module_of(kind: Kind, op: Op) -> Option<&'static str> {
    match (kind, op) {
        (Kind::Unary, Op::Trunc | Op::Floor | Op::Ceil) => Some("math"),
        (Kind::Convert, Op::Index) => Some("operator"),
        (Kind::Build, Op::Deque) => Some("collections"),
        _ => None,
    }
}

/// How an operation is written. `None` when it is not an operation: an input, a constant, or what passes a value on.
pub(crate) fn form(kind: Kind, op: Op, label: Option<&Label>, n_inputs: usize) -> Option<Form<'_>> {
    let text = label.map_or("", |label| label.text.as_str());
    let form = match kind {
        Kind::Unary => match op {
            Op::Neg | Op::Pos | Op::Invert if n_inputs == 1 => {
                Form { precedence: UNARY, pieces: vec![Text(op.symbol()), Operand(0, UNARY)] }
            }
            Op::Trunc => function("math.trunc", n_inputs),
            Op::Floor => function("math.floor", n_inputs),
            Op::Ceil => function("math.ceil", n_inputs),
            _ => function(op.name(), n_inputs),
        },
        Kind::Binary | Kind::Compare if n_inputs == 2 => {
            let op = op.without_place().unwrap_or(op);
            match operator(op) {
                Some((precedence, symbol)) => {
                    let (left, right) = match (kind, op) {
                        (_, Op::Pow) => (AWAIT, UNARY),
                        // A comparison of comparisons would be a chain.
                        (Kind::Compare, _) => (precedence + 1, precedence + 1),
                        _ => (precedence, precedence + 1),
                    };
                    Form { precedence, pieces: vec![Operand(0, left), Text(symbol), Operand(1, right)] }
                }
                None => function(op.name(), n_inputs),
            }
        }
        Kind::Binary | Kind::Compare => function(op.without_place().unwrap_or(op).name(), n_inputs),
        Kind::Call | Kind::UntracedCall | Kind::New => {
            let mut pieces = vec![Operand(0, PRIMARY)];
            arguments(&mut pieces, label, 1, n_inputs);
            Form { precedence: PRIMARY, pieces }
        }
        Kind::Dispatch | Kind::UntracedDispatch => {
            let mut pieces = vec![Operand(0, PRIMARY), Text("."), Text(text)];
            arguments(&mut pieces, label, 1, n_inputs);
            Form { precedence: PRIMARY, pieces }
        }
        Kind::GetAttr => Form { precedence: PRIMARY, pieces: vec![Operand(0, PRIMARY), Text("."), Text(text)] },
        Kind::GetItem => Form { precedence: PRIMARY, pieces: vec![Operand(0, PRIMARY), Text("["), Key(1), Text("]")] },
        Kind::Iter => function("iter", n_inputs),
        Kind::Next => match op {
            Op::Send => method("send", n_inputs),
            Op::Throw => method("throw", n_inputs),
            Op::Close => method("close", 1),
            Op::Await => Form { precedence: AWAIT, pieces: vec![Text("await "), Operand(0, PRIMARY)] },
            _ => function("next", 1),
        },
        Kind::Build => build(op, label, n_inputs),
        Kind::Convert => match op {
            Op::Contains => Form {
                precedence: COMPARISON,
                pieces: vec![Operand(1, COMPARISON + 1), Text(" in "), Operand(0, COMPARISON + 1)],
            },
            Op::Is if n_inputs == 2 => Form {
                precedence: COMPARISON,
                pieces: vec![Operand(0, COMPARISON + 1), Text(" is "), Operand(1, COMPARISON + 1)],
            },
            Op::Index => function("operator.index", n_inputs),
            _ => function(op.name(), n_inputs),
        },
        Kind::Input
        | Kind::Const
        | Kind::Argument
        | Kind::Return
        | Kind::Yield
        | Kind::SetAttr
        | Kind::DelAttr
        | Kind::SetItem
        | Kind::DelItem => return None,
    };
    Some(form)
}

/// How a change of an object is written, as a statement. `None` for what is no change.
pub(crate) fn change(kind: Kind, op: Op, label: Option<&Label>) -> Option<Vec<Piece<'_>>> {
    let text = label.map_or("", |label| label.text.as_str());
    let pieces = match kind {
        Kind::SetAttr => vec![Operand(0, PRIMARY), Text("."), Text(text), Text(" = "), Operand(1, ANY)],
        Kind::DelAttr => vec![Text("del "), Operand(0, PRIMARY), Text("."), Text(text)],
        Kind::SetItem => vec![Operand(0, PRIMARY), Text("["), Key(1), Text("] = "), Operand(2, ANY)],
        Kind::DelItem => vec![Text("del "), Operand(0, PRIMARY), Text("["), Key(1), Text("]")],
        Kind::Binary if op.without_place().is_some() => {
            vec![Operand(0, ATOM), Text(" "), Text(op.symbol()), Text(" "), Operand(1, ANY)]
        }
        _ => return None,
    };
    Some(pieces)
}

/// The pieces of a slice between brackets, `a:b` or `a:b:c`.
pub(crate) fn slice_between_brackets(n_inputs: usize, has_step: bool) -> Vec<Piece<'static>> {
    let mut pieces = match n_inputs {
        1 => vec![Text(":"), Bound(0)],
        _ => vec![Bound(0), Text(":"), Bound(1)],
    };
    if n_inputs > 2 && has_step {
        pieces.extend([Text(":"), Bound(2)]);
    }
    pieces
}

/// The pieces of a tuple between brackets, `i, j`; the empty one keeps its parentheses.
pub(crate) fn tuple_between_brackets(n_inputs: usize) -> Vec<Piece<'static>> {
    if n_inputs == 0 {
        return vec![Text("()")];
    }
    let mut pieces = Vec::with_capacity(n_inputs * 2);
    for at in 0..n_inputs {
        pieces.extend((at > 0).then_some(Text(", ")));
        // A slice is written as one here too.
        pieces.push(Key(at));
    }
    if n_inputs == 1 {
        pieces.push(Text(","));
    }
    pieces
}

fn operator(op: Op) -> Option<(Precedence, &'static str)> {
    Some(match op {
        Op::Lt => (COMPARISON, " < "),
        Op::Le => (COMPARISON, " <= "),
        Op::Eq => (COMPARISON, " == "),
        Op::Ne => (COMPARISON, " != "),
        Op::Gt => (COMPARISON, " > "),
        Op::Ge => (COMPARISON, " >= "),
        Op::Is => (COMPARISON, " is "),
        Op::Or => (OR, " | "),
        Op::Xor => (XOR, " ^ "),
        Op::And => (AND, " & "),
        Op::LShift => (SHIFT, " << "),
        Op::RShift => (SHIFT, " >> "),
        Op::Add => (SUM, " + "),
        Op::Sub => (SUM, " - "),
        Op::Mul => (TERM, " * "),
        Op::MatMul => (TERM, " @ "),
        Op::TrueDiv => (TERM, " / "),
        Op::FloorDiv => (TERM, " // "),
        Op::Mod => (TERM, " % "),
        Op::Pow => (POWER, " ** "),
        _ => return None,
    })
}

fn function(name: &'static str, n_inputs: usize) -> Form<'static> {
    let mut pieces = vec![Text(name)];
    arguments(&mut pieces, None, 0, n_inputs);
    Form { precedence: PRIMARY, pieces }
}

fn method(name: &'static str, n_inputs: usize) -> Form<'static> {
    let mut pieces = vec![Operand(0, PRIMARY), Text("."), Text(name)];
    arguments(&mut pieces, None, 1, n_inputs);
    Form { precedence: PRIMARY, pieces }
}

fn arguments<'a>(pieces: &mut Vec<Piece<'a>>, label: Option<&'a Label>, from: usize, to: usize) {
    let keywords: &[String] = label.map_or(&[], |label| &label.keywords);
    pieces.push(Text("("));
    for at in from..to {
        pieces.extend((at > from).then_some(Text(", ")));
        let keyword = (at + keywords.len()).checked_sub(to).and_then(|at| keywords.get(at));
        match keyword.map(String::as_str) {
            Some(stars @ ("*" | "**")) => pieces.push(Text(stars)),
            Some(name) if !name.is_empty() => pieces.extend([Text(name), Text("=")]),
            _ => {}
        }
        pieces.push(Operand(at, ANY));
    }
    pieces.push(Text(")"));
}

fn build(op: Op, label: Option<&Label>, n_inputs: usize) -> Form<'_> {
    let (open, close) = match op {
        Op::List => ("[", "]"),
        Op::Tuple if n_inputs == 1 => ("(", ",)"),
        Op::Tuple => ("(", ")"),
        Op::Set if n_inputs > 0 => ("{", "}"),
        Op::FrozenSet if n_inputs > 0 => ("frozenset({", "})"),
        Op::Dict => ("{", "}"),
        Op::Deque => ("collections.deque([", "])"),
        Op::NamedTuple | Op::Dataclass => {
            let mut pieces = vec![Operand(0, PRIMARY)];
            arguments(&mut pieces, label, 1, n_inputs);
            return Form { precedence: PRIMARY, pieces };
        }
        _ => return function(op.name(), n_inputs),
    };
    let mut pieces = vec![Text(open)];
    for at in 0..n_inputs {
        if at > 0 {
            pieces.push(Text(if op == Op::Dict && at % 2 == 1 { ": " } else { ", " }));
        }
        pieces.push(Operand(at, ANY));
    }
    pieces.push(Text(close));
    Form { precedence: if open.len() > 1 { PRIMARY } else { ATOM }, pieces }
}
