//! The text of loops.
//!
//! What the next turn reads is in variables that the loop changes: each before its next value is read, those that are
//! still read afterwards at the end of the body, all at once. A loop goes on with the variable of what it begins with
//! when nothing else reads that.

use clew_trace::values::{Kind, NodeId};
use rustc_hash::FxHashMap;

use super::blocks::{Loop, Operand, Slot, Varying};
use super::lower::Class;
use super::texts::{broken, Written};
use super::write::Writer;

impl Writer<'_, '_> {
    /// A loop, which is the item `at` of the block around it.
    pub(super) fn a_loop(&mut self, block: u32, body: &Loop, at: u32) {
        let iterable = self.iterable(body);
        self.is_holding = iterable.is_some();
        self.write_out_all();
        self.is_holding = false;
        let variables: Vec<String> = self.begin(body, at);
        let varying: Vec<String> = body.varying.iter().map(|varying| self.loop_variable(varying)).collect();
        let line = self.header(body, &varying, iterable);
        self.line(&line);

        let mut slots: FxHashMap<_, _> =
            body.varies.iter().map(|(slot, number)| (*slot, varying[*number as usize].clone())).collect();
        for (slot, container) in &body.item_of {
            let container_text = self.container(body.operands[*container as usize], (at, *container));
            if let Some(text) = slots.get_mut(slot) {
                *text = format!("{container_text}[{text}]");
            }
        }
        for (slot, number) in &body.fixed {
            if let Some(name) = self.varying.get(&(at, *number)) {
                slots.insert(*slot, name.clone());
            }
        }
        let carries = body.carries.iter().zip(&variables).map(|(carry, name)| (carry.new, (name.clone(), carry.old)));
        let around = (
            self.block,
            std::mem::replace(&mut self.varying, slots),
            std::mem::replace(&mut self.carries, carries.collect()),
        );
        self.block = block;
        self.depth += 1;
        for (carry, name) in body.carries.iter().zip(&variables) {
            self.written.insert(carry.old, Written::name(name));
            self.variables.insert(name.clone(), block);
        }
        let len = self.source.len();
        self.items(&body.body);
        self.carry(body, &variables);
        if self.source.len() == len {
            self.line("pass");
        }
        self.depth -= 1;
        (self.block, self.varying, self.carries) = around;
        for (carry, name) in body.carries.iter().zip(&variables) {
            self.written.insert(carry.new, Written::name(name));
            self.variables.insert(name.clone(), self.block);
            // The variable of an outer loop may now hold what is not its next value.
            self.carries.retain(|_, (outer, _)| outer != name);
        }
    }

    /// What the items of a loop are items of, which is no last use of it.
    fn container(&mut self, container: Operand, slot: Slot) -> String {
        if let Some(text) = self.varying.get(&slot) {
            return text.clone();
        }
        if let Operand::Value(value) = container {
            if let Some(written) = self.written.get(&value) {
                return written.text.clone();
            }
        }
        self.operand(container, None).text
    }

    /// What a loop goes over, if it takes all that an iterator gives and can be written so.
    fn iterable(&mut self, body: &Loop) -> Option<String> {
        let counts = |varying: &Varying| matches!(varying, Varying::Range { step: 1, .. });
        if !body.exhausts || body.varying.len() > 1 || !body.varying.iter().all(counts) {
            return None;
        }
        let input = self.lowered.nodes.inputs(NodeId(body.body[0])).next()?;
        let iterator = self.lowered.value(input);
        let mut operand = [self.operand(Operand::Value(iterator), None)];
        self.settle(&mut operand, &[0], Class::Reads);
        self.take(&operand);
        let [Written { text, .. }] = operand;
        let is_iter = self.lowered.nodes.row(NodeId(iterator)).kind == Kind::Iter;
        let inner = text.strip_prefix("iter(").and_then(|rest| rest.strip_suffix(')')).filter(|_| is_iter);
        Some(inner.map_or_else(|| text.clone(), str::to_owned))
    }

