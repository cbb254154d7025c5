"""The words of --limit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import InputError, SelectionError
from collector.inventory import select
from collector.inventory.selection import LARGEST
from collector.model import Device, Jump, Transport


def device(name: str, **tags: str) -> Device:
    return Device(
        name=name,
        host=f"{name}.example",
        platform="arista_eos" if name.startswith("e") else "cisco_iosxe",
        credential="lab",
        transport=Transport.TELNET if name == "e2" else Transport.SSH,
        groups=(tags["site"], "all"),
        tags=tags,
        jump=Jump(name="edge", host="edge.example", credential="hop") if name == "r7" else None,
    )


DEVICES = (
    device("r1", site="ams", role="core"),
    device("r2", site="ams", role="edge"),
    device("r7", site="lon", role="edge"),
    device("e1", site="lon", role="core"),
    device("e2", site="ams2", role="edge", rack="12"),
)


def names(*limits: str) -> str:
    return " ".join(found.name for found in select(DEVICES, limits))


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ((), "r1 r2 r7 e1 e2"),
        (("r1",), "r1"),
        (("e1,r1",), "r1 e1"),  # in the inventory's order
        (("r*",), "r1 r2 r7"),
        (("?2",), "r2 e2"),
        (("r[12]",), "r1 r2"),
        (("r[!12]",), "r7"),
        (("group:ams",), "r1 r2"),
        (("group:ams*",), "r1 r2 e2"),
        (("group=lon",), "r7 e1"),
        (("site=ams",), "r1 r2"),
        (("site=ams*",), "r1 r2 e2"),
        (("rack=12",), "e2"),
        (("rack=*",), "e2"),
        (("platform=arista_eos",), "e1 e2"),
        (("transport=telnet",), "e2"),
        (("name=r1",), "r1"),
        (("host=r*.example",), "r1 r2 r7"),
        (("port=22",), "r1 r2 r7 e1 e2"),
        (("credential=lab",), "r1 r2 r7 e1 e2"),
        (("!r7",), "r1 r2 e1 e2"),
        (("! r7 , r*",), "r1 r2"),
        (("!site=lon,!e2",), "r1 r2"),
        (("site=ams,site=lon", "!r7"), "r1 r2 e1"),
        (("site=ams", "role=edge"), "r2"),
        (("!x*",), "r1 r2 r7 e1 e2"),  # a glob may fit nothing
        (("x*,r1",), "r1"),
        (("jump=edge",), "r7"),
        (("jump=none",), "r1 r2 e1 e2"),
        (("!jump=none",), "r7"),
    ],
)
def test_what_is_selected(limits: tuple[str, ...], expected: str) -> None:
    assert names(*limits) == expected


@pytest.mark.parametrize(
    ("limit", "line"),
    [
        ("R1", "--limit 'R1': no device 'R1'; did you mean 'r1'?"),
        ("r1,nosuch", "--limit 'nosuch': no device 'nosuch'"),
        ("!r77", "--limit '!r77': no device 'r77'; did you mean 'r7'?"),
        ("sit=ams", "--limit 'sit=ams': no device has a tag 'sit'; did you mean 'site'?"),
        ("plattform=x", "no device has a tag 'plattform'; did you mean 'platform'?"),
        ("platform=arista", "no device has platform=arista; did you mean 'arista_eos'?"),
        ("site=asm", "no device has site=asm; did you mean 'ams'?"),
        ("group:lonn", "no device is in a group 'lonn'; did you mean 'lon'?"),
        ("edge", "no device 'edge': it is a jump host; write 'jump=edge' for what is behind it"),
        ("none", "--limit 'none': no device 'none'"),
        ("grup:ams", "--limit 'grup:ams': no device 'grup:ams'; did you mean 'group:ams'?"),
        ("site:ams", "no device 'site:ams'; did you mean 'site=ams'?"),
        ("x*", "--limit 'x*': no device fits"),
        ("r1,!r*", "--limit 'r1,!r*': no device fits"),
    ],
)
def test_nothing_selected_says_which_expression(limit: str, line: str) -> None:
    with pytest.raises(SelectionError) as caught:
        select(DEVICES, [limit])
    (found,) = caught.value.problems
    assert line in found


def test_expressions_that_exclude_one_another_say_so() -> None:
    with pytest.raises(SelectionError, match="of those that the expression before it left"):
        select(DEVICES, ["r1", "r2"])


def test_all_slips_come_at_once() -> None:
    with pytest.raises(SelectionError) as caught:
        select(DEVICES, ["r9,sit=x", "r1,r9"])
    assert len(caught.value.problems) == 2


def test_an_inventory_without_devices_selects_nothing() -> None:
    with pytest.raises(SelectionError, match="no devices"):
        select((), [])


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("", "expected a name"),
        ("r1,,r2", "expected a name"),
        ("!", "expected a name"),
        ("!!r1", "expected a name"),
        ("site!=ams", "write '!site=ams'"),
        ("@none.txt", "cannot be read: No such file"),
    ],
)
def test_an_expression_that_cannot_be_read(limit: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        select(DEVICES, [limit])
    assert not isinstance(caught.value, SelectionError)
    assert len(caught.value.problems) == 1


def test_a_file_of_terms(tmp_path: Path) -> None:
    path = tmp_path / "some.txt"
    path.write_text("# cores\nrole=core  # both\n\n  r2, r7\n!e1\n")
    assert names(f"@{path}") == "r1 r2 r7"
    path.write_text("r1\nr2\n")
    assert names(f"!@{path}") == "r7 e1 e2"
    assert names(f"@{path},e1", "!r2") == "r1 e1"


@pytest.mark.parametrize("text", ["", "# r1\n\n"])
def test_a_file_without_terms_does_not_select_everything(tmp_path: Path, text: str) -> None:
    path = tmp_path / "none.txt"
    path.write_text(text)
    with pytest.raises(InputError, match="names no device"):
        select(DEVICES, [f"@{path}"])


def test_a_file_that_has_no_end_is_not_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, Path("/dev/full")):
        with pytest.raises(InputError, match="cannot be read: not a regular file") as caught:
            select(DEVICES, [f"@{path}"])
        assert len(caught.value.problems) == 1
    endless = tmp_path / "endless"
    with endless.open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(InputError, match=f"cannot be read: more than {LARGEST} bytes"):
        select(DEVICES, [f"@{endless}"])


def test_a_file_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    path = tmp_path / "f"
    for text, sign, message in [
        (b"r1\n@other\n", "", ":2"),
        (b"r1\n,\n", "", ":2"),
        (b"!r1\n", "!", "expected no '!'"),
        (b"\xff", "", "not a UTF-8 text"),
    ]:
        path.write_bytes(text)
        with pytest.raises(InputError, match=message):
            select(DEVICES, [f"{sign}@{path}"])


_TERMS = st.sampled_from(["r1", "r*", "e?", "site=ams", "group:lon", "role=edge", "x*"])


@given(st.lists(_TERMS, min_size=1), st.lists(_TERMS))
def test_terms_are_a_union_and_exclusions_a_difference(wanted: list[str], not_: list[str]) -> None:
    def of(terms: list[str]) -> set[str]:
        found: set[str] = set()
        for term in terms:
            try:
                found |= {device.name for device in select(DEVICES, [term])}
            except SelectionError:
                assert term == "x*"
        return found

    limit = ",".join([*wanted, *(f"!{term}" for term in not_)])
    expected = of(wanted) - of(not_)
    try:
        assert set(names(limit).split()) == expected
    except SelectionError:
        assert not expected
