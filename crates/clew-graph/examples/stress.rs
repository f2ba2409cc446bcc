//! Prints random choices of statements of real files and checks that each result is Python; then times slices of a
//! large made-up program: `stress [FILE...]`.

use clew_graph::{graph, slice, text, why, Criterion, Program, Slice};
use clew_syntax::table_of;
use clew_trace::{
    Arm, Flow, FlowKind, FunctionEntry, RunTrace, ScopeId, SourceId, SourceRecord, StatementId, StatementKind,
};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Instant;

fn main() {
    let (mut n_files, mut n_wrong) = (0, 0);
    for path in std::env::args().skip(1) {
        let Ok(source) = std::fs::read_to_string(&path) else { continue };
        let source = source.trim_start_matches('\u{feff}').to_owned();
        let Ok(table) = table_of(&source) else { continue };
        n_files += 1;
        let (tables, texts, trace) = (vec![table], vec![source], RunTrace::default());
        let program = Program { tables: &tables, texts: &texts, trace: &trace };
        for seed in 1..6_u64 {
            let printed = text(&program, &chosen(&program, seed));
            if let Err(problem) = table_of(&printed) {
                n_wrong += 1;
                println!("{path} (seed {seed}): {problem}");
            }
        }
    }
    println!("{n_files} files, {n_wrong} wrong");
    time();
}

/// A choice of statements with what the closure guarantees: parents, and one handler or case.
fn chosen(program: &Program<'_>, seed: u64) -> Slice {
    let table = &program.tables[0];
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut slice = Slice::default();
    for index in 0..table.statements.len() as u32 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let mut around = (state % (seed + 1) == 0).then_some(StatementId(index));
        while let Some(id) = around {
            slice.kept.insert(id);
            around = table.statement(id).parent;
        }
    }
    let arms: BTreeSet<(StatementId, Arm)> = slice
        .kept
        .iter()
        .filter_map(|id| {
            let children = || table.statements.iter().skip(id.index() + 1).filter(|s| s.parent == Some(*id));
            let wanted = |arm: Arm| matches!(arm, Arm::Handler(0) | Arm::Case(0));
            match table.statement(*id).kind {
                StatementKind::Try | StatementKind::Match => {
                    let arm = children().map(|s| s.arm).find(|arm| wanted(*arm));
                    Some((*id, arm.unwrap_or(Arm::Finally)))
                }
                _ => None,
            }
        })
        .collect();
    slice.arms = arms;
    slice
}

/// Slices, explains and draws a program of five thousand statements.
fn time() {
    let mut source = String::from("import math\nrate = 1\n");
    for i in 0..100 {
        let _ = write!(source, "def f{i}(x):\n    y = x + rate\n    out = []\n    for j in range(3):\n        if j > 1:\n            continue\n        out.append(y + j)\n    return math.sqrt(sum(out))\n");
    }
    for i in 0..700 {
        let _ = write!(
            source,
            "v{i} = f{}(v{})\nif v{i} > 1:\n    w = v{i}\nelse:\n    w = rate\nfor k in range(3):\n    w += k\n",
            i % 100,
            if i == 0 { String::from("0 if True else rate") } else { (i - 1).to_string() }
        );
    }
    let source = source.replace("v0 = f0(v0 if True else rate)", "v0 = f0(rate)");
    let Ok(table) = table_of(&source) else { return println!("the program does not parse") };
    let n_statements = table.statements.len();
    let units: Vec<StatementId> = (0..n_statements as u32).map(StatementId).filter(|id| table.is_unit(*id)).collect();
    let functions: Vec<ScopeId> = (1..table.scopes.len() as u32).map(ScopeId).collect();
    let mut trace = RunTrace {
        sources: vec![SourceRecord {
            executed: (0..n_statements as u32).map(StatementId).collect(),
            ..SourceRecord::default()
        }],
        ..RunTrace::default()
    };
    for (nth, unit) in units.iter().enumerate() {
        for step in 0..10 {
            let scope = functions[(nth * 7 + step) % functions.len()];
            trace.entries.push(FunctionEntry { unit: *unit, source: SourceId(0), scope });
        }
        for step in 1..6.min(nth) {
            trace.flows.push(Flow { reader: *unit, writer: units[nth - step], kind: FlowKind::Data });
        }
    }
    trace.entries.sort();
    trace.flows.sort();
    let (tables, texts) = (vec![table], vec![source]);
    let program = Program { tables: &tables, texts: &texts, trace: &trace };
    let criterion = Criterion::Name { name: String::from("w") };
    let timed = |what: &str, work: &dyn Fn() -> usize| {
        let start = Instant::now();
        let size = work();
        println!("{what}: {:.1} ms ({size})", start.elapsed().as_secs_f64() * 1e3);
    };
    println!("{n_statements} statements, {} flows, {} entries", trace.flows.len(), trace.entries.len());
    for _ in 0..3 {
        timed("slice", &|| slice(&program, &criterion).map_or(0, |slice| slice.kept.len()));
    }
    timed("slice and text", &|| slice(&program, &criterion).map_or(0, |slice| text(&program, &slice).len()));
    timed("why", &|| why(&program, &criterion).map_or(0, |found| found.steps.len()));
    timed("graph", &|| graph(&program).edges.len());
}
