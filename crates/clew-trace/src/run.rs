//! What one run did, at statement level: which statements ran, which units depended on which, and on what outside.
//!
//! Everything here saturates: its size is bounded by the size of the program's text, not by how long it ran.
//! Events of the `call` and `op` levels are in the columnar log, not here.

use crate::ids::{ExternalId, ScopeId, SourceId, StatementId};
use serde::{Deserialize, Serialize};

/// One source that took part in a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// Path as the program saw it, or `<string>`.
    pub path: String,
    /// Module name (`__main__` for the program).
    pub module: String,
    /// BLAKE3 of the source's bytes, in hexadecimal: the key of the text in the object store.
    pub content_hash: String,
    /// Statements that ran, ascending. A statement that raised part-way counts.
    pub executed: Vec<StatementId>,
    /// For an imported module, the unit of the program whose execution imported it.
    pub imported_by: Option<StatementId>,
}

/// A dependency of one unit upon another that was seen while running (not through a variable's name).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Flow {
    /// The unit that read.
    pub reader: StatementId,
    /// The unit that had written.
    pub writer: StatementId,
    /// Through what.
    pub kind: FlowKind,
}

/// What carried a [`Flow`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FlowKind {
    /// The reader used an object that the writer had changed.
    Data,
    /// The reader changed an object that the writer had changed before.
    Mutate,
    /// The reader used a view of an object that the writer had changed.
    View,
    /// State outside the objects (a file, a random generator, a module's hidden state).
    External(ExternalId),
}

/// A unit during whose execution a function of user code was entered or resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FunctionEntry {
    /// The unit.
    pub unit: StatementId,
    /// The source of the function.
    pub source: SourceId,
    /// The function's scope.
    pub scope: ScopeId,
}

/// What a statement was seen to do beyond binding names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WriteKind {
    /// Changed an object: a store to an attribute or item, a mutating call, an in-place operator.
    Object,
    /// Changed state outside the objects that something can read back.
    External,
    /// Only wrote to the terminal.
    Output,
}

/// A statement of any source that had an effect of a kind at least once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Touched {
    /// The source.
    pub source: SourceId,
    /// The statement whose own text did it.
    pub statement: StatementId,
    /// What.
    pub kind: WriteKind,
}

/// A call of a function of which nothing was known: it was taken to change only what was seen to change, and perhaps to
/// give a view of what it was given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Assumed {
    /// The source.
    pub source: SourceId,
    /// The statement that made the call.
    pub statement: StatementId,
    /// What was called, by its name.
    pub callee: String,
}

/// An annotation that says less than what was seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Contradiction {
    /// The file that it stands in.
    pub file: String,
    /// What was called, by its name.
    pub callee: String,
}

/// An exception that a handler of user code caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Raised {
    /// The source.
    pub source: SourceId,
    /// The `try` or `with` statement that caught it.
    pub catcher: StatementId,
    /// The statement in its block, in the same scope, out of which the exception came.
    pub raiser: StatementId,
}

/// Kinds of state outside the program's objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum ExternalKind {
    File,
    Directory,
    Database,
    Network,
    Environment,
    Random,
    Clock,
    Stdio,
    Process,
    Module,
}

/// One piece of state outside the program's objects.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ExternalState {
    /// Its kind.
    pub kind: ExternalKind,
    /// Its key within the kind: a real path, a variable's name, `numpy.random`.
    pub key: String,
}

/// How a unit touched outside state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Access {
    /// Read it.
    Read,
    /// Replaced it: earlier writers no longer matter.
    Write,
    /// Changed it, building on what was there (append, draw from a generator).
    Update,
    /// Found it absent.
    Absent,
}

/// One access to outside state; in the order of first occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExternalUse {
    /// The unit.
    pub unit: StatementId,
    /// What.
    pub external: ExternalId,
    /// How.
    pub access: Access,
}

/// A top-level name of the program as it was at one moment: at the end, or just before it was bound anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Binding {
    /// The name.
    pub name: String,
    /// The unit that was about to bind it anew; `None` for the end of the run.
    pub until: Option<StatementId>,
    /// Units that had last changed something reachable from the value.
    pub writers: Vec<StatementId>,
    /// Fingerprint of the value (see the `fingerprint` module of the Python side), hexadecimal.
    pub fingerprint: Option<String>,
    /// Type and a short text of the value, for people.
    pub summary: String,
}

/// The statement-level record of one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunTrace {
    /// Sources; 0 is the program.
    pub sources: Vec<SourceRecord>,
    /// Observed dependencies between units, ascending, each once.
    pub flows: Vec<Flow>,
    /// Functions entered by units, ascending, each once.
    pub entries: Vec<FunctionEntry>,
    /// Statements with effects, ascending, each once.
    pub touched: Vec<Touched>,
    /// Exceptions caught, ascending, each once.
    pub raised: Vec<Raised>,
    /// Outside state; [`ExternalId`] indexes it.
    pub externals: Vec<ExternalState>,
    /// Accesses to it.
    pub external_uses: Vec<ExternalUse>,
    /// Values of top-level names.
    pub bindings: Vec<Binding>,
    /// Values saved by `clew.save`: (artifact name, unit, units that had last changed it).
    pub artifacts: Vec<(String, StatementId, Vec<StatementId>)>,
    /// Reasons why the record is not complete, each once, for people ("threads changed shared objects at line 12").
    pub degraded: Vec<String>,
    /// The unit that ended the program by an exception or `SystemExit`, if one did.
    pub ended_by: Option<StatementId>,
    /// Calls of which nothing was known, ascending, each once.
    pub assumed: Vec<Assumed>,
    /// Annotations that were seen to be wrong, ascending, each once.
    pub contradicted: Vec<Contradiction>,
}
