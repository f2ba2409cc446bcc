//! From a trace to dependencies: slices and their text, explanations, and the dependency graph.
//!
//! A [`Program`] is the program's texts and tables together with the trace of one run. [`slice()`] finds the statements
//! that a [`Criterion`] needs, [`text()`] prints them, [`why()`] explains them, [`graph()`] gives every dependency.
//!
//! Dependencies come from two places. Between *units* (statements at the module's top level, those in its loops and
//! branches included) the trace says which unit used what another had changed; names are followed through the flow
//! graph of the statements that ran ([`flow`]). Inside functions everything is static, restricted to what ran. The
//! rules by which a slice grows are in [`closure`].
//!
//! Knows no Python object, does no input or output, and gives the same answer for the same input.

mod at_line;
mod clauses;
mod clocks;
mod closure;
mod criterion;
mod denoted;
mod dependencies;
mod effects;
mod error;
mod executed;
mod explain;
pub mod expression;
mod facts;
mod flow;
mod foreign;
mod fresh;
mod graph;
mod imports;
mod looks;
mod outside;
mod program;
mod scan;
mod slice;
mod text;

pub use closure::Reason;
pub use dependencies::graph;
pub use error::Error;
pub use explain::{why, Explanation, Input, Step};
pub use graph::{Edge, EdgeKind, Graph, Node, NodeId, NodeKind};
pub use program::{Criterion, Program};
pub use slice::{slice, Slice};
pub use text::text;
