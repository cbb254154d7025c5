"""File names made from commands: safe, and no two alike."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.store.names import command_files, folder_problem


@pytest.mark.parametrize(
    ("command", "file"),
    [
        ("show version", "show_version.txt"),
        ("show  ip\troute", "show_ip_route.txt"),
        ("show running-config", "show_running-config.txt"),
        ("/export verbose", "_export_verbose.txt"),
        ("show run | i ^hostname", "show_run_i_hostname.txt"),
        ("../../etc/passwd", ".._.._etc_passwd.txt"),
        ("show a_b__c", "show_a_b_c.txt"),
        ("show ünïcode", "show_n_code.txt"),
    ],
)
def test_every_run_of_other_characters_becomes_one_underscore(command: str, file: str) -> None:
    assert command_files([command]) == (file,)


def test_the_first_of_two_alike_keeps_its_plain_name() -> None:
    first, second, third = command_files(["show vlan", "show  vlan", "show vlan"])

    assert first == "show_vlan.txt"
    assert re.fullmatch(r"show_vlan-[0-9a-f]{8}\.txt", second)
    assert re.fullmatch(r"show_vlan-[0-9a-f]{8}\.txt", third)
    assert second != third


def test_a_name_does_not_depend_on_commands_after_it() -> None:
    assert command_files(["show a", "show  a"])[:1] == command_files(["show a"])


def test_a_long_command_is_cut_and_told_apart_by_its_hash() -> None:
    names = command_files(["show " + "x" * 300, "show " + "x" * 300 + "y"])

    assert len(set(names)) == 2
    assert all(len(name) <= 204 for name in names)


@given(st.lists(st.text(max_size=250), max_size=8))
def test_names_are_safe_and_differ_whatever_the_commands(commands: list[str]) -> None:
    names = command_files(commands)

    assert len({name.casefold() for name in names}) == len(commands)
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,200}\.txt", name)
        assert name not in {"..txt", "...txt"}


@pytest.mark.parametrize("name", ["r1", "ams-r1.example.net", "köln", "a b", ".hidden", "x" * 255])
def test_a_device_may_have_any_name_that_a_folder_may_have(name: str) -> None:
    assert folder_problem(name) is None


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\0b", "x" * 256, "\udc80"])
def test_a_device_name_that_leads_elsewhere_is_refused(name: str) -> None:
    problem = folder_problem(name)

    assert problem is not None
    assert len(problem) < 200
