//! Small graphs in every format, as snapshots, and texts that try to break out of them.
//!
//! Snapshots are renewed by `INSTA_UPDATE=always cargo test -p clew-render` and reviewed as a diff.
#![allow(clippy::unwrap_used, missing_docs)]

use clew_render::{render, Drawing, Format};
use proptest::prelude::*;
use serde_json::{json, Value};

/// A script that reads a file, cleans it in a function and prints a mean.
fn small() -> Value {
    let statement = |id: u32, line: u32, label: &str, parent: Option<u32>, names: &[&str]| {
        json!({"id": id, "kind": "statement", "source": 0, "statement": id, "line": line, "last_line": line,
               "label": label, "scope": null, "parent": parent, "names": names})
    };
    let edge = |from: u32, to: u32, kind: &str, name: Option<&str>| json!({"from": from, "to": to, "kind": kind, "name": name});
    json!({
        "nodes": [
            statement(0, 1, "import pandas as pd", None, &["pd"]),
            statement(1, 3, "def clean(frame):", None, &["clean"]),
            statement(2, 4, "frame.dropna(inplace=True)", Some(1), &[]),
            statement(3, 5, "return frame", Some(1), &[]),
            statement(4, 7, "frame = pd.read_csv(\"a.csv\")", None, &["frame"]),
            statement(5, 8, "clean(frame)", None, &[]),
            statement(6, 9, "for column in frame:", None, &["column"]),
            statement(7, 10, "print(column, frame[column].mean())", Some(6), &[]),
            json!({"id": 8, "kind": "external", "source": 0, "statement": null, "line": 0, "last_line": 0,
                   "label": "file a.csv", "scope": null, "parent": null, "names": []}),
        ],
        "edges": [
            edge(0, 4, "data", Some("pd")),
            edge(8, 4, "external", None),
            edge(1, 2, "control", None),
            edge(2, 3, "mutate", Some("frame")),
            edge(1, 5, "call", Some("clean")),
            edge(4, 5, "mutate", Some("frame")),
            edge(5, 6, "data", Some("frame")),
            edge(5, 7, "data", Some("frame")),
            edge(6, 7, "data", Some("column")),
            edge(6, 7, "control", None),
            edge(7, 7, "external", None),
        ],
        "sources": [{"path": "mean.py", "text": "import pandas as pd\n\ndef clean(frame):\n    ...\n"}],
    })
}

fn drawing(graph: &Value) -> Drawing {
    Drawing::from_json(&graph.to_string()).unwrap()
}

#[test]
fn a_small_graph_as_dot() {
    insta::assert_snapshot!(render(&drawing(&small()), Format::Dot, "mean.py"));
}

#[test]
fn a_small_graph_as_mermaid() {
    insta::assert_snapshot!(render(&drawing(&small()), Format::Mermaid, "mean.py"));
}

#[test]
fn a_small_graph_as_json() {
    insta::assert_snapshot!(render(&drawing(&small()), Format::Json, "mean.py"));
}

#[test]
fn a_small_graph_as_svg() {
    insta::assert_snapshot!(render(&drawing(&small()), Format::Svg, "mean.py"));
}

#[test]
fn an_empty_graph_is_drawn() {
    for (_, format) in clew_render::FORMATS {
        assert!(!render(&Drawing::default(), format, "").is_empty());
    }
}

#[test]
fn what_is_no_graph_is_refused() {
    for text in ["", "3", "{", "{\"nodes\": 3}"] {
        assert!(Drawing::from_json(text).is_err(), "{text}");
    }
}

#[test]
fn strange_graphs_are_drawn_as_far_as_they_make_sense() {
    let graph = json!({
        "nodes": [
            {"id": "a", "label": "def f():", "parent": "b"},
            {"id": "b", "label": "def g():", "parent": "a"},
            {"id": "c", "label": "def h():", "parent": "c"},
            {"id": "d", "parent": "a"},
            {"id": "a", "label": "again"},
            {"id": 7, "scope": "lost.function", "source": 3},
        ],
        "edges": [
            {"from": "a", "to": "b"}, {"from": "b", "to": "a", "kind": "nonsense"}, {"from": "a", "to": "nobody"},
            {"from": "d", "to": 7, "kind": "data"}, {"from": 7, "to": "d", "kind": "data"},
        ],
    });
    let drawing = drawing(&graph);
    assert_eq!(drawing.nodes.len(), 5);
    assert_eq!(drawing.edges.len(), 4);
    for (_, format) in clew_render::FORMATS {
        render(&drawing, format, "strange");
    }
}

/// A graph whose texts are all `text`.
fn everywhere(text: &str) -> Drawing {
    drawing(&json!({
        "nodes": [
            {"id": "f", "label": format!("def {text}"), "names": [text], "line": 1},
            {"id": "x", "label": text, "text": text, "line": 2, "parent": "f", "source": 1},
            {"id": "y", "label": text, "kind": "external"},
            {"id": text, "label": text, "scope": text},
        ],
        "edges": [{"from": "x", "to": "y", "kind": text, "name": text}, {"from": "y", "to": "x", "kind": "data", "name": text}],
        "sources": [{"path": text, "text": text}, {"path": text, "text": text}],
    }))
}

fn check_escapes(text: &str) {
    let drawing = everywhere(text);
    let svg = render(&drawing, Format::Svg, text);
    let parsed = roxmltree::Document::parse(&svg).unwrap();
    let allowed = ["svg", "title", "style", "defs", "marker", "path", "rect", "g", "text"];
    assert!(parsed.descendants().filter(roxmltree::Node::is_element).all(|e| allowed.contains(&e.tag_name().name())));

    let html = render(&drawing, Format::Html, text);
    assert_eq!(html.matches("<script").count(), 2);
    assert_eq!(html.matches("</script").count(), 2);
    let data = html.split_once("id=\"data\">").unwrap().1.split_once("</script>").unwrap().0;
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["sources"][0]["text"], text);
    assert_eq!(data["edges"][0]["names"][0], text);

    let dot = render(&drawing, Format::Dot, text);
    for line in dot.lines() {
        let unescaped = line.replace("\\\\", "").replace("\\\"", "");
        assert_eq!(unescaped.matches('"').count() % 2, 0, "{line}");
    }
    let mermaid = render(&drawing, Format::Mermaid, text);
    let is_node = |line: &&str| {
        let number =
            line.trim_start().strip_prefix('n').map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
        number.is_some_and(|rest| rest.starts_with('['))
    };
    assert_eq!(mermaid.lines().filter(is_node).count(), 4, "{mermaid}");
    let chart = mermaid.split_once("\n---\n").map_or(mermaid.as_str(), |(_, chart)| chart);
    assert_eq!(chart.lines().map(|line| line.matches('"').count()).filter(|n| n % 2 == 1).count(), 0);
}

#[test]
fn nasty_texts_stay_texts() {
    for text in [
        "</script><script>alert(1)</script>",
        "<!--<script>",
        "\"); alert(1) //",
        "{{script}} {{data}} {{title}}",
        "]]> & &amp; &#x3c; \u{0} \u{1b}[31m \u{fffe} \u{202e}",
        "a\\\" -> b; \\",
        "end\nsubgraph x\n\"]:::y",
        "%%{init: {}}%% click n1 call alert()",
        "\u{2028}\u{2029}'`${1}",
    ] {
        check_escapes(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_text_stays_text(text in "(\\PC|[<>&\"'\\\\{}\\n\\t\\x00-\\x1f]){0,40}") {
        check_escapes(&text);
    }
}
