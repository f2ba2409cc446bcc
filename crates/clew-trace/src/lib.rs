//! The waist of Clew: the one model that every capture front-end writes and every consumer reads.
//!
//! It owns identifiers ([`ids`]), the static description of a source ([`source`]), the record of one
//! run ([`run`]) and its encoding ([`codec`]), the log of events ([`log`]) and the trace of values ([`values`]). It knows no Python
//! object, no parser, no database and no clock. A consumer that needs something which is not here asks for it to be added here.

pub mod codec;
pub mod ids;
pub mod log;
pub mod run;
pub mod source;
pub mod values;

pub use ids::{ExternalId, NameId, ScopeId, SourceId, StatementId};
pub use run::{
    Access, Assumed, Binding, Contradiction, ExternalKind, ExternalState, ExternalUse, Flow, FlowKind, FunctionEntry,
    Raised, RunTrace, SourceRecord, Touched, WriteKind,
};
pub use source::{Arm, Define, DefineKind, Scope, ScopeKind, SourceTable, Span, Statement, StatementKind, Use};
