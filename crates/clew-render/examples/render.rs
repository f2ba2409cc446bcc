//! Renders a graph in JSON: `cargo run --release -p clew-render --example render -- FORMAT TITLE < graph.json`

use clew_render::{render, Drawing};
use std::io::{Read, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let format = arguments.next().unwrap_or_else(|| String::from("svg")).parse()?;
    let title = arguments.next().unwrap_or_default();
    let mut json = String::new();
    std::io::stdin().read_to_string(&mut json)?;
    let drawing = Drawing::from_json(&json)?;
    let started = std::time::Instant::now();
    let text = render(&drawing, format, &title);
    eprintln!("{} nodes, {} edges, {} ms", drawing.nodes.len(), drawing.edges.len(), started.elapsed().as_millis());
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}
