//! What makes a slice differ when it is run again: clocks, unseeded random numbers, the network, and files that the
//! run itself has changed since it read them.

use clew_trace::{Access, ExternalKind, ExternalState, ExternalUse, SourceId, StatementId, StatementKind};
use std::collections::BTreeSet;

use crate::clocks;
use crate::closure::Analysis;
use crate::facts::Facts;
use crate::program::Criterion;
use crate::Error;

/// Refuses a slice whose statements read what differs from run to run.
pub(crate) fn check(analysis: &Analysis<'_>, kept: &BTreeSet<StatementId>, criterion: &Criterion) -> Result<(), Error> {
    let facts = &analysis.facts;
    let mut leak = None;
    for (nth, used) in facts.trace.external_uses.iter().enumerate() {
        let Some(unit) = facts.unit(used.unit).filter(|unit| kept.contains(unit)) else { continue };
        let Some(state) = facts.trace.externals.get(used.external.index()) else { continue };
        let line = facts.statement(unit).first_line;
        let differs = |what: String| Err(Error::Nondeterministic { what, line });
        match state.kind {
            ExternalKind::Clock if used.access == Access::Read => {
                let leak = *leak.get_or_insert_with(|| clocks::leak(facts, &analysis.fresh, kept, criterion));
                if let Some((source, by)) = leak {
                    let line = if source == 0 { facts.statement(by).first_line } else { line };
                    return Err(Error::Nondeterministic { what: String::from("the clock"), line });
                }
            }
            // Libraries draw while they are imported, for names of temporary files and the like.
            ExternalKind::Random
                if !is_import(facts, unit)
                    && !is_seeded(facts, nth, used)
                    && !only_names_files(facts, unit, criterion) =>
            {
                return differs(format!("random numbers that were not seeded ({})", state.key));
            }
            ExternalKind::Process if state.key == "identity" && used.access == Access::Read => {
                return differs(String::from("the number of the process"));
            }
            ExternalKind::Network => return differs(String::from("the network")),
            ExternalKind::Stdio if used.access == Access::Read => {
                return differs(String::from("what was typed on standard input"));
            }
            ExternalKind::File | ExternalKind::Directory | ExternalKind::Database if !imports_library(facts, unit) => {
                check_file(facts, kept, (nth, used, state), unit, criterion)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_import(facts: &Facts<'_>, unit: StatementId) -> bool {
    matches!(facts.statement(unit).kind, StatementKind::Import | StatementKind::ImportFrom)
}

/// Whether an earlier use set the generator to a known state.
fn is_seeded(facts: &Facts<'_>, nth: usize, used: &ExternalUse) -> bool {
    facts.trace.external_uses[..=nth].iter().any(|earlier| {
        earlier.external == used.external && (earlier.access == Access::Write || seeds(facts, earlier.unit))
    })
}

/// Whether the unit's own text sets the state of a generator.
fn seeds(facts: &Facts<'_>, unit: StatementId) -> bool {
    const SETTERS: [&str; 4] = ["seed", "setstate", "set_state", "manual_seed"];
    facts.unit(unit).is_some_and(|unit| facts.names_in(unit).any(|name| SETTERS.contains(&facts.name(name))))
}

/// Whether random numbers only made the names of temporary files, which the value asked for does not hold.
fn only_names_files(facts: &Facts<'_>, unit: StatementId, criterion: &Criterion) -> bool {
    const MAKERS: [&str; 7] = [
        "tempfile",
        "TemporaryDirectory",
        "NamedTemporaryFile",
        "TemporaryFile",
        "SpooledTemporaryFile",
        "mkdtemp",
        "mkstemp",
    ];
    let makes = facts.names_in(unit).any(|name| MAKERS.contains(&facts.name(name)));
    let Criterion::Name { name } = criterion else { return makes };
    let value = facts.trace.bindings.iter().find(|binding| binding.name == *name && binding.until.is_none());
    makes
        && value.is_some_and(|value| {
            let paths = facts.trace.external_uses.iter().filter(|used| facts.unit(used.unit) == Some(unit));
            let mut names = paths.filter_map(|used| facts.trace.externals.get(used.external.index()));
            !names.any(|state| state.key.rsplit('/').next().is_some_and(|name| value.summary.contains(name)))
        })
}

/// Whether the unit imports a library: the files that it looks at are the library's own.
fn imports_library(facts: &Facts<'_>, unit: StatementId) -> bool {
    is_import(facts, unit) && !facts.trace.sources.iter().skip(1).any(|source| source.imported_by == Some(unit))
}

/// States that matter only where values are turned into text.
const TEXT_STATES: [&str; 3] = ["numpy.printoptions", "pandas.display", "pandas.styler"];

/// Names by which values are turned into text.
const TEXT_NAMES: [&str; 24] = [
    "str",
    "repr",
    "format",
    "ascii",
    "print",
    "pprint",
    "pformat",
    "write",
    "writelines",
    "to_string",
    "to_html",
    "to_latex",
    "array2string",
    "array_repr",
    "array_str",
    "info",
    "debug",
    "warning",
    "error",
    "log",
    "dump",
    "dumps",
    "savetxt",
    "style",
];

/// Whether a state that a unit seems to read can make a difference to it.
pub(crate) fn matters(facts: &Facts<'_>, unit: StatementId, state: &ExternalState) -> bool {
    if state.kind != ExternalKind::Module || !TEXT_STATES.contains(&state.key.as_str()) {
        return true;
    }
    let makes_text = |id: StatementId| {
        let own = facts.header_text(id);
        let has_name = facts.names_in(id).any(|name| TEXT_NAMES.contains(&facts.name(name)));
        has_name || own.contains("f\"") || own.contains("f'") || own.contains('%') || own.contains("option")
    };
    let inside = unit.0..facts.blocks.end(unit);
    if inside.map(StatementId).any(makes_text) {
        return true;
    }
    facts.entries_of(unit).iter().any(|entry| {
        let Some(owner) = facts.owner(entry.scope).filter(|_| entry.source == SourceId(0)) else { return true };
        (owner.0..facts.blocks.end(owner)).map(StatementId).any(makes_text)
    })
}

/// Refuses when the slice sees a file as it was before the run changed it.
fn check_file(
    facts: &Facts<'_>,
    kept: &BTreeSet<StatementId>,
    (nth, used, state): (usize, &ExternalUse, &ExternalState),
    unit: StatementId,
    criterion: &Criterion,
) -> Result<(), Error> {
    let uses = &facts.trace.external_uses;
    let is_replaced =
        uses[..nth].iter().any(|earlier| earlier.external == used.external && earlier.access == Access::Write);
    let asked_for = matches!(criterion, Criterion::External { key, .. } if state.key == *key || state.key.ends_with(&format!("/{key}")));
    let sees_former = match used.access {
        Access::Read => true,
        Access::Absent => !is_harmless_check(facts, kept, unit),
        // What is appended to counts only if somebody reads it back.
        Access::Update => {
            asked_for
                || uses[nth..].iter().any(|later| {
                    later.external == used.external
                        && later.access == Access::Read
                        && facts.unit(later.unit).is_some_and(|unit| kept.contains(&unit))
                })
        }
        Access::Write => false,
    };
    if is_replaced || !sees_former {
        return Ok(());
    }
    let changes_it = |later: &&ExternalUse| {
        let same = later.external == used.external;
        let inside = facts.trace.externals.get(later.external.index()).is_some_and(|other| {
            other.kind == state.kind && other.key.rsplit_once('/').is_some_and(|(around, _)| around == state.key)
        });
        (same || inside) && matches!(later.access, Access::Write | Access::Update)
    };
    let from = if used.access == Access::Update { nth } else { nth + 1 };
    match uses[from..].iter().find(changes_it).and_then(|later| facts.unit(later.unit)) {
        Some(by) => Err(Error::Stale {
            key: state.key.clone(),
            line: facts.statement(unit).first_line,
            by: facts.statement(by).first_line,
        }),
        None => Ok(()),
    }
}

/// `if not os.path.exists(d): os.makedirs(d)`: nothing is lost when the branch is not taken the next time.
fn is_harmless_check(facts: &Facts<'_>, kept: &BTreeSet<StatementId>, unit: StatementId) -> bool {
    facts.statement(unit).kind == StatementKind::If
        && kept
            .range(StatementId(unit.0 + 1)..StatementId(facts.blocks.end(unit)))
            .all(|id| facts.statement(*id).defines.is_empty() && !facts.touch(*id).object)
}

/// The reason for which the record cannot be trusted for this slice, if there is one.
///
/// A reason that names lines after everything that is kept does not matter.
pub(crate) fn degraded(facts: &Facts<'_>, kept: &BTreeSet<StatementId>) -> Option<String> {
    let last = kept.iter().rev().copied().find(|id| facts.table.is_unit(*id))?;
    let is_later = |line: u32| {
        facts.table.statement_at_line(line).is_some_and(|id| {
            let unit = facts.table.unit_of(id);
            unit > last && !facts.share_loop(unit, last) && facts.table.is_unit(id)
        })
    };
    let matters = |reason: &&String| {
        let lines = lines_named(reason);
        lines.is_empty() || !lines.into_iter().all(is_later)
    };
    facts.trace.degraded.iter().find(matters).cloned()
}

/// The numbers that follow the word `line` or `lines` in a reason.
fn lines_named(reason: &str) -> Vec<u32> {
    let words: Vec<&str> = reason.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let starts = words.iter().position(|word| matches!(*word, "line" | "lines"));
    starts.map_or(Vec::new(), |at| words[at + 1..].iter().map_while(|word| word.parse().ok()).collect())
}
