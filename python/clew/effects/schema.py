"""Annotation files: reading and checking them.

A file is a YAML list of modules, each with annotations of a criterion and its side effects. Every
problem is found with its file, line and key, and unknown keys are problems. This module only
turns text into :class:`Annotation` objects; :mod:`clew.effects.compiling` turns those into tables.
It is the only one that needs PyYAML, and the recorder does not import it for the shipped files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from clew.errors import ClewError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

#: Kinds of state outside the program's objects that `external_state` may name.
KINDS = (
    "clock",
    "database",
    "directory",
    "environment",
    "file",
    "module",
    "network",
    "process",
    "random",
    "stdio",
)
#: Kinds whose state has parts, so that a file with `key` missing would touch all of them.
KEYED_KINDS = ("directory", "environment", "file", "module")

PointerKind = Literal["positional", "keyword", "all", "self", "result", "external"]
SideEffectKind = Literal["mutated_value", "views", "dependency"]


@dataclass(frozen=True)
class Pointer:
    """What a side effect speaks of."""

    kind: PointerKind
    #: The position, the keyword, or the kind of outside state.
    value: int | str | None = None
    #: For outside state, its key: a constant or the argument that holds it.
    key: str | Pointer | None = None


@dataclass(frozen=True)
class SideEffect:
    """One declared side effect: a change, a use, or pointers that share state afterwards."""

    kind: SideEffectKind
    pointers: tuple[Pointer, ...]


@dataclass(frozen=True)
class Criterion:
    """Which callees, and which calls of them, an annotation speaks of."""

    functions: tuple[str, ...] = ()
    class_instance: str | None = None
    methods: tuple[str, ...] = ()
    keyword: tuple[str, Any] | None = None


@dataclass(frozen=True)
class Annotation:
    """The declared side effects of the callees that match one criterion."""

    module: str
    criterion: Criterion
    side_effects: tuple[SideEffect, ...]
    file: str
    line: int


@dataclass(frozen=True)
class Problem:
    """Something wrong in an annotation file."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.key}: {self.message}"


class AnnotationError(ClewError):
    """An annotation file that does not follow the schema.

    Parameters
    ----------
    problems
        Everything that is wrong, in the order of the text; never empty.
    """

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems

    def __reduce__(self) -> tuple[type[AnnotationError], tuple[list[Problem]]]:
        return (type(self), (self.problems,))


def load(path: str | Path) -> list[Annotation]:
    """Read one annotation file.

    Parameters
    ----------
    path
        The YAML file.

    Returns
    -------
    list of Annotation
        In the order of the text; a criterion with ``any_of`` gives one for each alternative.

    Raises
    ------
    AnnotationError
        If the file cannot be read or does not follow the schema.
    """
    annotations, problems = check(path)
    if problems:
        raise AnnotationError(problems)
    return annotations


