//! The complementary graph of arithmetic on numbers: derivatives of a result, as operations that go backward.
//!
//! It is what the rules of `clew/gradients.py` make, for what programs of numbers consist of: operators, calls of
//! traced functions, and some functions of `math`. Where anything else has a message, there is no graph, and the rules
//! are to be asked. One pass goes forward over the rows to find what depends on an input, and one backward; beside the
//! graph they need four bytes and a bit for each node.

use clew_trace::values::{Kind, LabelId, NewNode, Node, NodeId, Nodes, Op, PlaceId, Value};
use rustc_hash::FxHashMap;

use super::bits::Bits;

/// The functions that messages go through, or are made with, in the order in which [`gradient`] gets their objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Zeros,
    Sign,
    LogOrZero,
    Sin,
    Cos,
    Exp,
    Log,
    Sqrt,
    Tanh,
}

/// The names that calls of the functions have in graphs, in the order of their objects.
pub const FUNCTIONS: [&str; 9] = ["zeros_of", "sign_of", "log_of", "sin", "cos", "exp", "log", "sqrt", "tanh"];

const BY_NUMBER: [Function; FUNCTIONS.len()] = [
    Function::Zeros,
    Function::Sign,
    Function::LogOrZero,
    Function::Sin,
    Function::Cos,
    Function::Exp,
    Function::Log,
    Function::Sqrt,
    Function::Tanh,
];

/// All nodes with the messages that go from an output to the inputs, and the message of each input in order.
///
/// `seed` names the input that is the message of the output; `functions` are the objects of [`FUNCTIONS`]; `place` is
/// where the new operations stand. `None` when a message comes to something that is no arithmetic on numbers, or when
/// a message cannot be computed.
pub fn gradient(
    nodes: &Nodes,
    output: NodeId,
    seed: &str,
    functions: &[u64; FUNCTIONS.len()],
    place: PlaceId,
) -> Option<(Nodes, Vec<NodeId>)> {
    let inputs: Vec<NodeId> = nodes.ids().filter(|id| nodes.row(*id).kind == Kind::Input).collect();
    let is_plain = |id: &NodeId| is_number(nodes.row(*id).value()) && nodes.text(*id) != seed;
    if !inputs.iter().all(is_plain) || !is_number(nodes.row(output).value()) {
        return None;
    }
    if nodes.ids().any(|id| nodes.after(id).next().is_some()) {
        return None;
    }
    let mut pass = Pass {
        depends: dependent(nodes),
        messages: vec![NodeId::NONE; nodes.len()],
        made: Made {
            nodes: nodes.clone(),
            constants: FxHashMap::default(),
            callees: [NodeId::NONE; FUNCTIONS.len()],
            place,
            functions,
        },
    };
    let label = pass.made.nodes.name(seed);
    let seed = pass.made.add(Kind::Input, Op::None, label, &[], Value::Float(1.0))?;
    pass.messages[output.index()] = seed;
    for at in (0..=output.index()).rev() {
        if let Some(message) = pass.messages[at].known() {
            pass.go_back(NodeId(at as u32), message)?;
        }
    }
    let mut outputs = Vec::with_capacity(inputs.len());
    for input in inputs {
        let message = pass.messages[input.index()].known();
        outputs.push(message.map_or_else(|| pass.made.call(Function::Zeros, input), Some)?);
    }
    Some((pass.made.nodes, outputs))
}

fn is_number(value: Value) -> bool {
    matches!(value, Value::Float(_) | Value::Int(_))
}

/// The nodes to which messages go: those that may depend on an input.
fn dependent(nodes: &Nodes) -> Bits {
    let mut depends = Bits::new(nodes.len());
    for id in nodes.ids() {
        let row = nodes.row(id);
        let does = match (row.kind, row.value()) {
            (Kind::Input, _) => true,
            // Facts are constants.
            (Kind::Const | Kind::Convert, _) => false,
            // The truth of a comparison is constant almost everywhere.
            (Kind::Compare, _) if nodes.inputs(id).all(|read| is_number(nodes.row(read).value())) => false,
            // What an object holds may depend on more than what the object was made of.
            (_, Value::Object(_)) => true,
            _ => nodes.inputs(id).any(|read| depends.contains(read.index())),
        };
        if does {
            depends.insert(id.index());
        }
    }
    depends
}

/// The graph that grows.
struct Made<'a> {
    nodes: Nodes,
    constants: FxHashMap<(bool, u64), NodeId>,
    /// The constants that are functions.
    callees: [NodeId; FUNCTIONS.len()],
    place: PlaceId,
    functions: &'a [u64; FUNCTIONS.len()],
}

