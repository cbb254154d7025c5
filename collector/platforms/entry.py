"""A platform as it is written: the keys of a YAML file or of an entry in config.yaml, checked.

Owns the schema, the merging of an entry with the one it extends, and the step to a `Platform`.
Refuses to know where the text came from.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo

from collector.document.keys import Line, Section, TimeoutKeys
from collector.platforms.expressions import endless
from collector.platforms.model import EditorKey, Enable, Expressions, Passages, Platform, Within

SHIPPED: Final = {"shipped": True}
"""The context of an entry that comes with the program: its expressions are held by our tests.

To read each of them again, for what may take for ever, took longer than all else of an entry.
"""


def _expression(text: str, info: ValidationInfo) -> str:
    if info.context is SHIPPED:
        return text
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"expected a regular expression ({error})") from None
    return text


def _byte_expression(text: str, info: ValidationInfo) -> str:
    if info.context is SHIPPED:
        return text
    try:
        re.compile(text.encode())
    except re.error as error:
        raise ValueError(f"expected a regular expression ({error})") from None
    if fault := endless(text):
        raise ValueError(f"expected a regular expression that ends soon ({fault})")
    return text


Expression = Annotated[str, StringConstraints(min_length=1), AfterValidator(_expression)]
Heard = Annotated[Expression, AfterValidator(_byte_expression)]
Passage = Annotated[str, StringConstraints(min_length=1), AfterValidator(_byte_expression)]

_STRICT: Final = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class EnableEntry(BaseModel):
    """How more rights are asked for."""

    model_config = _STRICT

    command: Line = "enable"
    prompt_suffix: str = Field(default=">", min_length=1)


class WithinEntry(BaseModel):
    """What is secret only between two lines."""

    model_config = _STRICT

    first: Passage
    last: Passage
    secrets: list[Passage]


class Entry(BaseModel):
    """What may be said of a platform; what is not said comes from the one it extends."""

    model_config = _STRICT

    extends: str | None = None
    title: str | None = None
    driver: str | None = None
    backup: list[Line] = []
    version: list[Line] = []
    paging_off: list[Line] = []
    enable: EnableEntry | None = None
    end_markers: dict[Line, Expression] = {}
    denials: list[Expression] = []
    log_lines: list[Expression] = []
    log_commands: list[Line] = []
    pagers: list[Expression] = []
    auth_unreachable: list[Heard] = []
    editor_key: Literal["ctrl-e", "none"] = "ctrl-e"
    return_char: Literal["\n", "\r", "\r\n"] = "\n"
    prompt: Expression | None = None
    username_suffix: str = ""
    abbreviates: bool = True
    shell: bool = False
    history: bool = True
    read_only: list[Line] = []
    filters: list[Line] = []
    config_modes: list[Line] = []
    section_lines: list[Passage] = []
    volatile: list[Passage] = []
    volatile_blocks: dict[Passage, Passage] = {}
    secrets: list[Passage] = []
    secret_blocks: dict[Passage, Passage] = {}
    secrets_within: list[WithinEntry] = []
    timeouts: Annotated[TimeoutKeys, Section] = TimeoutKeys()


# These add to what the extended platform has; every other key takes the place of it.
ADDED: Final = (
    *("denials", "log_lines", "log_commands", "pagers", "auth_unreachable"),
    *("read_only", "filters", "config_modes"),
    *("volatile", "secrets", "secrets_within", "section_lines"),
)
_JOINED: Final = ("end_markers", "volatile_blocks", "secret_blocks")


def merge(own: Entry, base: Entry) -> Entry:
    """Return ``own`` with all that it does not say taken from ``base``."""
    said = own.model_fields_set
    values = {name: getattr(own if name in said else base, name) for name in Entry.model_fields}
    values["extends"] = own.extends
    for name in ADDED:
        both = (*getattr(own, name), *getattr(base, name))
        values[name] = [each for place, each in enumerate(both) if each not in both[:place]]
    for name in _JOINED:
        values[name] = {**getattr(base, name), **getattr(own, name)}
    values["timeouts"] = TimeoutKeys(**{**_said(base.timeouts), **_said(own.timeouts)})
    return Entry.model_construct(**values)


def compile_entry(entry: Entry, lineage: tuple[str, ...]) -> Platform:
    """Build the `Platform` that a merged entry describes."""
    return Platform(
        name=lineage[0],
        title=entry.title or lineage[0],
        lineage=lineage,
        driver=entry.driver,
        backup=tuple(entry.backup),
        version=tuple(entry.version),
        paging_off=tuple(entry.paging_off),
        enable=_enable(entry.enable),
        end_markers=MappingProxyType(
            {command: re.compile(text) for command, text in entry.end_markers.items()}
        ),
        denials=Expressions(entry.denials, re.IGNORECASE),
        log_lines=Expressions(entry.log_lines),
        log_commands=tuple(entry.log_commands),
        pagers=_passages(entry.pagers),
        auth_unreachable=Expressions(entry.auth_unreachable, re.IGNORECASE),
        editor_key=EditorKey(entry.editor_key),
        return_char=entry.return_char,
        prompt=re.compile(entry.prompt) if entry.prompt else None,
        username_suffix=entry.username_suffix,
        abbreviates=entry.abbreviates,
        shell=entry.shell,
        history=entry.history,
        read_only=tuple(entry.read_only),
        filters=tuple(entry.filters),
        config_modes=tuple(entry.config_modes),
        section_lines=_passages(entry.section_lines),
        volatile=Passages(lines=_passages(entry.volatile), blocks=_blocks(entry.volatile_blocks)),
        secrets=_secrets(entry),
        timeouts=MappingProxyType(_said(entry.timeouts)),
    )


def _said(timeouts: TimeoutKeys) -> dict[str, float]:
    return {name: seconds for name, seconds in timeouts if name in timeouts.model_fields_set}


def _secrets(entry: Entry) -> Passages:
    within = (
        Within(
            first=re.compile(each.first.encode(), re.MULTILINE),
            last=re.compile(each.last.encode(), re.MULTILINE),
            lines=_passages(each.secrets),
        )
        for each in entry.secrets_within
    )
    return Passages(
        lines=_passages(entry.secrets),
        blocks=_blocks(entry.secret_blocks),
        within=tuple(within),
    )


def _passages(texts: list[str]) -> Expressions[bytes]:
    return Expressions([text.encode() for text in texts])


def _blocks(ends: dict[str, str]) -> tuple[tuple[re.Pattern[bytes], re.Pattern[bytes]], ...]:
    return tuple(
        (re.compile(first.encode(), re.MULTILINE), re.compile(last.encode(), re.MULTILINE))
        for first, last in ends.items()
    )


def _enable(entry: EnableEntry | None) -> Enable | None:
    if entry is None:
        return None
    return Enable(command=entry.command, prompt_suffix=entry.prompt_suffix)
