//! A stream of blocks summed up as a tree of calls: one node for each chain of sites and callees.
//!
//! Memory is bounded by the number of nodes asked for, whatever the number of events: when too many chains occur, the
//! ones that come late are summed up in one node of their caller.

use super::columns::{Block, Event, Run};
use super::stack::{CallStack, OpenCall};
use super::{Error, EventKind};
use rustc_hash::FxHashMap;

/// Site and callee of a node that sums up calls for which there was no room.
pub const OTHERS: u32 = u32::MAX;
/// While reading, this many times the nodes asked for may live, so that the largest can be chosen at the end.
const SPARE: usize = 16;
const LEAST: usize = 1 << 14;
const MOST: usize = 1 << 20;

/// One node: all calls that were made along the same chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeNode {
    /// The node of the caller; the root, which is no call, is its own.
    pub parent: u32,
    /// The site, or [`OTHERS`].
    pub site: u32,
    /// The callee, or [`OTHERS`].
    pub callee: u32,
    /// Calls.
    pub count: u64,
    /// Operations done directly by it.
    pub n_operations: u64,
    /// Calls that ended by an exception.
    pub raised: u64,
    /// Time between begin and end.
    pub total_ns: u64,
    /// Time not spent in calls made by it.
    pub own_ns: u64,
    /// The longest call.
    pub max_ns: u64,
}

/// The tree. Node 0 is the root; a node stands behind its parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallTree {
    /// The nodes.
    pub nodes: Vec<TreeNode>,
    /// Events that were read.
    pub n_events: u64,
    /// Blocks that could not be read.
    pub n_damaged: u64,
}

