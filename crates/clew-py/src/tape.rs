//! A tape of calls with the objects themselves: what `clew.record_calls` reads.
//!
//! The Python side turns every operation of a source into a call of a [`hook::Hook`], which does the operation and adds
//! a row here: the function that the operation means, its arguments, its result or exception, where and when. Rows are
//! columns of references; Python objects for them are made when somebody looks. A row is added when its call is over;
//! the call around it is known by the number that it got when it began.

mod changes;
mod functions;
mod hook;
mod places;
mod steps;

use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use rustc_hash::FxHashMap;
use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::recorder::events::clock::Clock;

/// No call.
const NONE: u32 = u32::MAX;
/// Calls within calls on the C stack that are allowed before a `RecursionError`.
const MAX_DEPTH: u32 = 4_000;

static NEXT_THREAD: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static THREAD: u32 = NEXT_THREAD.fetch_add(1, Ordering::Relaxed);
    /// Number of the innermost open call of this thread, and how many are open.
    static INNERMOST: Cell<(u32, u32)> = const { Cell::new((NONE, 0)) };
}

/// One call that is over.
struct Row {
    function: Py<PyAny>,
    /// Where its arguments begin in [`Rows::arguments`].
    arguments_at: usize,
    n_arguments: u32,
    /// Names of the last arguments.
    keywords: Option<Py<PyTuple>>,
    result: Option<Py<PyAny>>,
    error: Option<Py<PyAny>>,
    site: u32,
    number: u32,
    /// How many calls had begun when it ended: those with a higher number, or this one, began after.
    n_begun: u32,
    parent: u32,
    thread: u32,
    start: u64,
    end: u64,
}

/// All rows of a tape. Used with the interpreter lock held only.
struct Rows {
    ended: Vec<Row>,
    arguments: Vec<Py<PyAny>>,
    clock: Clock,
    n_begun: u32,
    running: bool,
    /// By frame: the row of the `yield` at which it waits.
    waiting: FxHashMap<usize, usize>,
}

/// What is known of a call while it runs.
#[derive(Clone, Copy)]
struct Open {
    number: u32,
    outer: (u32, u32),
    start: u64,
}

/// What a call gave.
pub enum Outcome {
    Result(Py<PyAny>),
    Error(Py<PyAny>),
    Nothing,
}

impl Rows {
    #[inline]
    fn begin(&mut self) -> Open {
        let number = self.n_begun;
        self.n_begun = self.n_begun.wrapping_add(1);
        let outer = INNERMOST.get();
        INNERMOST.set((number, outer.1 + 1));
        Open { number, outer, start: self.clock.ticks() }
    }

    /// Ends a call of which nothing is to be told.
    fn forget(open: Open) {
        INNERMOST.set(open.outer);
    }

    fn end(
        &mut self,
        open: Open,
        site: u32,
        function: Py<PyAny>,
        arguments: impl Iterator<Item = Py<PyAny>>,
        keywords: Option<Py<PyTuple>>,
        outcome: Outcome,
    ) {
        INNERMOST.set(open.outer);
        let end = self.clock.ticks();
        let arguments_at = self.arguments.len();
        self.arguments.extend(arguments);
        let n_arguments = (self.arguments.len() - arguments_at) as u32;
        let (result, error) = match outcome {
            Outcome::Result(result) => (Some(result), None),
            Outcome::Error(error) => (None, Some(error)),
            Outcome::Nothing => (None, None),
        };
        let (number, parent, thread) = (open.number, open.outer.0, THREAD.with(|thread| *thread));
        let (start, n_begun) = (open.start, self.n_begun);
        self.ended.push(Row {
            function,
            arguments_at,
            n_arguments,
            keywords,
            result,
            error,
            site,
            number,
            n_begun,
            parent,
            thread,
            start,
            end,
        });
    }

    /// The frame waits at the `yield` whose row was added last.
    fn wait(&mut self, frame: usize) {
        self.waiting.insert(frame, self.ended.len() - 1);
    }

    /// The frame goes on with what was sent, which is the result of its `yield`.
    fn go_on(&mut self, frame: usize, sent: Py<PyAny>) -> Option<Py<PyAny>> {
        let row = self.waiting.remove(&frame)?;
        self.ended[row].result.replace(sent)
    }
}

/// The calls of one recording.
#[pyclass(frozen, module = "clew._clew")]
pub struct Tape {
    rows: UnsafeCell<Rows>,
}

// SAFETY: every access happens in a method or hook that was called by the interpreter, with its lock held.
unsafe impl Sync for Tape {}
// SAFETY: as for `Sync`.
unsafe impl Send for Tape {}

