"""Describe one recording: program, end, sources, values, artifacts and what it touched outside."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from clew.cli import output
from clew.cli.parsing import add_format, add_store
from clew.cli.runs import program
from clew.recorded import RecordedRun, load
from clew.storing import Artifact, Run, Store, open_store

_SHOWN = 40


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "run",
        nargs="?",
        default="latest",
        metavar="RUN",
        help="latest (the default), latest~N, an id",
    )
    add_format(parser, "text", "json")
    add_store(parser)


def execute(options: argparse.Namespace) -> int:
    """Print the description."""
    store = open_store(options.store)
    run = store.run(options.run)
    artifacts = store.artifacts_of_run(run.id)
    recorded = load(store, run.id) if run.trace is not None else None
    described = recorded.described() if recorded is not None else None
    if options.format == "json":
        output.write_json(_as_dict(run, artifacts, described))
        return 0
    sections = [_facts(run)]
    if recorded is not None and described is not None:
        sections += [
            _sources(recorded, described),
            _values(described),
            _outside(recorded, described),
        ]
        sections.append(_list("incomplete", described["degraded"]))
    sections.append(
        _list(
            "artifacts",
            [f"{a.name} (version {a.version})  {a.type_name}  {a.summary}" for a in artifacts],
        )
    )
    sections.append(_log(store, run))
    sys.stdout.write("\n".join(section for section in sections if section))
    return 0


def _facts(run: Run) -> str:
    status = "" if run.exit_status is None else f", exit status {run.exit_status}"
    packages = ", ".join(f"{name} {version}" for name, version in run.packages.items())
    took = output.duration(run.started, run.ended)
    facts = {
        "run": run.id,
        "program": program(run),
        "directory": run.cwd,
        "started": f"{output.when(run.started)}{f', took {took}' if took else ''}",
        "ended": run.state + status,
        "note": run.note,
        "detail": run.detail,
        "python": f"{run.python_version} ({run.interpreter})",
        "clew": run.clew_version,
        "packages": packages or None,
    }
    return "".join(
        f"{output.bold(f'{k:10}')} {output.one_line(v)}\n"
        for k, v in facts.items()
        if v is not None
    )


def _sources(recorded: RecordedRun, described: dict[str, Any]) -> str:
    lines = []
    for path, module, n_statements, n_ran, line in described["sources"]:
        ran = (
            f"{n_ran} of {n_statements} statements ran"
            if n_statements is not None
            else f"{n_ran} statements ran"
        )
        by = "" if line is None else f", imported at line {line}"
        lines.append(f"{recorded.relative(path)} ({module}): {ran}{by}")
    if described["ended_by"] is not None:
        lines.append(
            f"ended by line {described['ended_by']}: {recorded.line(described['ended_by'])}"
        )
    return _list("sources", lines)


def _values(described: dict[str, Any]) -> str:
    return _list(
        "values",
        [f"{name} = {summary}" if summary else name for name, summary, _ in described["bindings"]],
    )


def _outside(recorded: RecordedRun, described: dict[str, Any]) -> str:
    """List what was touched, each once, with all that was done to it."""
    did: dict[tuple[str, str], list[str]] = {}
    for _, kind, key, access in described["effects"]:
        known = did.setdefault((kind, key), [])
        if access not in known:
            known.append(access)
    return _list(
        "outside",
        [f"{kind} {recorded.relative(key)}: {', '.join(how)}" for (kind, key), how in did.items()],
    )


def _log(store: Store, run: Run) -> str:
    n_logged = sum(n_events for _, n_events in store.run_log(run.id))
    if not run.n_events:
        return ""
    return _list("events", [f"{run.n_events} events, {n_logged} of them in the log"])


def _list(title: str, lines: list[str]) -> str:
    if not lines:
        return ""
    shown = [f"  {output.one_line(line)}\n" for line in lines[:_SHOWN]]
    if len(lines) > _SHOWN:
        shown.append(output.dim(f"  and {len(lines) - _SHOWN} more (--format json shows all)\n"))
    return f"{output.bold(title)}\n{''.join(shown)}"


def _as_dict(
    run: Run, artifacts: list[Artifact], described: dict[str, Any] | None
) -> dict[str, Any]:
    result: dict[str, Any] = run.as_dict()
    result["artifacts"] = [artifact.as_dict() for artifact in artifacts]
    if described is None:
        return result
    keys = {
        "sources": ("path", "module", "n_statements", "n_executed", "imported_at_line"),
        "effects": ("line", "kind", "key", "access"),
        "bindings": ("name", "summary", "fingerprint"),
    }
    for name, fields in keys.items():
        result[name] = [dict(zip(fields, row, strict=True)) for row in described[name]]
    result["degraded"] = described["degraded"]
    result["ended_by_line"] = described["ended_by"]
    return result
