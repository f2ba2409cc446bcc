"""Effects of code that Clew does not rewrite: observed, annotated, assumed.

The recorder asks :func:`clew.effects.resolver.resolve` once for each foreign callee. What it
answers is made of bits (:mod:`~clew.effects.flags`) and particulars; :mod:`~clew.effects.applying`
is the reference for what those mean in one call. Unknown callees are observed
(:mod:`~clew.effects.observing`); :mod:`~clew.effects.owners`, :mod:`~clew.effects.states`,
:mod:`~clew.effects.streams` and :mod:`~clew.effects.figures` answer what an object's state belongs
to, which hidden state changed, which file a stream writes, and which figure was drawn on.

Nothing is imported here, so that each part is loaded when it is first needed.
"""
