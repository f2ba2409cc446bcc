//! The dependency graph of a run, for pictures and for `clew graph`.
//!
//! Nodes are the statements that ran and the pieces of outside state they touched; an edge leads from what produced
//! something to what depends on it.

use serde::Serialize;

/// What carries a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EdgeKind {
    /// A name, or an object that was changed and then used.
    Data,
    /// A test, a loop, a jump or a block around it.
    Control,
    /// An object that both change.
    Mutate,
    /// A view of an object.
    View,
    /// A top-level name used inside a function.
    Global,
    /// State outside the objects.
    External,
    /// A function that is called.
    Call,
}

/// A node's number within its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct NodeId(pub u32);

/// What a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeKind {
    /// A statement.
    Statement,
    /// A piece of outside state.
    External,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its number; nodes are listed in this order.
    pub id: NodeId,
    /// What it stands for.
    pub kind: NodeKind,
    /// Number of the source (0 is the program).
    pub source: u32,
    /// Number of the statement in its source; `None` for outside state.
    pub statement: Option<u32>,
    /// First line of the statement, 1-based; 0 for outside state.
    pub line: u32,
    /// Last line of the statement's header (of all of it, unless it is compound).
    pub last_line: u32,
    /// The first line of the statement's text, or the kind and key of the outside state.
    pub label: String,
    /// The function or class whose body holds the statement, as a qualified name.
    pub scope: Option<String>,
    /// The node of the compound statement, `def` or `class` around it.
    pub parent: Option<NodeId>,
    /// Top-level names that the statement binds.
    pub names: Vec<String>,
}

/// One dependency: `to` depends on `from`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Edge {
    /// What produced something.
    pub from: NodeId,
    /// What depends on it.
    pub to: NodeId,
    /// What carries the dependency.
    pub kind: EdgeKind,
    /// The name that carries it, if one does.
    pub name: Option<String>,
}

/// Nodes in text order, edges in ascending order, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Graph {
    /// Statements that ran, then outside state.
    pub nodes: Vec<Node>,
    /// Dependencies.
    pub edges: Vec<Edge>,
}

impl Graph {
    /// The graph as one JSON object with the keys `nodes` and `edges`.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
