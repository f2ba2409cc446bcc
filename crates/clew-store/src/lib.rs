//! The store: where runs, sources, artifacts and large values are kept between processes.
//!
//! A store is a directory (`.clew`): `clew.db`, an SQLite database in WAL mode for the records, and
//! `objects/`, compressed files named by the BLAKE3 of their content. This is the only crate that holds SQL.
//!
//! Invariants:
//! - A [`Store`] holds no open file between calls. It shares a process with the user's program, which may fork,
//!   change its directory, close every descriptor or look at them.
//! - An object is complete or absent: it is written beside its place and renamed. A row refers only to objects
//!   that were complete before it, so a process killed at any moment leaves at most a run in the state `open`.
//! - Values of secrets are masked before they reach a row ([`masking`]); environment values never come here.
//!
//! It knows no Python object and does not look into traces: they are bytes here.

mod artifacts;
mod clock;
mod connection;
mod error;
mod event_file;
mod gc;
mod location;
mod logs;
pub mod masking;
mod objects;
mod process;
mod query;
mod resolve;
mod runs;
mod schema;
mod store;

pub use artifacts::{Artifact, NewArtifact};
pub use error::Error;
pub use event_file::{read_events, EventFile};
pub use gc::{Collected, Criteria};
pub use location::{locate, Location, DIRECTORY_NAME};
pub use query::{Cell, Rows, TableInfo};
pub use runs::{FinishedRun, LogSegment, NewRun, Run, RunSource, RunState};
pub use schema::VERSION as SCHEMA_VERSION;
pub use store::{Store, DATABASE_NAME};

/// The result of everything here.
pub type Result<T> = std::result::Result<T, Error>;
