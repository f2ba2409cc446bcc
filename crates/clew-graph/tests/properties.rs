//! Properties of all slices: the text parses, kept statements are closed under syntax, slicing again keeps everything.

mod kit;

use clew_graph::{graph, slice, text, why, Criterion, Program, Slice};
use clew_syntax::table_of;
use clew_trace::{Arm, RunTrace, StatementId, StatementKind};
use kit::run;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A block of statements of a made-up program.
#[derive(Clone, Debug)]
enum Piece {
    Assign(u8, u8, u8),
    Augment(u8, u8),
    Append(u8, u8),
    Print(u8),
    If(u8, Vec<Piece>, Vec<Piece>),
    For(u8, Vec<Piece>),
    While(Vec<Piece>),
    Try(Vec<Piece>, Vec<Piece>, bool),
    With(Vec<Piece>),
    Function(u8, Vec<Piece>),
    Jump(bool),
    Line(u8, u8),
    Match(u8, Vec<Piece>),
}

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let leaf = prop_oneof![
        4 => (0..5_u8, 0..5_u8, 0..5_u8).prop_map(|(a, b, c)| Piece::Assign(a, b, c)),
        2 => (0..5_u8, 0..5_u8).prop_map(|(a, b)| Piece::Augment(a, b)),
        1 => (0..5_u8, 0..5_u8).prop_map(|(a, b)| Piece::Append(a, b)),
        1 => (0..5_u8).prop_map(Piece::Print),
        1 => any::<bool>().prop_map(Piece::Jump),
        1 => (0..5_u8, 0..5_u8).prop_map(|(a, b)| Piece::Line(a, b)),
    ];
    let piece = leaf.prop_recursive(4, 40, 5, |inner| {
        let block = || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            (0..5_u8, block(), prop::collection::vec(inner.clone(), 0..3)).prop_map(|(n, a, b)| Piece::If(n, a, b)),
            (0..5_u8, block()).prop_map(|(n, a)| Piece::For(n, a)),
            block().prop_map(Piece::While),
            (block(), block(), any::<bool>()).prop_map(|(a, b, last)| Piece::Try(a, b, last)),
            block().prop_map(Piece::With),
            (0..3_u8, block()).prop_map(|(n, a)| Piece::Function(n, a)),
            (0..5_u8, block()).prop_map(|(n, a)| Piece::Match(n, a)),
        ]
    });
    prop::collection::vec(piece, 1..8)
}

fn write(out: &mut String, pieces: &[Piece], depth: usize, in_loop: bool) {
    let pad = "    ".repeat(depth);
    let name = |n: u8| ["a", "b", "c", "d", "e"][n as usize % 5];
    for piece in pieces {
        let _ = match piece {
            Piece::Assign(a, b, c) => writeln!(out, "{pad}{} = {} + {}  # set", name(*a), name(*b), name(*c)),
            Piece::Augment(a, b) => writeln!(out, "{pad}# grow\n{pad}{} += {}", name(*a), name(*b)),
            Piece::Append(a, b) => writeln!(out, "{pad}{}.append({})", name(*a), name(*b)),
            Piece::Print(a) => writeln!(out, "{pad}print({})\n", name(*a)),
            Piece::Jump(is_break) if in_loop => writeln!(out, "{pad}{}", if *is_break { "break" } else { "continue" }),
            Piece::Jump(_) => writeln!(out, "{pad}pass"),
            Piece::Line(a, b) => writeln!(out, "{pad}{} = 1; {} = 2; print(3)  # line", name(*a), name(*b)),
            Piece::If(n, body, rest) => {
                let _ = writeln!(out, "{pad}if {} > 1:", name(*n));
                write(out, body, depth + 1, in_loop);
                if !rest.is_empty() {
                    let _ = writeln!(out, "{pad}elif {}:\n{pad}    pass\n{pad}else:", name(n + 1));
                    write(out, rest, depth + 1, in_loop);
                }
                Ok(())
            }
            Piece::For(n, body) => {
                let _ = writeln!(out, "{pad}for {} in range({}):", name(*n), name(n + 1));
                write(out, body, depth + 1, true);
                writeln!(out, "{pad}else: {} = 0", name(n + 2))
            }
            Piece::While(body) => {
                let _ = writeln!(out, "{pad}while a < 3:  # turns");
                write(out, body, depth + 1, true);
                Ok(())
            }
            Piece::Try(body, handler, last) => {
                let _ = writeln!(out, "{pad}try:");
                write(out, body, depth + 1, in_loop);
                let _ = writeln!(out, "{pad}except (ValueError,  # why\n{pad}        KeyError) as e:");
                write(out, handler, depth + 1, in_loop);
                if *last {
                    writeln!(out, "{pad}finally:\n{pad}    c = 1")
                } else {
                    Ok(())
                }
            }
            Piece::With(body) => {
                let _ = writeln!(out, "{pad}with open(b) as \\\n{pad}        d:");
                write(out, body, depth + 1, in_loop);
                Ok(())
            }
            Piece::Function(n, body) => {
                let _ = writeln!(out, "{pad}def f{n}(a, b=c):\n{pad}    '''Doc.'''");
                write(out, body, depth + 1, false);
                writeln!(out, "{pad}    return a\n{pad}e = f{n}(d)")
            }
            Piece::Match(n, body) => {
                let _ = writeln!(out, "{pad}match {}:\n{pad}    case [a, *_] if (lambda: a)():", name(*n));
                write(out, body, depth + 2, in_loop);
                writeln!(out, "{pad}    case _: pass")
            }
        };
        if in_loop && matches!(piece, Piece::Jump(_)) {
            // Nothing after a jump can run.
            return;
        }
    }
}

