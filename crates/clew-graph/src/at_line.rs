//! `NAME@LINE`: a variable just after a line last ran.
//!
//! The slice, run to its end, must leave the variable as it was at that moment. So nothing after the line is part of
//! it, and if the line stands in a loop, what changes the variable must come before the line in every turn.

use clew_trace::{FlowKind, NameId, StatementId, StatementKind};
use std::collections::BTreeSet;

use crate::closure::{Analysis, Closure, Reason};
use crate::criterion::{at, changes_something, check_bound, limit, name_id, unknown_name};
use crate::facts::{Facts, MODULE};
use crate::flow::{Point, Variable};
use crate::graph::EdgeKind;
use crate::Error;

/// Begins the slice.
pub(crate) fn begin<'p, 'a>(analysis: &'p Analysis<'a>, name: &str, line: u32) -> Result<Closure<'p, 'a>, Error> {
    let facts = &analysis.facts;
    let variable = name_id(facts, name).ok_or_else(|| unknown_name(facts, name))?;
    let id = at(facts, line)?;
    if !facts.table.is_unit(id) {
        let function = facts.table.qualified_name(facts.statement(id).scope);
        return Err(Error::InsideFunction { name: name.to_owned(), line, function });
    }
    let point = point_after(analysis, id).ok_or(Error::NeverRan { line })?;
    check_bound(analysis, variable, point, Some(line))?;
    let mut closure = Closure::new(analysis, Some(limit(facts, id)));
    closure.ask_for(analysis.module.version(Variable(variable.0), point), name);
    let reason = Reason { because: None, kind: EdgeKind::Mutate, name: Some(name.to_owned()) };
    for writer in writers_at(analysis, variable, id, point) {
        closure.keep(writer, reason.clone());
    }
    Ok(closure)
}

/// The point just after the statement last ran; for a loop, where it was left.
fn point_after(analysis: &Analysis<'_>, id: StatementId) -> Option<Point> {
    let is_loop = matches!(analysis.facts.statement(id).kind, StatementKind::For | StatementKind::While);
    let left = if is_loop { analysis.module.left(id) } else { None };
    left.or_else(|| analysis.module.place(id).map(|place| place.after))
}

/// Units that had changed the value by then.
fn writers_at(analysis: &Analysis<'_>, name: NameId, id: StatementId, point: Point) -> BTreeSet<StatementId> {
    let facts = &analysis.facts;
    let text = facts.name(name);
    let last = limit(facts, id).0;
    let is_after = |unit: StatementId| unit > last && !facts.share_loop(unit, id);
    let bindings: Vec<_> = facts.trace.bindings.iter().filter(|binding| binding.name == text).collect();
    let rebound = |unit: &Option<StatementId>| unit.and_then(|unit| facts.unit(unit));
    let next = bindings.iter().filter_map(|binding| rebound(&binding.until)).filter(|unit| is_after(*unit)).min();
    let covers = |until: Option<StatementId>| match (until, next) {
        (Some(until), _) if facts.share_loop(until, id) => true,
        (Some(until), Some(next)) => until == next || facts.share_loop(until, next),
        (None, None) => true,
        _ => false,
    };
    let mut writers = BTreeSet::new();
    let mut later = BTreeSet::new();
    let relevant = bindings.iter().filter(|binding| covers(rebound(&binding.until)));
    let mut work: Vec<StatementId> = relevant.flat_map(|b| &b.writers).filter_map(|unit| facts.unit(*unit)).collect();
    while let Some(unit) = work.pop() {
        if !is_after(unit) {
            writers.insert(unit);
        } else if later.insert(unit) {
            // What it changed had perhaps been changed before.
            let before = facts.flows_of(unit).iter().filter(|flow| flow.kind == FlowKind::Mutate);
            work.extend(before.filter_map(|flow| facts.unit(flow.writer)));
        }
    }
    let hidden = bound_out_of_sight(analysis, name, last, next);
    if !later.is_empty() || hidden {
        // Later changes may have detached parts of the value, or the value noted is another: go by names.
        writers.extend(changers_by_name(analysis, name, point, last));
    }
    writers
}

/// Whether a function or `exec` may have bound the name anew after `last`, which leaves no note.
fn bound_out_of_sight(analysis: &Analysis<'_>, name: NameId, last: StatementId, next: Option<StatementId>) -> bool {
    let point = match next.and_then(|next| analysis.module.place(next)) {
        Some(place) => place.before,
        None => analysis.module.end(),
    };
    let (events, _) = analysis.module.reaching(Variable(name.0), point);
    events.iter().any(|event| event.statement > last && (event.inside_call || !event.kills))
}

