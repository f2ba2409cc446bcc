"""Types of the compiled part of Clew. The documentation is at the Python functions that call it."""

from typing import Any

__version__: str

# The store.

class Store:
    def __new__(cls, path: str, create: bool = False) -> Store: ...
    @property
    def path(self) -> str: ...
    @property
    def writable(self) -> bool: ...
    def begin_run(
        self,
        *,
        script: str,
        argv: list[str],
        cwd: str,
        interpreter: str,
        python_version: str,
        detail: str,
        packages: dict[str, str] = ...,
    ) -> str: ...
    def finish_run(
        self,
        id: str,
        *,
        exit_status: int | None = None,
        interrupted: bool = False,
        note: str | None = None,
        trace: str | None = None,
        sources: list[tuple[str, str, str]] = ...,
        log: list[tuple[str, int]] = ...,
        n_events: int = 0,
        n_dropped: int = 0,
        packages: dict[str, str] = ...,
    ) -> None: ...
    def put_object(self, data: bytes) -> str: ...
    def put_file(self, path: str) -> str: ...
    def get_object(self, hash: str) -> bytes: ...
    def copy_object(self, hash: str, path: str) -> None: ...
    def has_object(self, hash: str) -> bool: ...
    def runs(self, limit: int | None = None) -> list[dict[str, object]]: ...
    def run(self, name: str) -> dict[str, object]: ...
    def run_sources(self, id: str) -> list[tuple[str, str, str]]: ...
    def run_log(self, id: str) -> list[tuple[str, int]]: ...
    def log_path(self, id: str) -> str: ...
    def unfinished_log(self, id: str) -> str | None: ...
    def save_artifact(
        self,
        name: str,
        *,
        type_name: str,
        summary: str,
        run: str | None = None,
        unit: int | None = None,
        line: int | None = None,
        fingerprint: str | None = None,
        object: str | None = None,
    ) -> int: ...
    def artifacts(self, *, all_versions: bool = False) -> list[dict[str, object]]: ...
    def artifacts_of_run(self, run: str) -> list[dict[str, object]]: ...
    def artifact(
        self, name: str, *, version: int | None = None, run: str | None = None
    ) -> dict[str, object]: ...
    def gc(
        self,
        *,
        keep: int | None = None,
        older_than_seconds: int | None = None,
        artifacts_too: bool = False,
        dry_run: bool = False,
        grace_seconds: int | None = None,
    ) -> dict[str, object]: ...
    def sql(self, query: str) -> tuple[list[str], list[list[object]]]: ...
    def tables(self) -> list[tuple[str, list[str], int]]: ...

def locate_store(
    named: str | None, start: str, user: int | None = None, must_exist: bool = False
) -> tuple[str, bool]: ...
def mask_secrets(arguments: list[str]) -> list[str]: ...
def describe_trace(trace: bytes, texts: list[str]) -> dict[str, Any]: ...

# Slices, explanations, graphs. A status is `ok`, `error` or `refused`; the last two come with a
# message.

def slice_program(
    trace: bytes,
    texts: list[str],
    kind: str,
    name: str = "",
    line: int | None = None,
    source: int = 0,
) -> tuple[str, dict[str, Any] | str]: ...
def why_program(
    trace: bytes,
    texts: list[str],
    kind: str,
    name: str = "",
    line: int | None = None,
    source: int = 0,
) -> tuple[str, str]: ...
def graph_program(trace: bytes, texts: list[str]) -> str: ...

# Pictures, and sums over the event log.

def render_graph(graph_json: str, format: str, title: str = "") -> str: ...
def calls_table(log: bytes | str) -> str: ...
def calls_tree(log: bytes | str, max_nodes: int = 1000) -> str: ...
def calls_chrome(
    log: bytes | str, out_path: str, process: str = "", operations: bool = False
) -> int: ...

# Running programs.

def frames_can_be_cut() -> bool: ...
def run_program(kind: str, payload: list[object], finish: object) -> int: ...
def directory_names(path: str) -> list[str]: ...
def hook_imports(
    load: object,
    detail: str,
    foreign: list[str],
    include: list[str],
    exclude: list[str],
    directory: str,
    cache_dir: str | None,
    main: str | None,
    zips: bool,
) -> None: ...
def unhook_imports() -> None: ...
def load_main(
    load: object, source: bytes | str, filename: str, detail: str, cache_dir: str | None
) -> object: ...
