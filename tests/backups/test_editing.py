"""What a device's change is in short: counted, placed, cut, and without its secrets."""

from __future__ import annotations

import re

from collector.backups.editing import BYTES, LINES, edit
from collector.backups.editing import joined as joined_edits
from collector.backups.rules import Rules
from collector.platforms import Passages

RULES = Rules(secrets=Passages(lines=(re.compile(rb"key (\S+)"),)))
BEFORE = b"interface Gi1\n description a\n!\nradius\n key hunter2\n!\n"


def test_no_secret_is_told() -> None:
    after = BEFORE.replace(b"hunter2", b"hunter3").replace(b"description a", b"description b")
    told = edit(BEFORE, after, label="r1.cfg", rules=RULES)
    assert (told.added, told.removed) == (2, 2)
    assert told.sections == ("interface Gi1",)
    assert "hunter" not in told.text
    assert "+ description b\n" in told.text


def test_a_section_that_is_a_secret_is_none() -> None:
    rules = Rules(secrets=Passages(lines=(re.compile(rb"^community (\S+)"),)))
    before, after = b"community hunter2\n view a\n", b"community hunter2\n view b\n"
    told = edit(before, after, label="r1.cfg", rules=rules)
    assert told.sections == ("community <secret>",)
    assert "hunter" not in repr(told)


def test_much_is_cut_and_counted() -> None:
    lines = b"".join(b"line %d\n" % number for number in range(1000))
    told = edit(b"a\n", lines, label="r1.cfg", rules=RULES)
    assert (told.added, told.removed) == (1000, 1)
    assert told.text.count("\n") == LINES + 1
    assert told.text.endswith("\n…\n")
    assert edit(b"", b"x" * BYTES + b"\n", label="r1.cfg", rules=RULES).text.endswith("…\n")


def test_files_of_a_device_are_told_as_one() -> None:
    one = edit(BEFORE, BEFORE.replace(b" a", b" b"), label="a", rules=RULES)
    other = edit(b"x\n", b"", label="b", rules=RULES)
    told = joined_edits([one, other, one])
    assert (told.added, told.removed) == (2, 3)
    assert told.sections == ("interface Gi1",)
    assert told.text == one.text + other.text + one.text
