//! What is drawn: statements, outside state, and the dependencies between them.
//!
//! A drawing is made from the JSON of `clew-graph`'s graph, to which the caller may add the `sources`. Everything but
//! `id`, `from` and `to` may be missing; edges to unknown nodes and repeated nodes are left out.

use crate::style::{EdgeKind, Role};
use crate::Error;
use indexmap::{IndexMap, IndexSet};
use serde::Deserialize;
use serde_json::Value;

/// One node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name in the input, as text.
    pub id: String,
    /// What it is.
    pub role: Role,
    /// Index of its source in [`Drawing::sources`], if that is known.
    pub source: usize,
    /// First line, 1-based; 0 if it has none.
    pub line: u32,
    /// Last line of what the node stands for.
    pub last_line: u32,
    /// The text that is shown, on one line.
    pub label: String,
    /// The whole text, if the input gave it.
    pub text: String,
    /// Names that the statement binds.
    pub names: Vec<String>,
    /// The innermost cluster that it belongs to.
    pub cluster: Option<usize>,
}

/// Dependencies of one kind between two nodes; indices of [`Drawing::nodes`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// What produced something.
    pub from: usize,
    /// What depends on it.
    pub to: usize,
    /// What carries the dependency.
    pub kind: EdgeKind,
    /// The names that carry it, each once.
    pub names: Vec<String>,
}

/// Nodes that belong together: the body of a function or class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// What it is called, when no node is its head.
    pub title: String,
    /// The `def` or `class`; not a member itself.
    pub head: Option<usize>,
    /// The cluster around it.
    pub parent: Option<usize>,
}

/// The text of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SourceText {
    /// Its path.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// A graph to be drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawing {
    /// Nodes, in the order of the input.
    pub nodes: Vec<Node>,
    /// Edges; no two of one kind have the same ends.
    pub edges: Vec<Edge>,
    /// Clusters; one stands behind the cluster around it.
    pub clusters: Vec<Cluster>,
    /// Sources; may be empty.
    pub sources: Vec<SourceText>,
}

#[derive(Deserialize)]
struct GraphInput {
    #[serde(default)]
    nodes: Vec<NodeInput>,
    #[serde(default)]
    edges: Vec<EdgeInput>,
    #[serde(default)]
    sources: Vec<SourceText>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NodeInput {
    id: Value,
    kind: String,
    source: usize,
    line: u32,
    last_line: u32,
    label: String,
    text: String,
    scope: Option<String>,
    parent: Value,
    names: Vec<String>,
}

#[derive(Deserialize)]
struct EdgeInput {
    from: Value,
    to: Value,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: Option<String>,
}

impl Drawing {
    /// Reads a graph.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let input: GraphInput = serde_json::from_str(json).map_err(|e| Error::Graph { reason: e.to_string() })?;
        let mut by_id: IndexMap<String, NodeInput> = IndexMap::new();
        for node in input.nodes {
            by_id.entry(id_text(&node.id)).or_insert(node);
        }
        let mut drawing = Self { sources: input.sources, ..Self::default() };
        drawing.nodes = by_id.iter().map(|(id, node)| node_of(id, node)).collect();
        let index = |id: &Value| by_id.get_index_of(&id_text(id));
        let mut edges: IndexMap<(usize, usize, EdgeKind), IndexSet<String>> = IndexMap::new();
        for edge in input.edges {
            if let (Some(from), Some(to)) = (index(&edge.from), index(&edge.to)) {
                edges.entry((from, to, EdgeKind::of(&edge.kind))).or_default().extend(edge.name);
            }
        }
        let edge_of = |((from, to, kind), names): (_, IndexSet<String>)| Edge {
            from,
            to,
            kind,
            names: names.into_iter().collect(),
        };
        drawing.edges = edges.into_iter().map(edge_of).collect();
        Clusters { drawing: &mut drawing, inputs: &by_id, found: IndexMap::new() }.find();
        Ok(drawing)
    }

    /// The path of a node's source, if it is not the first one.
    pub fn other_path(&self, node: &Node) -> Option<&str> {
        (node.source > 0).then(|| self.sources.get(node.source).map(|source| source.path.as_str())).flatten()
    }

    /// Kinds of edges that occur, in the order of [`EdgeKind::ALL`].
    pub fn edge_kinds(&self) -> Vec<EdgeKind> {
        EdgeKind::ALL.into_iter().filter(|kind| self.edges.iter().any(|edge| edge.kind == *kind)).collect()
    }

    /// Roles that occur, in the order of [`Role::ALL`].
    pub fn roles(&self) -> Vec<Role> {
        Role::ALL.into_iter().filter(|role| self.nodes.iter().any(|node| node.role == *role)).collect()
    }
}

fn id_text(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

fn node_of(id: &str, input: &NodeInput) -> Node {
    let shown = [&input.label, &input.text].into_iter().find(|text| !text.trim().is_empty());
    let label = shown.map_or_else(|| id.to_owned(), |text| crate::text::one_line(text));
    Node {
        id: id.to_owned(),
        role: Role::of(&input.kind, &label),
        source: input.source,
        line: input.line,
        last_line: input.last_line.max(input.line),
        label,
        text: input.text.clone(),
        names: input.names.clone(),
        cluster: None,
    }
}

/// What makes two nodes belong to the same cluster.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Head(usize),
    Scope(usize, String),
}

struct Clusters<'a> {
    drawing: &'a mut Drawing,
    inputs: &'a IndexMap<String, NodeInput>,
    found: IndexMap<Key, usize>,
}

impl Clusters<'_> {
    fn find(mut self) {
        for node in 0..self.drawing.nodes.len() {
            self.drawing.nodes[node].cluster = self.of_node(node);
        }
    }

    fn of_node(&mut self, node: usize) -> Option<usize> {
        let input = &self.inputs[node];
        if self.drawing.nodes[node].role == Role::External {
            return None;
        }
        if let Some(head) = self.head(node) {
            return Some(self.cluster(Key::Head(head), String::new()));
        }
        match &input.scope {
            // The `def` is not in the graph, or the input does not tell parents.
            Some(scope) if !scope.is_empty() && scope != "<module>" => {
                Some(self.cluster(Key::Scope(input.source, scope.clone()), scope.clone()))
            }
            _ => None,
        }
    }

    /// The `def` or `class` whose body holds a node.
    fn head(&self, node: usize) -> Option<usize> {
        let mut current = node;
        // A chain of parents is not longer than there are nodes, unless it is a circle.
        for _ in 0..self.inputs.len() {
            current = self.inputs.get_index_of(&id_text(&self.inputs[current].parent))?;
            if self.drawing.nodes[current].role == Role::Definition && current != node {
                return Some(current);
            }
        }
        None
    }

    fn cluster(&mut self, key: Key, title: String) -> usize {
        if let Some(&cluster) = self.found.get(&key) {
            return cluster;
        }
        let (head, parent) = match key {
            Key::Scope(..) => (None, None),
            Key::Head(head) => (Some(head), self.around(head)),
        };
        let cluster = self.drawing.clusters.len();
        self.drawing.clusters.push(Cluster { title, head, parent });
        self.found.insert(key, cluster);
        cluster
    }

    /// The cluster around a head; a head that is its own ancestor has none.
    fn around(&mut self, head: usize) -> Option<usize> {
        let mut seen = IndexSet::from([head]);
        let mut current = head;
        while let Some(next) = self.head(current) {
            if !seen.insert(next) {
                return None;
            }
            current = next;
        }
        self.of_node(head)
    }
}
