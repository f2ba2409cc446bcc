//! The layout of any graph: nothing overlaps, everything is inside, the same graph gives the same picture.
#![allow(clippy::unwrap_used, missing_docs)]

use clew_render::layout::{arrange, Picture, Rect};
use clew_render::Drawing;
use proptest::prelude::*;
use serde_json::json;

/// Nodes with parents, and edges by position among the nodes.
type Shape = (Vec<(u8, bool, Option<usize>)>, Vec<(usize, usize, bool)>);

fn shape() -> impl Strategy<Value = Shape> {
    (1_usize..60).prop_flat_map(|n| {
        let node = (0_u8..60, prop::bool::weighted(0.2), prop::option::weighted(0.5, 0..n));
        let edge = (0..n, 0..n, any::<bool>());
        (prop::collection::vec(node, n), prop::collection::vec(edge, 0..3 * n))
    })
}

fn drawing((nodes, edges): &Shape) -> Drawing {
    let nodes: Vec<_> = nodes
        .iter()
        .enumerate()
        .map(|(i, (length, opens, parent))| {
            let label = if *opens { "def f():".to_owned() } else { "x".repeat(usize::from(*length)) };
            // Parents stand before their children, as in a text.
            let parent = parent.filter(|parent| *parent < i);
            json!({"id": i, "label": label, "line": i + 1, "parent": parent})
        })
        .collect();
    let kind = |data: bool| if data { "data" } else { "control" };
    let edges: Vec<_> =
        edges.iter().map(|(from, to, data)| json!({"from": from, "to": to, "kind": kind(*data)})).collect();
    Drawing::from_json(&json!({"nodes": nodes, "edges": edges}).to_string()).unwrap()
}

fn overlap(a: &Rect, b: &Rect) -> bool {
    let inner = 0.5;
    a.x + inner < b.x + b.width
        && b.x + inner < a.x + a.width
        && a.y + inner < b.y + b.height
        && b.y + inner < a.y + a.height
}

fn contains(outer: &Rect, inner: &Rect) -> bool {
    let slack = 0.5;
    outer.x <= inner.x + slack
        && outer.y <= inner.y + slack
        && inner.x + inner.width <= outer.x + outer.width + slack
        && inner.y + inner.height <= outer.y + outer.height + slack
}

fn check(drawing: &Drawing, picture: &Picture) {
    let whole = Rect { x: 0.0, y: 0.0, width: picture.width, height: picture.height };
    let around = |cluster: Option<usize>| cluster.map_or(whole, |cluster| picture.clusters[cluster]);
    for (i, node) in drawing.nodes.iter().enumerate() {
        let headed = drawing.clusters.iter().find(|cluster| cluster.head == Some(i));
        let container = headed.map_or(node.cluster, |cluster| cluster.parent);
        assert!(contains(&around(container), &picture.nodes[i]), "node {i} is outside");
        for j in 0..i {
            assert!(!overlap(&picture.nodes[i], &picture.nodes[j]), "nodes {i} and {j} overlap");
        }
    }
    for (i, cluster) in drawing.clusters.iter().enumerate() {
        assert!(contains(&around(cluster.parent), &picture.clusters[i]), "cluster {i} is outside");
        for (j, other) in drawing.clusters.iter().enumerate().take(i) {
            let apart = !overlap(&picture.clusters[i], &picture.clusters[j]);
            assert!(apart || other.parent != cluster.parent, "clusters {i} and {j} overlap");
        }
    }
    for (edge, way) in drawing.edges.iter().zip(&picture.edges) {
        assert!(way.len() != 1);
        assert!(way.iter().all(|point| point.x.is_finite() && point.y.is_finite()));
        if let (Some(first), Some(last)) = (way.first(), way.last()) {
            let reaches = |point: &clew_render::layout::Point, node: usize| {
                let headed = drawing.clusters.iter().position(|cluster| cluster.head == Some(node));
                let rect = headed.map_or(picture.nodes[node], |cluster| picture.clusters[cluster]);
                point.x >= rect.x - 0.5 && point.x <= rect.x + rect.width + 0.5
            };
            let crosses = drawing.nodes[edge.from].cluster != drawing.nodes[edge.to].cluster;
            assert!(crosses || reaches(first, edge.from), "edge {edge:?} does not begin at its node");
            assert!(crosses || reaches(last, edge.to), "edge {edge:?} does not end at its node");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_graph_is_laid_out(shape in shape()) {
        let drawing = drawing(&shape);
        let picture = arrange(&drawing);
        check(&drawing, &picture);
        prop_assert_eq!(arrange(&drawing), picture);
    }
}

#[test]
fn a_chain_leads_down_in_one_line() {
    let edges = (0..9).map(|i| (i, i + 1, true)).collect();
    let picture = arrange(&drawing(&(vec![(10, false, None); 10], edges)));
    let middles: Vec<f64> = picture.nodes.iter().map(|node| node.x + node.width / 2.0).collect();
    assert!(middles.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.5), "{middles:?}");
    assert!(picture.nodes.windows(2).all(|pair| pair[0].y < pair[1].y));
}

#[test]
fn a_very_long_chain_and_a_very_wide_fan_are_laid_out() {
    let chain = (0..3000).map(|i| (i, i + 1, true)).collect();
    arrange(&drawing(&(vec![(10, false, None); 3001], chain)));
    let fan = (1..2000).map(|i| (0, i, true)).collect();
    let picture = arrange(&drawing(&(vec![(10, false, None); 2000], fan)));
    assert!(picture.width < picture.height * 6.0, "{} by {}", picture.width, picture.height);
}
