"""Secrets: resolved when they are needed, named when they are missing, never shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.credentials import Credential, Credentials, CredentialSpec, expand, is_template
from collector.credentials.spec import Command
from collector.errors import InputError


class Watched(dict[str, str]):
    """An environment that counts how often it is asked."""

    asked = 0

    def get(self, key: str, default: Any = None) -> Any:
        self.asked += 1
        return super().get(key, default)


def spec(**fields: Any) -> CredentialSpec:
    return CredentialSpec(**{"name": "lab", "username": "admin", **fields})


def resolved(environ: Mapping[str, str] | None = None, **fields: Any) -> Credential:
    return Credentials({"lab": spec(**fields)}, environ or {}).get("lab")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("${A}", "one"),
        ("x${A}y${A}z", "xoneyonez"),
        ("${NONE:-two}", "two"),
        ("${A:-two}", "one"),
        ("${EMPTY}", ""),
        ("${EMPTY:-two}", "two"),
        ("${NONE:-}", ""),
        ("${NONE:-a b:-c$d}", "a b:-c$d"),
        ("$A $5 pa$word$", "$A $5 pa$word$"),
        ("$${A}", "${A}"),
        ("$$${A}", "$one"),
        ("$$$$", "$$"),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    assert expand(text, {"A": "one", "EMPTY": ""}) == expected


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("${B}", ["the environment variable B is not set"]),
        ("${B}${C}", ["the environment variable B is not set"] * 1 + ["C"]),
        ("${hunter2", ["expected a '}' after '${'"]),
        ("${}", ["expected ${NAME} or ${NAME:-default}"]),
        ("${hunter2 x}", ["expected ${NAME} or"]),
        ("${1}", ["expected ${NAME} or"]),
        ("${A-hunter2}", ["expected ${NAME} or"]),
        ("${A:-${B}}", ["expected no '${' within"]),
    ],
)
def test_what_cannot_be_expanded(text: str, problems: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        expand(text, {"A": "one"})
    assert len(caught.value.problems) == len(problems)
    for line, part in zip(caught.value.problems, problems, strict=True):
        assert part in line
        assert "hunter2" not in line


def test_a_value_is_not_expanded_again() -> None:
    assert expand("${A}", {"A": "${B} $$"}) == "${B} $$"


@given(st.text())
def test_a_text_with_its_dollars_doubled_comes_back(text: str) -> None:
    doubled = text.replace("$", "$$")
    assert expand(doubled, {}) == text
    assert not is_template(doubled)


def test_all_fields_are_resolved() -> None:
    environ = {"U": "u", "P": "p", "E": "e", "K": "key", "PP": "pp"}
    assert resolved(
        environ,
        username="${U}",
        password="${P}",
        enable="${E}",
        private_key="/keys/${K}",
        passphrase="${PP}",
    ) == Credential(
        username="u", password="p", enable="e", private_key=Path("/keys/key"), passphrase="pp"
    )


def test_what_is_empty_is_not_there_but_an_empty_password() -> None:
    assert resolved(enable="${E:-}", private_key="", passphrase="", password="") == Credential(
        username="admin", password=""
    )
    assert resolved(private_key="/k", password="${P:-}").password is None


def test_a_key_is_found_from_home_and_from_the_inventory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/eve")
    assert resolved(private_key="~/.ssh/id").private_key == Path("/home/eve/.ssh/id")
    assert resolved(private_key="keys/id", folder=Path("/inv")).private_key == Path("/inv/keys/id")
    with pytest.raises(InputError, match="private_key: expected a path"):
        resolved(private_key="~nobody-known/id")


def test_secrets_are_resolved_late_and_once() -> None:
    environ = Watched(P="hunter2")
    credentials = Credentials({"lab": spec(password="${P}")}, environ)
    assert environ.asked == 0
    first = credentials.get("lab")
    asked = environ.asked
    assert asked > 0
    assert credentials.get("lab") is first
    assert environ.asked == asked


def test_check_names_everything_with_its_place(tmp_path: Path) -> None:
    specs = {
        "lab": spec(
            password="${LAB_PASSWORD}",
            enable="${LAB_ENABLE}",
            places={"password": "lab.yaml:3:40", "enable": "lab.yaml:3:60"},
        ),
        "key": spec(name="key", private_key=str(tmp_path / "id")),
        "good": spec(name="good"),
        "unasked": spec(name="unasked", password="${X}"),
    }
    credentials = Credentials(specs, {})
    credentials.check(["good"])
    with pytest.raises(InputError) as caught:
        credentials.check(["lab", "key", "good", "lab", "god"])
    assert caught.value.problems == (
        "lab.yaml:3:40: credentials.lab.password: the environment variable LAB_PASSWORD is not set",
        "lab.yaml:3:60: credentials.lab.enable: the environment variable LAB_ENABLE is not set",
        f"credentials.key.private_key: no such file: {tmp_path / 'id'}",
        "no credential 'god'; did you mean 'good'?",
    )


def test_a_user_name_may_not_be_empty() -> None:
    with pytest.raises(InputError, match="username: expected a user name"):
        resolved(username="${U:-}")


def test_nothing_shows_a_secret() -> None:
    fields = dict.fromkeys(["username", "password", "enable", "private_key", "passphrase"], "h2")
    specs = {"lab": spec(**fields)}
    credentials = Credentials(specs, {})
    for shown in (specs["lab"], credentials, credentials.get("lab")):
        assert "h2" not in repr(shown)
        assert "h2" not in str(shown)


def test_problems_come_in_the_order_of_the_file() -> None:
    names = [f"c{number}" for number in range(20, 0, -1)]
    specs = {name: CredentialSpec(name=name, username=f"${{{name.upper()}}}") for name in names}
    for judge in (Credentials(specs, {}).examine, Credentials(specs, {}).check):
        with pytest.raises(InputError) as caught:
            judge(frozenset(names))
        said = [re.search(r"C\d+", line) for line in caught.value.problems]
        assert [hit[0].lower() for hit in said if hit] == names


def test_those_that_take_equal_patience_are_fetched_in_the_order_of_the_file(
    tmp_path: Path,
) -> None:
    names = [f"c{number}" for number in range(12, 0, -1)]
    log = tmp_path / "asked"
    specs = {
        name: spec(
            name=name,
            password=Command(argv=("sh", "-c", f"echo {name} | tee -a {log}")),
        )
        for name in names
    }
    Credentials(specs, {}).check(frozenset(names))
    assert log.read_text().split() == names
