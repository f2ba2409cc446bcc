"""Running slices to see what they give: a scratch copy, a plain interpreter, pieces of a text."""
