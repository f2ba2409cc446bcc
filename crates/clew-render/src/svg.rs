//! The graph as a picture: legible without zoom, in light and dark, with what each colour and line means.
//!
//! Edges lie under the nodes and over the backgrounds of clusters. Each node is a group with the number of its drawing's
//! node in `data-node`, each edge a path with `data-edge`: the page builds on these.

use crate::drawing::{Drawing, Node};
use crate::layout::{self, label, Picture, Point, Rect, COLUMN_WIDTH, NODE_HEIGHT, NODE_PADDING, NUMBER_GAP};
use crate::style::{Colours, EdgeKind, Role};
use crate::text::{columns, shortened, xml};
use std::fmt::Write;

const MARGIN: f64 = 24.0;
const TITLE_HEIGHT: f64 = 30.0;
const LEGEND_LINE: f64 = 22.0;
const LEGEND_SWATCH: f64 = 30.0;
/// Width of the mark at a node's left side.
const MARK: f64 = 4.0;

/// Renders a drawing.
pub fn render(drawing: &Drawing, title: &str) -> String {
    let picture = layout::arrange(drawing);
    let legend = Legend::new(drawing, picture.width);
    let title_width = columns(title) as f64 * 9.0;
    let width = picture.width.max(legend.width).max(title_width) + 2.0 * MARGIN;
    let top = MARGIN + if title.is_empty() { 0.0 } else { TITLE_HEIGHT } + legend.height;
    let height = top + picture.height + MARGIN;
    let mut out = String::new();
    let (width, height) = (round(width), round(height));
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">"
    );
    if !title.is_empty() {
        let _ = writeln!(out, "<title>{}</title>", xml(title));
    }
    let (light, dark) = style(drawing, "", "");
    let _ = writeln!(out, "<style>\n{light}@media (prefers-color-scheme:dark){{\n{dark}}}\n</style>");
    out.push_str(&markers(drawing));
    let _ = writeln!(out, "<rect class=\"page\" width=\"{width}\" height=\"{height}\"/>");
    if !title.is_empty() {
        let _ = writeln!(out, "<text class=\"title\" x=\"{MARGIN}\" y=\"{}\">{}</text>", MARGIN + 10.0, xml(title));
    }
    let legend_top = top - legend.height;
    let _ = writeln!(out, "<g transform=\"translate({MARGIN} {legend_top})\">\n{}</g>", legend.text);
    let left = MARGIN + ((width - 2.0 * MARGIN - picture.width) / 2.0).max(0.0);
    let _ = writeln!(
        out,
        "<g transform=\"translate({} {})\">\n{}</g>",
        round(left),
        round(top),
        content(drawing, &picture)
    );
    out.push_str("</svg>\n");
    out
}

/// Everything but frame, title and legend, from the origin on.
pub fn content(drawing: &Drawing, picture: &Picture) -> String {
    let mut out = String::new();
    for (cluster, rect) in drawing.clusters.iter().zip(&picture.clusters) {
        cluster_box(&mut out, &cluster.title, cluster.head.is_some(), rect);
    }
    for (i, edge) in drawing.edges.iter().enumerate() {
        let way = match picture.edges.get(i) {
            Some(points) if points.len() > 1 => path(points),
            _ if edge.from == edge.to => loop_path(&picture.nodes[edge.from]),
            _ => continue,
        };
        let kind = edge.kind.word();
        let carried = if edge.names.is_empty() { String::new() } else { format!(": {}", edge.names.join(", ")) };
        let carried = xml(&shortened(&carried, 120));
        let _ = writeln!(
            out,
            "<path class=\"edge {kind}\" data-edge=\"{i}\" marker-end=\"url(#arrow-{kind})\" d=\"{way}\"><title>{kind}{carried}</title></path>"
        );
    }
    for (i, node) in drawing.nodes.iter().enumerate() {
        node_box(&mut out, drawing, i, node, &picture.nodes[i]);
    }
    out
}

fn cluster_box(out: &mut String, title: &str, has_head: bool, rect: &Rect) {
    let Rect { x, y, width, height } = rounded(rect);
    let _ =
        writeln!(out, "<rect class=\"cluster\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>");
    if !has_head {
        let (x, y) = (round(x + NODE_PADDING), y + 17.0);
        let _ = writeln!(out, "<text class=\"cluster-title\" x=\"{x}\" y=\"{y}\">{}</text>", xml(title));
    }
}

