//! Rewrites sources for `tests/rewriter_proof.py`.
//!
//! `rewrite [--minor N] [--detail statement|call|op] [--imported] FILES...` prints one JSON object a line for each file.
//! `rewrite ... --serve` reads requests from standard input, one JSON object a line, and answers each with a line:
//! `{"source": TEXT}` rewrites, and `{"remap": [[HEX, FIRST_LINE], ...]}` maps location tables of the last source.
//! `rewrite ... --measure FILES...` rewrites them all and prints the number of lines and the seconds it took.

use clew_syntax::positions::{remap_linetable, PositionMap};
use clew_syntax::rewrite::{instrument, Detail, Hook, Instrumented, Options};
use serde_json::{json, Value};
use std::io::{BufRead, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = Options { is_main: true, detail: Detail::Statement, minor: 13, native_calls: true };
    let mut serve = false;
    let mut measure = false;
    let mut files = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--minor" => options.minor = arguments.next().unwrap_or_default().parse()?,
            "--detail" => {
                options.detail = match arguments.next().as_deref() {
                    Some("op") => Detail::Op,
                    Some("call") => Detail::Call,
                    _ => Detail::Statement,
                }
            }
            "--imported" => options.is_main = false,
            "--serve" => serve = true,
            "--measure" => measure = true,
            _ => files.push(argument),
        }
    }
    if serve {
        return answer_requests(&options);
    }
    let started = std::time::Instant::now();
    let mut lines = 0;
    for file in files {
        let Ok(source) = std::fs::read_to_string(&file) else { continue };
        lines += source.lines().count();
        let result = instrument(source.strip_prefix('\u{feff}').unwrap_or(&source), &options);
        if !measure {
            let mut answer = describe(result.as_ref());
            answer["file"] = json!(file);
            println!("{answer}");
        }
    }
    if measure {
        println!("{lines} lines in {:.3} s", started.elapsed().as_secs_f64());
    }
    Ok(())
}

fn describe<E: std::fmt::Display>(result: Result<&Instrumented, E>) -> Value {
    match result {
        Err(problem) => json!({ "error": problem.to_string() }),
        Ok(done) => {
            let kind = |hook: &Hook| format!("{hook:?}").split([' ', '(']).next().unwrap_or_default().to_owned();
            let names: Vec<&str> = done.table.names.iter().map(String::as_str).collect();
            json!({
                "text": done.text,
                "edits": done.edits.iter().map(|edit| json!([edit.at, edit.text, edit.shown])).collect::<Vec<_>>(),
                "hooks": done.hooks.iter().map(kind).collect::<Vec<_>>(),
                "details": done.hooks.iter().map(|hook| format!("{hook:?}")).collect::<Vec<_>>(),
                "statements": done.table.statements.len(),
                "lines": done.table.statements.iter().map(|it| it.first_line).collect::<Vec<_>>(),
                "scopes": done.table.scopes.len(),
                "names": names,
                "diagnostics": done.diagnostics.iter().map(|it| json!([it.span.start, it.message])).collect::<Vec<_>>(),
            })
        }
    }
}

fn answer_requests(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let mut map = PositionMap::default();
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        let answer = if let Some(tables) = request["remap"].as_array() {
            let remapped: Vec<String> = tables
                .iter()
                .map(|table| {
                    let bytes = from_hex(table[0].as_str().unwrap_or_default());
                    let first_line = table[1].as_i64().unwrap_or_default();
                    to_hex(&remap_linetable(&bytes, i32::try_from(first_line).unwrap_or_default(), &map))
                })
                .collect();
            json!(remapped)
        } else {
            let source = request["source"].as_str().unwrap_or_default();
            let result = instrument(source, options);
            if let Ok(done) = &result {
                map = PositionMap::new(source, &done.text, &done.edits);
            }
            describe(result.as_ref())
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).filter_map(|index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
