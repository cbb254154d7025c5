"""Text to a tree of YAML nodes with marks; the one module that calls PyYAML.

The C parser does the work where libyaml is there. Plain scalars are only marked as such (`PLAIN`):
PyYAML's own resolver is slow, and follows YAML 1.1. Refuses to know what scalars mean, and to build
any object that a file names.
"""

from __future__ import annotations

from typing import Any, Final

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

__all__ = [
    "DEPTH",
    "LOADERS",
    "PLAIN",
    "TEXT_TAGS",
    "ComposeError",
    "MappingNode",
    "Node",
    "ScalarNode",
    "SequenceNode",
    "compose",
]

PLAIN: Final = "?"  # the tag of a scalar that is neither quoted nor tagged
_OTHER: Final = "!"
TEXT_TAGS: Final = frozenset({_OTHER, "tag:yaml.org,2002:str"})
DEPTH: Final = 100  # libyaml would crash the process on a text that opens 200,000 brackets


class ComposeError(Exception):
    """The text is not YAML; ``line`` and ``column`` count from 0."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class _Marking:
    """A resolver that tells plain scalars from all others, and bounds the depth."""

    depth = 0

    def resolve(self, kind: type[Node], _value: Any, implicit: Any) -> str:
        return PLAIN if kind is ScalarNode and implicit[0] else _OTHER

    def descend_resolver(self, parent: Node | None, _index: Any) -> None:
        self.depth += 1
        if self.depth > DEPTH:
            mark = parent.start_mark if parent is not None else None
            raise yaml.MarkedYAMLError(problem=f"nested more than {DEPTH} deep", problem_mark=mark)

    def ascend_resolver(self) -> None:
        self.depth -= 1


class _PureLoader(_Marking, Reader, Scanner, Parser, Composer):
    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)


def _loaders() -> tuple[type[Any], ...]:
    """The loaders that this machine has, the fastest first."""
    if not yaml.__with_libyaml__:
        return (_PureLoader,)
    from yaml._yaml import CParser  # noqa: PLC0415  # an ImportError where libyaml is absent

    class _FastLoader(_Marking, CParser):
        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)

    return (_FastLoader, _PureLoader)


LOADERS: Final = _loaders()


def compose(text: str, loader: type[Any] = LOADERS[0]) -> Node | None:
    """Return the root node of the only document in ``text``, None where there is none.

    Raises ComposeError. Decoding, NUL and control characters are the caller's to check.
    """
    try:
        node: Node | None = loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _translated(error, text) from error
    except yaml.YAMLError as error:
        raise ComposeError("not readable as YAML", 0, 0) from error
    return node


def _translated(error: yaml.MarkedYAMLError, text: str) -> ComposeError:
    """Say what is wrong in words of ours; never quote the line, it may hold a secret."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark is not None else (0, 0)
    lines = text.splitlines()
    content = lines[line] if line < len(lines) else ""
    problem = (error.problem or "not readable as YAML").lower()
    return ComposeError(_plainly(problem, content, column), line, column)


def _plainly(problem: str, content: str, column: int) -> str:
    if content[column : column + 1] == "\t" or "tab character" in problem:
        return "expected spaces for indentation, found a tab"
    if "${" in content and ("',' or" in problem or "node content" in problem):
        return 'expected quotes around a text with ${...}: write "${NAME}"'
    known = (message for words, message in _MESSAGES.items() if words in problem)
    return next(known, f"not readable as YAML: {problem}")


_MESSAGES: Final = {
    "another document": "expected one YAML document, found a second one",
    "undefined alias": "expected an alias defined above; quote a text that starts with '*'",
    "start any token": "expected a value, found a mark that cannot start one; quote the text",
    "mapping values are not": "expected no ': ' here; indent as the lines above, or quote the text",
    "second occurrence": "expected a new name for this anchor, found one used above",
    "nested more": f"expected at most {DEPTH} levels, found more",
}
