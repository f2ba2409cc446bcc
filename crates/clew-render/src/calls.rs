//! Sums over an event log as JSON: the table of callees and sites, and the tree of calls.

use crate::Error;
use clew_trace::log::{tree, CallTree, Reader, Tables, Total};
use indexmap::IndexMap;
use serde_json::{json, Value};
use std::io::{Read, Seek};

/// The sums by callee and by site, those with most time of their own first.
///
/// An object with `callees` (`callee`, `count`, `raised`, `total_ns`, `own_ns`, `max_ns`), `sites` (the same and `path`,
/// `line`), and what is known of the log: `n_events`, `n_dropped` (both null if the run did not end well; the sums are
/// then over what was left), `failure`.
pub fn table<R: Read + Seek>(reader: &mut Reader<R>) -> Result<Value, Error> {
    let totals = reader.totals()?;
    let tables = reader.tables();
    let mut callees: IndexMap<u32, Total> = IndexMap::new();
    for row in &totals {
        let sum = callees.entry(row.callee).or_insert(Total { callee: row.callee, ..Total::default() });
        sum.count += row.count;
        sum.raised += row.raised;
        sum.total_ns += row.total_ns;
        sum.own_ns += row.own_ns;
        sum.max_ns = sum.max_ns.max(row.max_ns);
    }
    let by_callee = sorted(callees.into_values().collect());
    let by_site = sorted(totals);
    let summary = reader.summary();
    Ok(json!({
        "callees": by_callee.iter().map(|row| sums(tables, row)).collect::<Vec<_>>(),
        "sites": by_site.iter().map(|row| with_place(sums(tables, row), tables, row.site)).collect::<Vec<_>>(),
        "n_events": summary.map(|summary| summary.n_events),
        "n_dropped": summary.map(|summary| summary.n_dropped),
        "failure": summary.and_then(|summary| summary.failure.as_deref()),
    }))
}

/// The tree of calls with at most about `max_nodes` nodes, flat: each node tells its `parent` by index; 0 is the root.
///
/// A node without `path` whose `callee` is null stands for several others.
pub fn tree<R: Read + Seek>(reader: &mut Reader<R>, max_nodes: usize) -> Result<Value, Error> {
    let tree = CallTree::of_blocks(reader.blocks(), max_nodes)?;
    let tables = reader.tables();
    let nodes: Vec<Value> = tree
        .nodes
        .iter()
        .map(|node| {
            let value = json!({
                "parent": node.parent,
                "callee": callee(tables, node.callee),
                "count": node.count,
                "n_operations": node.n_operations,
                "raised": node.raised,
                "total_ns": node.total_ns,
                "own_ns": node.own_ns,
                "max_ns": node.max_ns,
            });
            with_place(value, tables, node.site)
        })
        .collect();
    let n_dropped = reader.summary().map(|summary| summary.n_dropped);
    Ok(json!({"nodes": nodes, "n_events": tree.n_events, "n_dropped": n_dropped, "n_damaged": tree.n_damaged}))
}

fn sorted(mut rows: Vec<Total>) -> Vec<Total> {
    rows.sort_by_key(|row| (std::cmp::Reverse((row.own_ns, row.total_ns, row.count)), row.callee, row.site));
    rows
}

fn sums(tables: &Tables, row: &Total) -> Value {
    json!({
        "callee": callee(tables, row.callee),
        "count": row.count,
        "raised": row.raised,
        "total_ns": row.total_ns,
        "own_ns": row.own_ns,
        "max_ns": row.max_ns,
    })
}

fn callee(tables: &Tables, callee: u32) -> Option<&str> {
    (callee != tree::OTHERS).then(|| tables.name(callee))
}

fn with_place(mut value: Value, tables: &Tables, site: u32) -> Value {
    let place = tables.place(site);
    value["path"] = place.map(|(path, _)| path).into();
    value["line"] = place.map(|(_, line)| line).into();
    value
}
