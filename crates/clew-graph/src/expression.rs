//! Expression graphs: what the nodes of a trace of values stand for, as sets of nodes, as text, as a function, as rules.
//!
//! Works on [`clew_trace::values::Nodes`] alone. The order of the nodes is that of the program, and what a node reads
//! comes before it; so every algorithm here is a pass forward or backward over the rows, and none recurses: a chain of
//! ten million operations is as good as one of ten. What constants are, only the maker of the trace knows: [`Describe`].

mod bits;
mod closure;
mod compile;
mod constraints;
mod drawing;
mod form;
mod infix;
mod numbers;
mod reverse;
#[cfg(test)]
mod samples;

use clew_trace::values::{NodeId, Nodes};

pub use closure::{downstream, upstream, with_guards};
pub use compile::{compile, Guards, Program};
pub use constraints::{constraints, Constraint, Rule};
pub use drawing::drawing;
pub use infix::infix;
pub use numbers::{python_float, python_int};
pub use reverse::{gradient, FUNCTIONS};

/// What is known of the values that do not stand in the rows.
///
/// It is asked about nodes whose value is an object: constants, and the facts of conversions.
pub trait Describe {
    /// The value as Python source, when it can stand there as it is: a text, `None`, a large integer, an empty tuple.
    fn literal(&self, nodes: &Nodes, id: NodeId) -> Option<String>;

    /// The name of a function, a class or a module, else a short text: for what cannot be written.
    fn name(&self, nodes: &Nodes, id: NodeId) -> String;

    /// A number that two nodes share exactly if they have the same value of the same type.
    fn key(&self, id: NodeId) -> u64;

    /// The line at which a node stands in the program, 0 when it is not known.
    fn line(&self, _nodes: &Nodes, _id: NodeId) -> u32 {
        0
    }
}