impl Made<'_> {
    fn value(&self, id: NodeId) -> Value {
        self.nodes.row(id).value()
    }

    fn add(&mut self, kind: Kind, op: Op, label: LabelId, inputs: &[NodeId], value: Value) -> Option<NodeId> {
        let place = if kind == Kind::Const { PlaceId::NONE } else { self.place };
        self.nodes.push(NewNode { kind, op, label, inputs, after: &[], place, parent: NodeId::NONE, value })
    }

    fn constant(&mut self, value: Value) -> Option<NodeId> {
        let key = match value {
            Value::Float(number) => (true, number.to_bits()),
            Value::Int(number) => (false, number as u64),
            _ => return None,
        };
        if let Some(known) = self.constants.get(&key) {
            return Some(*known);
        }
        let id = self.add(Kind::Const, Op::None, LabelId::NONE, &[], value)?;
        self.constants.insert(key, id);
        Some(id)
    }

    fn binary(&mut self, op: Op, left: NodeId, right: NodeId) -> Option<NodeId> {
        let value = computed(op, self.value(left), self.value(right))?;
        self.add(Kind::Binary, op, LabelId::NONE, &[left, right], value)
    }

    fn neg(&mut self, of: NodeId) -> Option<NodeId> {
        let value = match self.value(of) {
            Value::Float(number) => Value::Float(-number),
            Value::Int(number) => Value::Int(number.checked_neg()?),
            _ => return None,
        };
        self.add(Kind::Unary, Op::Neg, LabelId::NONE, &[of], value)
    }

    fn call(&mut self, function: Function, of: NodeId) -> Option<NodeId> {
        let x = float(self.value(of))?;
        let value = match function {
            Function::Zeros => 0.0,
            Function::Sign if x == 0.0 => 0.0,
            Function::Sign => 1_f64.copysign(x),
            Function::LogOrZero if x > 0.0 => x.ln(),
            Function::LogOrZero => 0.0,
            Function::Sin if x.is_finite() => x.sin(),
            Function::Cos if x.is_finite() => x.cos(),
            _ => return None,
        };
        let number = function as usize;
        let object = Value::Object(self.functions[number]);
        let callee = match self.callees[number].known() {
            Some(callee) => callee,
            None => self.add(Kind::Const, Op::None, LabelId::NONE, &[], object)?,
        };
        self.callees[number] = callee;
        let label = self.nodes.name(FUNCTIONS[number]);
        self.add(Kind::UntracedCall, Op::None, label, &[callee, of], Value::Float(value))
    }
}

/// What is known on the way back.
struct Pass<'a> {
    depends: Bits,
    /// The message of each node of the graph that is gone through.
    messages: Vec<NodeId>,
    made: Made<'a>,
}

