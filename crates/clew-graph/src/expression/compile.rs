//! From a trace to the text of a plain Python function that does the same.
//!
//! In three steps: [`lower`] leaves the operations that matter, in the order of the program; [`roll`] puts those that
//! repeat into loops ([`blocks`]); [`write`](mod@write) nests what is used once, and gives names to the rest. No step
//! changes the order of operations on objects, or the operands of any: floats come out the same to the last bit.

mod blocks;
mod known;
mod loops;
mod lower;
mod names;
mod relations;
mod roll;
mod texts;
mod uses;
mod waiting;
mod write;

use clew_trace::values::{NodeId, Nodes};

use super::Describe;

/// What becomes of the facts that the traced program went on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guards {
    /// Each is checked where it stands: `_guard(fact, recorded, line)`, which gives the fact or raises.
    Check,
    /// They are taken to hold.
    Ignore,
}

/// The text of a function.
#[derive(Clone, Debug)]
pub struct Program {
    /// The module that defines the function, and imports what it needs.
    pub source: String,
    /// Names that the module must have, with the nodes whose values they are.
    pub constants: Vec<(String, NodeId)>,
    /// The module must have `_guard(fact, recorded, line)`. Where an iterator must have ended, `_guard` itself stands
    /// for what it gives then.
    pub has_guards: bool,
}

/// Writes a function of some inputs that gives the values of some nodes: one as it is, several as a tuple.
///
/// Inputs that are not named are lifted out with their recorded values, as are constants that cannot be written.
pub fn compile(
    nodes: &Nodes,
    outputs: &[NodeId],
    name: &str,
    inputs: &[&str],
    guards: Guards,
    describe: &dyn Describe,
) -> Program {
    let lowered = lower::Lowered::new(nodes, outputs, describe, guards);
    let results: Vec<u32> = outputs.iter().map(|output| lowered.value(*output)).collect();
    let mut blocks = blocks::Blocks::new(&lowered);
    roll::roll(&mut blocks, &results);
    write::write(&blocks, &results, name, inputs)
}

#[cfg(test)]
#[path = "compile_tests.rs"]
mod tests;