/// The same without `finally` and jumps. The flow graph lets every way into a `finally` leave it by every way out, and
/// invented runs take jumps that exclude each other; leaving one out makes the flow more exact, so that slicing again
/// may drop more.
fn with_plain_flow(pieces: Vec<Piece>) -> Vec<Piece> {
    let inner = with_plain_flow;
    pieces
        .into_iter()
        .map(|piece| match piece {
            Piece::Try(body, handler, _) => Piece::Try(inner(body), inner(handler), false),
            Piece::If(n, body, rest) => Piece::If(n, inner(body), inner(rest)),
            Piece::For(n, body) => Piece::For(n, inner(body)),
            Piece::While(body) => Piece::While(inner(body)),
            Piece::With(body) => Piece::With(inner(body)),
            Piece::Function(n, body) => Piece::Function(n, inner(body)),
            Piece::Match(n, body) => Piece::Match(n, inner(body)),
            Piece::Jump(_) => Piece::Print(0),
            other => other,
        })
        .collect()
}

fn source(pieces: &[Piece]) -> String {
    let mut out = String::from("a = 1\nb = 2\nc = 3\nd = []\ne = 0\n");
    write(&mut out, pieces, 0, false);
    out
}

/// Every kept statement's surroundings are kept as well.
fn is_closed(program: &Program<'_>, slice: &Slice) -> bool {
    let table = &program.tables[0];
    slice.kept.iter().all(|id| table.statement(*id).parent.is_none_or(|parent| slice.kept.contains(&parent)))
        && slice.reasons.len() == slice.kept.len()
        && slice.reasons.values().all(|reason| reason.because.is_none_or(|because| slice.kept.contains(&because)))
}

proptest! {
    // Always the same programs. Functions that a unit entered count for it also where the slice drops the calls, so that
    // one in some thousand programs has a slice that a second slicing makes smaller still.
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(7),
        ..ProptestConfig::default()
    })]

    #[test]
    fn slices_parse_and_are_closed(pieces in pieces(), name in 0..5_usize) {
        let source = source(&pieces);
        let run = run(&source);
        let criterion = Criterion::Name { name: ["a", "b", "c", "d", "e"][name].to_owned() };
        let Ok(found) = slice(&run.program(), &criterion) else { return Ok(()) };
        let printed = text(&run.program(), &found);
        prop_assert!(table_of(&printed).is_ok(), "{source}\n--- slice\n{printed}");
        prop_assert!(is_closed(&run.program(), &found), "{source}\n--- slice\n{printed}");
        prop_assert!(why(&run.program(), &criterion).is_ok());
        // The same question gives the same answer.
        prop_assert_eq!(&slice(&run.program(), &criterion), &Ok(found));
        let graph = graph(&run.program());
        prop_assert!(graph.edges.iter().all(|e| (e.from.0 as usize) < graph.nodes.len() && (e.to.0 as usize) < graph.nodes.len()));
    }

    #[test]
    fn slicing_a_slice_keeps_it(pieces in pieces(), name in 0..5_usize) {
        // In a loop, all arms of an `if` can have run.
        let source = source(&[Piece::For(4, with_plain_flow(pieces))]);
        let first = run(&source);
        let criterion = Criterion::Name { name: ["a", "b", "c", "d", "e"][name].to_owned() };
        let Ok(found) = slice(&first.program(), &criterion) else { return Ok(()) };
        let printed = text(&first.program(), &found);
        let second = run(&printed);
        let again = slice(&second.program(), &criterion).map(|found| text(&second.program(), &found));
        prop_assert_eq!(again, Ok(printed), "{}", source);
    }

    #[test]
    fn slicing_a_slice_adds_nothing(pieces in pieces(), name in 0..5_usize) {
        let first = run(&source(&[Piece::For(4, pieces)]));
        let criterion = Criterion::Name { name: ["a", "b", "c", "d", "e"][name].to_owned() };
        let Ok(found) = slice(&first.program(), &criterion) else { return Ok(()) };
        let printed = text(&first.program(), &found);
        let second = run(&printed);
        let Ok(again) = slice(&second.program(), &criterion) else { return Ok(()) };
        let shorter = text(&second.program(), &again);
        let code = |line: &str| line.split("  #").next().unwrap_or_default().trim().to_owned();
        let is_known = |line: &str| line.contains("pass") || printed.contains(&code(line));
        prop_assert!(shorter.lines().all(is_known), "{printed}\n--- again\n{shorter}");
        prop_assert!(again.kept.len() <= second.tables[0].statements.len());
    }

    #[test]
    fn any_choice_of_statements_prints_as_python(pieces in pieces(), seed in any::<u64>()) {
        let source = source(&pieces);
        let table = table_of(&source).unwrap();
        let mut state = seed | 1;
        let mut kept = BTreeSet::new();
        for index in 0..table.statements.len() as u32 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let mut around = (state % 3 == 0).then_some(StatementId(index));
            while let Some(id) = around {
                kept.insert(id);
                around = table.statement(id).parent;
            }
        }
        // What the closure guarantees: a `try` has a handler or `finally`, a `match` a case.
        let mut arms = BTreeSet::new();
        for &id in &kept {
            match table.statement(id).kind {
                StatementKind::Try => arms.insert((id, Arm::Handler(0))),
                StatementKind::Match => arms.insert((id, Arm::Case(0))),
                _ => false,
            };
        }
        let slice = Slice { kept, arms, ..Slice::default() };
        let (tables, texts, trace) = (vec![table], vec![source.clone()], RunTrace::default());
        let printed = text(&Program { tables: &tables, texts: &texts, trace: &trace }, &slice);
        prop_assert!(table_of(&printed).is_ok(), "{source}\n--- kept\n{printed}");
    }
}