impl Tape {
    /// The rows. No reference may be kept while Python code runs.
    #[expect(clippy::mut_from_ref, reason = "the interpreter lock is what guards the cell")]
    fn rows(&self) -> &mut Rows {
        // SAFETY: the lock is held, and callers let the reference go before they call Python.
        unsafe { &mut *self.rows.get() }
    }
}

type RowParts<'py> = (
    Bound<'py, PyAny>,
    Bound<'py, PyTuple>,
    Bound<'py, PyDict>,
    Option<Bound<'py, PyAny>>,
    Option<Bound<'py, PyAny>>,
    u32,
    u32,
    Option<u32>,
    u32,
    u64,
    u64,
);

#[pymethods]
impl Tape {
    #[new]
    fn new() -> Self {
        let rows = Rows {
            ended: Vec::new(),
            arguments: Vec::new(),
            clock: Clock::start(),
            n_begun: 0,
            running: true,
            waiting: FxHashMap::default(),
        };
        Self { rows: UnsafeCell::new(rows) }
    }

    /// Calls of hooks add no more rows.
    fn stop(&self) {
        self.rows().running = false;
    }

    fn __len__(&self) -> usize {
        self.rows().ended.len()
    }

    /// The numbers that the calls got when they began.
    fn numbers(&self) -> Vec<u32> {
        self.rows().ended.iter().map(|row| row.number).collect()
    }

    /// For each call, the number of the first one that began when it was over.
    fn ends(&self) -> Vec<u32> {
        self.rows().ended.iter().map(|row| row.n_begun).collect()
    }

    /// Function, arguments, keyword arguments, result, error, site, number, number of the call around it, thread, and
    /// when it began and ended, in nanoseconds.
    fn row<'py>(&self, py: Python<'py>, index: usize) -> PyResult<RowParts<'py>> {
        let Rows { ended, arguments, clock, .. } = self.rows();
        let row = ended.get(index).ok_or_else(|| PyIndexError::new_err("no such call"))?;
        let all = &arguments[row.arguments_at..row.arguments_at + row.n_arguments as usize];
        let n_keywords = row.keywords.as_ref().map_or(0, |names| names.bind(py).len());
        let (positional, named) = all.split_at(all.len() - n_keywords);
        let keywords = PyDict::new(py);
        if let Some(names) = &row.keywords {
            for (name, value) in names.bind(py).iter().zip(named) {
                keywords.set_item(name, value)?;
            }
        }
        Ok((
            row.function.bind(py).clone(),
            PyTuple::new(py, positional)?,
            keywords,
            row.result.as_ref().map(|result| result.bind(py).clone()),
            row.error.as_ref().map(|error| error.bind(py).clone()),
            row.site,
            row.number,
            (row.parent != NONE).then_some(row.parent),
            row.thread,
            clock.nanoseconds(row.start),
            clock.nanoseconds(row.end),
        ))
    }

    /// Adds a call that somebody else made.
    #[expect(clippy::too_many_arguments, reason = "the parts of a call, as Python passes them")]
    #[pyo3(signature = (site, function, arguments, keywords, result, error))]
    fn add(
        &self,
        py: Python<'_>,
        site: u32,
        function: Py<PyAny>,
        arguments: &Bound<'_, PyTuple>,
        keywords: &Bound<'_, PyDict>,
        result: Option<Py<PyAny>>,
        error: Option<Py<PyAny>>,
    ) {
        let outcome = match (error, result) {
            (Some(error), _) => Outcome::Error(error),
            (None, result) => Outcome::Result(result.unwrap_or_else(|| py.None())),
        };
        let names = (!keywords.is_empty()).then(|| keywords.keys().to_tuple().unbind());
        let values = arguments.iter().chain(keywords.values().iter()).map(Bound::unbind).collect::<Vec<_>>();
        let rows = self.rows();
        if rows.running {
            let open = rows.begin();
            rows.end(open, site, function, values.into_iter(), names, outcome);
        }
    }

    /// Rows and the objects that they changed, and the rows whose arguments decide; see [`changes::of`].
    fn changes<'py>(
        &self,
        py: Python<'py>,
        resolve: &Bound<'py, PyAny>,
        once: bool,
    ) -> PyResult<changes::Changes<'py>> {
        changes::of(self, py, resolve, once)
    }

    /// A function that does one kind of operation and adds it here; see [`hook::Kind`].
    #[pyo3(signature = (kind, site, function = None, name = None))]
    fn hook<'py>(
        slf: &Bound<'py, Self>,
        kind: &str,
        site: u32,
        function: Option<Py<PyAny>>,
        name: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        hook::make(slf, kind, site, function, name)
    }
}

/// Adds the class of tapes to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Tape>()
}
