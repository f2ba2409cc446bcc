//! From a criterion to the statements and bindings with which a slice begins.

use clew_trace::{Access, Binding, ExternalKind, NameId, ScopeId, SourceId, StatementId, StatementKind};

use crate::at_line;
use crate::closure::{Analysis, Closure, Limit, Reason};
use crate::error::nearest;
use crate::facts::{Facts, MODULE};
use crate::flow::{Point, Variable};
use crate::graph::EdgeKind;
use crate::program::Criterion;
use crate::Error;

/// Begins a slice: the criterion's own statements are kept, nothing else yet.
pub(crate) fn begin<'p, 'a>(analysis: &'p Analysis<'a>, criterion: &Criterion) -> Result<Closure<'p, 'a>, Error> {
    match criterion {
        Criterion::Name { name } => whole_name(analysis, name),
        Criterion::NameAtLine { name, line } => at_line::begin(analysis, name, *line),
        Criterion::Line { source: SourceId(0), line } => statement(analysis, *line),
        Criterion::Line { source, line } => foreign_statement(analysis, *source, *line),
        Criterion::External { kind, key } => external(analysis, *kind, key),
        Criterion::Artifact { name } => artifact(analysis, name),
    }
}

fn whole_name<'p, 'a>(analysis: &'p Analysis<'a>, name: &str) -> Result<Closure<'p, 'a>, Error> {
    let facts = &analysis.facts;
    let at_end: Vec<&Binding> = facts.trace.bindings.iter().filter(|b| b.name == name && b.until.is_none()).collect();
    let mut closure = Closure::new(analysis, None);
    if let Some(id) = name_id(facts, name) {
        let end = analysis.module.end();
        check_bound(analysis, id, end, None)?;
        closure.ask_for(analysis.module.version(Variable(id.0), end), name);
    } else if at_end.is_empty() {
        return Err(unknown_name(facts, name));
    } else {
        // Bound by `exec`, a star import or the like.
        let any = Variable(u32::MAX);
        closure.ask_for(analysis.module.version(any, analysis.module.end()), name);
    }
    for writer in at_end.iter().flat_map(|binding| &binding.writers).filter_map(|unit| facts.unit(*unit)) {
        closure.keep(writer, Reason { because: None, kind: EdgeKind::Mutate, name: Some(name.to_owned()) });
    }
    Ok(closure)
}

/// The number of a name that the program binds at top level.
pub(crate) fn name_id(facts: &Facts<'_>, name: &str) -> Option<NameId> {
    facts.name_id(name).filter(|id| !facts.binders(*id).is_empty())
}

pub(crate) fn unknown_name(facts: &Facts<'_>, name: &str) -> Error {
    let bound = facts.table.scope(MODULE).locals.iter().map(|id| facts.name(*id));
    let recorded = facts.trace.bindings.iter().map(|binding| binding.name.as_str());
    Error::UnknownName { name: name.to_owned(), nearest: nearest(name, bound.chain(recorded)) }
}

/// Whether the name is bound at a point of the module; `line` is the line asked for.
pub(crate) fn check_bound(analysis: &Analysis<'_>, id: NameId, point: Point, line: Option<u32>) -> Result<(), Error> {
    let facts = &analysis.facts;
    let name = facts.name(id).to_owned();
    let (events, _) = analysis.module.reaching(Variable(id.0), point);
    if events.iter().any(|event| !event.deletes) {
        return Ok(());
    }
    let first_line = |id: &StatementId| facts.statement(*id).first_line;
    if let Some(deleted) = events.last() {
        return Err(Error::Deleted { name, line: first_line(&deleted.statement) });
    }
    let binders = facts.binders(id);
    let ran = binders.iter().find(|id| facts.ran(**id));
    match (ran, line, binders.first()) {
        (Some(ran), Some(line), _) => Err(Error::NotYetBound { name, line, first: first_line(ran) }),
        (_, _, Some(binder)) => Err(Error::NeverBound { name, line: first_line(binder) }),
        _ => Err(unknown_name(facts, &name)),
    }
}

