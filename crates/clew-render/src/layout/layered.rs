//! One level of the layout: items of any size and the links between them become places and ways.

use super::order::Layers;
use super::position::{coordinates, Vertices};
use super::rank::{Acyclic, Layering};
use super::{Point, Rect, NODE_HEIGHT};
use std::collections::BTreeMap;

/// Between two items of a layer.
const ITEM_GAP: f64 = 26.0;
/// Between two links that pass a layer.
const PASSING_GAP: f64 = 13.0;
/// Between two layers, at least; more where links go far to the side.
const LAYER_GAP: f64 = 40.0;
const LAYER_GAP_MOST: f64 = 84.0;
/// Between two links where they meet an item.
const PORT_GAP: f64 = 12.0;
/// Links between the parts of an item that reaches through several layers.
const PART_LINKS: usize = 40;

/// Whether an item is bound to the first or last layer: there, links enter and leave a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Anywhere.
    Free,
    /// In the first layer, which holds nothing else.
    First,
    /// In the last layer, which holds nothing else.
    Last,
}

/// What takes room.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
    /// Where it must be.
    pub end: End,
    /// Through how many layers it reaches, usually.
    pub span: usize,
}

impl Item {
    /// An item of a size.
    pub fn new(width: f64, height: f64, end: End) -> Self {
        let layers = (height - NODE_HEIGHT) / (NODE_HEIGHT + LAYER_GAP);
        // Rounded, not cut: what is a little too high stretches the last of its layers.
        #[allow(clippy::cast_sign_loss)]
        let more = layers.max(0.0).round() as usize;
        Self { width, height, end, span: 1 + more }
    }

    /// What it takes of a layer's width.
    pub fn room(&self) -> f64 {
        self.width + ITEM_GAP
    }
}

/// A link between two items.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// The item above, usually.
    pub from: usize,
    /// The item below, usually.
    pub to: usize,
    /// Links from the same item with the same trunk share their way.
    pub trunk: usize,
    /// Where it leaves `from`, to the right of the item's middle, if that is fixed.
    pub leaves_at: Option<f64>,
    /// Where it enters `to`.
    pub enters_at: Option<f64>,
}

/// The result.
#[derive(Debug, Default)]
pub struct Placed {
    /// One for each item.
    pub items: Vec<Rect>,
    /// One for each link, from `from` to `to`; for a link from an item to itself, empty.
    pub ways: Vec<Vec<Point>>,
    /// Links that lead upwards.
    pub turned: Vec<bool>,
    /// Extent of everything.
    pub width: f64,
    /// Extent of everything.
    pub height: f64,
}

/// Lays out one level, about `aspect` times as wide as high.
pub fn arrange(items: &[Item], links: &[Link], aspect: f64) -> Placed {
    if items.is_empty() {
        return Placed::default();
    }
    let acyclic = Acyclic::new(items.len(), links);
    let layering = acyclic.ranks(items, width_limit(items, aspect));
    let mut level = Level::new(items, links, acyclic.turned, &layering);
    level.layers.arrange();
    level.place()
}

/// The width of a layer at which the whole has about the right shape.
fn width_limit(items: &[Item], aspect: f64) -> f64 {
    let area: f64 = items.iter().map(|item| item.room() * (item.height + LAYER_GAP + 20.0)).sum();
    let widest = items.iter().map(Item::room).fold(0.0, f64::max);
    (area * aspect).sqrt().max(widest * 1.2)
}

struct Level<'a> {
    items: &'a [Item],
    links: &'a [Link],
    turned: Vec<bool>,
    layers: Layers,
    layer_of: Vec<usize>,
    /// For each vertex, the item that it is or is a part of; nothing for one that stands for a passing link.
    item_of: Vec<Option<usize>>,
    /// For each item, its vertices, one a layer.
    parts: Vec<Vec<usize>>,
    /// For each link, the vertices that it goes through, from above to below.
    chains: Vec<Vec<usize>>,
}

impl<'a> Level<'a> {
    fn new(items: &'a [Item], links: &'a [Link], turned: Vec<bool>, layering: &[Layering]) -> Self {
        let n_layers = layering.iter().map(|of_item| of_item.last + 1).max().unwrap_or(0);
        let mut level = Self {
            items,
            links,
            turned,
            layers: Layers { rows: vec![Vec::new(); n_layers], ..Layers::default() },
            layer_of: Vec::new(),
            item_of: Vec::new(),
            parts: Vec::new(),
            chains: Vec::new(),
        };
        for (item, of_item) in layering.iter().enumerate() {
            let vertex = level.vertex(of_item.first, Some(item));
            level.parts.push(vec![vertex]);
        }
        for (item, of_item) in layering.iter().enumerate() {
            for layer in of_item.first + 1..=of_item.last {
                let before = level.parts[item][level.parts[item].len() - 1];
                let part = level.vertex(layer, Some(item));
                // So many links that nothing is likely to cross them, or to move one end and not the other.
                for _ in 0..PART_LINKS {
                    level.join(before, part);
                }
                level.parts[item].push(part);
            }
        }
        // The vertex of a trunk in a layer, by the item it starts from.
        let mut trunks: BTreeMap<(usize, usize, usize), usize> = BTreeMap::new();
        for (i, link) in links.iter().enumerate() {
            let chain = level.chain(i, link, &mut trunks);
            level.chains.push(chain);
        }
        level
    }