    /// The variables of what is carried, with their first values.
    fn begin(&mut self, body: &Loop, at: u32) -> Vec<String> {
        let mut variables: Vec<String> = Vec::new();
        for carry in &body.carries {
            let init = body.operands[carry.init as usize];
            let written = self.operand(init, Some((at, carry.init)));
            let is_free = self.variables.get(&written.text) == Some(&self.block)
                && !variables.contains(&written.text)
                && !self.uses.is_leaving(carry.new)
                && matches!(init, Operand::Value(value) if self.uses.remaining[value as usize] == 0);
            if is_free {
                variables.push(written.text);
                continue;
            }
            let name = self.new_variable(carry.new, None);
            self.line(&format!("{name} = {}", written.text));
            variables.push(name);
        }
        variables
    }

    fn loop_variable(&mut self, varying: &Varying) -> String {
        let wished = match varying {
            Varying::Range { .. } => ["i", "j", "k"].into_iter().nth(self.depth - 1).unwrap_or("n"),
            Varying::Listed(_) => "value",
        };
        self.names.variable(Some(wished))
    }

    fn header(&mut self, body: &Loop, names: &[String], iterable: Option<String>) -> String {
        if let Some(iterable) = iterable {
            let next = body.body[0];
            let name = self.new_variable(next, Some("item"));
            self.written.insert(next, Written::name(&name));
            return match (names, body.varying.first()) {
                ([number], Some(Varying::Range { first: 0, .. })) => {
                    format!("for {number}, {name} in enumerate({iterable}):")
                }
                ([number], Some(Varying::Range { first, .. })) => {
                    format!("for {number}, {name} in enumerate({iterable}, {first}):")
                }
                _ => format!("for {name} in {iterable}:"),
            };
        }
        let turns: Vec<String> = body.varying.iter().map(|varying| self.turns(varying, body.n_turns)).collect();
        match (names, turns.as_slice()) {
            ([], _) => format!("for _ in range({}):", body.n_turns),
            ([name], [turns]) => broken(&format!("for {name} in {turns}:"), self.depth),
            _ => broken(&format!("for {} in zip({}):", names.join(", "), turns.join(", ")), self.depth),
        }
    }

    /// What a loop variable goes over.
    fn turns(&mut self, varying: &Varying, n_turns: u32) -> String {
        match varying {
            Varying::Range { first, step } => {
                let end = i128::from(*first) + i128::from(*step) * i128::from(n_turns);
                match (first, step) {
                    (0, 1) => format!("range({end})"),
                    (_, 1) => format!("range({first}, {end})"),
                    _ => format!("range({first}, {end}, {step})"),
                }
            }
            Varying::Listed(all) => {
                let texts: Vec<String> =
                    all.iter().map(|operand| self.names.constant(self.lowered, *operand).0).collect();
                format!("({})", texts.join(", "))
            }
        }
    }

    /// Gives the variables of what is carried their next values.
    fn carry(&mut self, body: &Loop, variables: &[String]) {
        self.is_holding = true;
        let mut names = Vec::new();
        let mut next = Vec::new();
        for (carry, name) in body.carries.iter().zip(variables) {
            let written = self.operand(Operand::Value(carry.new), None);
            if written.text != *name {
                names.push(name.as_str());
                next.push(written);
            }
        }
        let order: Vec<usize> = (0..next.len()).collect();
        self.settle(&mut next, &order, Class::Pure);
        if next.iter().map(|next| next.text.len()).sum::<usize>() > 80 && next.len() > 1 {
            self.name_long(&mut next, 12);
        }
        self.take(&next);
        self.write_out_all();
        self.is_holding = false;
        let texts: Vec<&str> = next.iter().map(|next| next.text.as_str()).collect();
        match texts.as_slice() {
            [] => {}
            [one] => self.line(&format!("{} = {one}", names[0])),
            all if all.len() < 8 => self.line(&format!("{} = {}", names.join(", "), all.join(", "))),
            all => {
                let line = broken(&format!("({}) = ({})", names.join(", "), all.join(", ")), self.depth);
                self.line(&line);
            }
        }
    }
}