impl Pass<'_> {
    fn is_active(&self, id: NodeId) -> bool {
        self.depends.contains(id.index())
    }

    /// Adds to the message of a node, if messages go there. `None` where rules must be asked.
    fn send(&mut self, to: NodeId, message: NodeId) -> Option<()> {
        if !self.is_active(to) {
            return Some(());
        }
        if !is_number(self.made.value(to)) {
            return None;
        }
        let known = self.messages[to.index()];
        self.messages[to.index()] = match known.known() {
            Some(known) => self.made.binary(Op::Add, known, message)?,
            None => message,
        };
        Some(())
    }

    /// Gives what a node reads its messages.
    fn go_back(&mut self, id: NodeId, message: NodeId) -> Option<()> {
        let Node { kind, op, .. } = *self.made.nodes.row(id);
        let mut reads = [NodeId::NONE; 2];
        let mut n_reads = 0;
        for read in self.made.nodes.inputs(id) {
            *reads.get_mut(n_reads)? = read;
            n_reads += 1;
        }
        let [first, second] = reads;
        match (kind, n_reads) {
            (Kind::Input | Kind::Const | Kind::Convert, _) => Some(()),
            (Kind::Argument | Kind::Return | Kind::Next, 2) => self.send(second, message),
            (Kind::Argument | Kind::Return | Kind::Yield, 1) => self.send(first, message),
            (Kind::Unary, _) => self.through_unary(op, first, message),
            (Kind::Binary, 2) => self.through_binary(op, id, first, second, message),
            (Kind::UntracedCall, 2) => self.through_function(id, first, second, message),
            _ => None,
        }
    }

    fn through_unary(&mut self, op: Op, of: NodeId, message: NodeId) -> Option<()> {
        let message = match op {
            Op::Pos => message,
            Op::Neg => self.made.neg(message)?,
            Op::Abs => {
                let sign = self.made.call(Function::Sign, of)?;
                self.made.binary(Op::Mul, message, sign)?
            }
            Op::Round | Op::Floor | Op::Ceil | Op::Trunc => return Some(()),
            _ => return None,
        };
        self.send(of, message)
    }

    fn through_binary(&mut self, op: Op, id: NodeId, left: NodeId, right: NodeId, message: NodeId) -> Option<()> {
        let (to_left, to_right) = (self.is_active(left), self.is_active(right));
        match op {
            Op::Add => {
                self.send(left, message)?;
                self.send(right, message)
            }
            Op::Sub => {
                self.send(left, message)?;
                if to_right {
                    let negative = self.made.neg(message)?;
                    self.send(right, negative)?;
                }
                Some(())
            }
            Op::Mul => {
                for (to, other) in [(left, right), (right, left)] {
                    if self.is_active(to) {
                        let weighted = self.made.binary(Op::Mul, message, other)?;
                        self.send(to, weighted)?;
                    }
                }
                Some(())
            }
            Op::TrueDiv => {
                let quotient = self.made.binary(Op::TrueDiv, message, right)?;
                self.send(left, quotient)?;
                if to_right {
                    let negative = self.made.neg(quotient)?;
                    let weighted = self.made.binary(Op::Mul, negative, id)?;
                    self.send(right, weighted)?;
                }
                Some(())
            }
            Op::Pow => {
                if to_left {
                    let slope = self.slope(left, right)?;
                    let weighted = self.made.binary(Op::Mul, message, slope)?;
                    self.send(left, weighted)?;
                }
                if to_right {
                    let power = self.made.binary(Op::Mul, message, id)?;
                    let log = self.made.call(Function::LogOrZero, left)?;
                    let weighted = self.made.binary(Op::Mul, power, log)?;
                    self.send(right, weighted)?;
                }
                Some(())
            }
            Op::FloorDiv => Some(()),
            _ => None,
        }
    }

    /// The derivative of a power with respect to its base.
    // Exactly these exponents have slopes of their own.
    #[allow(clippy::float_cmp)]
    fn slope(&mut self, base: NodeId, exponent: NodeId) -> Option<NodeId> {
        let one = Value::Int(1);
        if self.is_active(exponent) {
            let one = self.made.constant(one)?;
            let less = self.made.binary(Op::Sub, exponent, one)?;
            let power = self.made.binary(Op::Pow, base, less)?;
            return self.made.binary(Op::Mul, exponent, power);
        }
        let value = self.made.value(exponent);
        let number = float(value)?;
        if number == 2.0 {
            let two = self.made.constant(Value::Int(2))?;
            return self.made.binary(Op::Mul, two, base);
        }
        if number == 1.0 || number == 0.0 {
            return self.made.constant(Value::Float(number));
        }
        let less = self.made.constant(computed(Op::Sub, value, one)?)?;
        let power = self.made.binary(Op::Pow, base, less)?;
        self.made.binary(Op::Mul, exponent, power)
    }

    fn through_function(&mut self, id: NodeId, function: NodeId, x: NodeId, message: NodeId) -> Option<()> {
        let Value::Object(object) = self.made.value(function) else { return None };
        let number = self.made.functions.iter().position(|known| *known == object)?;
        if !is_number(self.made.value(x)) {
            return None;
        }
        let made = &mut self.made;
        let slope = match BY_NUMBER[number] {
            Function::Zeros | Function::Sign => return Some(()),
            Function::Log | Function::LogOrZero => {
                let quotient = made.binary(Op::TrueDiv, message, x)?;
                return self.send(x, quotient);
            }
            Function::Exp => id,
            Function::Sin => made.call(Function::Cos, x)?,
            Function::Cos => {
                let sine = made.call(Function::Sin, x)?;
                made.neg(sine)?
            }
            Function::Sqrt => {
                let half = made.constant(Value::Float(0.5))?;
                made.binary(Op::TrueDiv, half, id)?
            }
            Function::Tanh => {
                let one = made.constant(Value::Int(1))?;
                let square = made.binary(Op::Mul, id, id)?;
                made.binary(Op::Sub, one, square)?
            }
        };
        let weighted = made.binary(Op::Mul, message, slope)?;
        self.send(x, weighted)
    }
}

/// A number as a float, if it is one exactly.
fn float(value: Value) -> Option<f64> {
    const EXACT: i64 = 1 << 53;
    match value {
        Value::Float(number) => Some(number),
        Value::Int(number) if (-EXACT..=EXACT).contains(&number) => Some(number as f64),
        _ => None,
    }
}

/// What Python gives for an operator of two numbers, if that is a number that stands in a row.
fn computed(op: Op, left: Value, right: Value) -> Option<Value> {
    if let (Value::Int(left), Value::Int(right)) = (left, right) {
        match op {
            Op::Add => return left.checked_add(right).map(Value::Int),
            Op::Sub => return left.checked_sub(right).map(Value::Int),
            Op::Mul => return left.checked_mul(right).map(Value::Int),
            Op::Pow if right >= 0 => return left.checked_pow(u32::try_from(right).ok()?).map(Value::Int),
            _ => {}
        }
    }
    let (left, right) = (float(left)?, float(right)?);
    let result = match op {
        Op::Add => left + right,
        Op::Sub => left - right,
        Op::Mul => left * right,
        Op::TrueDiv if right != 0.0 => left / right,
        Op::Pow => power(left, right)?,
        _ => return None,
    };
    Some(Value::Float(result))
}

/// A power of floats where it is a float: what Python raises an error for, and what it makes complex, is left to it.
fn power(base: f64, exponent: f64) -> Option<f64> {
    let is_real = base > 0.0 || (exponent.fract() == 0.0 && (base < 0.0 || exponent >= 0.0));
    let result = base.powf(exponent);
    (is_real && base.is_finite() && exponent.is_finite() && result.is_finite()).then_some(result)
}

#[cfg(test)]
#[path = "reverse_tests.rs"]
mod tests;
