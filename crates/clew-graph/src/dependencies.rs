//! Every dependency of a run, as a [`Graph`]: for pictures, not for slicing.
//!
//! The program's statements that ran come first, then the `def`s of functions that it entered in imported modules,
//! then outside state.

use clew_trace::{Access, FlowKind, NameId, ScopeId, ScopeKind, SourceId, StatementId, StatementKind};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;

use crate::closure::Analysis;
use crate::explain::{first_line, kind_name};
use crate::facts::{Facts, MODULE};
use crate::flow::build::{build, HiddenBindings};
use crate::flow::{Flow, Point, Variable, Version};
use crate::graph::{Edge, EdgeKind, Graph, Node, NodeId, NodeKind};
use crate::program::Program;

/// The dependency graph of a run. Empty when the program's table is not available.
pub fn graph(program: &Program<'_>) -> Graph {
    let Ok(facts) = Facts::new(program) else { return Graph::default() };
    let analysis = Analysis::new(facts);
    let mut builder = Builder {
        analysis: &analysis,
        facts: &analysis.facts,
        nodes: Vec::new(),
        ids: FxHashMap::default(),
        edges: BTreeSet::new(),
        reaching: FxHashMap::default(),
    };
    builder.statements();
    builder.externals();
    builder.flows();
    builder.control();
    builder.names();
    builder.calls();
    Graph { nodes: builder.nodes, edges: builder.edges.into_iter().collect() }
}

struct Builder<'p, 'a> {
    analysis: &'p Analysis<'a>,
    facts: &'p Facts<'a>,
    nodes: Vec<Node>,
    ids: FxHashMap<(SourceId, StatementId), NodeId>,
    edges: BTreeSet<Edge>,
    /// What reaches a version of a top-level name.
    reaching: FxHashMap<Version, Vec<StatementId>>,
}

impl Builder<'_, '_> {
    fn node(&self, id: StatementId) -> Option<NodeId> {
        self.ids.get(&(SourceId(0), id)).copied()
    }

    fn edge(&mut self, from: StatementId, to: StatementId, kind: EdgeKind, name: Option<&str>) {
        if let (Some(from), Some(to)) = (self.node(from), self.node(to)) {
            if from != to {
                self.edges.insert(Edge { from, to, kind, name: name.map(str::to_owned) });
            }
        }
    }

    fn statements(&mut self) {
        let facts = self.facts;
        for id in facts.statements().filter(|id| facts.ran(*id) && !facts.statement(*id).is_docstring) {
            let statement = facts.statement(id);
            let header = facts.header_text(id);
            let names = statement.defines.iter().filter(|define| define.scope == MODULE);
            let mut names: Vec<String> = names.map(|define| facts.name(define.name).to_owned()).collect();
            names.dedup();
            let node = Node {
                id: NodeId(self.nodes.len() as u32),
                kind: NodeKind::Statement,
                source: 0,
                statement: Some(id.0),
                line: statement.first_line,
                last_line: statement.first_line + header.lines().count().saturating_sub(1) as u32,
                label: first_line(header),
                scope: (statement.scope != MODULE).then(|| facts.table.qualified_name(statement.scope)),
                parent: statement.parent.and_then(|parent| self.node(parent)),
                names,
            };
            self.ids.insert((SourceId(0), id), node.id);
            self.nodes.push(node);
        }
    }

    fn externals(&mut self) {
        let facts = self.facts;
        let mut nodes: FxHashMap<u32, NodeId> = FxHashMap::default();
        for used in &facts.trace.external_uses {
            let Some(state) = facts.trace.externals.get(used.external.index()) else { continue };
            let Some(unit) = facts.unit(used.unit).and_then(|unit| self.node(unit)) else { continue };
            let next = NodeId(self.nodes.len() as u32);
            let node = *nodes.entry(used.external.0).or_insert(next);
            if node == next {
                self.nodes.push(Node {
                    id: node,
                    kind: NodeKind::External,
                    source: 0,
                    statement: None,
                    line: 0,
                    last_line: 0,
                    label: format!("{} {}", kind_name(state.kind), state.key),
                    scope: None,
                    parent: None,
                    names: Vec::new(),
                });
            }
            let (from, to) = match used.access {
                Access::Read | Access::Absent => (node, unit),
                Access::Write | Access::Update => (unit, node),
            };
            self.edges.insert(Edge { from, to, kind: EdgeKind::External, name: None });
        }
    }

    fn flows(&mut self) {
        for flow in &self.facts.trace.flows {
            let (kind, key) = match flow.kind {
                FlowKind::Data => (EdgeKind::Data, None),
                FlowKind::Mutate => (EdgeKind::Mutate, None),
                FlowKind::View => (EdgeKind::View, None),
                FlowKind::External(id) => {
                    (EdgeKind::External, self.facts.trace.externals.get(id.index()).map(|state| state.key.as_str()))
                }
            };
            if let (Some(writer), Some(reader)) = (self.facts.unit(flow.writer), self.facts.unit(flow.reader)) {
                self.edge(writer, reader, kind, key);
            }
        }
    }

