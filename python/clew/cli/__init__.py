"""The command `clew`.

This file is loaded by `clew run` in the user's process, so it imports nothing; the other
subcommands are behind `clew.cli.dispatching`.
"""

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Carry out one command line and answer the exit status.

    Parameters
    ----------
    arguments
        The words after `clew`; None for those of the process.
    """
    import sys

    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        if words[:1] == ["run"]:
            from clew.cli import run

            return run.main(words[1:])
        from clew.cli import dispatching
    except KeyboardInterrupt:
        return 130
    except ImportError as problem:
        sys.stderr.write(
            f"clew: error: {problem}; the installation is not complete: install clew again\n"
        )
        return 2
    return dispatching.main(words)
