"""A YAML file as plain data, with the place of every key and value.

Owns what is accepted as a document at all: UTF-8, one document, a mapping at the top, unique keys,
no surprising scalars, bounded aliases. Places are looked up only when something is to be said about
one, so that a large file costs little. Refuses to know what the keys mean.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn

from collector.document.composition import (
    DEPTH,
    PLAIN,
    TEXT_TAGS,
    ComposeError,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    compose,
)
from collector.document.places import Loc, Place
from collector.document.scalars import Surprise, typed
from collector.document.wording import Complaint, is_secret
from collector.errors import InputError

LARGEST: Final = 64 * 1024 * 1024  # bytes; 10,000 devices are about one
_REPEATS: Final = 200_000  # values that aliases may add to a document
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_MISSING: Final = object()


class Document:
    """What a file says (``data``), where (`place`), and what is wrong with it as YAML (`refuse`).

    ``digest`` is the SHA-256 of the file's bytes, in hex.
    """

    def __init__(self, name: str, text: str, digest: str = "") -> None:
        self.name = name
        self.digest = digest or hashlib.sha256(text.encode()).hexdigest()
        self._root = _root(name, text)
        construction = _Construction(len(text))
        try:
            self.data: dict[str, Any] = construction.mapping(self._root, 0)
        except _TooMuch as error:
            raise InputError(f"{_mark(name, error.node)}: {error}") from None
        self._indexes: dict[int, dict[str, tuple[Node, Node]]] = {}
        flaws = construction.flaws
        self._flaws = tuple(_located(name, self._root, flaws)) if flaws else ()

    def place(self, loc: Loc, *, key: bool = False) -> Place:
        """Return where ``loc`` stands: its value, or its key; the nearest above where it is not."""
        _, key_node, value_node = self._find(loc)
        is_nothing = value_node.tag == PLAIN and not value_node.value  # it stands nowhere
        return _mark(self.name, key_node if key_node and (key or is_nothing) else value_node)

    def text(self, loc: Loc) -> str:
        """Return a scalar as it is written (``1.10`` stays ``1.10``); empty for anything else."""
        whole, _, node = self._find(loc)
        return str(node.value) if whole and isinstance(node, ScalarNode) else ""

    def problems(self, complaints: Iterable[Complaint] = ()) -> tuple[str, ...]:
        """Return the lines of the document's own flaws and of ``complaints``, in order of place.

        One thing is wrong at a time: of several complaints of the same value, the first is said.
        """
        found: dict[tuple[Loc, bool], tuple[Place, Complaint]] = {}
        for place, flaw in self._flaws:
            found[(flaw.loc, flaw.at_key)] = place, flaw
        for complaint in complaints:
            at = complaint.loc, complaint.at_key
            if at not in found:
                found[at] = self.place(complaint.loc, key=complaint.at_key), complaint
        in_order = sorted(found.values(), key=lambda pair: pair[0])
        return tuple(f"{place}: {complaint}" for place, complaint in in_order)

    def forgive(self, loc: Loc, words: Collection[str]) -> None:
        """Take a scalar for text after all: its key knows only ``words``, none in doubt."""
        if self.text(loc) in words:
            self._flaws = tuple(flaw for flaw in self._flaws if flaw[1].loc != loc)

    def forgive_key(self, loc: Loc) -> None:
        """Take a key for text after all: what is at ``loc`` has no other key that it could be."""
        self._flaws = tuple(f for f in self._flaws if not (f[1].at_key and f[1].loc == loc))

    def refuse(self, complaints: Iterable[Complaint] = ()) -> None:
        """Raise InputError with all flaws and complaints at once, if there are any."""
        if lines := self.problems(complaints):
            raise InputError(*lines)

    def _find(self, loc: Loc) -> tuple[bool, Node | None, Node]:
        """Return whether ``loc`` was reached, and the nodes of the nearest key and value."""
        key_node: Node | None = None
        node: Node = self._root
        for part in loc:
            if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
                key_node, node = node.value[part], node.value[part]
            elif isinstance(node, MappingNode) and part in (index := self._index(node)):
                key_node, node = index[str(part)]
            else:
                return False, key_node, node
        return True, key_node, node

    def _index(self, node: MappingNode) -> dict[str, tuple[Node, Node]]:
        """Return a mapping's nodes by key; kept, so that many look-ups stay cheap."""
        index = self._indexes.get(id(node))
        if index is None:
            pairs = ((k.value, (k, v)) for k, v in reversed(node.value) if type(k) is ScalarNode)
            index = self._indexes[id(node)] = dict(pairs)
        return index


