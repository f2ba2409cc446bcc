//! Columns of the rewritten source mapped back to the original.
