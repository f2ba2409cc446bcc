"""Running slices to see what they give: a scratch copy of the directory, a plain interpreter, a verdict."""
