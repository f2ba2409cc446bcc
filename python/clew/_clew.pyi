"""Types of the compiled part of Clew. The documentation is at the Python functions that call it."""

from collections.abc import Callable
from types import CodeType, TracebackType
from typing import Any, final

__version__: str

# The store.

@final
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
def calls_list(
    log: bytes | str, limit: int
) -> list[
    tuple[
        int | None,
        str,
        list[str],
        int,
        str | None,
        str | None,
        tuple[str, int] | None,
        int,
        int,
        int | None,
    ]
]: ...
def calls_tree(log: bytes | str, max_nodes: int = 1000) -> str: ...
def calls_chrome(
    log: bytes | str, out_path: str, process: str = "", operations: bool = False
) -> int: ...

# Recording.

@final
class Tape:
    def __new__(cls) -> Tape: ...
    def stop(self) -> None: ...
    def __len__(self) -> int: ...
    def numbers(self) -> list[int]: ...
    def row(
        self, index: int
    ) -> tuple[
        Any,
        tuple[Any, ...],
        dict[str, Any],
        Any,
        BaseException | None,
        int,
        int,
        int | None,
        int,
        int,
        int,
    ]: ...
    def add(
        self,
        site: int,
        function: object,
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
        result: object,
        error: BaseException | None,
    ) -> None: ...
    def changes(
        self, resolve: Callable[[object], int], once: bool
    ) -> tuple[list[tuple[int, Any]], list[int]]: ...
    def hook(
        self, kind: str, site: int, function: object = None, name: object = None
    ) -> Callable[..., Any]: ...

@final
class Recorded:
    @property
    def trace(self) -> bytes: ...
    @property
    def sources(self) -> list[tuple[str, str, str]]: ...
    @property
    def notes(self) -> list[str]: ...
    @property
    def contradicted(self) -> list[tuple[str, str]]: ...
    @property
    def n_events(self) -> int: ...
    @property
    def n_dropped(self) -> int: ...

def start(
    detail: str = "statement",
    log: str | None = None,
    max_log: int = ...,
    newest: bool = False,
) -> int: ...
def finish(
    globals: dict[str, Any] | None = None, raised: bool = False, recording: int | None = None
) -> Recorded: ...
def enter_line(line: int) -> None: ...
def raised(traceback: TracebackType | None) -> None: ...
def disregard(own: bool) -> bool: ...
def recording_number() -> int | None: ...
def is_recorded(code: CodeType) -> bool: ...
def degrade(reason: str) -> None: ...
def call_began(
    path: str, line: int, callee: object, arguments: tuple[object, ...]
) -> tuple[int, int] | None: ...
def call_ended(call: tuple[int, int], result: tuple[object, ...], raised: bool = False) -> None: ...
def is_recording() -> bool: ...
def note_artifact(name: str, value: object) -> tuple[int, int] | None: ...
def trace_json(trace: bytes) -> str: ...
def load(
    source: bytes | str,
    filename: str,
    module: str = "__main__",
    is_main: bool = True,
    detail: str = "statement",
    cache_dir: str | None = None,
) -> CodeType: ...

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
) -> int: ...
def unhook_imports(number: int) -> None: ...
def is_user_module(
    name: str,
    path: str,
    foreign: list[str],
    include: list[str],
    exclude: list[str],
    directory: str,
) -> bool: ...
def load_main(
    load: object, source: bytes | str, filename: str, detail: str, cache_dir: str | None
) -> object: ...