def check(path: str | Path) -> tuple[list[Annotation], list[Problem]]:
    """Read one annotation file and report all its problems instead of raising."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return [], [Problem(str(path), 1, "file", f"cannot be read: {error}")]
    return parse(text, str(path))


def parse(text: str, file: str = "<string>") -> tuple[list[Annotation], list[Problem]]:
    """Read the text of an annotation file.

    Parameters
    ----------
    text
        The YAML text.
    file
        Its name in the problems.

    Returns
    -------
    tuple
        The annotations that are right, and everything that is wrong.
    """
    import yaml  # type: ignore[import-untyped, unused-ignore]

    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return [], [Problem(file, line, "yaml", str(error.problem))]
    except yaml.YAMLError as error:
        return [], [Problem(file, 1, "yaml", str(error))]
    reader = _Reader(file)
    return (list(reader.modules(node)) if node is not None else []), reader.problems


Node: TypeAlias = Any  # PyYAML ships no types.


class _Reader:
    """Walks YAML nodes, so that every value still knows its line."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def problem(self, node: Node, key: str, message: str) -> None:
        line = node.start_mark.line + 1
        self.problems.append(Problem(self.file, line, key, message))

    # -- shapes ---------------------------------------------------------------------------

    def fields(self, node: Node, where: str, known: Mapping[str, bool]) -> dict[str, Node]:
        """Give the values of a mapping by key; `known` says of each key whether it is required."""
        if node.id != "mapping":
            self.problem(node, where, "a mapping is expected here")
            return {}
        found: dict[str, Node] = {}
        for key_node, value in node.value:
            key = str(key_node.value)
            if key not in known:
                names = ", ".join(sorted(known))
                self.problem(key_node, key, f"unknown key in {where} (known: {names})")
            elif key in found:
                self.problem(key_node, key, f"given twice in {where}")
            else:
                found[key] = value
        for key, required in known.items():
            if required and key not in found:
                self.problem(node, key, f"missing in {where}")
        return found

    def items(self, node: Node, where: str) -> list[Node]:
        if node.id != "sequence":
            self.problem(node, where, "a list is expected here")
            return []
        return list(node.value)

    def text(self, node: Node, key: str) -> str | None:
        if node.id == "scalar" and node.value and _scalar(node) == node.value:
            return str(node.value)
        self.problem(node, key, "a name is expected here")
        return None

    def names(self, node: Node, key: str) -> tuple[str, ...]:
        found = (self.text(item, key) for item in self.items(node, key))
        return tuple(name for name in found if name is not None)

    # -- the levels of a file -------------------------------------------------------------

    def modules(self, node: Node) -> Iterator[Annotation]:
        for item in self.items(node, "file"):
            found = self.fields(item, "module entry", {"module": True, "annotations": True})
            if len(found) < 2:
                continue
            module = self.text(found["module"], "module")
            for entry in self.items(found["annotations"], "annotations"):
                yield from self.annotation(module or "", entry)

    def annotation(self, module: str, node: Node) -> Iterator[Annotation]:
        found = self.fields(node, "annotation", {"criteria": True, "side_effects": True})
        if len(found) < 2:
            return
        before = len(self.problems)
        criteria = list(self.criteria(found["criteria"]))
        listed = self.items(found["side_effects"], "side_effects")
        effects = tuple(effect for item in listed if (effect := self.side_effect(item)))
        line = node.start_mark.line + 1
        for criterion in criteria:
            if criterion.class_instance is None:
                self.refuse_self(found["side_effects"], effects)
            if len(self.problems) == before:
                yield Annotation(module, criterion, effects, self.file, line)

    def refuse_self(self, node: Node, effects: tuple[SideEffect, ...]) -> None:
        pointers = [pointer for effect in effects for pointer in effect.pointers]
        keys = [pointer.key for pointer in pointers if isinstance(pointer.key, Pointer)]
        if any(pointer.kind == "self" for pointer in [*pointers, *keys]):
            self.problem(node, "self_ref", "a function has no receiver; name a class_instance")

    def criteria(self, node: Node) -> Iterator[Criterion]:
        known = dict.fromkeys(
            [
                "any_of",
                "class_instance",
                "class_method_name",
                "class_method_names",
                "function_name",
                "function_names",
                "keyword_arg_name",
                "keyword_arg_value",
            ],
            False,
        )
        found = self.fields(node, "criteria", known)
        if "any_of" in found:
            if len(found) > 1:
                self.problem(node, "any_of", "stands alone in its criteria")
            for item in self.items(found["any_of"], "any_of"):
                yield from self.criteria(item)
            return
        criterion = self.criterion(node, found)
        if criterion is not None:
            yield criterion

    def criterion(self, node: Node, found: dict[str, Node]) -> Criterion | None:
        functions = self.one_or_many(node, found, "function_name")
        methods = self.one_or_many(node, found, "class_method_name")
        owner = None
        if "class_instance" in found:
            owner = self.text(found["class_instance"], "class_instance")
        keyword = None
        if ("keyword_arg_name" in found) != ("keyword_arg_value" in found):
            self.problem(node, "keyword_arg_name", "goes together with keyword_arg_value")
        elif "keyword_arg_name" in found:
            name = self.text(found["keyword_arg_name"], "keyword_arg_name")
            keyword = (name or "", _scalar(found["keyword_arg_value"]))
        if functions and (methods or owner):
            self.problem(node, "function_name", "does not go together with class_instance")
        elif methods and not owner:
            self.problem(node, "class_method_name", "needs class_instance")
        elif not (functions or methods or (owner and keyword)):
            message = "names neither a function nor a method of a class"
            self.problem(node, "criteria", message)
        else:
            return Criterion(functions, owner, methods, keyword)
        return None

    def one_or_many(self, node: Node, found: dict[str, Node], key: str) -> tuple[str, ...]:
        many = key + "s"
        if key in found and many in found:
            self.problem(node, key, f"does not go together with {many}")
        if key in found:
            name = self.text(found[key], key)
            return (name,) if name else ()
        return self.names(found[many], many) if many in found else ()

    def side_effect(self, node: Node) -> SideEffect | None:
        known = {"mutated_value": False, "views": False, "dependency": False}
        found = self.fields(node, "side effect", known)
        if len(found) != 1:
            if found:
                self.problem(node, "side_effects", "one side effect to each list item")
            return None
        ((kind, value),) = found.items()
        if kind == "views":
            listed = [self.pointer(item) for item in self.items(value, "views")]
            if len(listed) < 2:
                self.problem(value, "views", "names at least two pointers")
            return SideEffect("views", tuple(p for p in listed if p))
        pointer = self.pointer(value)
        if pointer is None:
            return None
        return SideEffect("mutated_value" if kind == "mutated_value" else "dependency", (pointer,))

    # -- pointers -------------------------------------------------------------------------

    def pointer(self, node: Node) -> Pointer | None:
        readers: dict[str, Callable[[Node], Pointer | None]] = {
            "positional_argument_index": self.position,
            "argument_keyword": self.keyword,
            "all_positional_arguments": lambda n: self.constant(
                n, "all", "ALL_POSITIONAL_ARGUMENTS"
            ),
            "self_ref": lambda n: self.constant(n, "self", "SELF_REF"),
            "result": lambda n: self.constant(n, "result", "RESULT"),
            "external_state": self.external,
        }
        found = self.fields(node, "pointer", dict.fromkeys(readers, False))
        if len(found) != 1:
            if found:
                self.problem(node, "pointer", "one key to each pointer")
            return None
        ((key, value),) = found.items()
        return readers[key](value)

    def position(self, node: Node) -> Pointer | None:
        value = _scalar(node)
        if type(value) is int and value >= 0:
            return Pointer("positional", value)
        self.problem(node, "positional_argument_index", "a number from 0 on is expected here")
        return None

    def keyword(self, node: Node) -> Pointer | None:
        name = self.text(node, "argument_keyword")
        return Pointer("keyword", name) if name else None

    def constant(self, node: Node, kind: PointerKind, spelling: str) -> Pointer | None:
        if node.id == "scalar" and node.value == spelling:
            return Pointer(kind)
        self.problem(node, spelling.lower(), f"is written {spelling}")
        return None

    def external(self, node: Node) -> Pointer | None:
        found = self.fields(node, "external_state", {"kind": True, "key": False})
        if "kind" not in found:
            return None
        kind = self.text(found["kind"], "kind")
        if kind not in KINDS:
            self.problem(found["kind"], "kind", f"is one of {', '.join(KINDS)}")
            return None
        if "key" not in found:
            if kind in KEYED_KINDS:
                self.problem(
                    node, "key", f"needed for {kind}: a text, or a pointer to the argument"
                )
                return None
            return Pointer("external", kind)
        if found["key"].id == "scalar":
            return Pointer("external", kind, self.text(found["key"], "key"))
        key = self.pointer(found["key"])
        return None if key is None else Pointer("external", kind, key)


def _scalar(node: Node) -> Any:
    """Give a scalar as YAML's core schema reads it: a number, a truth value, null or a text."""
    import yaml  # type: ignore[import-untyped, unused-ignore]

    if node.id != "scalar":
        return None
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError):
        return node.value
