//! Where in the program an operation stands: the line of the Python function that runs.
//!
//! A place is known by the address of its instruction, which is never used again, because the code is kept.

use clew_trace::values::PlaceId;
use pyo3::ffi;
use pyo3::prelude::*;
use rustc_hash::FxHashMap;
use std::sync::OnceLock;

use crate::frames::running;

/// Places that were seen lately, by a few bits of the address.
const N_RECENT: usize = 1 << 10;

/// Where a place is.
enum At {
    /// A code object, and the offset of an instruction in it.
    Instruction(Py<PyAny>, i32),
    /// A file and a line, which were read with a graph.
    Line(String, u32),
}

/// All places of the arena.
pub struct Places {
    recent: Box<[(usize, PlaceId)]>,
    known: FxHashMap<usize, PlaceId>,
    found: Vec<At>,
}

impl Places {
    pub fn new() -> Self {
        Self {
            recent: vec![(0, PlaceId::NONE); N_RECENT].into_boxed_slice(),
            known: FxHashMap::default(),
            found: Vec::new(),
        }
    }

    /// The place of the instruction that the innermost Python function outside Clew is in the middle of.
    #[inline]
    pub fn current(&mut self, py: Python<'_>) -> PlaceId {
        static READABLE: OnceLock<bool> = OnceLock::new();
        if !*READABLE.get_or_init(|| running::can_be_read(py)) {
            return PlaceId::NONE;
        }
        // SAFETY: the lock is held, and frames can be read.
        unsafe {
            let mut frame = running::frame(ffi::PyThreadState_Get());
            while !frame.is_null() {
                if frame.is_mark() {
                    frame = frame.previous();
                    continue;
                }
                let address = frame.instruction();
                let slot = (address >> 1) & (N_RECENT - 1);
                let (recent, id) = self.recent[slot];
                let id = if recent == address {
                    id
                } else {
                    let id = self.known.get(&address).copied().unwrap_or_else(|| self.add(py, frame, address));
                    self.recent[slot] = (address, id);
                    id
                };
                if id != SKIPPED {
                    return id;
                }
                frame = frame.previous();
            }
        }
        PlaceId::NONE
    }

    #[cold]
    unsafe fn add(&mut self, py: Python<'_>, frame: running::Frame, address: usize) -> PlaceId {
        // SAFETY: as for the caller.
        let Some((code, offset)) = (unsafe { frame.place() }) else { return SKIPPED };
        // SAFETY: a live code object of a running frame.
        let code = unsafe { Bound::from_borrowed_ptr(py, code) };
        let is_ours = code
            .getattr("co_filename")
            .and_then(|name| Ok(name.extract::<String>()?.starts_with(package(py))))
            .unwrap_or(false);
        let id = if is_ours { SKIPPED } else { PlaceId(self.found.len() as u32) };
        // The code is kept in either case, so that the address stays its own.
        self.found.push(At::Instruction(code.unbind(), offset));
        self.known.insert(address, id);
        id
    }

    /// The file and the line of a place.
    pub fn line(&self, py: Python<'_>, id: PlaceId) -> Option<(String, u32)> {
        match self.found.get(id.0 as usize)? {
            At::Line(file, line) => Some((file.clone(), *line)),
            At::Instruction(code, offset) => {
                let file = code.bind(py).getattr("co_filename").ok()?.extract().ok()?;
                // SAFETY: a live code object.
                let line = unsafe { ffi::PyCode_Addr2Line(code.as_ptr().cast(), *offset) };
                Some((file, u32::try_from(line).ok()?))
            }
        }
    }

    /// A new place, which is a line of a file.
    pub fn of_line(&mut self, file: &str, line: u32) -> PlaceId {
        self.found.push(At::Line(file.to_owned(), line));
        PlaceId(self.found.len() as u32 - 1)
    }
}

/// Stands for code of Clew itself, whose caller is meant.
const SKIPPED: PlaceId = PlaceId(u32::MAX - 1);

/// The directory of the package, with a separator at its end.
fn package(py: Python<'_>) -> &'static str {
    static PACKAGE: OnceLock<String> = OnceLock::new();
    PACKAGE.get_or_init(|| {
        let find = || -> PyResult<String> {
            let file: String = py.import("clew")?.getattr("__file__")?.extract()?;
            Ok(file.trim_end_matches("__init__.py").to_owned())
        };
        find().unwrap_or_else(|_| "\0".to_owned())
    })
}
