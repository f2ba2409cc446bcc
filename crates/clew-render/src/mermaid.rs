//! The graph in Mermaid's language, which Markdown viewers draw.

use crate::drawing::Drawing;
use crate::layout::label;
use crate::style::{EdgeKind, Role};
use crate::text::{mermaid as quoted, shortened};
use std::fmt::Write;

/// Renders a drawing.
pub fn render(drawing: &Drawing, title: &str) -> String {
    let mut out = String::new();
    if !title.is_empty() {
        // The title stands in YAML, where a JSON string is a string.
        let _ = writeln!(out, "---\ntitle: {}\n---", serde_json::Value::from(shortened(title, 200)));
    }
    out.push_str("flowchart TD\n");
    members(&mut out, drawing, None, 1);
    for edge in &drawing.edges {
        let _ = writeln!(out, "  n{} {} n{}", edge.from, arrow(edge.kind), edge.to);
    }
    for role in drawing.roles() {
        let colours = role.light();
        let _ = writeln!(out, "  classDef {} fill:{},stroke:{},color:#1f2328", role.word(), colours.fill, colours.line);
    }
    for kind in drawing.edge_kinds() {
        let of_kind = drawing.edges.iter().enumerate().filter(|(_, edge)| edge.kind == kind);
        let numbers: Vec<String> = of_kind.map(|(i, _)| i.to_string()).collect();
        let _ = writeln!(out, "  linkStyle {} stroke:{}", numbers.join(","), kind.light());
    }
    out
}

fn members(out: &mut String, drawing: &Drawing, cluster: Option<usize>, depth: usize) {
    let indent = "  ".repeat(depth);
    for (i, node) in drawing.nodes.iter().enumerate() {
        let headed = drawing.clusters.iter().position(|inner| inner.head == Some(i));
        if headed.or(node.cluster) != cluster {
            continue;
        }
        let (number, text) = label(drawing, node);
        let shown = if number.is_empty() { text } else { format!("{number} {text}") };
        let (open, close) = if node.role == Role::External { ("[(", ")]") } else { ("[", "]") };
        let _ = writeln!(out, "{indent}n{i}{open}\"{}\"{close}:::{}", quoted(&shown), node.role.word());
    }
    for (i, inner) in drawing.clusters.iter().enumerate().filter(|(_, inner)| inner.parent == cluster) {
        let _ = writeln!(out, "{indent}subgraph c{i}[\"{}\"]", quoted(&shortened(&inner.title, 60)));
        members(out, drawing, Some(i), depth + 1);
        let _ = writeln!(out, "{indent}end");
    }
}

const fn arrow(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Data | EdgeKind::External | EdgeKind::Call => "-->",
        EdgeKind::Mutate => "==>",
        EdgeKind::Control | EdgeKind::View | EdgeKind::Global | EdgeKind::Other => "-.->",
    }
}
