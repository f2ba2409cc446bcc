//! The text of a function from its items.
//!
//! A value that is used once, in the block that makes it, waits to be written where it is used, while the text stays
//! short. What waits and reads or changes objects is written out, in order, before anything that it must not follow;
//! everything that waits is written out before a variable that it may speak of gets another value.

use clew_trace::values::{Kind, NodeId, Op};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::super::form::{
    change, form, module_of, slice_between_brackets, tuple_between_brackets, Form, Piece, ANY, PRIMARY,
};
use super::blocks::{Blocks, Item, Operand, Slot};
use super::lower::{Class, Lowered};
use super::names::{Names, GUARD};
use super::texts::{broken, compose, read_order, special, Written, WIDTH};
use super::uses::{Uses, OUTERMOST};
use super::Program;

/// Programs with more items than this have no names from their labels.
const MANY_ITEMS: usize = 200_000;

/// A function that is being written.
pub(super) struct Writer<'b, 'a> {
    pub(super) blocks: &'b Blocks<'a>,
    pub(super) lowered: &'b Lowered<'a>,
    pub(super) names: Names,
    pub(super) uses: Uses,
    pub(super) source: String,
    pub(super) depth: usize,
    /// The loop whose body is written.
    pub(super) block: u32,
    /// How each value is written that was met.
    pub(super) written: FxHashMap<u32, Written>,
    /// Values that wait, by step.
    pub(super) waiting: BTreeMap<u32, u32>,
    /// Those of them that read or change objects.
    pub(super) ordered: BTreeMap<u32, Class>,
    pub(super) n_steps: u32,
    /// Variables, with the block in which each was made.
    pub(super) variables: FxHashMap<String, u32>,
    /// Operands of the block that are loop variables.
    pub(super) varying: FxHashMap<Slot, String>,
    /// What the next turn reads from values of this block: the variable, and the value that it has until then.
    pub(super) carries: FxHashMap<u32, (String, u32)>,
    /// Texts are in hand that speak of variables: none may get another value.
    pub(super) is_holding: bool,
    pub(super) hints: FxHashMap<u32, NodeId>,
    modules: Vec<&'static str>,
    has_guards: bool,
}

/// The text of a function of some inputs that gives some values.
pub(super) fn write(blocks: &Blocks<'_>, results: &[u32], name: &str, inputs: &[&str]) -> Program {
    let lowered = blocks.lowered;
    let mut writer = Writer {
        blocks,
        lowered,
        names: Names::default(),
        uses: Uses::new(blocks, results),
        source: String::new(),
        depth: 1,
        block: OUTERMOST,
        written: FxHashMap::default(),
        waiting: BTreeMap::new(),
        ordered: BTreeMap::new(),
        n_steps: 0,
        variables: FxHashMap::default(),
        varying: FxHashMap::default(),
        carries: FxHashMap::default(),
        is_holding: false,
        hints: hints(blocks),
        modules: Vec::new(),
        has_guards: false,
    };
    let name = writer.names.variable(Some(name));
    let parameters: Vec<String> = inputs.iter().map(|input| writer.names.variable(Some(input))).collect();
    for id in lowered.nodes.ids().filter(|id| lowered.nodes.row(*id).kind == Kind::Input) {
        if let Some(at) = inputs.iter().position(|input| *input == lowered.nodes.text(id)) {
            writer.written.insert(id.0, Written::name(&parameters[at]));
            writer.variables.insert(parameters[at].clone(), OUTERMOST);
        }
    }
    writer.items(&blocks.items);
    writer.results(results);
    let mut source = String::new();
    for module in &writer.modules {
        let _ = writeln!(source, "import {module}");
    }
    if !writer.modules.is_empty() {
        source.push_str("\n\n");
    }
    let _ = writeln!(source, "def {name}({}):", parameters.join(", "));
    source.push_str(&writer.source);
    Program { source, constants: writer.names.constants, has_guards: writer.has_guards }
}