fn node_box(out: &mut String, drawing: &Drawing, i: usize, node: &Node, rect: &Rect) {
    let Rect { x, y, width, height } = rounded(rect);
    let role = node.role.word();
    let _ = write!(out, "<g class=\"node {role}\" data-node=\"{i}\" transform=\"translate({x} {y})\">");
    let place = match (node.line, drawing.other_path(node)) {
        (0, _) => String::new(),
        (line, None) => format!("line {line}: "),
        (line, Some(path)) => format!("{path}, line {line}: "),
    };
    let text = if node.text.is_empty() { &node.label } else { &node.text };
    let _ = write!(out, "<title>{}{}</title>", xml(&place), xml(&shortened(text, 400)));
    let corner = if node.role == Role::External { height / 2.0 } else { 5.0 };
    let _ = write!(out, "<rect class=\"box\" width=\"{width}\" height=\"{height}\" rx=\"{corner}\"/>");
    if node.role != Role::External {
        let _ = write!(out, "<rect class=\"mark\" width=\"{MARK}\" height=\"{height}\" rx=\"2\"/>");
    }
    let (number, label) = label(drawing, node);
    let mut at = NODE_PADDING;
    if !number.is_empty() {
        let _ = write!(out, "<text class=\"number\" x=\"{at}\" y=\"17.5\">{}</text>", xml(&number));
        at += (columns(&number) as f64 + NUMBER_GAP) * COLUMN_WIDTH;
    }
    let length = round(columns(&label) as f64 * COLUMN_WIDTH);
    let _ = writeln!(
        out,
        "<text x=\"{}\" y=\"17.5\" textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\">{}</text></g>",
        round(at),
        xml(&label)
    );
}

/// Straight where x stays, else a curve that begins and ends downwards (or upwards, for a way that leads up).
fn path(points: &[Point]) -> String {
    let mut out = String::new();
    let Some(first) = points.first() else { return out };
    let _ = write!(out, "M{} {}", round(first.x), round(first.y));
    for (i, pair) in points.windows(2).enumerate() {
        let (from, to) = (pair[0], pair[1]);
        // The arrow needs a short straight way to its point.
        let end = if i + 2 == points.len() { (to.y - from.y).clamp(-5.0, 5.0) } else { 0.0 };
        if (from.x - to.x).abs() < 0.05 {
            let _ = write!(out, "V{}", round(to.y));
            continue;
        }
        let middle = round((from.y + to.y - end) / 2.0);
        let (x, y) = (round(to.x), round(to.y - end));
        let _ = write!(out, "C{} {middle} {x} {middle} {x} {y}", round(from.x));
        if end != 0.0 {
            let _ = write!(out, "V{}", round(to.y));
        }
    }
    out
}

fn loop_path(rect: &Rect) -> String {
    let (x, y) = (round(rect.x + rect.width), rect.y);
    let (low, high) = (round(y + NODE_HEIGHT * 0.75), round(y + NODE_HEIGHT * 0.25));
    let out = round(x + 18.0);
    format!("M{x} {low}C{out} {low} {out} {high} {x} {high}")
}

/// The arrow heads that the content refers to.
pub fn markers(drawing: &Drawing) -> String {
    let mut out = String::from("<defs>\n");
    for kind in drawing.edge_kinds() {
        let word = kind.word();
        let _ = writeln!(
            out,
            "<marker id=\"arrow-{word}\" class=\"{word}\" viewBox=\"0 0 8 8\" refX=\"7.4\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"head\" d=\"M0 0.6L8 4L0 7.4z\"/></marker>"
        );
    }
    out.push_str("</defs>\n");
    out
}

