//! The instrumented source: an insertion-only edit of the original.
