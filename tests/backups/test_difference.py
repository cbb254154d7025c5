"""Differences that other programs can apply, and that say in which section each change is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.backups.difference import difference
from collector.model import DiffKind
from collector.platforms import load_platforms

PLATFORMS = load_platforms()


def unified(before: bytes, after: bytes, context: int = 3) -> bytes:
    lines = difference(before, after, from_label="a/r1.cfg", to_label="b/r1.cfg", context=context)
    return b"".join(line.text for line in lines)


def heads(before: bytes, after: bytes, platform: str = "generic") -> list[str]:
    lines = difference(
        before,
        after,
        from_label="a",
        to_label="b",
        context=1,
        openers=PLATFORMS[platform].section_lines,
    )
    found = [line.text.decode() for line in lines if line.kind is DiffKind.HUNK]
    return [head.split(" @@", 1)[1].strip() for head in found]


BGP = b"""\
interface Gi1
 description old
 ip address 10.0.0.1 255.255.255.0
 no shutdown
!
router bgp 65000
 neighbor 10.0.0.2 remote-as 65001
 address-family ipv4
  network 10.0.0.0
  network 10.0.1.0
  network 10.0.2.0
"""


def test_each_change_tells_its_section() -> None:
    after = BGP.replace(b"description old", b"description new").replace(b"network 10.0.2", b"x 1")
    assert heads(BGP, after) == ["interface Gi1", "router bgp 65000 > address-family ipv4"]


def test_what_is_added_is_placed_in_the_new_text_and_what_is_gone_in_the_old() -> None:
    section = b"interface Gi2\n shutdown\n"
    assert heads(BGP, BGP + b" address-family ipv6\n  network ::\n") == ["router bgp 65000"]
    assert heads(BGP, BGP + section) == [""]
    assert heads(BGP + section, BGP + section.replace(b" shutdown\n", b"")) == ["interface Gi2"]


def test_sections_that_are_not_indented() -> None:
    before = b"/ip address\nadd a\nadd b\nadd c\n/ip route\nadd d\nadd e\nadd f\n"
    assert heads(before, before.replace(b"add f", b"add g"), "mikrotik_routeros") == ["/ip route"]


def test_a_head_is_one_line_without_control_characters() -> None:
    before = b"banner \x1b[2J\r\n a\r\n b\r\n c\r\n"
    (head,) = heads(before, before.replace(b" c", b" d"))
    assert head == "banner  [2J"


def test_the_unified_form() -> None:
    assert unified(b"a\nb\nc\nd\n", b"a\nb\nx\nd") == (
        b"--- a/r1.cfg\n+++ b/r1.cfg\n@@ -1,4 +1,4 @@\n a\n b\n"
        b"-c\n-d\n+x\n+d\n\\ No newline at end of file\n"
    )
    assert unified(b"", b"a\n") == b"--- a/r1.cfg\n+++ b/r1.cfg\n@@ -0,0 +1 @@\n+a\n"
    assert unified(b"a\n", b"a\n") == b""


def test_hunks_whose_context_would_touch_are_one() -> None:
    before = b"".join(b"%d\n" % n for n in range(20))
    for apart, hunks in ((1, 1), (4, 1), (6, 1), (7, 2)):
        after = before.replace(b"\n5\n", b"\nx\n").replace(b"\n%d\n" % (6 + apart), b"\ny\n")
        assert unified(before, after).count(b"@@ -") == hunks


def test_a_label_is_one_line() -> None:
    first = next(difference(b"", b"a\n", from_label="a\nb", to_label="é"))
    assert first.text == b"--- a?b\n"


TEXT = st.lists(
    st.sampled_from([b"a\n", b"b\n", b" c\n", b"  d\r\n", b"\n", b"-- e\n", b"++ f\n", b"\xff\n"]),
    max_size=30,
).flatmap(lambda lines: st.sampled_from([b"".join(lines), b"".join(lines).removesuffix(b"\n")]))


@pytest.mark.parametrize("program", ["patch", "git"])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_other_programs_can_apply_it(tmp_path: Path, program: str, data: st.DataObject) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    before = data.draw(TEXT)
    pieces = before.splitlines(keepends=True) or [b""]
    edited = st.lists(st.sampled_from(pieces), max_size=3).map(lambda more: before + b"".join(more))
    after = data.draw(TEXT | edited | edited.map(lambda text: text.replace(b"a\n", b"x\n", 1)))
    if before == after or not before or not after:  # an empty file is another matter to both
        return
    (tmp_path / "r1.cfg").write_bytes(before)
    argv = {
        "patch": ["patch", "--binary", "-s", "-p1", "--posix"],
        "git": ["git", "apply", "--unidiff-zero"],
    }[program]
    difference_ = unified(before, after, context=data.draw(st.integers(0, 3)))
    subprocess.run(argv, input=difference_, cwd=tmp_path, check=True, timeout=30)
    assert (tmp_path / "r1.cfg").read_bytes() == after


def test_a_large_text_takes_no_time() -> None:
    block = b"".join(b"interface Gi%d\n shutdown\n no ip address\n!\n" % n for n in range(8_000))
    after = block.replace(b"Gi77\n", b"Gi77\n description x\n").replace(b"Gi7999\n", b"Gi8999\n")
    assert unified(block, after).count(b"@@ -") == 2


def test_it_is_read_line_by_line() -> None:
    kinds = [line.kind for line in difference(b"a\nb", b"a\nc\n", from_label="", to_label="")]
    file, hunk, same = [DiffKind.FILE] * 2, [DiffKind.HUNK], [DiffKind.SAME]
    assert kinds == [*file, *hunk, *same, DiffKind.REMOVED, DiffKind.NOTE, DiffKind.ADDED]
