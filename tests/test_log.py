"""Log lines: whose they are, on one line, and never a library's debugging."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from collector import log


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    names = ("", log.OWN, *log.FOREIGN)
    levels = {name: logging.getLogger(name).level for name in names}
    handlers, raising = root.handlers[:], logging.raiseExceptions
    yield
    root.handlers[:], logging.raiseExceptions = handlers, raising
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def logged(verbosity: int, *, as_json: bool = False) -> io.StringIO:
    stream = io.StringIO()
    log.configure(verbosity, stream, as_json=as_json)
    return stream


def test_a_line_names_device_and_command() -> None:
    stream = logged(0)
    with log.bound(run="x", device="r1", command="show version"):
        logging.getLogger("collector.driver").warning("slow")

    assert stream.getvalue().endswith("Z WARNING r1 [show version] slow\n")


def test_names_end_with_their_block() -> None:
    with log.bound(device="r1"):
        with log.bound(device="r2"):
            pass
        assert log.device_name.get() == "r1"
    assert log.device_name.get() == ""


def test_a_json_line_has_the_whole_context() -> None:
    stream = logged(1, as_json=True)
    with log.bound(run="x", device="r1", command="show version"):
        logging.getLogger("collector.engine").info("attempt %d", 2)

    row = json.loads(stream.getvalue())
    assert row.pop("time").endswith("Z")
    assert row == {
        "level": "info",
        "logger": "collector.engine",
        "run_id": "x",
        "device": "r1",
        "command": "show version",
        "message": "attempt 2",
    }


@pytest.mark.parametrize("as_json", [False, True])
def test_a_message_is_one_line_and_no_traceback(as_json: bool) -> None:
    stream = logged(0, as_json=as_json)
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        logging.getLogger("collector").exception("failed")

    assert stream.getvalue().count("\n") == 1
    assert "failed: ValueError: first second" in stream.getvalue()


@pytest.mark.parametrize(
    ("verbosity", "levels"),
    [
        (-1, ["ERROR"]),
        (0, ["WARNING", "ERROR"]),
        (1, ["INFO", "WARNING", "ERROR"]),
        (2, ["DEBUG", "INFO", "WARNING", "ERROR"]),
    ],
)
def test_verbosity_chooses_our_own_lines(verbosity: int, levels: list[str]) -> None:
    stream = logged(verbosity)
    for level in ("DEBUG", "INFO", "WARNING", "ERROR"):
        logging.getLogger("collector.engine").log(logging.getLevelName(level), "x")

    assert [line.split()[1] for line in stream.getvalue().splitlines()] == levels


@pytest.mark.parametrize("name", log.FOREIGN)
def test_the_libraries_never_debug(name: str) -> None:
    stream = logged(9)
    logging.getLogger(name).info("login as admin, password s3cret")
    assert stream.getvalue() == ""

    logged(2)
    assert not logging.getLogger(name).isEnabledFor(logging.CRITICAL)


def test_a_closed_stream_is_no_second_error(capsys: pytest.CaptureFixture[str]) -> None:
    stream = logged(0)
    stream.close()

    logging.getLogger("collector").warning("nobody reads this")
    assert capsys.readouterr() == ("", "")


def test_a_line_of_another_process_is_shown_as_one_of_this() -> None:
    lines: list[log.Line] = []
    log.forward({"": logging.WARNING, log.OWN: logging.INFO}, lines.append)
    with log.bound(device="r1", command="show version"):
        logging.getLogger("collector.driver").debug("too quiet")
        try:
            raise ValueError("said hunter2")
        except ValueError:
            logging.getLogger("collector.driver").info("lost %d", 3, exc_info=True)
    (line,) = lines
    assert "hunter2" not in repr(line)

    stream = io.StringIO()
    log.configure(1, stream)
    with log.bound(run="R", hide=lambda text: text.replace("hunter2", "<redacted>")):
        log.relay(replace(line, created=0.0))
        log.relay(replace(line, level=logging.DEBUG))
    assert stream.getvalue() == (
        "1970-01-01T00:00:00.000Z INFO r1 [show version] lost 3: ValueError: said <redacted>\n"
    )