impl CallTree {
    /// Sums up blocks; the result has at most `max_nodes` nodes besides the root and those that stand for others.
    pub fn of_blocks(blocks: impl Iterator<Item = Result<Block, Error>>, max_nodes: usize) -> Result<Self, Error> {
        let limit = max_nodes.saturating_mul(SPARE).clamp(LEAST, MOST);
        let mut builder = Builder::new(limit);
        for block in blocks {
            match block {
                Ok(block) => block.by_run().for_each(|(run, events)| builder.take_run(run, events)),
                Err(Error::Damaged { .. }) => builder.n_damaged += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(builder.finish().pruned(max_nodes))
    }

    /// Keeps the nodes with most time; the others are summed up in a node of the nearest caller that stays.
    fn pruned(self, max_nodes: usize) -> Self {
        if self.nodes.len() <= max_nodes + 1 {
            return self;
        }
        let mut by_time: Vec<u32> = (1..self.nodes.len() as u32).collect();
        by_time.sort_by_key(|&i| (std::cmp::Reverse(self.nodes[i as usize].total_ns), i));
        // A caller has at least the time of what it calls, and stands before it: with ties broken by position, it stays.
        let mut stays = vec![false; self.nodes.len()];
        stays[0] = true;
        by_time.iter().take(max_nodes).for_each(|&i| stays[i as usize] = true);
        let mut kept = Builder::new(usize::MAX);
        let mut moved = vec![0_u32; self.nodes.len()];
        for (i, node) in self.nodes.iter().enumerate() {
            if i == 0 {
                kept.nodes[0] = node.clone();
                continue;
            }
            let parent = node.parent as usize;
            let under = moved[parent];
            let stays = stays[i] && stays[parent];
            let in_others = kept.nodes[under as usize].callee == OTHERS && under != 0;
            moved[i] = match (stays, in_others) {
                (true, _) => kept.child(under, node.site, node.callee),
                (false, true) => under,
                (false, false) => kept.child(under, OTHERS, OTHERS),
            };
            let deeper = !stays && in_others;
            kept.nodes[moved[i] as usize].add(node, deeper);
        }
        Self { nodes: kept.nodes, n_events: self.n_events, n_damaged: self.n_damaged }
    }
}

impl TreeNode {
    /// Adds another node's sums; what is called by calls that are counted here already adds no total time.
    fn add(&mut self, other: &Self, deeper: bool) {
        self.count += other.count;
        self.n_operations += other.n_operations;
        self.raised += other.raised;
        self.own_ns += other.own_ns;
        self.max_ns = self.max_ns.max(other.max_ns);
        if !deeper {
            self.total_ns += other.total_ns;
        }
    }
}

#[derive(Default)]
struct Thread {
    stack: CallStack,
    last_ns: u64,
}

struct Builder {
    nodes: Vec<TreeNode>,
    children: FxHashMap<(u32, u32, u32), u32>,
    threads: FxHashMap<u16, Thread>,
    limit: usize,
    n_events: u64,
    n_damaged: u64,
}

impl Builder {
    fn new(limit: usize) -> Self {
        Self {
            nodes: vec![TreeNode { site: OTHERS, callee: OTHERS, ..TreeNode::default() }],
            children: FxHashMap::default(),
            threads: FxHashMap::default(),
            limit,
            n_events: 0,
            n_damaged: 0,
        }
    }

    fn child(&mut self, parent: u32, site: u32, callee: u32) -> u32 {
        if let Some(&child) = self.children.get(&(parent, site, callee)) {
            return child;
        }
        let full = self.nodes.len() >= self.limit && callee != OTHERS;
        if full {
            let under_others = parent != 0 && self.nodes[parent as usize].callee == OTHERS;
            return if under_others { parent } else { self.child(parent, OTHERS, OTHERS) };
        }
        let child = self.nodes.len() as u32;
        self.nodes.push(TreeNode { parent, site, callee, ..TreeNode::default() });
        self.children.insert((parent, site, callee), child);
        child
    }

    fn take_run(&mut self, run: &Run, events: &[Event]) {
        let mut thread = self.threads.remove(&run.thread).unwrap_or_default();
        if let Some(open) = run.open.as_ref().filter(|open| !thread.stack.agrees(open)) {
            self.close(&mut thread);
            for call in open {
                self.begin(&mut thread, call.site, call.callee, call.start_ns);
            }
        }
        for event in events {
            self.take(&mut thread, event);
        }
        self.n_events += events.len() as u64;
        self.threads.insert(run.thread, thread);
    }

    fn take(&mut self, thread: &mut Thread, event: &Event) {
        thread.last_ns = event.time_ns;
        match event.kind {
            EventKind::Call => self.begin(thread, event.site, event.callee, event.time_ns),
            EventKind::Return | EventKind::Raise => {
                for _ in 0..event.n_ended {
                    self.end(thread, event.kind == EventKind::Raise);
                }
            }
            EventKind::Operation => {
                let node = current(&thread.stack);
                self.nodes[node as usize].n_operations += 1;
            }
            EventKind::Arguments | EventKind::Suspend | EventKind::Resume => {}
        }
    }

    fn begin(&mut self, thread: &mut Thread, site: u32, callee: u32, start_ns: u64) {
        let node = self.child(current(&thread.stack), site, callee);
        self.nodes[node as usize].count += 1;
        thread.stack.begin(site, callee, start_ns, node);
    }

    fn end(&mut self, thread: &mut Thread, raised: bool) {
        let parent_note = |stack: &CallStack| stack.calls.last().map_or(0, |call: &OpenCall| call.note);
        let Some((call, total_ns, own_ns)) = thread.stack.end(thread.last_ns) else { return };
        // A call within calls that share its node is part of their time.
        let nested = call.note == parent_note(&thread.stack);
        let node = &mut self.nodes[call.note as usize];
        node.own_ns += own_ns;
        node.max_ns = node.max_ns.max(total_ns);
        node.raised += u64::from(raised);
        node.total_ns += if nested { 0 } else { total_ns };
    }

    fn close(&mut self, thread: &mut Thread) {
        while !thread.stack.calls.is_empty() {
            self.end(thread, false);
        }
    }

    fn finish(mut self) -> CallTree {
        let mut threads: Vec<_> = std::mem::take(&mut self.threads).into_iter().collect();
        threads.sort_by_key(|(number, _)| *number);
        for (_, thread) in &mut threads {
            self.close(thread);
        }
        CallTree { nodes: self.nodes, n_events: self.n_events, n_damaged: self.n_damaged }
    }
}

/// The node of the innermost open call, or the root.
fn current(stack: &CallStack) -> u32 {
    stack.calls.last().map_or(0, |call| call.note)
}