def load_document(path: Path | str) -> Document:
    """Read a YAML file; blocking. Raises InputError with every problem that the YAML has."""
    document = read_document(path)
    document.refuse()
    return document


def read_document(path: Path | str) -> Document:
    """Read a YAML file whose flaws are kept for `Document.refuse`, beside the caller's complaints.

    Raises InputError for what leaves no data to go on with.
    """
    name = str(path)
    raw = _read(Path(path))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig")
        byte = raw[error.start]
        raise InputError(
            f"{_place_after(name, before)}: expected UTF-8, found the byte 0x{byte:02x}"
        ) from None
    return Document(name, text, hashlib.sha256(raw).hexdigest())


def parse_document(text: str, name: str) -> Document:
    """Parse YAML that is already text; ``name`` stands for the file in problems."""
    document = Document(name, text)
    document.refuse()
    return document


def _read(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise InputError(f"{path}: expected a file, found a folder")
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{str(path)!r}: cannot be read: {reason}") from None
    if len(raw) > LARGEST:
        raise InputError(f"{path}: expected at most {LARGEST} bytes")
    return raw


def _mark(name: str, node: Node) -> Place:
    return Place(file=name, line=node.start_mark.line + 1, column=node.start_mark.column + 1)


def _place_after(name: str, text: str) -> Place:
    lines = text.split("\n")
    return Place(file=name, line=len(lines), column=len(lines[-1]) + 1)


def _root(name: str, text: str) -> MappingNode:
    """Compose the text; an empty one is an empty mapping."""
    if lines := tuple(_control_characters(name, text)):
        raise InputError(*lines)
    try:
        node = compose(text) or compose("{}")
    except ComposeError as error:
        place = Place(file=name, line=error.line + 1, column=error.column + 1)
        raise InputError(f"{place}: {error.message}") from None
    if not isinstance(node, MappingNode) or node.tag not in _TAGS[MappingNode]:
        _refuse_top(name, node)
    return node


def _refuse_top(name: str, node: Node | None) -> NoReturn:
    what = "a list" if isinstance(node, SequenceNode) else "something else"
    place = _mark(name, node) if node is not None else Place(file=name, line=1, column=1)
    raise InputError(f"{place}: expected a mapping of keys to values, found {what}")


def _control_characters(name: str, text: str) -> Iterator[str]:
    for match in _CONTROL.finditer(text):
        place = _place_after(name, text[: match.start()])
        yield f"{place}: expected text, found the control character {match.group()!r}"
        if match.start() > LARGEST // 1000:  # not a text at all: one line says as much as a million
            return


_TAGS: Final = {
    MappingNode: frozenset({"!", "tag:yaml.org,2002:map"}),
    SequenceNode: frozenset({"!", "tag:yaml.org,2002:seq"}),
    ScalarNode: TEXT_TAGS | {PLAIN},
}


class _TooMuch(Exception):
    """The document is deeper or larger, aliases followed, than any honest one."""

    def __init__(self, message: str, node: Node) -> None:
        super().__init__(message)
        self.node = node


class _Flaw(NamedTuple):
    """Something wrong with a node; ``hidden`` says it where the value may be a secret."""

    node: Node
    message: str
    at_key: bool = False
    hidden: str = ""


def _located(name: str, root: Node, flaws: Sequence[_Flaw]) -> Iterator[tuple[Place, Complaint]]:
    """Find the path of every flaw: a second, slow walk, made only when something is wrong."""
    paths: dict[int, Loc] = {}

    def visit(node: Node, loc: Loc) -> None:
        if id(node) in paths:  # reached by an alias
            return
        paths[id(node)] = loc
        if isinstance(node, MappingNode):
            for key, value in node.value:
                below = (*loc, str(key.value)) if isinstance(key, ScalarNode) else loc
                paths[id(key)] = below
                visit(value, below)
        elif isinstance(node, SequenceNode):
            for position, value in enumerate(node.value):
                visit(value, (*loc, position))

    visit(root, ())
    for flaw in flaws:
        loc = paths.get(id(flaw.node), ())
        message = (flaw.hidden if is_secret(loc) else "") or flaw.message
        yield _mark(name, flaw.node), Complaint(loc=loc, message=message, at_key=flaw.at_key)


class _Construction:
    """Builds data from nodes, and notes what it had to put something else in place of."""

    def __init__(self, size: int) -> None:
        self.flaws: list[_Flaw] = []
        self._budget = size + _REPEATS  # no node takes less than a character
        self._values: dict[str, Any] = {}  # texts repeat: most keys, ports, tags

    def mapping(self, node: Node, depth: int) -> dict[str, Any]:
        self._spend(node, 2 * len(node.value), depth)
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if key_node.tag != PLAIN or type(self._plain(key)) is not str:
                key = self._key(key_node)
            if key in data or key == "<<":
                self._refuse_key(node, key_node)
            elif key is not None:
                data[key] = self._value(value_node, depth)
        return data

    def _sequence(self, node: Node, depth: int) -> list[Any]:
        self._spend(node, len(node.value), depth)
        return [self._value(below, depth) for below in node.value]

    def _value(self, node: Node, depth: int) -> Any:
        tag = node.tag
        if tag == PLAIN:
            value = self._plain(node.value)
            return self._surprised(node, value) if type(value) is Surprise else value
        kind = type(node)
        if tag not in _TAGS[kind]:
            self.flaws.append(_Flaw(node, "expected a value without a YAML tag (!...)"))
        if kind is MappingNode:
            return self.mapping(node, depth + 1)
        return self._sequence(node, depth + 1) if kind is SequenceNode else node.value

    def _plain(self, text: str) -> Any:
        value = self._values.get(text, _MISSING)
        if value is _MISSING:
            value = self._values[text] = typed(text)
        return value

    def _key(self, node: Node) -> str | None:
        """Return a key that is not an ordinary word as text, None where it cannot be one."""
        if not isinstance(node, ScalarNode):
            self.flaws.append(_Flaw(node, "expected text as a key; quote it", at_key=True))
            return None
        text = str(node.value)
        if node.tag not in _TAGS[ScalarNode]:
            self.flaws.append(_Flaw(node, "expected a key without a YAML tag (!...)", at_key=True))
        value = self._plain(text) if node.tag == PLAIN else text
        if isinstance(value, Surprise):
            self._surprised(node, value, at_key=True)
        elif value is None or isinstance(value, bool):
            message = f"expected text as a key, found {text or 'nothing'}; quote it"
            self.flaws.append(_Flaw(node, message, at_key=True))
        return text

    def _refuse_key(self, mapping: Node, node: Node) -> None:
        if node.value == "<<":
            message = (
                "merge keys (<<) are not supported; put what is shared into defaults or groups"
            )
        else:
            first = next(key for key, _ in mapping.value if key.value == node.value)
            message = f"duplicate key {node.value!r}, first in line {first.start_mark.line + 1}"
        self.flaws.append(_Flaw(node, message, at_key=True))

    def _surprised(self, node: Node, surprise: Surprise, *, at_key: bool = False) -> str:
        hidden = "an unquoted value that YAML 1.1 and 1.2 read differently; quote it"
        instead = f", or write {surprise.instead}" if surprise.instead and not at_key else ""
        message = (
            f"found {node.value}, which is {surprise.meaning} in YAML 1.1 and not in YAML 1.2; "
            f'quote it ("{node.value}"){instead}'
        )
        self.flaws.append(_Flaw(node, message, at_key, hidden))
        return str(node.value)

    def _spend(self, node: Node, count: int, depth: int) -> None:
        self._budget -= count
        if self._budget < 0:
            raise _TooMuch(f"aliases repeat more than {_REPEATS} values", node)
        if depth > DEPTH:
            raise _TooMuch(f"nested more than {DEPTH} deep (an alias within itself?)", node)