/// The statement that a line belongs to: a simple statement on it, or a compound one whose header is.
pub(crate) fn at(facts: &Facts<'_>, line: u32) -> Result<StatementId, Error> {
    let found = facts.table.statement_at_line(line).filter(|id| {
        let statement = facts.statement(*id);
        let header = &facts.text[statement.header.start as usize..statement.header.end as usize];
        let n_lines = header.lines().count().max(1) as u32;
        !statement.kind.is_compound() || line < statement.first_line + n_lines
    });
    let Some(found) = found else {
        let lines = || facts.table.statements.iter().map(|statement| (statement.first_line, statement.last_line));
        let before = lines().map(|(first, _)| first).filter(|first| *first < line).max();
        let after = lines().map(|(first, _)| first).filter(|first| *first > line).min();
        return Err(Error::NoStatement { line, nearest: before.into_iter().chain(after).collect() });
    };
    if facts.ran(found) {
        Ok(found)
    } else {
        Err(Error::NeverRan { line })
    }
}

fn statement<'p, 'a>(analysis: &'p Analysis<'a>, line: u32) -> Result<Closure<'p, 'a>, Error> {
    let facts = &analysis.facts;
    let id = at(facts, line)?;
    let mut closure = Closure::new(analysis, None);
    closure.keep(id, Reason::criterion(None));
    let (scope, _) = facts.home(id);
    if scope != MODULE {
        keep_entering(&mut closure, facts.entered(scope));
    }
    Ok(closure)
}

fn keep_entering(closure: &mut Closure<'_, '_>, units: &[StatementId]) {
    for &unit in units {
        closure.keep(unit, Reason { because: None, kind: EdgeKind::Call, name: None });
    }
}

/// A statement of an imported module: the units that ran it.
fn foreign_statement<'p, 'a>(
    analysis: &'p Analysis<'a>,
    source: SourceId,
    line: u32,
) -> Result<Closure<'p, 'a>, Error> {
    let facts = &analysis.facts;
    let unknown = || Error::UnknownSource { source_id: source.0 };
    let table = facts.program.tables.get(source.index()).filter(|t| !t.statements.is_empty()).ok_or_else(unknown)?;
    let record = facts.trace.sources.get(source.index()).ok_or_else(unknown)?;
    let found = table.statement_at_line(line).ok_or_else(|| Error::NoStatement { line, nearest: Vec::new() })?;
    if record.executed.binary_search(&found).is_err() {
        return Err(Error::NeverRan { line });
    }
    let scope: ScopeId = crate::facts::region(table, table.statement(found).scope);
    let mut closure = Closure::new(analysis, None);
    let entering = facts.trace.entries.iter().filter(|entry| entry.source == source && entry.scope == scope);
    let units: Vec<StatementId> = if scope == MODULE {
        record.imported_by.into_iter().filter_map(|unit| facts.unit(unit)).collect()
    } else {
        entering.filter_map(|entry| facts.unit(entry.unit)).collect()
    };
    keep_entering(&mut closure, &units);
    Ok(closure)
}

/// Units that left outside state as it is at the end.
fn external<'p, 'a>(analysis: &'p Analysis<'a>, kind: ExternalKind, key: &str) -> Result<Closure<'p, 'a>, Error> {
    let facts = &analysis.facts;
    let states = facts.trace.externals.iter().enumerate().filter(|(_, state)| state.kind == kind);
    let is_suffix = |known: &str| known.strip_suffix(key).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
    let exact: Vec<usize> = states.clone().filter(|(_, state)| state.key == key).map(|(at, _)| at).collect();
    let found = if exact.is_empty() {
        states.clone().filter(|(_, state)| is_suffix(&state.key)).map(|(at, _)| at).collect()
    } else {
        exact
    };
    let uses: Vec<_> = facts.trace.external_uses.iter().filter(|used| found.contains(&used.external.index())).collect();
    let writes = |access| matches!(access, Access::Write | Access::Update);
    if !uses.iter().any(|used| writes(used.access)) {
        if let Some(read) = uses.first().and_then(|used| facts.unit(used.unit)) {
            return Err(Error::OnlyRead { key: key.to_owned(), line: facts.statement(read).first_line });
        }
        let written = facts.trace.external_uses.iter().filter(|used| writes(used.access));
        let keys = written.filter_map(|used| facts.trace.externals.get(used.external.index()));
        let keys = keys.filter(|state| state.kind == kind).map(|state| state.key.as_str());
        return Err(Error::UnknownExternal { key: key.to_owned(), nearest: nearest_path(key, keys) });
    }
    // What was there before the last replacement no longer matters, unless a loop may bring it back.
    let last = uses.iter().rposition(|used| used.access == Access::Write).unwrap_or(0);
    let mut closure = Closure::new(analysis, None);
    let last_unit = facts.unit(uses[last].unit);
    for (nth, used) in uses.iter().enumerate().filter(|(_, used)| writes(used.access)) {
        let Some(unit) = facts.unit(used.unit) else { continue };
        if nth >= last || last_unit.is_some_and(|last| facts.share_loop(last, unit)) {
            closure.keep(unit, Reason { because: None, kind: EdgeKind::External, name: Some(key.to_owned()) });
            keep_users_of_handle(&mut closure, analysis, unit, key);
        }
    }
    Ok(closure)
}

