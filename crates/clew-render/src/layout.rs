//! Where everything goes: layers from top to bottom, in the way of Sugiyama, Tagawa and Toda (1981).
//!
//! Dependencies lead downwards. [`rank`] gives each node a layer, [`order`] arranges each layer so that few edges cross,
//! [`position`] gives coordinates so that long edges are straight, [`layered`] puts these together, and [`clusters`]
//! does so for the body of each function first, which then is one box for what is around it.
//!
//! Edges that lead from one node to several others by the same kind share one trunk as far as they go together: what a
//! program defines once and uses often would hide everything else otherwise. It is also why the layout is our own: the
//! Rust crates that exist have no trunks, and took seconds for 500 nodes or gave no routes for the edges.
//!
//! Deterministic: no randomness, no clock, no unordered map.

mod clusters;
mod layered;
mod order;
mod position;
mod rank;

use crate::drawing::{Drawing, Node};
use crate::text::{columns, shortened, LABEL_CHARACTERS};

/// Width of one column of the labels' font, at 12 pixels.
pub const COLUMN_WIDTH: f64 = 7.23;
/// Height of a node.
pub const NODE_HEIGHT: f64 = 26.0;
/// Between a node's border and its label.
pub const NODE_PADDING: f64 = 11.0;
/// Between the line number and the label, in columns.
pub const NUMBER_GAP: f64 = 1.3;

const MODULE_CHARACTERS: usize = 16;

/// A place.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
}

/// A rectangle by its upper left corner.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
}

/// Where everything is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// Width of the whole.
    pub width: f64,
    /// Height of the whole.
    pub height: f64,
    /// One for each node; the head of a cluster is the cluster's title bar.
    pub nodes: Vec<Rect>,
    /// One for each cluster.
    pub clusters: Vec<Rect>,
    /// One for each edge, from its begin to its end: straight down where x stays, curved where it changes. Empty for an
    /// edge that is not drawn, because its end lies within its begin.
    pub edges: Vec<Vec<Point>>,
}

/// What is written on a node: its line number, with the module's name if it is not the program's, and its text shortened.
pub fn label(drawing: &Drawing, node: &Node) -> (String, String) {
    let number = match (node.line, drawing.other_path(node)) {
        (0, _) => String::new(),
        (line, None) => line.to_string(),
        (line, Some(path)) => {
            let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
            format!("{}:{line}", shortened(file.strip_suffix(".py").unwrap_or(file), MODULE_CHARACTERS))
        }
    };
    (number, shortened(&node.label, LABEL_CHARACTERS))
}

/// Lays a drawing out.
pub fn arrange(drawing: &Drawing) -> Picture {
    clusters::arrange(drawing)
}

/// Width of a node that fits its label.
fn node_width(drawing: &Drawing, node: &Node) -> f64 {
    let (number, text) = label(drawing, node);
    let gap = if number.is_empty() { 0.0 } else { NUMBER_GAP };
    ((columns(&number) + columns(&text)) as f64 + gap) * COLUMN_WIDTH + 2.0 * NODE_PADDING
}
