//! The layout of nested clusters: each is laid out for itself, from the inside out, and is one box for what is around it.
//!
//! An edge that crosses the border of a cluster is made of parts, one for each level that it passes. Where it crosses,
//! it goes through a gate: an item without size in the first or last layer of the cluster, so that the way inside avoids
//! the nodes there as the way outside does.

use super::layered::{self, End, Item, Link, Placed};
use super::{node_width, Picture, Point, Rect, COLUMN_WIDTH, NODE_HEIGHT, NODE_PADDING};
use crate::drawing::Drawing;
use crate::style::EdgeKind;
use crate::text::columns;
use indexmap::{IndexMap, IndexSet};

/// Between a cluster's border and what is in it.
const PADDING: f64 = 14.0;
/// Below the title bar.
const TITLE_GAP: f64 = 12.0;
const GATE_WIDTH: f64 = 4.0;
/// How much wider than high the whole should be.
const ASPECT: f64 = 1.5;
/// And a cluster: a high one keeps what follows far away.
const ASPECT_INSIDE: f64 = 2.6;

/// A cluster by its number; `None` is the whole drawing.
type Container = Option<usize>;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Content {
    Node(usize),
    Box(usize),
    /// Edges of a trunk come in here.
    Entry(usize),
    /// Edges of a trunk go out here.
    Exit(usize),
}

#[derive(Default)]
struct Level {
    contents: IndexSet<Content>,
    /// By begin, end and trunk.
    links: IndexSet<(usize, usize, usize)>,
    placed: Placed,
    /// Size of the box.
    width: f64,
    height: f64,
    /// From the box's corner to the contents.
    inset: Point,
}

impl Level {
    fn content(&mut self, content: Content) -> usize {
        self.contents.insert_full(content).0
    }

    fn link(&mut self, from: Content, to: Content, trunk: usize) -> usize {
        let ends = (self.content(from), self.content(to), trunk);
        self.links.insert_full(ends).0
    }
}

struct Nested<'a> {
    drawing: &'a Drawing,
    /// The cluster whose head a node is.
    headed: Vec<Option<usize>>,
    /// The whole drawing, then the clusters.
    levels: Vec<Level>,
    /// For each edge, its parts: level and link.
    parts: Vec<Vec<(usize, usize)>>,
    trunks: IndexSet<(usize, EdgeKind)>,
}

/// Lays a drawing out.
pub fn arrange(drawing: &Drawing) -> Picture {
    let mut headed = vec![None; drawing.nodes.len()];
    for (i, cluster) in drawing.clusters.iter().enumerate() {
        if let Some(head) = cluster.head {
            headed[head] = Some(i);
        }
    }
    let levels = (0..=drawing.clusters.len()).map(|_| Level::default()).collect();
    let mut nested = Nested { drawing, headed, levels, parts: Vec::new(), trunks: IndexSet::new() };
    nested.fill();
    nested.connect();
    // A cluster stands behind the one around it.
    for level in (0..nested.levels.len()).rev() {
        nested.place(level);
    }
    nested.picture()
}

const fn level_of(container: Container) -> usize {
    match container {
        Some(cluster) => cluster + 1,
        None => 0,
    }
}

