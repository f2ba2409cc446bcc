//! Slices: from a criterion to the statements that it needs.

use clew_trace::{Arm, StatementId, StatementKind};
use std::collections::{BTreeMap, BTreeSet};

use crate::closure::{Analysis, Reason};
use crate::facts::Facts;
use crate::program::{Criterion, Program};
use crate::{at_line, criterion, outside, Error};

/// The statements of the program that a criterion depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    /// Kept statements of the program.
    pub kept: BTreeSet<StatementId>,
    /// Why each of them is kept.
    pub reasons: BTreeMap<StatementId, Reason>,
    /// Functions that are kept though nothing in their body is.
    pub emptied: BTreeSet<StatementId>,
    /// Clauses that stay though nothing in them is kept (`except` with `pass`).
    pub arms: BTreeSet<(StatementId, Arm)>,
}

/// Takes the slice of a run with respect to a criterion.
pub fn slice(program: &Program<'_>, criterion: &Criterion) -> Result<Slice, Error> {
    let analysis = Analysis::new(Facts::new(program)?);
    let slice = closed(&analysis, criterion)?;
    if let Some(reason) = outside::degraded(&analysis.facts, &slice.kept) {
        return Err(Error::Degraded { reason });
    }
    outside::check(&analysis, &slice.kept, criterion)?;
    if let Criterion::NameAtLine { name, line } = criterion {
        at_line::check(&analysis, &slice.kept, name, *line)?;
    }
    Ok(slice)
}

/// The slice, whether it would do the same when run again or not.
pub(crate) fn closed(analysis: &Analysis<'_>, criterion: &Criterion) -> Result<Slice, Error> {
    let mut closure = criterion::begin(analysis, criterion)?;
    closure.close();
    let (kept, reasons, arms) = closure.into_parts();
    let facts = &analysis.facts;
    let emptied = kept.iter().copied().filter(|id| {
        let inside = StatementId(id.0 + 1)..StatementId(facts.blocks.end(*id));
        facts.statement(*id).kind == StatementKind::Function
            && kept.range(inside).all(|inner| facts.statement(*inner).is_docstring)
    });
    Ok(Slice { emptied: emptied.collect(), kept, reasons, arms })
}
