//! What each inserted placeholder stands for.