impl Nested<'_> {
    fn fill(&mut self) {
        for node in 0..self.drawing.nodes.len() {
            let (container, content) = self.stands(node);
            self.levels[level_of(container)].content(content);
        }
        for (i, cluster) in self.drawing.clusters.iter().enumerate() {
            self.levels[level_of(cluster.parent)].content(Content::Box(i));
        }
    }

    /// Where a node stands, and as what.
    fn stands(&self, node: usize) -> (Container, Content) {
        match self.headed[node] {
            Some(cluster) => (self.drawing.clusters[cluster].parent, Content::Box(cluster)),
            None => (self.drawing.nodes[node].cluster, Content::Node(node)),
        }
    }

    /// The containers of a node from the innermost outwards, with what stands for the node in each.
    fn path(&self, node: usize) -> IndexMap<Container, Content> {
        let mut path = IndexMap::new();
        let (mut container, mut content) = self.stands(node);
        loop {
            path.insert(container, content);
            let Some(cluster) = container else { return path };
            container = self.drawing.clusters[cluster].parent;
            content = Content::Box(cluster);
        }
    }

    fn connect(&mut self) {
        for edge in &self.drawing.edges {
            let trunk = self.trunks.insert_full((edge.from, edge.kind)).0;
            let (begin, end) = (self.path(edge.from), self.path(edge.to));
            let common = begin.keys().find(|container| end.contains_key(*container)).copied().unwrap_or(None);
            let mut parts = Vec::new();
            let (Some(&from), Some(&to)) = (begin.get(&common), end.get(&common)) else { continue };
            if edge.from != edge.to && from != to {
                for (&container, &content) in begin.iter().take_while(|(container, _)| **container != common) {
                    let level = level_of(container);
                    parts.push((level, self.levels[level].link(content, Content::Exit(trunk), trunk)));
                }
                parts.push((level_of(common), self.levels[level_of(common)].link(from, to, trunk)));
                let before = parts.len();
                for (&container, &content) in end.iter().take_while(|(container, _)| **container != common) {
                    let level = level_of(container);
                    parts.push((level, self.levels[level].link(Content::Entry(trunk), content, trunk)));
                }
                parts[before..].reverse();
            }
            self.parts.push(parts);
        }
    }

    fn place(&mut self, level: usize) {
        let items: Vec<Item> = self.levels[level].contents.iter().map(|&content| self.item(content)).collect();
        let links: Vec<Link> = self.levels[level].links.iter().map(|&link| self.link(level, link)).collect();
        let placed = layered::arrange(&items, &links, if level == 0 { ASPECT } else { ASPECT_INSIDE });
        let title = self.title_width(level);
        let this = &mut self.levels[level];
        if level > 0 {
            this.width = placed.width.max(title - 2.0 * PADDING) + 2.0 * PADDING;
            this.inset = Point { x: (this.width - placed.width) / 2.0, y: NODE_HEIGHT + TITLE_GAP };
            this.height = this.inset.y + placed.height + PADDING;
        } else {
            (this.width, this.height) = (placed.width, placed.height);
        }
        this.placed = placed;
    }

    fn title_width(&self, level: usize) -> f64 {
        let Some(cluster) = level.checked_sub(1).map(|cluster| &self.drawing.clusters[cluster]) else { return 0.0 };
        match cluster.head {
            Some(head) => node_width(self.drawing, &self.drawing.nodes[head]),
            None => columns(&cluster.title) as f64 * COLUMN_WIDTH + 2.0 * NODE_PADDING,
        }
    }

    fn item(&self, content: Content) -> Item {
        match content {
            Content::Node(node) => {
                Item::new(node_width(self.drawing, &self.drawing.nodes[node]), NODE_HEIGHT, End::Free)
            }
            Content::Box(cluster) => {
                let level = &self.levels[cluster + 1];
                Item::new(level.width, level.height, End::Free)
            }
            Content::Entry(_) => Item::new(GATE_WIDTH, 0.0, End::First),
            Content::Exit(_) => Item::new(GATE_WIDTH, 0.0, End::Last),
        }
    }

    fn link(&self, level: usize, (from, to, trunk): (usize, usize, usize)) -> Link {
        let contents = &self.levels[level].contents;
        Link {
            from,
            to,
            trunk,
            leaves_at: self.gate(contents[from], Content::Exit(trunk)),
            enters_at: self.gate(contents[to], Content::Entry(trunk)),
        }
    }

    /// Where a box has the gate, from the box's middle.
    fn gate(&self, content: Content, gate: Content) -> Option<f64> {
        let Content::Box(cluster) = content else { return None };
        let level = &self.levels[cluster + 1];
        let place = level.placed.items.get(level.contents.get_index_of(&gate)?)?;
        Some(level.inset.x + place.x + place.width / 2.0 - level.width / 2.0)
    }

    fn picture(&self) -> Picture {
        let whole = &self.levels[0];
        let mut picture = Picture {
            width: whole.width,
            height: whole.height,
            nodes: vec![Rect::default(); self.drawing.nodes.len()],
            clusters: vec![Rect::default(); self.drawing.clusters.len()],
            edges: Vec::new(),
        };
        // Where the contents of each level begin.
        let mut origins = vec![Point::default(); self.levels.len()];
        for (i, level) in self.levels.iter().enumerate() {
            let origin = origins[i];
            for (content, rect) in level.contents.iter().zip(&level.placed.items) {
                let rect = Rect { x: rect.x + origin.x, y: rect.y + origin.y, ..*rect };
                match *content {
                    Content::Node(node) => picture.nodes[node] = rect,
                    Content::Box(cluster) => {
                        let inset = self.levels[cluster + 1].inset;
                        origins[cluster + 1] = Point { x: rect.x + inset.x, y: rect.y + inset.y };
                        picture.clusters[cluster] = rect;
                        if let Some(head) = self.drawing.clusters[cluster].head {
                            picture.nodes[head] = Rect { height: NODE_HEIGHT, ..rect };
                        }
                    }
                    Content::Entry(_) | Content::Exit(_) => {}
                }
            }
        }
        picture.edges = self.parts.iter().map(|parts| self.way(parts, &origins)).collect();
        picture
    }

    fn way(&self, parts: &[(usize, usize)], origins: &[Point]) -> Vec<Point> {
        let turned = |&&(level, link): &&(usize, usize)| self.levels[level].placed.turned[link];
        // A way that leads upwards leaves its box at the top: the part inside, which leads down, would not meet it.
        let parts = parts.iter().find(turned).map_or(parts, std::slice::from_ref);
        let mut way = Vec::new();
        for &(level, link) in parts {
            let origin = origins[level];
            let part = self.levels[level].placed.ways[link].iter();
            way.extend(part.map(|point| Point { x: point.x + origin.x, y: point.y + origin.y }));
        }
        layered::straightened(way)
    }
}
