"""A difference on a terminal, and on its way to another program."""

from __future__ import annotations

from collector.model import DiffKind, DiffLine
from collector.views.difference import show

LINES = [
    DiffLine(kind=DiffKind.FILE, text=b"--- a\n"),
    DiffLine(kind=DiffKind.HUNK, text=b"@@ -1,2 +1,2 @@ interface Gi1\n"),
    DiffLine(kind=DiffKind.SAME, text=b" a\r\n"),
    DiffLine(kind=DiffKind.REMOVED, text=b"-\x1b]0;x\x07 \xc2\x9b2J\n"),
    DiffLine(kind=DiffKind.ADDED, text="+\té\n".encode()),
    DiffLine(kind=DiffKind.NOTE, text=b"\\ No newline at end of file\n"),
]


def test_to_a_file_it_goes_as_it_is() -> None:
    assert list(show(LINES, terminal=False)) == [line.text for line in LINES]


def test_a_terminal_shows_colours_and_obeys_no_device() -> None:
    assert list(show(LINES, terminal=True)) == [
        b"\x1b[1m--- a\x1b[0m\n",
        b"\x1b[36m@@ -1,2 +1,2 @@\x1b[0m interface Gi1\n",
        b" a\\x0d\n",
        b"\x1b[31m-\\x1b]0;x\\x07 \\xc2\\x9b2J\x1b[0m\n",
        b"\x1b[32m+\t\xc3\xa9\x1b[0m\n",
        b"\\ No newline at end of file\n",
    ]
