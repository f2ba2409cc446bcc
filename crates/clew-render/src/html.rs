//! The graph as one page: the picture with pan, zoom and clusters that fold, search, what a node depends on and what depends on it, and the
//! source beside it.
//!
//! The page holds everything it needs and refers to nothing outside; its content security policy says so to the browser.
//! The graph goes in as data, and the script (`html/page.js`) builds text from it as text only, never as markup.

use crate::drawing::Drawing;
use crate::layout::{self, label};
use crate::svg;
use crate::text::{script_json, xml};
use serde_json::{json, Value};

const PAGE: &str = include_str!("html/page.html");
const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// Renders a drawing.
pub fn render(drawing: &Drawing, title: &str) -> String {
    let picture = layout::arrange(drawing);
    let (light, dark) = svg::style(drawing, "#graph ", ".dark #graph ");
    let picture_text = svg::markers(drawing) + "<g id=\"view\">\n" + &svg::content(drawing, &picture) + "</g>";
    let shown_title = if title.is_empty() { "Clew graph" } else { title };
    let data = data(drawing, picture.width, picture.height).to_string();
    filled(&[
        ("title", &xml(shown_title)),
        ("style", &(STYLE.to_owned() + &light + &dark)),
        ("picture", &picture_text),
        ("data", &script_json(&data)),
        ("script", SCRIPT),
    ])
}

/// The page with each `{{name}}` replaced, in one pass: what is put in is not looked at again.
fn filled(parts: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = PAGE;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, behind) = after.split_once("}}").unwrap_or((after, ""));
        out.push_str(before);
        let part = parts.iter().find(|(known, _)| *known == name);
        out.push_str(part.map_or("", |(_, text)| text));
        rest = behind;
    }
    out + rest
}

fn data(drawing: &Drawing, width: f64, height: f64) -> Value {
    let nodes: Vec<Value> = drawing
        .nodes
        .iter()
        .map(|node| {
            let (number, _) = label(drawing, node);
            json!({
                "number": number,
                "label": node.label,
                "role": node.role.word(),
                "source": node.source,
                "line": node.line,
                "last": node.last_line,
                "names": node.names,
                "cluster": node.cluster,
            })
        })
        .collect();
    let clusters: Vec<Value> =
        drawing.clusters.iter().map(|cluster| json!({"head": cluster.head, "parent": cluster.parent})).collect();
    let edges: Vec<Value> = drawing
        .edges
        .iter()
        .map(|edge| json!({"from": edge.from, "to": edge.to, "kind": edge.kind.word(), "names": edge.names}))
        .collect();
    let sources: Vec<Value> =
        drawing.sources.iter().map(|source| json!({"path": source.path, "text": source.text})).collect();
    let kinds: Vec<&str> = drawing.edge_kinds().iter().map(|kind| kind.word()).collect();
    let roles: Vec<&str> = drawing.roles().iter().map(|role| role.word()).collect();
    json!({
        "nodes": nodes, "edges": edges, "clusters": clusters, "sources": sources, "kinds": kinds, "roles": roles,
        "width": width, "height": height,
    })
}
