//! Layers: every link leads from a lower rank to a higher one, links are short, and no layer is much wider than asked.
//!
//! Links against the order are turned first (depth-first search in the order of the items, so that in a loop the
//! earlier statement stays above). Ranks start as longest paths from the top and are then tightened: an item with more
//! links below than above moves down, others up, until nothing changes. This finds nearly what network simplex (Gansner
//! and others, 1993) does on graphs of programs, at a fraction of the work.

use super::layered::{End, Item, Link};

/// Passes of tightening.
const MOST_PASSES: usize = 60;

/// Directed links between items without circles.
pub struct Acyclic {
    /// For each link, whether it is turned.
    pub turned: Vec<bool>,
    below: Vec<Vec<usize>>,
    above: Vec<Vec<usize>>,
    /// Items, each behind those above it.
    sorted: Vec<usize>,
}

impl Acyclic {
    /// Turns what must be turned. Links from an item to itself are ignored.
    pub fn new(n_items: usize, links: &[Link]) -> Self {
        let mut leaving: Vec<Vec<usize>> = vec![Vec::new(); n_items];
        for (i, link) in links.iter().enumerate().filter(|(_, link)| link.from != link.to) {
            leaving[link.from].push(i);
        }
        for of_item in &mut leaving {
            of_item.sort_by_key(|&i| (links[i].to, i));
        }
        let mut search =
            Search { links, leaving: &leaving, state: vec![State::New; n_items], turned: vec![false; links.len()] };
        let mut finished = Vec::with_capacity(n_items);
        for item in 0..n_items {
            search.from(item, &mut finished);
        }
        finished.reverse();
        let (mut below, mut above) = (vec![Vec::new(); n_items], vec![Vec::new(); n_items]);
        for (link, turned) in links.iter().zip(&search.turned).filter(|(link, _)| link.from != link.to) {
            let (upper, lower) = if *turned { (link.to, link.from) } else { (link.from, link.to) };
            below[upper].push(lower);
            above[lower].push(upper);
        }
        Self { turned: search.turned, below, above, sorted: finished }
    }

    /// The layers of each item, from 0 without gaps, with layers about as wide as `width_limit` at most.
    pub fn ranks(&self, items: &[Item], width_limit: f64) -> Vec<Layering> {
        let base = usize::from(items.iter().any(|item| item.end == End::First));
        let mut ranks = vec![base; items.len()];
        for &item in &self.sorted {
            ranks[item] = self.lowest(items, &ranks, item, base);
        }
        self.tighten(items, &mut ranks, base);
        self.narrow(items, &mut ranks, width_limit);
        let inner = (0..items.len()).filter(|&i| items[i].end != End::Last);
        let behind = inner.map(|i| ranks[i] + items[i].span).max().unwrap_or(base);
        for (item, rank) in items.iter().zip(&mut ranks) {
            match item.end {
                End::First => *rank = 0,
                End::Last => *rank = behind,
                End::Free => {}
            }
        }
        without_gaps(items, &ranks)
    }

    fn lowest(&self, items: &[Item], ranks: &[usize], item: usize, base: usize) -> usize {
        if items[item].end == End::First {
            return 0;
        }
        let above = self.above[item].iter().map(|&upper| ranks[upper] + items[upper].span);
        above.max().unwrap_or(base).max(base)
    }

    fn highest(&self, items: &[Item], ranks: &[usize], item: usize) -> Option<usize> {
        let lower = self.below[item].iter().filter(|&&lower| items[lower].end != End::Last);
        lower.map(|&lower| ranks[lower].saturating_sub(items[item].span)).min()
    }