    fn vertex(&mut self, layer: usize, item: Option<usize>) -> usize {
        let vertex = self.layer_of.len();
        self.layer_of.push(layer);
        self.item_of.push(item);
        self.layers.rows[layer].push(vertex);
        self.layers.above.push(Vec::new());
        self.layers.below.push(Vec::new());
        vertex
    }

    fn join(&mut self, upper: usize, lower: usize) {
        self.layers.below[upper].push(lower);
        self.layers.above[lower].push(upper);
    }

    fn chain(&mut self, i: usize, link: &Link, trunks: &mut BTreeMap<(usize, usize, usize), usize>) -> Vec<usize> {
        if link.from == link.to {
            return Vec::new();
        }
        let turned = self.turned[i];
        let (upper, lower) = if turned { (link.to, link.from) } else { (link.from, link.to) };
        // A turned link has a trunk of its own, whose number no other has.
        let trunk = if turned { usize::MAX - i } else { link.trunk };
        let mut before = self.parts[upper][self.parts[upper].len() - 1];
        let mut chain = vec![before];
        for layer in self.layer_of[before] + 1..self.layer_of[lower] {
            let vertex = if let Some(&vertex) = trunks.get(&(upper, trunk, layer)) {
                vertex
            } else {
                let vertex = self.vertex(layer, None);
                self.join(before, vertex);
                trunks.insert((upper, trunk, layer), vertex);
                vertex
            };
            chain.push(vertex);
            before = vertex;
        }
        self.join(before, lower);
        chain.push(lower);
        chain
    }

    fn place(self) -> Placed {
        let room = |item: &Option<usize>| item.map_or((0.0, PASSING_GAP), |item| (self.items[item].width, ITEM_GAP));
        let vertices = Vertices {
            width: self.item_of.iter().map(|item| room(item).0).collect(),
            margin: self.item_of.iter().map(|item| room(item).1 / 2.0).collect(),
            passing: self.item_of.iter().map(Option::is_none).collect(),
            wholes: self.parts.iter().filter(|parts| parts.len() > 1).cloned().collect(),
            ports: self.fixed_ports(),
        };
        let x = coordinates(&self.layers, &vertices);
        let (tops, bottoms) = self.heights(&x);
        let rect = |(item, size): (usize, &Item)| Rect {
            x: x[item] - size.width / 2.0,
            y: tops[self.layer_of[item]],
            width: size.width,
            height: size.height,
        };
        let items: Vec<Rect> = self.items.iter().enumerate().map(rect).collect();
        let ways = self.ways(&x, &items, &tops, &bottoms);
        let right = |(x, width): (&f64, &f64)| x + width / 2.0;
        Placed {
            width: x.iter().zip(&vertices.width).map(right).fold(0.0, f64::max),
            height: bottoms.last().copied().unwrap_or(0.0),
            items,
            ways,
            turned: self.turned,
        }
    }

    fn fixed_ports(&self) -> BTreeMap<(usize, usize), f64> {
        let mut ports = BTreeMap::new();
        for ((link, chain), turned) in self.links.iter().zip(&self.chains).zip(&self.turned) {
            let ends = if *turned { [link.enters_at, link.leaves_at] } else { [link.leaves_at, link.enters_at] };
            if let ([upper, next, ..], Some(at)) = (chain.as_slice(), ends[0]) {
                ports.insert((*upper, *next), at);
            }
            if let ([.., before, lower], Some(at)) = (chain.as_slice(), ends[1]) {
                ports.insert((*lower, *before), at);
            }
        }
        ports
    }

    /// Top and bottom of each layer. An item of several layers stretches its last one if it is too high.
    fn heights(&self, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (mut tops, mut bottoms): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
        let mut y: f64 = 0.0;
        for (i, layer) in self.layers.rows.iter().enumerate() {
            tops.push(y);
            let mut bottom = y;
            for &vertex in layer {
                let Some(item) = self.item_of[vertex] else { continue };
                if self.parts[item].last() == Some(&vertex) {
                    bottom = bottom.max(tops[self.layer_of[item]] + self.items[item].height);
                }
            }
            bottoms.push(bottom);
            let aside = |v: usize| self.layers.below[v].iter().map(move |&lower| (x[v] - x[lower]).abs());
            let farthest = layer.iter().flat_map(|&v| aside(v)).fold(0.0, f64::max);
            let gap = if self.is_gates(i) || self.is_gates(i + 1) { LAYER_GAP * 0.6 } else { LAYER_GAP };
            y = bottom + (gap + farthest * 0.035).min(LAYER_GAP_MOST);
        }
        (tops, bottoms)
    }