/// Units up to `last` that changed something and use a variable that may share objects with what `name` holds at a
/// point: that binding of it, or one that a statement used which made such a binding.
fn changers_by_name(analysis: &Analysis<'_>, name: NameId, point: Point, last: StatementId) -> BTreeSet<StatementId> {
    let facts = &analysis.facts;
    let makers = |name: NameId, point: Point| {
        let (events, _) = analysis.module.reaching(Variable(name.0), point);
        events.into_iter().map(move |event| (name, event.statement))
    };
    let mut work: Vec<(NameId, StatementId)> = makers(name, point).collect();
    let mut seen: BTreeSet<(NameId, StatementId)> = work.iter().copied().collect();
    let mut found = BTreeSet::new();
    while let Some((name, maker)) = work.pop() {
        let statement = facts.statement(maker);
        let is_definition = matches!(
            statement.kind,
            StatementKind::Function | StatementKind::Class | StatementKind::Import | StatementKind::ImportFrom
        );
        if maker <= last && !is_definition {
            for site in statement.uses.iter().filter(|site| site.scope == MODULE) {
                for place in analysis.module.places(maker) {
                    work.extend(makers(site.name, place.before).filter(|made| seen.insert(*made)));
                }
            }
        }
        if imports_library(analysis, name, maker) {
            continue;
        }
        for &holder in analysis.holders(name) {
            let (scope, unit) = facts.home(holder);
            let is_before = scope == MODULE && unit <= last && !found.contains(&unit);
            if is_before && changes_something(analysis, unit) {
                let mut points = analysis.module.places(unit).map(|place| place.before);
                if points.any(|point| makers(name, point).any(|made| made == (name, maker))) {
                    found.insert(unit);
                }
            }
        }
    }
    found
}

/// Whether a statement binds a name to a module that is not the user's, or to something in it: what such a module keeps
/// for itself is outside state.
fn imports_library(analysis: &Analysis<'_>, name: NameId, maker: StatementId) -> bool {
    let facts = &analysis.facts;
    let of_user = |path: &str| {
        let mut modules = facts.trace.sources.iter().skip(1).map(|source| source.module.as_str());
        modules.any(|module| path == module || path.starts_with(&format!("{module}.")) || module.starts_with(path))
    };
    matches!(facts.statement(maker).kind, StatementKind::Import | StatementKind::ImportFrom)
        && !analysis.imports.modules(name).any(of_user)
}

/// Refuses when kept statements change the variable after the line's last run, within a common loop.
pub(crate) fn check(analysis: &Analysis<'_>, kept: &BTreeSet<StatementId>, name: &str, line: u32) -> Result<(), Error> {
    let facts = &analysis.facts;
    let id = at(facts, line)?;
    let Some(outer) = facts.outer_loop(id) else { return Ok(()) };
    let Some(variable) = name_id(facts, name) else { return Ok(()) };
    let inside = kept.range(outer..StatementId(facts.blocks.end(outer))).copied();
    let writers = all_writers(facts, name);
    for changer in inside.filter(|changer| changes(analysis, *changer, variable) || writers.contains(changer)) {
        if !comes_before(facts, changer, id) {
            let by = facts.statement(changer).first_line;
            return Err(Error::OverwrittenLater { name: name.to_owned(), line, by });
        }
    }
    Ok(())
}

/// Whether the unit binds the variable, itself or through a function.
fn changes(analysis: &Analysis<'_>, unit: StatementId, name: NameId) -> bool {
    let facts = &analysis.facts;
    facts.statement(unit).defines.iter().any(|define| define.scope == MODULE && define.name == name)
        || analysis.binds_in_call(unit, Variable(name.0))
}

/// Units that ever changed an object of the variable.
fn all_writers(facts: &Facts<'_>, name: &str) -> BTreeSet<StatementId> {
    let bindings = facts.trace.bindings.iter().filter(|binding| binding.name == name);
    let mut work: Vec<StatementId> = bindings.flat_map(|b| &b.writers).filter_map(|unit| facts.unit(*unit)).collect();
    let mut writers = BTreeSet::new();
    while let Some(unit) = work.pop() {
        if writers.insert(unit) {
            let before = facts.flows_of(unit).iter().filter(|flow| flow.kind == FlowKind::Mutate);
            work.extend(before.filter_map(|flow| facts.unit(flow.writer)));
        }
    }
    writers
}

/// Whether, in every turn, `id` runs after `changer` if `changer` runs at all.
fn comes_before(facts: &Facts<'_>, changer: StatementId, id: StatementId) -> bool {
    let block = facts.blocks.around(facts.table, id);
    let parent = facts.statement(id).parent;
    // The target of the loop around the block is bound before each of its turns, and not when it ends.
    let start = if Some(changer) == parent && facts.statement(changer).kind == StatementKind::For {
        block.first().copied()
    } else {
        block.iter().copied().find(|top| facts.blocks.contains(*top, changer))
    };
    let Some(start) = start.filter(|start| *start <= id) else { return false };
    let is_loop = matches!(facts.statement(id).kind, StatementKind::For | StatementKind::While);
    if start == id && changer != id && !is_loop {
        return false;
    }
    let leaves = |jump: StatementId, target: StatementId| {
        jump >= start && jump < id && facts.ran(jump) && !facts.blocks.contains(start, target) && target < start
    };
    let jumped = (start.0..id.0).map(StatementId).any(|jump| match facts.statement(jump).kind {
        StatementKind::Break | StatementKind::Continue => {
            facts.inner_loop(jump).is_some_and(|target| leaves(jump, target))
        }
        _ => false,
    });
    let raised = facts.raised().iter().any(|r| leaves(r.raiser, r.catcher));
    let ended = facts.trace.ended_by.is_some_and(|last| last >= start && last < id);
    !(jumped || raised || ended)
}
