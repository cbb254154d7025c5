"""The JSON views: one object for each command, streamed."""

from __future__ import annotations

import json

import pytest
from support.outcomes import answered, partial, refused

from collector.model import CommandResult, CommandStatus, DeviceResult
from collector.views import Format, make_view
from collector.views.rows import rows


def shown(shape: Format, *results: DeviceResult) -> bytes:
    view = make_view(shape)
    return b"".join(view.add(result) for result in results) + view.end()


def test_an_object_has_the_names_of_the_manifest() -> None:
    (row,) = rows(answered("r1", show_version=b"IOS\n"))

    assert row == {
        "name": "r1",
        "host": "127.0.0.1",
        "platform": "linux",
        "started": "2026-03-01T07:05:09.000Z",
        "command": "show version",
        "status": "ok",
        "class": None,
        "phase": None,
        "message": None,
        "encoding": "utf-8",
        "bytes": 4,
        "duration_s": 0.25,
        "output": "IOS\n",
    }


def test_a_line_is_an_object() -> None:
    lines = shown(Format.JSONL, answered("r1", a=b"1\n2\n", b=b""), partial("r2")).splitlines()

    assert [json.loads(line)["command"] for line in lines] == [
        "a",
        "b",
        "show version",
        "show nonsense",
    ]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_array_is_valid_whatever_its_length(count: int) -> None:
    results = [answered(f"r{number}", show_version=b"x") for number in range(count)]

    assert len(json.loads(shown(Format.JSON, *results))) == count


def test_the_array_is_streamed() -> None:
    view = make_view(Format.JSON)

    assert b'"r1"' in view.add(answered("r1", show_version=b"x"))


def test_a_device_that_was_not_reached_is_one_object_without_a_command() -> None:
    (row,) = rows(refused("r7"))

    assert (row["command"], row["status"], row["class"], row["phase"]) == (
        None,
        "failed",
        "refused",
        "connect",
    )


def test_bytes_that_are_no_text_are_marked_and_replaced() -> None:
    command = CommandResult(
        command="show run",
        status=CommandStatus.OK,
        output=b"caf\xe9\n",
        encoding="unknown-8bit",
    )
    base = answered("r1")
    result = DeviceResult(
        device=base.device,
        status=base.status,
        started=base.started,
        duration=0,
        commands=(command,),
    )

    row = json.loads(shown(Format.JSONL, result))

    assert (row["output"], row["encoding"], row["bytes"]) == ("caf\ufffd\n", "unknown-8bit", 5)