    /// Whether a layer holds nothing but ends of a cluster, which need no distance.
    fn is_gates(&self, layer: usize) -> bool {
        let gate = |&v: &usize| self.item_of[v].is_some_and(|item| self.items[item].end != End::Free);
        self.layers.rows.get(layer).is_some_and(|layer| layer.iter().any(gate))
    }

    fn ways(&self, x: &[f64], items: &[Rect], tops: &[f64], bottoms: &[f64]) -> Vec<Vec<Point>> {
        let ports = Ports::new(self, x);
        let mut ways = Vec::with_capacity(self.links.len());
        for (i, chain) in self.chains.iter().enumerate() {
            let mut way = Vec::new();
            for (step, pair) in chain.windows(2).enumerate() {
                let (upper, lower) = (pair[0], pair[1]);
                let start_x = if step == 0 { ports.leaving[i] } else { x[upper] };
                let end_x = if step + 2 == chain.len() { ports.entering[i] } else { x[lower] };
                if let Some(item) = self.item_of[upper].map(|item| items[item]) {
                    way.push(Point { x: start_x, y: item.y + item.height });
                }
                way.push(Point { x: start_x, y: bottoms[self.layer_of[upper]] });
                way.push(Point { x: end_x, y: tops[self.layer_of[lower]] });
            }
            if self.turned[i] {
                way.reverse();
            }
            ways.push(straightened(way));
        }
        ways
    }
}

/// Leaves out points that change nothing.
pub fn straightened(way: Vec<Point>) -> Vec<Point> {
    let mut out: Vec<Point> = Vec::with_capacity(way.len());
    for point in way {
        let same_x = |a: &Point| (a.x - point.x).abs() < 0.05;
        if out.last().is_some_and(|last| same_x(last) && (last.y - point.y).abs() < 0.05) {
            continue;
        }
        if let [.., before, last] = out.as_mut_slice() {
            if same_x(before) && same_x(last) {
                *last = point;
                continue;
            }
        }
        out.push(point);
    }
    out
}

/// Where links leave and enter items: side by side, in the order of where they go and come from.
struct Ports {
    /// For each link, the x at its upper end.
    leaving: Vec<f64>,
    /// At its lower end.
    entering: Vec<f64>,
}

impl Ports {
    fn new(level: &Level, x: &[f64]) -> Self {
        let n = level.links.len();
        let mut ports = Self { leaving: vec![0.0; n], entering: vec![0.0; n] };
        let mut by_item: Vec<[Vec<usize>; 2]> = vec![[Vec::new(), Vec::new()]; level.items.len()];
        for (i, chain) in level.chains.iter().enumerate() {
            let ends = (chain.first().and_then(|&v| level.item_of[v]), chain.last().and_then(|&v| level.item_of[v]));
            if let (Some(upper), Some(lower)) = ends {
                by_item[upper][0].push(i);
                by_item[lower][1].push(i);
            }
        }
        for (item, [leaving, entering]) in by_item.iter().enumerate() {
            ports.spread(level, x, item, leaving, true);
            ports.spread(level, x, item, entering, false);
        }
        ports
    }

    fn spread(&mut self, level: &Level, x: &[f64], item: usize, links: &[usize], leaving: bool) {
        // Links that go on to, or come from, the same vertex of one trunk are one here.
        let key = |&i: &usize| {
            let chain = &level.chains[i];
            let next = if leaving { chain[1] } else { chain[chain.len() - 2] };
            (next, if level.turned[i] { usize::MAX - i } else { level.links[i].trunk })
        };
        let mut keys: Vec<(usize, usize)> = links.iter().map(key).collect();
        keys.sort_by(|a, b| x[a.0].total_cmp(&x[b.0]).then(a.cmp(b)));
        keys.dedup();
        let gap = if keys.len() > 1 {
            let room = (level.items[item].width - 20.0).max(0.0);
            PORT_GAP.min(room / (keys.len() - 1) as f64)
        } else {
            0.0
        };
        for &i in links {
            let link = &level.links[i];
            // The upper end of a turned link is its own end.
            let fixed = if leaving == level.turned[i] { link.enters_at } else { link.leaves_at };
            let place = keys.iter().position(|k| *k == key(&i)).unwrap_or(0) as f64;
            let spread = (place - (keys.len() as f64 - 1.0) / 2.0) * gap;
            let at = x[item] + fixed.unwrap_or(spread);
            if leaving {
                self.leaving[i] = at;
            } else {
                self.entering[i] = at;
            }
        }
    }
}