/// For values that were given to a parameter, the node that names it.
fn hints(blocks: &Blocks<'_>) -> FxHashMap<u32, NodeId> {
    let mut hints = FxHashMap::default();
    if blocks.items.len() <= MANY_ITEMS {
        let nodes = blocks.lowered.nodes;
        for item in &blocks.items {
            blocks.for_values(*item, &mut |value| {
                hints.insert(value, NodeId(value));
            });
        }
        for id in nodes.ids().rev().filter(|id| nodes.row(*id).kind == Kind::Argument) {
            if let Some(hint) = hints.get_mut(&blocks.lowered.value(id)) {
                *hint = id;
            }
        }
    }
    hints
}

impl Writer<'_, '_> {
    pub(super) fn line(&mut self, text: &str) {
        for _ in 0..self.depth {
            self.source.push_str("    ");
        }
        self.source.push_str(text);
        self.source.push('\n');
    }

    /// The items of the function, or of the body of a loop.
    pub(super) fn items(&mut self, items: &[Item]) {
        let within = self.block.checked_sub(1).map(|number| &self.blocks.loops[number as usize]);
        for (at, item) in items.iter().enumerate() {
            let takes_next = at == 0 && within.is_some_and(|body| body.exhausts);
            if takes_next && self.written.contains_key(item) || self.blocks.is_mere_end(*item) {
                continue;
            }
            match self.blocks.as_loop(*item) {
                Some(body) => self.a_loop(*item - self.blocks.first_loop + 1, body, at as u32),
                None => self.operation(*item, at as u32),
            }
        }
    }

    fn results(&mut self, results: &[u32]) {
        self.is_holding = true;
        let mut operands: Vec<Written> =
            results.iter().map(|result| self.operand(Operand::Value(*result), None)).collect();
        let order: Vec<usize> = (0..operands.len()).collect();
        self.settle(&mut operands, &order, Class::Pure);
        self.take(&operands);
        self.write_out_all();
        let texts: Vec<&str> = operands.iter().map(|operand| operand.text.as_str()).collect();
        let text = match texts.as_slice() {
            [] => "return None".to_owned(),
            [one] => format!("return {one}"),
            all if operands.iter().map(|operand| operand.text.len() + 2).sum::<usize>() > WIDTH => {
                format!("return ({})", all.join(", "))
            }
            all => format!("return {}", all.join(", ")),
        };
        self.line(&text);
    }

    /// How an operand is written here.
    pub(super) fn operand(&mut self, operand: Operand, slot: Option<Slot>) -> Written {
        if let Some(variable) = slot.and_then(|slot| self.varying.get(&slot)) {
            return Written::name(variable);
        }
        if let Operand::Value(value) = operand {
            if self.lowered.item(value).is_some() {
                return self.item(value);
            }
            if let Some(written) = self.written.get(&value) {
                let written = written.clone();
                if let Some(remaining) = self.uses.remaining.get_mut(value as usize) {
                    *remaining = remaining.saturating_sub(1);
                }
                return written;
            }
        }
        let (text, precedence) = self.names.constant(self.lowered, operand);
        Written { text, precedence, key: None, waits: None }
    }

    /// An item that is read where it is used. Its input keeps its variable: this is no use of it that could be the last.
    fn item(&mut self, value: u32) -> Written {
        let mut numbers = Vec::new();
        let mut root = value;
        while let Some((container, number)) = self.lowered.item(root) {
            numbers.push(number);
            root = container;
        }
        let mut text = match self.written.get(&root) {
            Some(written) => written.text.clone(),
            None => self.names.constant(self.lowered, Operand::Value(root)).0,
        };
        for number in numbers.iter().rev() {
            let _ = write!(text, "[{number}]");
        }
        Written { precedence: PRIMARY, ..Written::name(&text) }
    }

