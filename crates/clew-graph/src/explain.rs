//! Why a value is what it is: the chain of lines, and the inputs, behind it.
//!
//! The steps are the units of the slice, as a tree: each under the step that needs it, nearest first. Statements
//! inside functions are left out; what they need appears under the function's `def`.

use clew_trace::{Access, ExternalKind, StatementId};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

use crate::closure::{Analysis, Reason};
use crate::facts::Facts;
use crate::graph::EdgeKind;
use crate::program::{Criterion, Program};
use crate::slice::closed;
use crate::Error;

/// One line behind the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Number of the statement.
    pub statement: u32,
    /// Its first line, 1-based.
    pub line: u32,
    /// The last line of its header.
    pub last_line: u32,
    /// The first line of its text.
    pub text: String,
    /// Why it is there, for people.
    pub because: String,
    /// The line of the step that needs it; `None` for what was asked for.
    pub needed_by: Option<u32>,
    /// What carries the dependency.
    pub kind: EdgeKind,
    /// The name that carries it, if one does.
    pub name: Option<String>,
    /// Steps between it and what was asked for.
    pub depth: u32,
}

/// State outside the program that the value came from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Input {
    /// Its kind (`file`, `environment`, ...).
    pub kind: String,
    /// Its key: a path, the name of a variable.
    pub key: String,
    /// The line that read it first.
    pub line: u32,
    /// Whether the program found it absent.
    pub absent: bool,
}

/// The lines and inputs behind a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The steps, each after the one that needs it.
    pub steps: Vec<Step>,
    /// What was read from outside.
    pub inputs: Vec<Input>,
    /// Statements of the slice, those inside functions included.
    pub n_statements: u32,
    /// Statements that ran.
    pub n_executed: u32,
}

