//! The open calls of one thread, kept alike by the writer and the reader so that the end of a call need not be spelt out.
//!
//! Calls of one thread nest, because the hook that begins a call stands on the C stack until the call ended. Where an
//! end does not fit (stacks switched by a library, an event lost), the stack recovers: it ends what was left open above
//! the call that did end, or ignores an end whose beginning nobody saw.

/// One call that began and has not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenCall {
    /// Where it was made.
    pub site: u32,
    /// What was called.
    pub callee: u32,
    /// When it began.
    pub start_ns: u64,
    /// Time spent so far in calls that it made.
    pub children_ns: u64,
    /// The consumer's own note about the call; see [`super::totals`] and [`super::tree`].
    pub note: u32,
}

/// How an end relates to the open calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It ends the innermost open call.
    Innermost,
    /// It ends an outer one; this many inner ones end with it, unseen.
    Outer {
        /// How many are above it.
        above: usize,
    },
    /// It ends nothing that was seen to begin.
    Unknown,
}

/// The open calls, outermost first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallStack {
    /// The calls.
    pub calls: Vec<OpenCall>,
}

impl CallStack {
    /// Begins a call.
    pub fn begin(&mut self, site: u32, callee: u32, start_ns: u64, note: u32) {
        self.calls.push(OpenCall { site, callee, start_ns, children_ns: 0, note });
    }

    /// Which call an end with this site and callee belongs to.
    #[inline]
    pub fn ending(&self, site: u32, callee: u32) -> Ending {
        match self.calls.last() {
            Some(top) if top.site == site && top.callee == callee => Ending::Innermost,
            _ => self.search(site, callee),
        }
    }

    #[cold]
    fn search(&self, site: u32, callee: u32) -> Ending {
        let found = self.calls.iter().rev().position(|call| call.site == site && call.callee == callee);
        found.map_or(Ending::Unknown, |above| Ending::Outer { above })
    }

    /// Takes the innermost call off and books its time to the call around it: the call, its time, and its own time.
    #[inline]
    pub fn end(&mut self, time_ns: u64) -> Option<(OpenCall, u64, u64)> {
        let call = self.calls.pop()?;
        let total = time_ns.saturating_sub(call.start_ns);
        if let Some(parent) = self.calls.last_mut() {
            parent.children_ns += total;
        }
        Some((call, total, total.saturating_sub(call.children_ns)))
    }

    /// Whether the same calls are open, whatever is noted about them.
    pub fn agrees(&self, open: &[OpenCall]) -> bool {
        let key = |call: &OpenCall| (call.site, call.callee, call.start_ns);
        self.calls.len() == open.len() && self.calls.iter().zip(open).all(|(a, b)| key(a) == key(b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_to_the_call_and_what_remains_to_its_caller() {
        let mut stack = CallStack::default();
        stack.begin(1, 1, 10, 0);
        stack.begin(2, 2, 20, 0);
        let (inner, total, own) = stack.end(50).unwrap();
        assert_eq!((inner.callee, total, own), (2, 30, 30));
        let (outer, total, own) = stack.end(100).unwrap();
        assert_eq!((outer.callee, total, own), (1, 90, 60));
        assert_eq!(stack.end(100), None);
    }

    #[test]
    fn ends_that_do_not_fit_are_told_apart() {
        let mut stack = CallStack::default();
        stack.begin(1, 1, 0, 0);
        stack.begin(2, 2, 1, 0);
        assert_eq!(stack.ending(2, 2), Ending::Innermost);
        assert_eq!(stack.ending(1, 1), Ending::Outer { above: 1 });
        assert_eq!(stack.ending(1, 2), Ending::Unknown);
    }
}