    /// One operation: a statement, or an expression that waits for its use.
    fn operation(&mut self, item: Item, at: u32) {
        let nodes = self.lowered.nodes;
        let id = NodeId(item);
        let row = nodes.row(id);
        let (is_change, is_guard) = (self.lowered.changes_operand(item), self.lowered.is_guard(item));
        let class = self.lowered.class(item);
        if self.uses.is_unused(item) && !is_change && !is_guard && class == Class::Pure {
            return;
        }
        if let Some(module) = module_of(row.kind, row.op).filter(|module| !self.modules.contains(module)) {
            self.modules.push(module);
        }
        self.is_holding = true;
        let mut operands = Vec::new();
        self.blocks.for_operands(item, |operand| operands.push(operand));
        let mut operands: Vec<Written> =
            (operands.into_iter().zip(0..)).map(|(operand, nth)| self.operand(operand, Some((at, nth)))).collect();
        if is_change {
            return self.change(item, operands);
        }
        let n_inputs = nodes.inputs(id).len();
        let Some(Form { mut precedence, mut pieces }) =
            special(row.kind, row.op).or_else(|| form(row.kind, row.op, nodes.label(id), n_inputs))
        else {
            self.is_holding = false;
            return;
        };
        let line = format!(", {})", self.lowered.describe.line(nodes, id));
        if is_guard {
            self.has_guards = true;
            precedence = PRIMARY;
            pieces.splice(..0, [Piece::Text(GUARD), Piece::Text("(")]);
            // The fact comes after the inputs.
            pieces.extend([Piece::Text(", "), Piece::Operand(n_inputs, ANY), Piece::Text(&line)]);
        }
        let class = self.settle(&mut operands, &read_order(&pieces), class);
        let mut text = compose(&pieces, &operands);
        if text.len() > WIDTH && operands.len() <= 4 {
            self.name_long(&mut operands, 12);
            text = compose(&pieces, &operands);
        }
        let key = match (row.kind, row.op) {
            (Kind::Build, Op::Slice) => {
                let has_step = operands.get(2).is_some_and(|step| step.text != "None");
                Some(compose(&slice_between_brackets(n_inputs, has_step), &operands))
            }
            (Kind::Build, Op::Tuple) => Some(compose(&tuple_between_brackets(n_inputs), &operands)),
            _ => None,
        };
        self.take(&operands);
        self.give(item, class, Written { text, precedence, key, waits: None });
    }

    /// A statement that changes an object.
    fn change(&mut self, item: Item, mut operands: Vec<Written>) {
        let nodes = self.lowered.nodes;
        let id = NodeId(item);
        let row = nodes.row(id);
        let Some(pieces) = change(row.kind, row.op, nodes.label(id)) else { return };
        let mut order = read_order(&pieces);
        if row.kind != Kind::Binary {
            // The value that is stored is evaluated before the place.
            if matches!(row.kind, Kind::SetAttr | Kind::SetItem) {
                order.rotate_right(1);
            }
        } else if !self.variables.contains_key(&operands[0].text) {
            // Only a variable can stand to the left.
            self.settle(&mut operands, &order, Class::Changes);
            self.take(&operands[..1]);
            let name = self.names.variable(None);
            self.write_out_for(Class::Changes);
            self.refresh(&mut operands);
            let line = format!("{name} = {}", operands[0].text);
            self.line(&line);
            self.variables.insert(name.clone(), self.block);
            operands[0] = Written::name(&name);
        }
        self.settle(&mut operands, &order, Class::Changes);
        if operands.iter().map(|operand| operand.text.len()).sum::<usize>() > WIDTH {
            self.name_long(&mut operands, 12);
        }
        self.take(&operands);
        self.write_out_for(Class::Changes);
        let line = broken(&compose(&pieces, &operands), self.depth);
        self.line(&line);
        if row.kind == Kind::Binary {
            self.written.insert(item, Written::name(&operands[0].text));
        }
        self.is_holding = false;
    }
}