    fn control(&mut self) {
        let facts = self.facts;
        for id in facts.statements().filter(|id| facts.ran(*id)) {
            let statement = facts.statement(id);
            let around = statement.parent.filter(|parent| facts.statement(*parent).scope == statement.scope);
            if let Some(parent) = around {
                self.edge(parent, id, EdgeKind::Control, None);
            }
            if matches!(statement.kind, StatementKind::Break | StatementKind::Continue) {
                if let Some(target) = facts.inner_loop(id) {
                    self.edge(id, target, EdgeKind::Control, None);
                }
            }
        }
        for raised in facts.raised() {
            self.edge(raised.raiser, raised.catcher, EdgeKind::Control, None);
        }
    }

    /// Bindings that reach the names in the text of statements.
    fn names(&mut self) {
        let facts = self.facts;
        let mut flows: FxHashMap<ScopeId, Flow> = FxHashMap::default();
        for id in facts.statements().filter(|id| facts.ran(*id)) {
            let statement = facts.statement(id);
            let (scope, anchor) = facts.home(id);
            for site in &statement.uses {
                let name = facts.name(site.name);
                let kind = facts.table.scope(site.scope).kind;
                let in_module = matches!(kind, ScopeKind::Module);
                let from = if in_module && scope == MODULE {
                    let points: Vec<Point> = self.analysis.module.places(anchor).map(|place| place.before).collect();
                    points.into_iter().flat_map(|point| self.reaching(site.name, point)).collect()
                } else if site.scope == statement.scope && !site.delayed {
                    let flow =
                        flows.entry(site.scope).or_insert_with(|| build(facts, site.scope, &HiddenBindings::default()));
                    let points: Vec<Point> = flow.places(id).map(|place| place.before).collect();
                    let events = points.into_iter().flat_map(|point| flow.reaching(Variable(site.name.0), point).0);
                    events.map(|event| event.statement).collect()
                } else {
                    Vec::new()
                };
                for from in from {
                    self.edge(from, id, EdgeKind::Data, Some(name));
                }
            }
        }
    }

    fn reaching(&mut self, name: NameId, point: Point) -> Vec<StatementId> {
        let module = &self.analysis.module;
        let version = module.version(Variable(name.0), point);
        let found = self.reaching.entry(version).or_insert_with(|| {
            let (events, _) = module.reaching(Variable(name.0), point);
            let mut statements: Vec<StatementId> = events.into_iter().map(|event| event.statement).collect();
            statements.dedup();
            statements
        });
        found.clone()
    }

    /// Functions that units entered, and the top-level names that these read.
    fn calls(&mut self) {
        let facts = self.facts;
        let mut reads: FxHashMap<ScopeId, FxHashSet<NameId>> = FxHashMap::default();
        for id in facts.statements().filter(|id| facts.ran(*id)) {
            let (scope, _) = facts.home(id);
            if scope != MODULE {
                let globals = facts.statement(id).uses.iter().filter(|site| site.scope == MODULE);
                reads.entry(scope).or_default().extend(globals.map(|site| site.name));
            }
        }
        for entry in &facts.trace.entries {
            let Some(unit) = facts.unit(entry.unit) else { continue };
            if entry.source != SourceId(0) {
                self.foreign_call(entry.source, entry.scope, unit);
                continue;
            }
            let Some(owner) = facts.owner(entry.scope) else { continue };
            self.edge(owner, unit, EdgeKind::Call, None);
            let Some(place) = self.analysis.module.place(unit) else { continue };
            for &name in reads.get(&entry.scope).into_iter().flatten() {
                for from in self.reaching(name, place.called) {
                    if facts.statement(from).kind != StatementKind::Function {
                        self.edge(from, unit, EdgeKind::Global, Some(facts.name(name)));
                    }
                }
            }
        }
    }

    fn foreign_call(&mut self, source: SourceId, scope: ScopeId, unit: StatementId) {
        let facts = self.facts;
        let Some(table) = facts.program.tables.get(source.index()) else { return };
        let Some(owner) = table.scopes.get(scope.index()).and_then(|scope| scope.owner) else { return };
        let next = NodeId(self.nodes.len() as u32);
        let node = *self.ids.entry((source, owner)).or_insert(next);
        if node == next {
            let statement = table.statement(owner);
            let text = facts.program.texts.get(source.index());
            let header = text.and_then(|t| t.get(statement.header.start as usize..statement.header.end as usize));
            let header = header.unwrap_or_default();
            self.nodes.push(Node {
                id: node,
                kind: NodeKind::Statement,
                source: source.0,
                statement: Some(owner.0),
                line: statement.first_line,
                last_line: statement.first_line + header.lines().count().saturating_sub(1) as u32,
                label: first_line(header),
                scope: facts.trace.sources.get(source.index()).map(|record| record.module.clone()),
                parent: None,
                names: Vec::new(),
            });
        }
        if let Some(unit) = self.node(unit) {
            self.edges.insert(Edge { from: node, to: unit, kind: EdgeKind::Call, name: None });
        }
    }
}
