"""The table view and the lines a run ends with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from support.outcomes import answered, partial, refused

from collector.model import Status
from collector.views import Format, make_view
from collector.views.summary import SHOWN, failure_lines, totals_line

MANIFEST = Path("output/runs/x/manifest.json")


def test_a_row_for_each_device_in_the_order_of_their_names() -> None:
    view = make_view(Format.TABLE)
    held_back = (
        view.add(refused("r7")) + view.add(partial("r2")) + view.add(answered("r1", a=b"12345"))
    )

    assert held_back == b""
    assert view.end().decode().splitlines() == [
        "device  status   commands  bytes  seconds  message",
        "r1      ok            1/1      5      1.5",
        "r2      partial       1/2      4      1.5  rejected (command): % Invalid input detected",
        "r7      failed        0/0      0      1.5"
        "  refused (connect): nobody listens on 127.0.0.1:2207",
    ]


def test_an_empty_table_has_its_headings() -> None:
    assert make_view(Format.TABLE).end().startswith(b"device  status")


def test_a_failure_says_class_phase_message_and_next_step() -> None:
    assert failure_lines([refused("r7")], MANIFEST) == [
        "  r7  failed  refused (connect): nobody listens on 127.0.0.1:2207",
        "      next: check that SSH is switched on",
    ]


def test_a_bad_night_still_fits_on_a_screen() -> None:
    lines = failure_lines([partial(f"r{number}") for number in range(SHOWN + 5)], MANIFEST)

    assert len(lines) == SHOWN + 1
    assert lines[-1] == f"  … and 5 more, see manifest {MANIFEST}"


def test_colours_are_only_where_they_are_asked_for() -> None:
    totals = {Status.OK: 1, Status.FAILED: 1}

    assert "\x1b" not in totals_line(totals, 1.0)
    assert "\x1b[31m1 failed\x1b[0m" in totals_line(totals, 1.0, coloured=True)
    assert "\x1b[31mfailed\x1b[0m" in failure_lines([refused("r7")], MANIFEST, coloured=True)[0]


def test_what_was_skipped_is_counted_beside_what_failed() -> None:
    skipped = replace(refused("r1"), status=Status.SKIPPED)

    lines = failure_lines([skipped, refused("r7")], MANIFEST)

    assert lines[0].startswith("  r7  failed")
    assert lines[-1] == f"  … and 1 more, see manifest {MANIFEST}"
    assert failure_lines([skipped], MANIFEST) == [
        f"  1 not visited to the end, see manifest {MANIFEST}"
    ]
