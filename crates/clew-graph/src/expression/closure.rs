//! What nodes need, what needs them, and which facts a result rests on.
//!
//! A node needs its inputs, the change that it comes after, and the call in which it happened. All of these come before
//! it, so one pass finds everything: backward for what is needed, forward for what needs.

use clew_trace::values::{Kind, NodeId, Nodes};

use super::bits::Bits;

/// All that some nodes need, themselves included, ascending.
pub fn upstream(nodes: &Nodes, of: &[NodeId]) -> Vec<NodeId> {
    ids(&needed(nodes, of.iter().copied()))
}

/// All that needs some of the nodes, themselves included, ascending: the nodes that have one of these upstream.
pub fn downstream(nodes: &Nodes, of: &[NodeId]) -> Vec<NodeId> {
    let Some(first) = of.iter().map(|id| id.index()).min() else { return Vec::new() };
    let mut marked = Bits::new(nodes.len());
    for id in of {
        marked.insert(id.index());
    }
    for id in first..nodes.len() {
        let node = NodeId(id as u32);
        let reached = |need: NodeId| need.index() >= first && marked.contains(need.index());
        if nodes.needs(node).any(reached) || nodes.row(node).parent.known().is_some_and(reached) {
            marked.insert(id);
        }
    }
    ids(&marked)
}

/// All that some nodes need, and the facts that their values rest on with all that these need, ascending.
///
/// A fact counts when it was fixed before the last of the nodes and has an input upstream that the result has, or that
/// another fact which counts has.
pub fn with_guards(nodes: &Nodes, outputs: &[NodeId]) -> Vec<NodeId> {
    ids(&needed(nodes, outputs.iter().copied().chain(guards(nodes, outputs))))
}

/// The facts that the values of some nodes rest on, ascending.
pub(crate) fn guards(nodes: &Nodes, outputs: &[NodeId]) -> Vec<NodeId> {
    let Some(last) = outputs.iter().max() else { return Vec::new() };
    let candidates: Vec<NodeId> = (nodes.rows()[..last.index()].iter().enumerate())
        .filter(|(_, row)| row.kind == Kind::Convert)
        .map(|(at, _)| NodeId(at as u32))
        .collect();
    if candidates.is_empty() {
        return candidates;
    }
    // Every input upstream of a fact counts as soon as one of them does. What is upstream of any fact, or of the
    // result, therefore joins the inputs that meet there into one class, and a fact counts when its class is that of
    // an input of the result: one pass, where a search from input to fact to input would take many.
    let involved = needed(nodes, candidates.iter().chain(outputs).copied());
    let mut classes = Classes { parents: vec![u32::MAX; nodes.len()] };
    for at in involved.iter() {
        let node = NodeId(at as u32);
        let row = nodes.row(node);
        let mut class = u32::MAX;
        if row.kind == Kind::Input {
            classes.parents[at] = node.0;
            class = node.0;
        }
        for need in nodes.needs(node).chain(row.parent.known()) {
            class = classes.join(class, need.0);
        }
        classes.parents[at] = class;
    }
    classes.flatten();
    let mut counts = Bits::new(nodes.len());
    for output in outputs {
        // All inputs of one output are of one class.
        if let Some(class) = classes.find(output.0) {
            counts.insert(class as usize);
        }
    }
    let counted = |guard: &NodeId| classes.find(guard.0).is_some_and(|class| counts.contains(class as usize));
    candidates.into_iter().filter(counted).collect()
}

/// The set of all that some nodes need.
pub(crate) fn needed(nodes: &Nodes, of: impl Iterator<Item = NodeId>) -> Bits {
    let mut marked = Bits::new(nodes.len());
    for id in of {
        marked.insert(id.index());
    }
    let mut at = nodes.len().checked_sub(1).and_then(|end| marked.last_up_to(end));
    while let Some(id) = at {
        let node = NodeId(id as u32);
        for need in nodes.needs(node).chain(nodes.row(node).parent.known()) {
            marked.insert(need.index());
        }
        at = id.checked_sub(1).and_then(|below| marked.last_up_to(below));
    }
    marked
}

fn ids(marked: &Bits) -> Vec<NodeId> {
    let mut ids = Vec::with_capacity(marked.count());
    ids.extend(marked.iter().map(|id| NodeId(id as u32)));
    ids
}

/// Classes of nodes, by union-find; a node that is in none points to nothing.
struct Classes {
    parents: Vec<u32>,
}

impl Classes {
    /// The class of a node, if it has one.
    fn find(&self, of: u32) -> Option<u32> {
        let mut at = of;
        loop {
            let parent = self.parents[at as usize];
            if parent == u32::MAX {
                return None;
            }
            if parent == at {
                return Some(at);
            }
            at = parent;
        }
    }

    /// The class that holds a class and that of a node. Makes later searches shorter.
    fn join(&mut self, class: u32, node: u32) -> u32 {
        let Some(other) = self.find(node) else { return class };
        let mut at = node;
        while at != other {
            at = std::mem::replace(&mut self.parents[at as usize], other);
        }
        let joined = class.min(other);
        if class != u32::MAX {
            self.parents[class as usize] = joined;
            self.parents[other as usize] = joined;
        }
        joined
    }

    /// Makes each node that is in a class point to it at once: a class is named by its first node.
    fn flatten(&mut self) {
        for at in 0..self.parents.len() {
            if self.parents[at] != u32::MAX {
                self.parents[at] = self.parents[self.parents[at] as usize];
            }
        }
    }
}

#[cfg(test)]
#[path = "closure_tests.rs"]
mod tests;