/// What a unit that opened a file bound (`with open(p) as f`, `f = open(p)`) is written through by others.
fn keep_users_of_handle(closure: &mut Closure<'_, '_>, analysis: &Analysis<'_>, opener: StatementId, key: &str) {
    let facts = &analysis.facts;
    let bound: Vec<NameId> = facts
        .statement(opener)
        .defines
        .iter()
        .filter(|define| define.scope == MODULE)
        .map(|define| define.name)
        .collect();
    for &name in &bound {
        for &user in analysis.holders(name) {
            let (scope, anchor) = facts.home(user);
            let uses = facts.statement(user).uses.iter().any(|site| site.name == name && site.scope == MODULE);
            if scope != MODULE || user == opener || !uses || !changes_something(analysis, anchor) {
                continue;
            }
            let reached = analysis.module.places(anchor).any(|place| {
                let (events, _) = analysis.module.reaching(Variable(name.0), place.before);
                events.iter().any(|event| event.statement == opener)
            });
            if reached {
                closure.keep(anchor, Reason { because: None, kind: EdgeKind::External, name: Some(key.to_owned()) });
            }
        }
    }
}

/// Whether a unit, or a function that it entered, was seen to change something that lasts.
pub(crate) fn changes_something(analysis: &Analysis<'_>, unit: StatementId) -> bool {
    let facts = &analysis.facts;
    facts.touch(unit).lasts()
        || facts.entries_of(unit).iter().any(|entry| {
            let Some(table) = facts.program.tables.get(entry.source.index()) else { return true };
            facts.trace.touched.iter().any(|touched| {
                touched.source == entry.source
                    && touched.kind != clew_trace::WriteKind::Output
                    && table
                        .statements
                        .get(touched.statement.index())
                        .is_none_or(|statement| crate::facts::region(table, statement.scope) == entry.scope)
            })
        })
}

/// Paths that are close to the one asked for, compared by their last part.
fn nearest_path<'n>(key: &str, known: impl Iterator<Item = &'n str>) -> Vec<String> {
    let last = |path: &'n str| path.rsplit('/').next().unwrap_or(path);
    let wanted = key.rsplit('/').next().unwrap_or(key);
    let mut paths: Vec<&str> = known.collect();
    paths.sort_unstable();
    paths.dedup();
    let close = nearest(wanted, paths.iter().map(|path| last(path)));
    let mut found: Vec<String> = close
        .iter()
        .flat_map(|name| paths.iter().filter(move |path| last(path) == name))
        .map(|p| (*p).to_owned())
        .collect();
    found.extend(paths.iter().filter(|path| last(path) == wanted).map(|path| (*path).to_owned()));
    found.truncate(3);
    found
}

fn artifact<'p, 'a>(analysis: &'p Analysis<'a>, name: &str) -> Result<Closure<'p, 'a>, Error> {
    let facts = &analysis.facts;
    // The last value saved under the name is the artifact.
    let Some((_, unit, writers)) = facts.trace.artifacts.iter().rev().find(|(saved, _, _)| saved == name) else {
        let saved = facts.trace.artifacts.iter().map(|(saved, _, _)| saved.as_str());
        return Err(Error::UnknownArtifact { name: name.to_owned(), nearest: nearest(name, saved) });
    };
    let mut closure = Closure::new(analysis, None);
    if let Some(save) = facts.name_id("save") {
        closure.keep_holders_of(save);
    }
    if let Some(unit) = facts.unit(*unit) {
        closure.keep(unit, Reason::criterion(Some(name.to_owned())));
    }
    for writer in writers.iter().filter_map(|unit| facts.unit(*unit)) {
        closure.keep(writer, Reason { because: None, kind: EdgeKind::Mutate, name: Some(name.to_owned()) });
    }
    Ok(closure)
}

/// The part of the program's order up to and including a statement; a loop counts as a whole.
pub(crate) fn limit(facts: &Facts<'_>, id: StatementId) -> Limit {
    match facts.statement(id).kind {
        StatementKind::For | StatementKind::While => Limit(StatementId(facts.blocks.end(id) - 1)),
        _ => Limit(id),
    }
}