/// The rules for the content, each selector below `scope`: the light ones, then the dark ones.
pub fn style(drawing: &Drawing, scope: &str, dark_scope: &str) -> (String, String) {
    let mut light = vec![
        (
            "text",
            String::from(
                "font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#1f2328",
            ),
        ),
        (".title", String::from("font:600 15px system-ui,sans-serif")),
        (".legend", String::from("font:12px system-ui,sans-serif;fill:#57606a")),
        (".number", String::from("fill:#8b949e")),
        (".page", String::from("fill:#ffffff")),
        (".box", String::from("stroke-width:1")),
        (".edge", String::from("fill:none")),
        (".cluster", String::from("fill:#8b949e;fill-opacity:.07;stroke:#b8bec8;stroke-width:1")),
        (".cluster-title", String::from("font:600 12px system-ui,sans-serif;fill:#57606a")),
    ]
    .into_iter()
    .map(|(selector, body)| (selector.to_owned(), body))
    .collect::<Vec<_>>();
    for kind in drawing.edge_kinds() {
        let dashes = kind.dashes();
        let dashed = if dashes.is_empty() { String::new() } else { format!(";stroke-dasharray:{dashes}") };
        light.push((format!(".edge.{}", kind.word()), format!("stroke-width:{}{dashed}", kind.width())));
    }
    light.extend(colours(drawing, Role::light, EdgeKind::light));
    let mut dark = vec![
        (String::from("text"), String::from("fill:#e6edf3")),
        (String::from(".legend"), String::from("fill:#9aa4af")),
        (String::from(".cluster-title"), String::from("fill:#9aa4af")),
        (String::from(".number"), String::from("fill:#7d8590")),
        (String::from(".page"), String::from("fill:#0d1117")),
        (String::from(".cluster"), String::from("stroke:#3d444d")),
    ];
    dark.extend(colours(drawing, Role::dark, EdgeKind::dark));
    let rules = |rules: &[(String, String)], scope: &str| {
        rules.iter().fold(String::new(), |out, (selector, body)| out + scope + selector + "{" + body + "}\n")
    };
    (rules(&light, scope), rules(&dark, dark_scope))
}

fn colours(
    drawing: &Drawing,
    colours: fn(Role) -> Colours,
    line: fn(EdgeKind) -> &'static str,
) -> Vec<(String, String)> {
    let mut rules = Vec::new();
    for role in drawing.roles() {
        let (word, Colours { fill, line }) = (role.word(), colours(role));
        rules.push((format!(".node.{word} .box"), format!("fill:{fill};stroke:{line}")));
        rules.push((format!(".node.{word} .mark"), format!("fill:{line}")));
    }
    for kind in drawing.edge_kinds() {
        let (word, colour) = (kind.word(), line(kind));
        rules.push((format!(".edge.{word}"), format!("stroke:{colour}")));
        rules.push((format!(".{word} .head"), format!("fill:{colour}")));
    }
    rules
}

struct Legend {
    text: String,
    width: f64,
    height: f64,
}

impl Legend {
    fn new(drawing: &Drawing, available: f64) -> Self {
        let limit = available.max(640.0);
        let mut legend = Self { text: String::new(), width: 0.0, height: 0.0 };
        let (mut x, mut y) = (0.0, 0.0);
        let words = drawing.roles().into_iter().map(|role| (role.word(), Some(role), None));
        let lines = drawing.edge_kinds().into_iter().map(|kind| (kind.word(), None, Some(kind)));
        let mut roles_done = false;
        for (word, role, kind) in words.chain(lines) {
            let width = LEGEND_SWATCH + columns(word) as f64 * 6.6 + 14.0;
            let begins_lines = kind.is_some() && !std::mem::replace(&mut roles_done, kind.is_some());
            if x > 0.0 && (x + width > limit || begins_lines) {
                (x, y) = (0.0, y + LEGEND_LINE);
            }
            legend.entry(word, role, kind, x, y);
            x += width;
            legend.width = legend.width.max(x);
            legend.height = y + LEGEND_LINE + 14.0;
        }
        legend
    }

    fn entry(&mut self, word: &str, role: Option<Role>, kind: Option<EdgeKind>, x: f64, y: f64) {
        let out = &mut self.text;
        if role.is_some() {
            let _ = write!(
                out,
                "<g class=\"node {word}\" transform=\"translate({} {y})\"><rect class=\"box\" width=\"20\" height=\"12\" rx=\"3\"/><rect class=\"mark\" width=\"{MARK}\" height=\"12\" rx=\"2\"/></g>",
                round(x)
            );
        }
        if kind.is_some() {
            let (left, right, middle) = (round(x), round(x + 24.0), y + 6.0);
            let _ = write!(
                out,
                "<path class=\"edge {word}\" marker-end=\"url(#arrow-{word})\" d=\"M{left} {middle}H{right}\"/>"
            );
        }
        let _ =
            writeln!(out, "<text class=\"legend\" x=\"{}\" y=\"{}\">{word}</text>", round(x + LEGEND_SWATCH), y + 10.0);
    }
}

fn rounded(rect: &Rect) -> Rect {
    Rect { x: round(rect.x), y: round(rect.y), width: round(rect.width), height: round(rect.height) }
}

/// A tenth of a pixel is enough, and keeps the output short.
fn round(value: f64) -> f64 {
    let rounded = (value * 10.0).round() / 10.0;
    // No minus before a zero.
    rounded + 0.0
}
