//! Values that wait to be written where they are used, and when they are written out instead.
//!
//! What waits is kept by the step in which it was made. Of what reads or changes objects, nothing is written out before
//! what had come before it, unless neither of them changes anything.

use clew_trace::values::Kind;

use super::lower::Class;
use super::texts::{broken, Waits, Written, WIDTH};
use super::write::Writer;

impl Writer<'_, '_> {
    /// Keeps an expression until it is used, or writes it out. Its text is in hand until then.
    pub(super) fn give(&mut self, value: u32, class: Class, written: Written) {
        if self.uses.is_unused(value) {
            self.write_out_for(class);
            let line = broken(&written.text, self.depth);
            self.line(&line);
        } else if self.uses.is_single(value) && written.text.len() <= WIDTH {
            let step = self.n_steps;
            self.n_steps += 1;
            self.written.insert(value, Written { waits: Some(Waits { step, class, value }), ..written });
            self.waiting.insert(step, value);
            if class != Class::Pure {
                self.ordered.insert(step, class);
            }
        } else {
            self.write_out_for(class);
            if self.carries.get(&value).is_some_and(|(_, old)| self.uses.remaining[*old as usize] == 0) {
                // What waits may speak of the variable that gets its next value here.
                self.write_out_all();
            }
            self.is_holding = false;
            self.assign(value, &written.text);
        }
        self.is_holding = false;
    }

    /// Writes a value into a variable: that of what the next turn reads, if its old value is not read any more.
    pub(super) fn assign(&mut self, value: u32, text: &str) {
        let carry = self
            .carries
            .get(&value)
            .filter(|(_, old)| !self.is_holding && self.waiting.is_empty() && self.uses.remaining[*old as usize] == 0);
        let name = if let Some((name, _)) = carry {
            name.clone()
        } else {
            let name = self.new_variable(value, None);
            self.variables.insert(name.clone(), self.block);
            name
        };
        let line = broken(&format!("{name} = {text}"), self.depth);
        self.line(&line);
        self.written.insert(value, Written::name(&name));
    }

    /// A new name for a value: that of the parameter or the attribute which it was, else the other one.
    pub(super) fn new_variable(&mut self, value: u32, otherwise: Option<&str>) -> String {
        let hint = self
            .hints
            .get(&value)
            .filter(|id| matches!(self.lowered.nodes.row(**id).kind, Kind::Argument | Kind::GetAttr));
        let wished = hint.map(|id| self.lowered.nodes.text(*id)).or(otherwise);
        self.names.variable(wished)
    }

    pub(super) fn remove(&mut self, step: u32) -> Option<u32> {
        self.ordered.remove(&step);
        self.waiting.remove(&step)
    }

    /// Writes a value that waits into a variable.
    pub(super) fn write_out(&mut self, step: u32) {
        let Some(value) = self.remove(step) else { return };
        if let Some(text) = self.written.get(&value).map(|written| written.text.clone()) {
            self.assign(value, &text);
        }
    }

    /// Writes out what must come before an operation that is done now.
    pub(super) fn write_out_for(&mut self, class: Class) {
        let is_in_the_way = match class {
            Class::Pure => false,
            Class::Reads => self.ordered.values().any(|class| *class == Class::Changes),
            Class::Changes => true,
        };
        if is_in_the_way {
            self.write_out_ordered();
        }
    }

    /// Writes out all that reads or changes objects.
    pub(super) fn write_out_ordered(&mut self) {
        while let Some((step, _)) = self.ordered.first_key_value() {
            self.write_out(*step);
        }
    }

    /// Writes out all that waits.
    pub(super) fn write_out_all(&mut self) {
        while let Some((step, _)) = self.waiting.first_key_value() {
            self.write_out(*step);
        }
    }

    /// Writes out operands that could not be read in their order where they stand; gives the class of the whole.
    pub(super) fn settle(&mut self, operands: &mut [Written], order: &[usize], class: Class) -> Class {
        let steps: Vec<(u32, Class)> = order
            .iter()
            .filter_map(|at| operands.get(*at)?.waits)
            .filter(|waits| waits.class != Class::Pure)
            .map(|waits| (waits.step, waits.class))
            .collect();
        let Some(first) = steps.iter().map(|(step, _)| *step).min() else { return class };
        let later = self.ordered.range(first..).map(|(step, class)| (*step, *class));
        if later.clone().any(|(_, class)| class == Class::Changes) && !later.eq(steps.iter().copied()) {
            self.write_out_ordered();
            self.refresh(operands);
            return class;
        }
        steps.iter().map(|(_, class)| *class).max().map_or(class, |nested| nested.max(class))
    }

    /// Writes out the operands that wait and are long.
    pub(super) fn name_long(&mut self, operands: &mut [Written], longest: usize) {
        let long = operands.iter().filter(|operand| operand.text.len() > longest).filter_map(|operand| operand.waits);
        for waits in long.collect::<Vec<_>>() {
            if waits.class == Class::Pure {
                self.write_out(waits.step);
            } else {
                // All that could not follow it, and all that it could not follow.
                self.write_out_ordered();
            }
        }
        self.refresh(operands);
    }

    /// Gives operands that were written out since they were asked for their names.
    pub(super) fn refresh(&mut self, operands: &mut [Written]) {
        for operand in operands {
            let Some(waits) = operand.waits else { continue };
            if let Some(written) = self.written.get(&waits.value).filter(|written| written.waits.is_none()) {
                *operand = written.clone();
            }
        }
    }

    /// Takes operands that waited: they are written now.
    pub(super) fn take(&mut self, operands: &[Written]) {
        for waits in operands.iter().filter_map(|operand| operand.waits) {
            self.remove(waits.step);
        }
    }
}
