"""Log lines that say which run, device and command they belong to.

Owns the context variables, the two shapes of a line (text, JSON), what all lines to people share (a
count, a time, one harmless line) and the one place where logging is set up. Refuses to know what is
logged and whether a progress bar is on the screen: the stream is handed in. The libraries
underneath log whole configurations and typed passwords when they debug, so their loggers never go
below WARNING.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

run_id: ContextVar[str] = ContextVar("run_id", default="")
device_name: ContextVar[str] = ContextVar("device_name", default="")
command_text: ContextVar[str] = ContextVar("command_text", default="")
hidden: ContextVar[Callable[[str], str]] = ContextVar("hidden", default=str)

OWN = "collector"
LIBRARIES = ("asyncssh", "scrapli", "scrapli_community")
FOREIGN = (*LIBRARIES, "asyncio", "distributed", "tornado")

# Verbosity is the count of -v less that of -q.
_OWN_LEVELS = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO}
_FOREIGN_LOUD_AT = 3
_SILENT = logging.CRITICAL + 1


class LineStream(Protocol):
    """Where log lines go."""

    def write(self, text: str, /) -> object:
        """Take some text."""
        ...

    def flush(self) -> object:
        """Pass on what was taken."""
        ...


@contextmanager
def bound(
    *, run: str = "", device: str = "", command: str = "", hide: Callable[[str], str] | None = None
) -> Iterator[None]:
    """Mark every log line inside the block with the names given; an empty one is left as it is.

    ``hide`` takes the secrets out of the messages: a library's error may quote what a device said.
    """
    named = ((run_id, run), (device_name, device), (command_text, command))
    tokens = [(variable, variable.set(value)) for variable, value in named if value]
    hiding = hidden.set(hide or hidden.get())
    try:
        yield
    finally:
        hidden.reset(hiding)
        for variable, token in reversed(tokens):
            variable.reset(token)


def configure(verbosity: int, stream: LineStream, *, as_json: bool = False) -> None:
    """Send log lines to ``stream``; called once by the program, never by a library user's script.

    Verbosity: -1 errors, 0 warnings, 1 info, 2 debug, 3 also the libraries' warnings.
    """
    handler = logging.StreamHandler(stream)
    handler.addFilter(_mark)
    handler.setFormatter(JsonLine() if as_json else TextLine())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(OWN).setLevel(_OWN_LEVELS.get(max(verbosity, -1), logging.DEBUG))
    for name in FOREIGN:
        loud = verbosity >= _FOREIGN_LOUD_AT
        logging.getLogger(name).setLevel(logging.WARNING if loud else _SILENT)
    # A closed stderr must not turn each log line into a traceback about logging.
    logging.raiseExceptions = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line on its way to the process that shows it; secrets are still in it."""

    logger: str
    level: int
    created: float
    message: str = field(repr=False)
    device: str = ""
    command: str = ""


def levels() -> dict[str, int]:
    """Give the levels in force, for another process of this program."""
    return {name: logging.getLogger(name).level for name in ("", OWN, *FOREIGN)}


def forward(levels: Mapping[str, int], take: Callable[[Line], object]) -> None:
    """Have every line of this process taken by ``take``, from whichever thread it comes."""
    root = logging.getLogger()
    root.handlers[:] = [_Forwarding(take)]
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.raiseExceptions = False


@contextmanager
def tapped(run: str, levels: Mapping[str, int], take: Callable[[Line], object]) -> Iterator[None]:
    """Have every line of a run taken by ``take``, in a process that is another program's.

    That program's log has none of them, for secrets are still in it.
    """
    handler = _Forwarding(take)
    handler.addFilter(lambda _: run_id.get() == run)
    own = logging.getLogger(OWN)
    handler.setLevel(levels[OWN])
    own.setLevel(min(own.level or levels[OWN], levels[OWN]))
    own.propagate = False
    own.addHandler(handler)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(_SILENT)
    try:
        yield
    finally:
        own.removeHandler(handler)
        own.propagate = not any(isinstance(each, _Forwarding) for each in own.handlers)


def relay(line: Line) -> None:
    """Log a line of another process here, as what it is: of its device, and at its time."""
    logger = logging.getLogger(line.logger)
    if not logger.isEnabledFor(line.level):
        return
    with bound(device=line.device, command=line.command):
        record = logger.makeRecord(line.logger, line.level, "", 0, "%s", (line.message,), None)
        record.created = line.created
        logger.handle(record)


class _Forwarding(logging.Handler):
    def __init__(self, take: Callable[[Line], object]) -> None:
        super().__init__()
        self._take = take

    def emit(self, record: logging.LogRecord) -> None:
        self._take(
            Line(
                logger=record.name,
                level=record.levelno,
                created=record.created,
                message=_text(record),
                device=device_name.get(),
                command=command_text.get(),
            )
        )


class TextLine(logging.Formatter):
    """``2026-01-02T03:04:05Z WARNING r1 [show version] retrying``: one line, whatever is logged."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record as one line."""
        context = _context(record)
        where = [context["device"]] if "device" in context else []
        where += [f"[{context['command']}]"] if "command" in context else []
        words = (_stamp(record), record.levelname, *where, _message(record))
        return " ".join(words)


class JsonLine(logging.Formatter):
    """One JSON object a line: ``time level logger message`` and what is known of the context."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record as one JSON object."""
        row = {
            "time": _stamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            **_context(record),
            "message": _message(record),
        }
        return json.dumps(row, ensure_ascii=False)


def _mark(record: logging.LogRecord) -> bool:
    """Read the context where the record is made, so that a formatter may run anywhere."""
    record.context = {
        key: value
        for key, value in (
            ("run_id", run_id.get()),
            ("device", device_name.get()),
            ("command", command_text.get()),
        )
        if value
    }
    record.hide = hidden.get()
    return True


def _context(record: logging.LogRecord) -> dict[str, str]:
    context: dict[str, str] = getattr(record, "context", {})
    return context


def _stamp(record: logging.LogRecord) -> str:
    return utc(datetime.fromtimestamp(record.created, UTC))


def _message(record: logging.LogRecord) -> str:
    """The message on one line, without secrets."""
    hide: Callable[[str], str] = getattr(record, "hide", str)
    return one_line(hide(_text(record)))


def _text(record: logging.LogRecord) -> str:
    """The message; an exception as ``Type: text``, never as a traceback."""
    message = record.getMessage()
    if record.exc_info and record.exc_info[0] is not None:
        kind, error, _ = record.exc_info
        message = f"{message}: {kind.__name__}: {error}"
    return message


def utc(moment: datetime) -> str:
    """Write a moment as ISO 8601 in UTC, to the millisecond.

    >>> utc(datetime(2026, 3, 1, 7, 5, 9, 250_000, tzinfo=UTC))
    '2026-03-01T07:05:09.250Z'
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def counted(number: int, noun: str) -> str:
    """Say how many of something there are.

    >>> counted(1, "device"), counted(0, "device")
    ('1 device', '0 devices')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def one_line(text: str) -> str:
    r"""Fold white space and show control characters, so that text stays one harmless line.

    >>> one_line("bad\n  thing\x1b[2J")
    'bad thing\\x1b[2J'
    """
    folded = " ".join(text.split())
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in folded)