impl Explanation {
    /// The explanation as one JSON object.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Explains a criterion.
pub fn why(program: &Program<'_>, criterion: &Criterion) -> Result<Explanation, Error> {
    let analysis = Analysis::new(Facts::new(program)?);
    let slice = closed(&analysis, criterion)?;
    let facts = &analysis.facts;
    let units: BTreeSet<StatementId> = slice.kept.iter().copied().filter(|id| facts.table.is_unit(*id)).collect();
    let mut children: BTreeMap<Option<StatementId>, Vec<StatementId>> = BTreeMap::new();
    for &unit in &units {
        let parent = slice.reasons.get(&unit).and_then(|reason| reason.because);
        let parent =
            parent.map(|id| facts.table.unit_of(id)).filter(|parent| *parent != unit && units.contains(parent));
        children.entry(parent).or_default().push(unit);
    }
    let mut steps = Vec::new();
    let roots = children.get(&None).cloned().unwrap_or_default();
    let mut work: Vec<(StatementId, u32)> = in_order(&slice.reasons, roots).map(|id| (id, 0)).collect();
    while let Some((unit, depth)) = work.pop() {
        steps.push(step(facts, unit, slice.reasons.get(&unit), depth));
        let below = children.remove(&Some(unit)).unwrap_or_default();
        work.extend(in_order(&slice.reasons, below).map(|id| (id, depth + 1)));
    }
    Ok(Explanation {
        steps,
        inputs: inputs(facts, &units),
        n_statements: slice.kept.len() as u32,
        n_executed: facts.statements().filter(|id| facts.ran(*id)).count() as u32,
    })
}

/// Statements so that the first to be shown comes last: what carries data before what carries control, later lines
/// before earlier ones.
fn in_order(reasons: &BTreeMap<StatementId, Reason>, mut units: Vec<StatementId>) -> impl Iterator<Item = StatementId> {
    let rank = |unit: &StatementId| match reasons.get(unit).map(|reason| reason.kind) {
        Some(EdgeKind::Data | EdgeKind::Mutate | EdgeKind::View | EdgeKind::External) => 0,
        Some(EdgeKind::Global | EdgeKind::Call) => 1,
        _ => 2,
    };
    units.sort_by_key(|unit| (std::cmp::Reverse(rank(unit)), *unit));
    units.into_iter()
}

fn step(facts: &Facts<'_>, unit: StatementId, reason: Option<&Reason>, depth: u32) -> Step {
    let statement = facts.statement(unit);
    let needed_by = reason.and_then(|reason| reason.because).map(|id| facts.statement(id).first_line);
    let kind = reason.map_or(EdgeKind::Data, |reason| reason.kind);
    let name = reason.and_then(|reason| reason.name.clone());
    let header = facts.header_text(unit);
    Step {
        statement: unit.0,
        line: statement.first_line,
        last_line: statement.first_line + header.lines().count().saturating_sub(1) as u32,
        text: first_line(header),
        because: phrase(needed_by, kind, name.as_deref()),
        needed_by,
        kind,
        name,
        depth,
    }
}

/// The first line of a statement's text, decorators left out.
pub(crate) fn first_line(header: &str) -> String {
    let own = header.lines().find(|line| !line.trim_start().starts_with('@')).or(header.lines().next());
    own.unwrap_or_default().trim().to_owned()
}

fn phrase(line: Option<u32>, kind: EdgeKind, name: Option<&str>) -> String {
    let Some(line) = line else {
        return match (kind, name) {
            (EdgeKind::Mutate, Some(name)) => format!("changes `{name}`"),
            (EdgeKind::External, Some(key)) => format!("writes `{key}`"),
            (EdgeKind::Call, Some(module)) => format!("imports `{module}`"),
            (EdgeKind::Call, None) => String::from("runs the line asked for"),
            (EdgeKind::Control, _) => String::from("changes what the text means"),
            (_, Some(name)) => format!("makes `{name}`"),
            (_, None) => String::from("is the line asked for"),
        };
    };
    match (kind, name) {
        (EdgeKind::Data, Some(name)) => format!("line {line} uses `{name}`"),
        (EdgeKind::Data, None) => format!("line {line} uses an object that it changes"),
        (EdgeKind::Mutate, Some(name)) => format!("changes `{name}`, which line {line} uses"),
        (EdgeKind::Mutate, None) => format!("changes an object that line {line} changes further"),
        (EdgeKind::View, _) => format!("changes what line {line} sees through a view"),
        (EdgeKind::Global, Some(name)) => format!("a function reads `{name}` (line {line})"),
        (EdgeKind::Global, None) => format!("line {line} reads a global"),
        (EdgeKind::External, Some(key)) => format!("line {line} depends on `{key}`"),
        (EdgeKind::External, None) => format!("line {line} depends on outside state"),
        (EdgeKind::Call, _) => format!("line {line} calls it"),
        (EdgeKind::Control, _) => format!("decides whether line {line} runs"),
    }
}

/// What the units read from outside that they had not written themselves.
fn inputs(facts: &Facts<'_>, units: &BTreeSet<StatementId>) -> Vec<Input> {
    let mut found: Vec<Input> = Vec::new();
    let mut written = BTreeSet::new();
    for used in &facts.trace.external_uses {
        let Some(unit) = facts.unit(used.unit).filter(|unit| units.contains(unit)) else { continue };
        let Some(state) = facts.trace.externals.get(used.external.index()) else { continue };
        match used.access {
            Access::Write | Access::Update => {
                written.insert(used.external);
            }
            Access::Read | Access::Absent if !written.contains(&used.external) => {
                let kind = kind_name(state.kind).to_owned();
                if !found.iter().any(|input| input.kind == kind && input.key == state.key) {
                    let line = facts.statement(unit).first_line;
                    found.push(Input { kind, key: state.key.clone(), line, absent: used.access == Access::Absent });
                }
            }
            _ => {}
        }
    }
    found.sort();
    found
}

/// The word for a kind of outside state.
pub(crate) const fn kind_name(kind: ExternalKind) -> &'static str {
    match kind {
        ExternalKind::File => "file",
        ExternalKind::Directory => "directory",
        ExternalKind::Database => "database",
        ExternalKind::Network => "network",
        ExternalKind::Environment => "environment",
        ExternalKind::Random => "random",
        ExternalKind::Clock => "clock",
        ExternalKind::Stdio => "stdio",
        ExternalKind::Process => "process",
        ExternalKind::Module => "module",
    }
}
