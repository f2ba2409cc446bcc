"""The door to the compiled part of Clew, for everything that is not part of recording.

`clew.running`, `clew.starting` and `clew.importing` name the extension directly, so that one module
fewer is loaded in the user's process.
"""

from clew._clew import *  # noqa: F403
from clew._clew import __version__ as __version__
