//! Horizontal coordinates: each layer is drawn towards its neighbours, as far as its order and widths allow.
//!
//! Layers are swept down and up. A vertex wants to stand at the weighted median of what it is linked to; the best places
//! for a whole layer, given what each of its vertices wants and the gaps between them, are an isotonic regression, which
//! pooling adjacent violators solves exactly (Ayer and others, 1955). Links between passing vertices weigh most, so that
//! long ways become straight; at last each of them is made straight where there is room. Unlike aligning in blocks
//! (Brandes and Köpf, 2001), which was tried first, this does not trade width for straightness: with nodes as wide as
//! lines of code it gave pictures five times as wide.

use super::order::Layers;
use std::collections::BTreeMap;

/// Sweeps down and up.
const SWEEPS: usize = 14;
/// Rounds of bringing the parts of high items together.
const WHOLE_ROUNDS: usize = 4;
/// How much a link pulls: between items, between an item and a passing vertex, between passing vertices. The last is so
/// much that a trunk stays where it is, however many items of a layer hang on it: else it would drift from layer to layer.
const PULL: [f64; 3] = [1.0, 2.0, 20_000.0];

/// What the coordinates depend on besides the order.
pub struct Vertices {
    /// Width of each vertex.
    pub width: Vec<f64>,
    /// Half of the gap to its neighbours.
    pub margin: Vec<f64>,
    /// Whether the vertex only stands for a link that passes.
    pub passing: Vec<bool>,
    /// Vertices that are one above the other and must stay so.
    pub wholes: Vec<Vec<usize>>,
    /// Where the link between two vertices meets the first, to the right of its middle; 0 unless told.
    pub ports: BTreeMap<(usize, usize), f64>,
}

/// The x of the middle of each vertex, from 0 on.
pub fn coordinates(layers: &Layers, vertices: &Vertices) -> Vec<f64> {
    let mut positions = Positions { layers, vertices, x: vec![0.0; vertices.width.len()] };
    positions.begin();
    let n_layers = layers.rows.len();
    for sweep in 0..SWEEPS {
        let last = sweep + 2 >= SWEEPS;
        for i in 0..n_layers {
            positions.settle(i, true, last);
        }
        for i in (0..n_layers).rev() {
            positions.settle(i, last, true);
        }
    }
    positions.join_wholes();
    positions.straighten();
    let Positions { mut x, .. } = positions;
    let left = x.iter().zip(&vertices.width).map(|(x, width)| x - width / 2.0).fold(f64::INFINITY, f64::min);
    for x in &mut x {
        *x -= left;
    }
    x
}

struct Positions<'a> {
    layers: &'a Layers,
    vertices: &'a Vertices,
    x: Vec<f64>,
}