    fn tighten(&self, items: &[Item], ranks: &mut [usize], base: usize) {
        for pass in 0..MOST_PASSES {
            let mut changed = false;
            for i in 0..self.sorted.len() {
                let item = self.sorted[if pass % 2 == 0 { self.sorted.len() - 1 - i } else { i }];
                let (up, down) = (self.above[item].len(), self.below[item].len());
                if items[item].end != End::Free || up + down == 0 {
                    continue;
                }
                let lowest = self.lowest(items, ranks, item, base);
                let wanted = if up > down { Some(lowest) } else { self.highest(items, ranks, item) };
                let wanted = wanted.unwrap_or(ranks[item]).max(lowest);
                changed |= ranks[item] != wanted;
                ranks[item] = wanted;
            }
            if !changed {
                break;
            }
        }
    }

    /// Moves items down from layers that are too wide: first those that have room below, then the latest.
    fn narrow(&self, items: &[Item], ranks: &mut [usize], width_limit: f64) {
        let mut rank = 0;
        while rank <= ranks.iter().copied().max().unwrap_or(0) {
            let free = |i: &usize| items[*i].end == End::Free;
            let reaching = |i: &usize| ranks[*i] < rank && rank < ranks[*i] + items[*i].span;
            let reaching_in: f64 = (0..items.len()).filter(free).filter(reaching).map(|i| items[i].room()).sum();
            let mut members: Vec<usize> = (0..items.len()).filter(free).filter(|&i| ranks[i] == rank).collect();
            let mut width = reaching_in + members.iter().map(|&i| items[i].room()).sum::<f64>();
            // Where something reaches in from above, the layer may be left to it; else one item must stay.
            let least = usize::from(reaching_in == 0.0);
            while width > width_limit && members.len() > least {
                let slack =
                    |i: usize| self.highest(items, ranks, i).map_or(usize::MAX, |high| high.saturating_sub(rank));
                let chosen = (0..members.len()).max_by_key(|&at| (slack(members[at]), members[at]));
                let item = members.swap_remove(chosen.unwrap_or(0));
                width -= items[item].room();
                self.push_down(items, ranks, item);
            }
            rank += 1;
        }
    }

    fn push_down(&self, items: &[Item], ranks: &mut [usize], item: usize) {
        let mut waiting = vec![item];
        ranks[item] += 1;
        while let Some(upper) = waiting.pop() {
            for &lower in &self.below[upper] {
                let least = ranks[upper] + items[upper].span;
                if ranks[lower] < least && items[lower].end == End::Free {
                    ranks[lower] = least;
                    waiting.push(lower);
                }
            }
        }
    }
}

/// Which layers an item is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layering {
    /// The first one.
    pub first: usize,
    /// The last one.
    pub last: usize,
}

/// Leaves out layers in which nothing begins.
fn without_gaps(items: &[Item], ranks: &[usize]) -> Vec<Layering> {
    let mut used: Vec<usize> = ranks.to_vec();
    used.sort_unstable();
    used.dedup();
    let n_before = |rank: usize| used.partition_point(|&other| other < rank);
    let layers = |(item, &rank): (&Item, &usize)| {
        let first = n_before(rank);
        Layering { first, last: n_before(rank + item.span).max(first + 1) - 1 }
    };
    items.iter().zip(ranks).map(layers).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Done,
}

struct Search<'a> {
    links: &'a [Link],
    leaving: &'a [Vec<usize>],
    state: Vec<State>,
    turned: Vec<bool>,
}

impl Search<'_> {
    /// Depth first, with a stack of its own: a chain of statements may be long.
    fn from(&mut self, start: usize, finished: &mut Vec<usize>) {
        if self.state[start] != State::New {
            return;
        }
        self.state[start] = State::Open;
        let mut path = vec![(start, 0)];
        while let Some((item, next)) = path.last_mut() {
            let Some(&link) = self.leaving[*item].get(*next) else {
                self.state[*item] = State::Done;
                finished.push(*item);
                path.pop();
                continue;
            };
            *next += 1;
            let to = self.links[link].to;
            match self.state[to] {
                State::New => {
                    self.state[to] = State::Open;
                    path.push((to, 0));
                }
                State::Open => self.turned[link] = true,
                State::Done => {}
            }
        }
    }
}
