//! The graph in Graphviz's language.

use crate::drawing::Drawing;
use crate::layout::label;
use crate::style::{EdgeKind, Role};
use crate::text::dot as quoted;
use std::fmt::Write;

/// Renders a drawing.
pub fn render(drawing: &Drawing, title: &str) -> String {
    let mut out = String::from("digraph clew {\n");
    if !title.is_empty() {
        line(&mut out, 1, &format!("label=\"{}\"; labelloc=t;", quoted(title)));
    }
    line(&mut out, 1, "node [shape=box, style=\"filled\", fontname=\"monospace\", fontsize=10];");
    line(&mut out, 1, "edge [arrowsize=0.7];");
    members(&mut out, drawing, None, 1);
    for edge in &drawing.edges {
        let kind = edge.kind;
        let carried =
            if edge.names.is_empty() { String::new() } else { format!(": {}", quoted(&edge.names.join(", "))) };
        let mut attributes = format!("color=\"{}\", tooltip=\"{}{carried}\"", kind.light(), kind.word());
        attributes += match kind {
            EdgeKind::Data | EdgeKind::External => "",
            EdgeKind::Mutate => ", style=bold",
            EdgeKind::Control | EdgeKind::Global => ", style=dashed",
            EdgeKind::View | EdgeKind::Call | EdgeKind::Other => ", style=dotted",
        };
        line(&mut out, 1, &format!("n{} -> n{} [{attributes}];", edge.from, edge.to));
    }
    out.push_str("}\n");
    out
}

fn members(out: &mut String, drawing: &Drawing, cluster: Option<usize>, depth: usize) {
    for (i, node) in drawing.nodes.iter().enumerate() {
        let headed = drawing.clusters.iter().position(|inner| inner.head == Some(i));
        if headed.or(node.cluster) == cluster {
            statement(out, drawing, i, depth);
        }
    }
    for (i, inner) in drawing.clusters.iter().enumerate().filter(|(_, inner)| inner.parent == cluster) {
        line(out, depth, &format!("subgraph cluster_{i} {{"));
        if inner.head.is_none() {
            line(out, depth + 1, &format!("label=\"{}\";", quoted(&inner.title)));
        }
        line(out, depth + 1, "color=\"#b8bec8\";");
        members(out, drawing, Some(i), depth + 1);
        line(out, depth, "}");
    }
}

fn statement(out: &mut String, drawing: &Drawing, i: usize, depth: usize) {
    let node = &drawing.nodes[i];
    let (number, text) = label(drawing, node);
    let shown = if number.is_empty() { text } else { format!("{number}  {text}") };
    let colours = node.role.light();
    let shape = if node.role == Role::External { ", shape=cylinder" } else { "" };
    let tooltip = quoted(&node.label);
    let (fill, line_colour) = (colours.fill, colours.line);
    let attributes = format!(
        "label=\"{}\", fillcolor=\"{fill}\", color=\"{line_colour}\", tooltip=\"{tooltip}\"{shape}",
        quoted(&shown)
    );
    line(out, depth, &format!("n{i} [{attributes}];"));
}

fn line(out: &mut String, depth: usize, text: &str) {
    let _ = writeln!(out, "{:1$}{text}", "", depth * 2);
}
