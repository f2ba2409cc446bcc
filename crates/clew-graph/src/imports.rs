//! Which modules the program's own import statements bring in, by dotted path.
//!
//! `import sklearn` then `sklearn.datasets.load_iris()` works only because some statement imports
//! `sklearn.datasets`, under whatever name. Paths are read from the text of the statements that ran.

use clew_trace::{NameId, SourceTable, StatementId, StatementKind};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

use crate::facts::Facts;
use crate::looks::own_text;

/// Imports by path.
#[derive(Default)]
pub(crate) struct Imports {
    /// Statements by the paths that they import, and by the packages around them.
    importers: FxHashMap<String, Vec<StatementId>>,
    /// Paths of the modules that top-level names may stand for.
    modules: FxHashMap<NameId, BTreeSet<String>>,
}

impl Imports {
    /// The imports of the program that ran.
    pub(crate) fn new(facts: &Facts<'_>) -> Self {
        Self::of(facts.table, facts.text, |id| facts.ran(id))
    }

    /// The imports of a source for which `counts` holds.
    pub(crate) fn of(table: &SourceTable, text: &str, counts: impl Fn(StatementId) -> bool) -> Self {
        let mut imports = Self::default();
        let ids: FxHashMap<&str, NameId> =
            table.names.iter().enumerate().map(|(i, name)| (name.as_str(), NameId(i as u32))).collect();
        for (index, statement) in table.statements.iter().enumerate() {
            let id = StatementId(index as u32);
            if !matches!(statement.kind, StatementKind::Import | StatementKind::ImportFrom) || !counts(id) {
                continue;
            }
            for (path, name) in imported(own_text(text, statement), statement.kind) {
                let mut prefix = path.as_str();
                loop {
                    let importers = imports.importers.entry(prefix.to_owned()).or_default();
                    if importers.last() != Some(&id) {
                        importers.push(id);
                    }
                    match prefix.rsplit_once('.') {
                        Some((package, _)) if !package.is_empty() => prefix = package,
                        _ => break,
                    }
                }
                if let Some(name) = name.and_then(|(name, path)| Some((*ids.get(name.as_str())?, path))) {
                    imports.modules.entry(name.0).or_default().insert(name.1);
                }
            }
        }
        imports
    }

    /// Statements that import the module or something inside it.
    pub(crate) fn importers(&self, path: &str) -> &[StatementId] {
        self.importers.get(path).map_or(&[], Vec::as_slice)
    }

    /// Statements that import `attribute` of a module that `name` may stand for.
    pub(crate) fn importers_of(&self, name: NameId, attribute: &str) -> Vec<StatementId> {
        let mut found: Vec<StatementId> = self
            .modules
            .get(&name)
            .into_iter()
            .flatten()
            .flat_map(|module| self.importers(&format!("{module}.{attribute}")))
            .copied()
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Paths of the modules that a name may stand for.
    pub(crate) fn modules(&self, name: NameId) -> impl Iterator<Item = &str> {
        self.modules.get(&name).into_iter().flatten().map(String::as_str)
    }

    /// Whether the name may stand for a module.
    pub(crate) fn is_module(&self, name: NameId) -> bool {
        self.modules.contains_key(&name)
    }
}

/// The paths that an import statement imports, each with the name that it binds and the path that this stands for.
fn imported(text: &str, kind: StatementKind) -> Vec<(String, Option<(String, String)>)> {
    // No string stands in an import, so every `#` begins a comment.
    let lines: Vec<&str> = text.lines().map(|line| line.split('#').next().unwrap_or_default()).collect();
    let flat = lines.join(" ").replace(['(', ')', '\\'], " ");
    let clauses = |list: &str| -> Vec<(String, Option<String>)> {
        list.split(',')
            .filter_map(|clause| {
                let words: Vec<&str> = clause.split_whitespace().collect();
                match words.as_slice() {
                    [name] => Some(((*name).to_owned(), None)),
                    [name, "as", alias] => Some(((*name).to_owned(), Some((*alias).to_owned()))),
                    _ => None,
                }
            })
            .collect()
    };
    let body = flat.trim();
    if kind == StatementKind::Import {
        let list = clauses(body.strip_prefix("import").unwrap_or_default());
        return list
            .into_iter()
            .map(|(path, alias)| {
                let bound = if let Some(alias) = alias {
                    (alias, path.clone())
                } else {
                    let first = path.split('.').next().unwrap_or_default().to_owned();
                    (first.clone(), first)
                };
                (path, Some(bound))
            })
            .collect();
    }
    let Some((module, list)) = body.strip_prefix("from").and_then(|rest| rest.split_once(" import")) else {
        return Vec::new();
    };
    let module: String = module.split_whitespace().collect();
    let mut found = vec![(module.clone(), None)];
    for (name, alias) in clauses(list) {
        let path = format!("{module}.{name}");
        found.push((path.clone(), Some((alias.unwrap_or(name), path))));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str, kind: StatementKind) -> Vec<String> {
        imported(text, kind)
            .into_iter()
            .map(|(path, bound)| bound.map_or(path.clone(), |(name, module)| format!("{path} {name}={module}")))
            .collect()
    }

    #[test]
    fn paths_of_imports() {
        assert_eq!(paths("import a.b, c as d", StatementKind::Import), ["a.b a=a", "c d=c"]);
        assert_eq!(
            paths("from a.b import (c, # first\n  d as e)", StatementKind::ImportFrom),
            ["a.b", "a.b.c c=a.b.c", "a.b.d e=a.b.d"]
        );
        assert_eq!(paths("from . import x", StatementKind::ImportFrom), [".", "..x x=..x"]);
    }
}
