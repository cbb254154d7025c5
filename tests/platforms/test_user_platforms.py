"""The user's own platforms: joined with what they extend, or refused with their place."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from collector.document import parse_document
from collector.errors import InputError
from collector.platforms import (
    Enable,
    find_denial,
    find_end_marker,
    load_platforms,
    plan,
    platform_schema,
)

ACME = {
    "extends": "generic",
    "title": "Acme OS",
    "prompt": r"\w+\$ $",
    "paging_off": ["no more"],
    "backup": ["show config"],
    "version": ["show release"],
    "end_markers": {"show config": "-- done"},
    "denials": ["what\\?"],
    "enable": {"command": "su", "prompt_suffix": "$"},
    "pagers": ["--weiter--$"],
}


def test_a_platform_of_ones_own() -> None:
    platform = load_platforms({"acme_os": ACME})["acme_os"]
    assert platform.lineage == ("acme_os",)
    assert platform.driver is None
    assert plan("backup", platform) == ("show config", "show release")
    assert platform.prompt is not None
    assert platform.prompt.search("box$ ")
    assert platform.enable == Enable(command="su", prompt_suffix="$")
    assert find_end_marker(b"a\n-- done\n", "show config", platform)
    assert find_denial(b"What?\n", platform) == "What?"
    assert find_denial(b"% Invalid input\n", platform)  # the general table holds as well
    assert platform.pagers[0].search(b"x\n--weiter--")


def test_words_for_an_authentication_server_that_is_away() -> None:
    platforms = load_platforms({"cisco_iosxr": {"auth_unreachable": ["% No AAA, (?:try|wait).*"]}})
    own, *general = platforms["cisco_iosxr"].auth_unreachable
    assert own.fullmatch("% no aaa, wait a while")
    assert general == list(platforms["generic"].auth_unreachable)


@pytest.mark.parametrize("wrong", ["(a", "(a+)+b", ""])
def test_words_that_cannot_be_looked_for_are_refused_with_their_place(wrong: str) -> None:
    text = f"platforms:\n  acme:\n    auth_unreachable: [good, '{wrong}']\n"
    document = parse_document(text, "config.yaml")
    with pytest.raises(InputError) as caught:
        load_platforms(document.data["platforms"], document=document)
    (problem,) = caught.value.problems
    assert problem.startswith("config.yaml:3:30: platforms.acme.auth_unreachable[1]: expected ")


def test_read_only_settings_are_taken_as_they_are() -> None:
    entry = MappingProxyType({"backup": ("show x",), "enable": MappingProxyType({"command": "su"})})
    platform = load_platforms(MappingProxyType({"x": entry}))["x"]
    assert platform.backup == ("show x",)
    assert platform.enable == Enable(command="su")


def test_lists_of_texts_add_and_commands_replace() -> None:
    platforms = load_platforms(
        {"core": {"extends": "cisco_iosxe", "denials": ["nope"], "backup": ["show run brief"]}}
    )
    own, base = platforms["core"], platforms["cisco_iosxe"]
    assert own.lineage == ("core", "cisco_iosxe")
    assert own.backup == ("show run brief",)
    assert own.version == base.version
    assert own.denials[0].pattern == "nope"
    assert own.denials[1:] == tuple(base.denials)
    assert own.end_markers == base.end_markers


def test_time_limits_add_by_key() -> None:
    platforms = load_platforms(
        {
            "cisco_iosxe": {"timeouts": {"command": 90, "login": 30}},
            "core": {"extends": "cisco_iosxe", "timeouts": {"command": 120.5}},
            "edge": {"extends": "cisco_iosxe", "timeouts": None},
        }
    )
    assert platforms["core"].timeouts == {"command": 120.5, "login": 30}
    assert platforms["edge"].timeouts == {"command": 90, "login": 30}
    assert platforms["cisco_ios"].timeouts == {"command": 90, "login": 30}  # it extends it
    assert platforms["generic"].timeouts == {}


@pytest.mark.parametrize(
    ("timeouts", "problem"),
    [
        ({"comand": 5}, "unknown key 'comand'; did you mean 'command'?"),
        ({"command": 0}, "x.timeouts.command: expected a number above 0 and up to 604800, found 0"),
        ({"run": 5}, "unknown key 'run'"),
        (5, "platforms.x.timeouts: expected a mapping, found 5"),
    ],
)
def test_a_time_limit_that_is_none_is_refused(timeouts: object, problem: str) -> None:
    text = f"platforms: {{x: {{timeouts: {timeouts}}}}}".replace("'", "")
    document = parse_document(text, "config.yaml")
    with pytest.raises(InputError) as caught:
        load_platforms(document.data["platforms"], document=document)
    (found,) = caught.value.problems
    assert problem in found


def test_a_built_in_one_can_be_changed() -> None:
    platforms = load_platforms({"cisco_iosxe": {"paging_off": [], "enable": None}})
    assert platforms["cisco_iosxe"].paging_off == ()
    assert platforms["cisco_iosxe"].enable is None
    assert platforms["cisco_iosxe"].driver == "cisco_iosxe"
    assert platforms["cisco_ios"].paging_off == ()  # it extends the changed one
    assert platforms["cisco_ios"].lineage == ("cisco_ios", "cisco_iosxe")


def test_a_built_in_name_can_be_given_to_something_else() -> None:
    platform = load_platforms({"cisco_ios": {"extends": "arista_eos"}})["cisco_ios"]
    assert platform.driver == "arista_eos"
    assert platform.lineage == ("cisco_ios", "arista_eos")


def test_one_of_ones_own_extends_another() -> None:
    platforms = load_platforms({"b": {"extends": "a", "title": "B"}, "a": {"version": ["ver"]}})
    assert platforms["b"].version == ("ver",)
    assert platforms["b"].title == "B"
    assert platforms["b"].lineage == ("b", "a")
    assert len(platforms) == len([*platforms]) == len(load_platforms()) + 2


PROBLEMS: dict[str, tuple[dict[str, Any], str]] = {
    "key": (
        {"x": {"backups": ["a"]}},
        "platforms.x: unknown key 'backups'; did you mean 'backup'?",
    ),
    "regex": (
        {"x": {"denials": ["ok", "(["]}},
        "platforms.x.denials[1]: expected a regular expression"
        " (unterminated character set at position 1), found '(['",
    ),
    "bytes": (
        {"x": {"volatile": [r"\u00e9"]}},
        r"platforms.x.volatile[0]: expected a regular expression"
        r" (bad escape \u at position 0), found '\\u00e9'",
    ),
    "endless": (
        {"x": {"secrets": [r"(\w+ ?)*:"]}},
        r"platforms.x.secrets[0]: expected a regular expression that ends soon"
        r" ((\w+ ?)* repeats what repeats itself; write it as (?>(\w+ ?)*)), found '(\\w+ ?)*:'",
    ),
    "block": (
        {"x": {"secret_blocks": {"a": "("}}},
        "platforms.x.secret_blocks.a: expected a regular expression"
        " (missing ), unterminated subpattern at position 0), found '('",
    ),
    "within": (
        {"x": {"secrets_within": [{"first": "a", "secrets": []}]}},
        "platforms.x.secrets_within[0]: expected a key 'last' here",
    ),
    "marker": (
        {"x": {"end_markers": {"show": "*"}}},
        "platforms.x.end_markers.show: expected a regular expression"
        " (nothing to repeat at position 0), found '*'",
    ),
    "list": ({"x": {"backup": "show r"}}, "platforms.x.backup: expected a list, found 'show r'"),
    "entry": ({"x": ["a"]}, "platforms.x: expected a mapping, found a list"),
    "nothing": ({"x": None}, "platforms.x: expected a mapping, found nothing"),
    "text": ({"x": {"backup": [5]}}, "platforms.x.backup[0]: expected text, found 5"),
    "choice": (
        {"x": {"editor_key": "ctrl-a"}},
        "platforms.x.editor_key: expected ctrl-e or none, found 'ctrl-a'; did you mean 'ctrl-e'?",
    ),
    "line": (
        {"x": {"backup": ["a\nb"]}},
        "platforms.x.backup[0]: expected one line of printable text, found 'a\\nb'",
    ),
    "base": (
        {"x": {"extends": "cisco_iosx"}},
        "platforms.x.extends: expected a known platform, found 'cisco_iosx'"
        "; did you mean 'cisco_iosxr'?",
    ),
    "circle": (
        {"x": {"extends": "x"}},
        "platforms.x.extends: expected a platform that does not extend this one",
    ),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_problem(case: str) -> None:
    user, expected = PROBLEMS[case]
    with pytest.raises(InputError) as caught:
        load_platforms(user)
    assert caught.value.problems == (expected,)


def test_a_circle_of_two_names_both() -> None:
    with pytest.raises(InputError) as caught:
        load_platforms({"a": {"extends": "b"}, "b": {"extends": "a"}, "c": {"extends": "a"}})
    assert [line.partition(":")[0] for line in caught.value.problems] == [
        "platforms.a.extends",
        "platforms.b.extends",
    ]


FILE = """\
platforms:
  x:
    backups: []
    denials: ["["]
    volatile: ["^ok", "(x"]
  y: {extends: none_such}
"""


def test_all_problems_at_once_with_their_places() -> None:
    document = parse_document(FILE, "config.yaml")
    with pytest.raises(InputError) as caught:
        load_platforms(document.data["platforms"], document=document)
    assert [line.split(": ")[:2] for line in caught.value.problems] == [
        ["config.yaml:3:5", "platforms.x"],
        ["config.yaml:4:15", "platforms.x.denials[0]"],
        ["config.yaml:5:23", "platforms.x.volatile[1]"],
        ["config.yaml:6:16", "platforms.y.extends"],
    ]


def test_schema_names_every_key() -> None:
    assert {"extends", "backup", "denials", "prompt"} <= platform_schema()["properties"].keys()
