//! The graph as data: one object with `title`, `nodes`, `edges` and `sources`, in the order of the drawing.

use crate::drawing::Drawing;
use serde_json::{json, Value};

/// Renders a drawing.
pub fn render(drawing: &Drawing, title: &str) -> String {
    let mut text = serde_json::to_string_pretty(&value(drawing, title)).unwrap_or_default();
    text.push('\n');
    text
}

/// The drawing as a JSON value.
pub fn value(drawing: &Drawing, title: &str) -> Value {
    let nodes: Vec<Value> = drawing
        .nodes
        .iter()
        .map(|node| {
            json!({
                "id": node.id,
                "kind": node.role.word(),
                "source": node.source,
                "line": node.line,
                "last_line": node.last_line,
                "label": node.label,
                "names": node.names,
                "inside": node.cluster.and_then(|c| drawing.clusters[c].head).map(|head| &drawing.nodes[head].id),
            })
        })
        .collect();
    let edges: Vec<Value> = drawing
        .edges
        .iter()
        .map(|edge| {
            let (from, to) = (&drawing.nodes[edge.from].id, &drawing.nodes[edge.to].id);
            json!({"from": from, "to": to, "kind": edge.kind.word(), "names": edge.names})
        })
        .collect();
    let sources: Vec<Value> =
        drawing.sources.iter().map(|source| json!({"path": source.path, "text": source.text})).collect();
    json!({"title": title, "nodes": nodes, "edges": edges, "sources": sources})
}