impl Positions<'_> {
    /// The least distance of the middles of two neighbours.
    fn gap(&self, left: usize, right: usize) -> f64 {
        let Vertices { width, margin, .. } = self.vertices;
        f64::midpoint(width[left], width[right]) + margin[left] + margin[right]
    }

    /// Each layer packed, its middle at 0.
    fn begin(&mut self) {
        for layer in &self.layers.rows {
            let mut x = 0.0;
            for (i, &vertex) in layer.iter().enumerate() {
                x += if i == 0 { 0.0 } else { self.gap(layer[i - 1], vertex) };
                self.x[vertex] = x;
            }
            for &vertex in layer {
                self.x[vertex] -= x / 2.0;
            }
        }
    }

    /// Moves a layer towards the layers above and below.
    fn settle(&mut self, layer: usize, above: bool, below: bool) {
        let layers = self.layers;
        let layer = &layers.rows[layer];
        let mut wanted: Vec<(f64, f64)> = Vec::with_capacity(layer.len());
        for &vertex in layer {
            let mut pulls = Vec::new();
            if above || self.layers.below[vertex].is_empty() {
                self.pulls(vertex, &self.layers.above[vertex], &mut pulls);
            }
            if below || self.layers.above[vertex].is_empty() {
                self.pulls(vertex, &self.layers.below[vertex], &mut pulls);
            }
            wanted.push(weighted_median(&mut pulls).unwrap_or((self.x[vertex], 0.01)));
        }
        self.settle_where(layer, wanted);
    }

    /// Gives a layer the places that are nearest to the wanted ones.
    fn settle_where(&mut self, layer: &[usize], mut wanted: Vec<(f64, f64)>) {
        let mut offset = 0.0;
        let mut offsets = Vec::with_capacity(layer.len());
        for (i, &vertex) in layer.iter().enumerate() {
            offset += if i == 0 { 0.0 } else { self.gap(layer[i - 1], vertex) };
            offsets.push(offset);
            wanted[i].0 -= offset;
        }
        for ((&vertex, place), offset) in layer.iter().zip(regression(&wanted)).zip(offsets) {
            self.x[vertex] = place + offset;
        }
    }

    /// Puts the parts of each whole at one x, and moves the others out of their way.
    fn join_wholes(&mut self) {
        if self.vertices.wholes.is_empty() {
            return;
        }
        let mut weight = vec![1.0; self.x.len()];
        self.vertices.wholes.iter().flatten().for_each(|&part| weight[part] = 1e7);
        for _ in 0..WHOLE_ROUNDS {
            for whole in &self.vertices.wholes {
                let mean = whole.iter().map(|&part| self.x[part]).sum::<f64>() / whole.len() as f64;
                for &part in whole {
                    self.x[part] = mean;
                }
            }
            let layers = self.layers;
            for layer in &layers.rows {
                let wanted = layer.iter().map(|&vertex| (self.x[vertex], weight[vertex])).collect();
                self.settle_where(layer, wanted);
            }
        }
    }

    fn pulls(&self, vertex: usize, neighbours: &[usize], pulls: &mut Vec<(f64, f64)>) {
        let Vertices { passing, ports, .. } = self.vertices;
        let port = |a: usize, b: usize| ports.get(&(a, b)).copied().unwrap_or(0.0);
        for &other in neighbours {
            let n_passing = usize::from(passing[vertex]) + usize::from(passing[other]);
            pulls.push((self.x[other] + port(other, vertex) - port(vertex, other), PULL[n_passing]));
        }
    }

    /// Gives the vertices of each passing way one x, as far as their neighbours in the layers let them.
    fn straighten(&mut self) {
        let places = self.layers.places();
        let mut layer_of = vec![0; self.x.len()];
        for (i, layer) in self.layers.rows.iter().enumerate() {
            for &vertex in layer {
                layer_of[vertex] = i;
            }
        }
        let passing = &self.vertices.passing;
        for start in 0..self.x.len() {
            if !passing[start] || self.layers.above[start].iter().any(|&upper| passing[upper]) {
                continue;
            }
            let mut chain = vec![start];
            while let Some(&next) = self.layers.below[chain[chain.len() - 1]].iter().find(|&&lower| passing[lower]) {
                chain.push(next);
            }
            let rooms: Vec<(f64, f64)> =
                chain.iter().map(|&v| self.room(&self.layers.rows[layer_of[v]], places[v], v)).collect();
            self.straighten_chain(&chain, &rooms);
        }
    }

    /// Between which places a vertex may move.
    fn room(&self, layer: &[usize], place: usize, vertex: usize) -> (f64, f64) {
        let left = place.checked_sub(1).map(|at| layer[at]);
        let right = layer.get(place + 1);
        (
            left.map_or(f64::NEG_INFINITY, |left| self.x[left] + self.gap(left, vertex)),
            right.map_or(f64::INFINITY, |&right| self.x[right] - self.gap(vertex, right)),
        )
    }

    fn straighten_chain(&mut self, chain: &[usize], rooms: &[(f64, f64)]) {
        let mut begin = 0;
        while begin < chain.len() {
            let (mut low, mut high) = rooms[begin];
            let mut end = begin + 1;
            while end < chain.len() && low.max(rooms[end].0) <= high.min(rooms[end].1) {
                low = low.max(rooms[end].0);
                high = high.min(rooms[end].1);
                end += 1;
            }
            let mean = chain[begin..end].iter().map(|&v| self.x[v]).sum::<f64>() / (end - begin) as f64;
            let x = mean.max(low).min(high.max(low));
            chain[begin..end].iter().for_each(|&vertex| self.x[vertex] = x);
            begin = end;
        }
    }
}

/// The middle of the pulls, and how strong they are together.
fn weighted_median(pulls: &mut [(f64, f64)]) -> Option<(f64, f64)> {
    pulls.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = pulls.iter().map(|pull| pull.1).sum();
    let mut sum = 0.0;
    for (i, &(place, weight)) in pulls.iter().enumerate() {
        sum += weight;
        if sum * 2.0 > total {
            return Some((place, total));
        }
        if (sum * 2.0 - total).abs() < 1e-9 {
            let next = pulls.get(i + 1).map_or(place, |pull| pull.0);
            return Some((f64::midpoint(place, next), total));
        }
    }
    None
}

/// The ascending numbers nearest to the wanted ones, by weighted squares.
fn regression(wanted: &[(f64, f64)]) -> Vec<f64> {
    // Pools of neighbours that share one number: the number, the weight, how many.
    let mut pools: Vec<(f64, f64, usize)> = Vec::with_capacity(wanted.len());
    for &(place, weight) in wanted {
        let mut pool = (place, weight, 1);
        while let Some(&(before, its_weight, its_count)) = pools.last() {
            if before <= pool.0 {
                break;
            }
            let sum = its_weight + pool.1;
            pool = ((before * its_weight + pool.0 * pool.1) / sum, sum, its_count + pool.2);
            pools.pop();
        }
        pools.push(pool);
    }
    pools.iter().flat_map(|&(place, _, count)| std::iter::repeat_n(place, count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regression_pools_what_is_out_of_order() {
        assert_eq!(regression(&[(1.0, 1.0), (3.0, 1.0), (2.0, 1.0), (5.0, 1.0)]), [1.0, 2.5, 2.5, 5.0]);
        assert_eq!(regression(&[(3.0, 3.0), (0.0, 1.0)]), [2.25, 2.25]);
    }

    #[test]
    fn the_median_counts_weights() {
        assert_eq!(weighted_median(&mut [(0.0, 1.0), (10.0, 3.0)]), Some((10.0, 4.0)));
        assert_eq!(weighted_median(&mut [(0.0, 1.0), (10.0, 1.0)]), Some((5.0, 2.0)));
        assert_eq!(weighted_median(&mut []), None);
    }
}
