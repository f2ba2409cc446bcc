//! Prints a trace in terms of lines: `dump_trace TRACE SOURCE...` (the encoded trace, then the texts of its sources).

use clew_syntax::table_of;
use clew_trace::{ScopeId, SourceTable, StatementId};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let trace = clew_trace::codec::decode(&std::fs::read(arguments.next().ok_or("no trace given")?)?)?;
    let mut tables: Vec<SourceTable> = Vec::new();
    for path in arguments {
        let text = std::fs::read_to_string(&path)?;
        tables.push(table_of(text.trim_start_matches('\u{feff}'))?);
    }
    let line = |source: usize, id: StatementId| {
        tables.get(source).and_then(|table| table.statements.get(id.index())).map_or(0, |s| s.first_line)
    };
    let scope = |source: usize, id: ScopeId| {
        tables.get(source).filter(|t| id.index() < t.scopes.len()).map_or(format!("{id:?}"), |t| t.qualified_name(id))
    };
    for (n, source) in trace.sources.iter().enumerate() {
        let ran: Vec<u32> = source.executed.iter().map(|id| line(n, *id)).collect();
        println!(
            "source {n} {} {} by {:?}: {ran:?}",
            source.path,
            source.module,
            source.imported_by.map(|id| line(0, id))
        );
    }
    for flow in &trace.flows {
        println!("flow {} <- {} {:?}", line(0, flow.reader), line(0, flow.writer), flow.kind);
    }
    for entry in &trace.entries {
        let source = entry.source.index();
        println!("entry {} -> {}:{}", line(0, entry.unit), source, scope(source, entry.scope));
    }
    for touched in &trace.touched {
        let source = touched.source.index();
        println!("touched {source}:{} {:?}", line(source, touched.statement), touched.kind);
    }
    for raised in &trace.raised {
        let source = raised.source.index();
        println!("raised {source}: catcher {} raiser {}", line(source, raised.catcher), line(source, raised.raiser));
    }
    for used in &trace.external_uses {
        println!("external {} {:?} {:?}", line(0, used.unit), used.access, trace.externals[used.external.index()]);
    }
    for binding in &trace.bindings {
        let writers: Vec<u32> = binding.writers.iter().map(|id| line(0, *id)).collect();
        println!("binding {} until {:?} writers {writers:?}", binding.name, binding.until.map(|id| line(0, id)));
    }
    for (name, unit, writers) in &trace.artifacts {
        let writers: Vec<u32> = writers.iter().map(|id| line(0, *id)).collect();
        println!("artifact {name} at {} writers {writers:?}", line(0, *unit));
    }
    println!("degraded {:?}, ended by {:?}", trace.degraded, trace.ended_by.map(|id| line(0, id)));
    Ok(())
}
