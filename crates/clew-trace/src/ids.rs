//! Identifiers: newtypes over `u32`, so that a statement is never taken for a scope.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub u32);

        impl $name {
            /// The identifier as an index into the table that issued it.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id! {
    /// A source of one run; 0 is the program itself (`__main__`).
    SourceId
}
id! {
    /// A statement of one source, numbered in text order (a compound statement before its body).
    ///
    /// A *unit* is a statement of the program's own module scope (nested in loops and branches
    /// included, function and class bodies excluded); it is named by its `StatementId` in source 0.
    StatementId
}
id! {
    /// A scope of one source, numbered in text order; 0 is the module.
    ScopeId
}
id! {
    /// A name (variable, attribute or string key) of one source.
    NameId
}
id! {
    /// A piece of state outside the program's objects, in one run.
    ExternalId
}
