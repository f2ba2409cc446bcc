//! Prints the static tables of Python files as lines of JSON, for comparison with CPython's own `ast` and `symtable`.
//!
//! `dump_table FILE...`, or `dump_table -` with one path a line on standard input. `--time` prints only the time.

use clew_syntax::table_of;
use clew_trace::{NameId, SourceTable};
use std::fmt::Write as _;
use std::io::{BufRead, Write};

fn main() -> std::io::Result<()> {
    let mut paths: Vec<String> = std::env::args().skip(1).collect();
    let only_time = paths.iter().any(|path| path == "--time");
    paths.retain(|path| path != "--time");
    if paths.iter().any(|path| path == "-") {
        paths = std::io::stdin().lock().lines().collect::<Result<_, _>>()?;
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let (mut n_lines, mut n_bytes, mut elapsed) = (0, 0, std::time::Duration::ZERO);
    for path in paths {
        let bytes = std::fs::read(&path)?;
        let Ok(source) = String::from_utf8(bytes) else {
            writeln!(out, "{{\"path\":{},\"skipped\":\"not UTF-8\"}}", quoted(&path))?;
            continue;
        };
        let start = std::time::Instant::now();
        let table = table_of(&source);
        elapsed += start.elapsed();
        n_lines += source.lines().count();
        n_bytes += source.len();
        if only_time {
            continue;
        }
        match table {
            Ok(table) => writeln!(out, "{{\"path\":{},{}}}", quoted(&path), dump(&table))?,
            Err(problem) => {
                writeln!(out, "{{\"path\":{},\"problem\":{}}}", quoted(&path), quoted(&problem.to_string()))?;
            }
        }
    }
    if only_time {
        writeln!(out, "{n_lines} lines, {n_bytes} bytes in {elapsed:?}")?;
    }
    out.flush()
}

fn dump(table: &SourceTable) -> String {
    let mut text = String::from("\"scopes\":[");
    for (nth, scope) in table.scopes.iter().enumerate() {
        let comma = if nth > 0 { "," } else { "" };
        let _ = write!(
            text,
            "{comma}{{\"parent\":{},\"kind\":\"{:?}\",\"name\":{},\"owner\":{},\"locals\":{},\"parameters\":{},\
             \"global\":{},\"nonlocal\":{},\"suspends\":{},\"dynamic\":{}}}",
            optional(scope.parent.map(|id| id.0)),
            scope.kind,
            quoted(&scope.name),
            optional(scope.owner.map(|id| id.0)),
            names(table, &scope.locals),
            names(table, &scope.parameters),
            names(table, &scope.declared_global),
            names(table, &scope.declared_nonlocal),
            scope.suspends,
            scope.dynamic_names,
        );
    }
    text.push_str("],\"statements\":[");
    for (nth, statement) in table.statements.iter().enumerate() {
        let comma = if nth > 0 { "," } else { "" };
        let uses =
            statement.uses.iter().map(|u| format!("[{},{},{}]", quoted(table.name(u.name)), u.scope.0, u.delayed));
        let defines = statement
            .defines
            .iter()
            .map(|d| format!("[{},{},\"{:?}\"]", quoted(table.name(d.name)), d.scope.0, d.kind));
        let _ = write!(
            text,
            "{comma}{{\"parent\":{},\"arm\":\"{:?}\",\"kind\":\"{:?}\",\"scope\":{},\"opens\":{},\"span\":[{},{}],\
             \"header\":[{},{}],\"lines\":[{},{}],\"uses\":[{}],\"defines\":[{}],\"mentions\":{},\
             \"may_raise\":{},\"docstring\":{}}}",
            optional(statement.parent.map(|id| id.0)),
            statement.arm,
            statement.kind,
            statement.scope.0,
            optional(statement.opens.map(|id| id.0)),
            statement.span.start,
            statement.span.end,
            statement.header.start,
            statement.header.end,
            statement.first_line,
            statement.last_line,
            uses.collect::<Vec<_>>().join(","),
            defines.collect::<Vec<_>>().join(","),
            names(table, &statement.mentions),
            statement.may_raise,
            statement.is_docstring,
        );
    }
    text.push(']');
    text
}

fn names(table: &SourceTable, ids: &[NameId]) -> String {
    let quoted: Vec<String> = ids.iter().map(|id| quoted(table.name(*id))).collect();
    format!("[{}]", quoted.join(","))
}

fn optional(id: Option<u32>) -> String {
    id.map_or_else(|| String::from("null"), |id| id.to_string())
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if u32::from(control) < 32 => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
