//! The order within each layer, so that few links cross: median sweeps and swaps of neighbours (Gansner and others, 1993).

/// Vertices in layers: links lead from one layer to the next only.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// Vertices by layer, from left to right.
    pub rows: Vec<Vec<usize>>,
    /// For each vertex, those it is linked to in the layer above.
    pub above: Vec<Vec<usize>>,
    /// And in the layer below.
    pub below: Vec<Vec<usize>>,
}

/// Sweeps without gain after which to stop.
const PATIENCE: usize = 4;
/// Work, in links visited, that may be spent.
const BUDGET: usize = 6_000_000;

impl Layers {
    /// The place of each vertex in its layer.
    pub fn places(&self) -> Vec<usize> {
        let mut places = vec![0; self.above.len()];
        for layer in &self.rows {
            for (place, &vertex) in layer.iter().enumerate() {
                places[vertex] = place;
            }
        }
        places
    }

    /// Arranges the layers.
    pub fn arrange(&mut self) {
        self.begin_depth_first();
        let n_links: usize = self.below.iter().map(Vec::len).sum::<usize>() + self.above.len();
        let sweeps = (BUDGET / (n_links * 8).max(1)).clamp(2, 24);
        let mut best = self.rows.clone();
        let mut fewest = self.crossings();
        let mut without_gain = 0;
        for sweep in 0..sweeps {
            if fewest == 0 || without_gain >= PATIENCE {
                break;
            }
            self.sweep(sweep % 2 == 0);
            self.swap_neighbours();
            let crossings = self.crossings();
            without_gain += 1;
            if crossings < fewest {
                fewest = crossings;
                best.clone_from(&self.rows);
                without_gain = 0;
            }
        }
        self.rows = best;
    }

    /// The first order: as a depth-first search from the top meets the vertices.
    fn begin_depth_first(&mut self) {
        let mut layer_of = vec![0; self.above.len()];
        for (i, layer) in self.rows.iter().enumerate() {
            for &vertex in layer {
                layer_of[vertex] = i;
            }
        }
        let starts: Vec<usize> = self.rows.iter().flatten().copied().collect();
        let mut seen = vec![false; layer_of.len()];
        self.rows.iter_mut().for_each(Vec::clear);
        for start in starts {
            let mut waiting = vec![start];
            while let Some(vertex) = waiting.pop() {
                if !std::mem::replace(&mut seen[vertex], true) {
                    self.rows[layer_of[vertex]].push(vertex);
                    waiting.extend(self.below[vertex].iter().rev());
                }
            }
        }
    }

    fn sweep(&mut self, downwards: bool) {
        let n_layers = self.rows.len();
        let mut places = self.places();
        for i in 1..n_layers {
            let at = if downwards { i } else { n_layers - 1 - i };
            let neighbours = if downwards { &self.above } else { &self.below };
            let layer = &mut self.rows[at];
            let mut medians: Vec<(f64, usize)> = Vec::with_capacity(layer.len());
            let mut fixed: Vec<Option<usize>> = Vec::with_capacity(layer.len());
            for &vertex in layer.iter() {
                match median(&neighbours[vertex], &places) {
                    Some(median) => {
                        medians.push((median, vertex));
                        fixed.push(None);
                    }
                    // What has no neighbour there keeps its place.
                    None => fixed.push(Some(vertex)),
                }
            }
            medians.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut sorted = medians.into_iter();
            for (place, slot) in fixed.into_iter().enumerate() {
                let Some(vertex) = slot.or_else(|| sorted.next().map(|(_, vertex)| vertex)) else { continue };
                layer[place] = vertex;
                places[vertex] = place;
            }
        }
    }

    fn swap_neighbours(&mut self) {
        let mut places = self.places();
        // A few rounds give nearly all of the gain.
        for _ in 0..3 {
            let mut gained = false;
            for layer in &mut self.rows {
                for left in 0..layer.len().saturating_sub(1) {
                    let (a, b) = (layer[left], layer[left + 1]);
                    let now = pair_crossings(&self.above, &places, a, b) + pair_crossings(&self.below, &places, a, b);
                    if now == 0 {
                        continue;
                    }
                    let then = pair_crossings(&self.above, &places, b, a) + pair_crossings(&self.below, &places, b, a);
                    if then < now {
                        layer.swap(left, left + 1);
                        places.swap(a, b);
                        gained = true;
                    }
                }
            }
            if !gained {
                break;
            }
        }
    }

    /// How many pairs of links cross (Barth, Jünger and Mutzel, 2002).
    pub fn crossings(&self) -> usize {
        let places = self.places();
        let mut total = 0;
        for pair in self.rows.windows(2) {
            let mut tree = vec![0_usize; pair[1].len() + 1];
            let mut ends: Vec<usize> = Vec::new();
            let mut n_before = 0;
            for &vertex in &pair[0] {
                ends.clear();
                ends.extend(self.below[vertex].iter().map(|&lower| places[lower]));
                ends.sort_unstable();
                for &end in &ends {
                    total += n_before - prefix(&tree, end + 1);
                }
                for &end in &ends {
                    add(&mut tree, end + 1);
                }
                n_before += ends.len();
            }
        }
        total
    }
}

/// The weighted median of the neighbours' places.
fn median(neighbours: &[usize], places: &[usize]) -> Option<f64> {
    let mut at: Vec<usize> = neighbours.iter().map(|&vertex| places[vertex]).collect();
    at.sort_unstable();
    let middle = at.len() / 2;
    Some(match at.len() {
        0 => return None,
        n if n % 2 == 1 => at[middle] as f64,
        2 => (at[0] + at[1]) as f64 / 2.0,
        n => {
            let left = (at[middle - 1] - at[0]) as f64;
            let right = (at[n - 1] - at[middle]) as f64;
            if left + right == 0.0 {
                at[middle] as f64
            } else {
                (at[middle - 1] as f64 * right + at[middle] as f64 * left) / (left + right)
            }
        }
    })
}

/// Crossings between the links of two vertices to one side, if `left` stands left of `right`.
fn pair_crossings(neighbours: &[Vec<usize>], places: &[usize], left: usize, right: usize) -> usize {
    let crossing = |l: usize| neighbours[right].iter().filter(|&&r| places[r] < places[l]).count();
    neighbours[left].iter().map(|&l| crossing(l)).sum()
}

/// Fenwick tree: how many ends lie at or before a place.
fn prefix(tree: &[usize], mut at: usize) -> usize {
    let mut sum = 0;
    while at > 0 {
        sum += tree[at];
        at &= at - 1;
    }
    sum
}

fn add(tree: &mut [usize], mut at: usize) {
    while at < tree.len() {
        tree[at] += 1;
        at += at & at.wrapping_neg();
    }
}
