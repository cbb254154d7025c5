"""The text view: headers to grep for, outputs untouched."""

from __future__ import annotations

from support.outcomes import answered, partial, refused

from collector.model import CommandResult, CommandStatus, DeviceResult
from collector.views import Format, make_view


def shown(*results: DeviceResult) -> bytes:
    view = make_view(Format.TEXT)
    return b"".join(view.add(result) for result in results) + view.end()


def test_outputs_stand_below_a_header_for_device_and_command() -> None:
    result = answered("r1", show_version=b"IOS XE\n", show_clock=b"12:00\n")

    assert shown(result) == (b"== r1: show version ==\nIOS XE\n\n== r1: show clock ==\n12:00\n\n")


def test_bytes_that_are_no_text_pass_unchanged() -> None:
    output = b"description caf\xe9 \xff\xfe\x00\n"

    assert output in shown(answered("r1", show_run=output))


def test_an_output_without_a_line_end_gets_one_before_the_next_header() -> None:
    shown_both = shown(answered("r1", show_version=b"no line end"), answered("r2", show_clock=b""))

    assert shown_both == b"== r1: show version ==\nno line end\n\n== r2: show clock ==\n\n"


def test_a_bad_command_says_why_beside_its_name() -> None:
    assert b"== r1: show nonsense == rejected (command): % Invalid input detected\n" in shown(
        partial("r1")
    )


def test_a_fault_of_a_command_is_not_said_again_for_the_device() -> None:
    assert shown(partial("r1")).count(b"% Invalid input") == 1


def test_a_device_that_was_not_reached_has_a_header_of_its_own() -> None:
    assert shown(refused("r7")) == (
        b"== r7 == failed: refused (connect): nobody listens on 127.0.0.1:2207\n\n"
    )


def test_a_command_cannot_forge_a_line() -> None:
    command = CommandResult(command="show\n== r9: x ==\x1b[2J", status=CommandStatus.OK)
    result = DeviceResult(
        device=refused("r1").device,
        status=answered("r1").status,
        started=answered("r1").started,
        duration=0,
        commands=(command,),
    )

    assert shown(result) == b"== r1: show == r9: x ==\\x1b[2J ==\n\n"
