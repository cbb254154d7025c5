"""What is accepted as a document, and the place of everything in one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.document import (
    Complaint,
    Document,
    Surprise,
    load_document,
    parse_document,
    read_document,
    typed,
)
from collector.document.composition import LOADERS, compose
from collector.errors import InputError


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        parse_document(text, "f.yaml")
    return caught.value.problems


def test_data_is_plain_and_typed_by_the_core_schema() -> None:
    text = "a: 1\nb: [1.5, true, ~, '022', \"no\", 0x1F]\nc: {d: text, 10: k, 1.10: v}\ne:\n"
    assert parse_document(text, "f.yaml").data == {
        "a": 1,
        "b": [1.5, True, None, "022", "no", 31],
        "c": {"d": "text", "10": "k", "1.10": "v"},
        "e": None,
    }


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "\ufeff"])
def test_an_empty_document_is_an_empty_mapping(text: str, tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(text, encoding="utf-8")
    if text == "---\n":  # an explicit document that is null
        with pytest.raises(InputError, match="expected a mapping"):
            load_document(path)
    else:
        assert load_document(path).data == {}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: no", "1:4: a: found no, which is false in YAML 1.1"),
        ("a: [x, Off]", "1:8: a[1]: found Off, which is false in YAML 1.1"),
        ("on: 1", "1:1: found on, which is true in YAML 1.1"),
        ("a: 022", "1:4: a: found 022, which is an octal number in YAML 1.1"),
        ("a: 0o17", "1:4: a: found 0o17, which is an octal number"),
        ("a: 1:30", "1:4: a: found 1:30, which is a number to the base 60"),
        ("a: 1_000", "1:4: a: found 1_000, which is a number in YAML 1.1"),
        ("a: 0b11", "1:4: a: found 0b11, which is a number in YAML 1.1"),
        ("a: 1\nb: 2\na: 3", "3:1: duplicate key 'a', first in line 1"),
        ("x: {a: 1,\n    a: 2}", "2:5: x: duplicate key 'a', first in line 1"),
        ("a:\n\t- b", "2:1: expected spaces for indentation, found a tab"),
        ("a: |\n x\n\ty", "3:1: expected spaces for indentation, found a tab"),
        ("a: 1\n---\nb: 2", "2:1: expected one YAML document, found a second one"),
        ("- a", "1:1: expected a mapping of keys to values, found a list"),
        ("text", "1:1: expected a mapping of keys to values, found something else"),
        ("a: b: c", "1:5: expected no ': ' here"),
        ("a: @b", "1:4: expected a value, found a mark that cannot start one"),
        ("p: {password: ${X}}", "1:16: expected quotes around a text with ${...}"),
        ("a: *b", "1:4: expected an alias defined above"),
        ("a: &b 1\nc: &b 2", "2:4: expected a new name for this anchor"),
        ("a: !vault x", "1:4: a: expected a value without a YAML tag"),
        ("a: !!python/object:os.system x", "1:4: a: expected a value without a YAML tag"),
        ("a: !!int '3'", "1:4: a: expected a value without a YAML tag"),
        ("x:\n  <<: {a: 1}", "2:3: x: merge keys (<<) are not supported"),
        ("? [a]\n: 1", "1:3: expected text as a key"),
        ("true: 1", "1:1: expected text as a key, found true; quote it"),
        ("~: 1", "1:1: expected text as a key, found ~; quote it"),
        ("?\n: 1", "expected text as a key, found nothing; quote it"),
        ("a: b\x00c", "1:5: expected text, found the control character '\\x00'"),
        ("a: [1,\n  2", "not readable as YAML"),
        ("a: &a [*a]", "1:4: nested more than 100 deep"),
    ],
)
def test_what_is_refused_is_said_with_its_place(text: str, line: str) -> None:
    (found,) = problems(text)
    assert found.startswith("f.yaml:")
    assert line in found
    assert "\n" not in found


def test_all_problems_come_at_once_in_order_of_place() -> None:
    found = problems("a: no\nb: {c: 022, d: 1:30}\na: 1\nyes: x\n")
    places = [line.split(": ")[0] for line in found]
    assert places == ["f.yaml:1:4", "f.yaml:2:8", "f.yaml:2:16", "f.yaml:3:1", "f.yaml:4:1"]


@pytest.mark.parametrize(
    "text", ["a: " + "[" * 200_000, "a: " + "{x: " * 100_000, "- " * 50_000, "? " * 50_000]
)
def test_depth_is_bounded(text: str) -> None:
    (line,) = problems(text)
    assert "expected at most 100 levels" in line


def test_depth_may_be_a_hundred() -> None:
    assert parse_document("a: " + "[" * 98 + "]" * 98, "f").data
    (line,) = problems("a: " + "[" * 100 + "]" * 100)
    assert line == "f.yaml:1:102: expected at most 100 levels, found more"


def test_aliases_are_followed() -> None:
    assert parse_document("a: &x {b: [1]}\nc: *x\n", "f").data["c"] == {"b": [1]}


def test_an_alias_bomb_is_refused() -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 12):
        text += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n"
    (line,) = problems(text)
    assert "aliases repeat more than" in line


@pytest.mark.parametrize("value", ["0123", "no", "1:30", "!vault hunter2"])
def test_a_secret_is_never_shown(value: str) -> None:
    (line,) = problems(f"credentials:\n  lab: {{username: a, password: {value}}}")
    assert line.startswith("f.yaml:2:32: credentials.lab.password: ")
    for shown in (value, "hunter2", "write"):
        assert shown not in line.split("password", 1)[1]


@pytest.mark.parametrize("loader", LOADERS)
def test_both_parsers_read_the_same(loader: type) -> None:
    text = "a: &x [1, 'no']\nb: *x\nc: !!str 022\n"
    fast, this = compose(text), compose(text, loader)
    assert str(this) == str(fast)


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("text", ["a: [", "a:\n\t- b", "[" * 300, "a: *x", "a: 1\n---\n"])
def test_both_parsers_refuse_the_same(loader: type, text: str) -> None:
    from collector.document.composition import ComposeError

    with pytest.raises(ComposeError):
        compose(text, loader)


def test_an_explicit_string_is_no_surprise() -> None:
    assert parse_document("a: !!str 022", "f").data == {"a": "022"}


def document() -> Document:
    return parse_document(
        "top: 1\ndevices:\n  r1: {host: a, groups: [x, y]}\n  r2:\n    host:\n    port: 1.10\n", "f"
    )


@pytest.mark.parametrize(
    ("loc", "key", "place"),
    [
        (("top",), False, "f:1:6"),
        (("top",), True, "f:1:1"),
        (("devices", "r1", "groups", 1), False, "f:3:29"),
        (("devices", "r1", "groups"), True, "f:3:17"),
        (("devices", "r2", "host"), False, "f:5:5"),  # nothing there: the key
        (("devices", "r2", "missing"), False, "f:5:5"),
        (("devices", "r2", "missing"), True, "f:4:3"),
        (("devices", "r1", "groups", 7), False, "f:3:25"),
        ((), False, "f:1:1"),
    ],
)
def test_every_place_is_exact(loc: tuple[str | int, ...], key: bool, place: str) -> None:
    assert str(document().place(loc, key=key)) == place


def test_text_is_as_written() -> None:
    assert document().data["devices"]["r2"]["port"] == 1.1
    assert document().text(("devices", "r2", "port")) == "1.10"
    assert document().text(("devices", "r1")) == ""
    assert document().text(("devices", "r9")) == ""


def test_columns_count_characters_and_lines_may_end_as_on_windows() -> None:
    read = parse_document("é: {ü: x}\r\nb: y\r\n", "f")
    assert str(read.place(("é", "ü"))) == "f:1:8"
    assert str(read.place(("b",))) == "f:2:4"


def test_complaints_join_the_flaws_but_do_not_repeat_them(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("a: 022\nb: 1\n")
    read = read_document(path)
    wrong = [Complaint(loc=("b",), message="wrong"), Complaint(loc=("a",), message="wrong too")]
    with pytest.raises(InputError) as caught:
        read.refuse(wrong)
    first, second = caught.value.problems
    assert "octal" in first
    assert second == f"{path}:2:4: b: wrong"


def test_a_file_has_a_digest_and_a_name(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"a: 1\n")
    read = load_document(path)
    assert read.name == str(path)
    assert read.digest == hashlib.sha256(b"a: 1\n").hexdigest()


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_bytes(b"a: 1\nbc: \xff\n")
    for name, message in {
        "none.yaml": "no such file",
        "": "expected a file, found a folder",
        "bad.yaml": ":2:5: expected UTF-8, found the byte 0xff",
        "a\0b": "cannot be read",
        "n" * 300: "cannot be read: File name too long",
        "bad.yaml/x": "cannot be read: Not a directory",
    }.items():
        with pytest.raises(InputError) as caught:
            load_document(tmp_path / name)
        (line,) = caught.value.problems
        assert message in line


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text_is_read_or_refused_in_a_line(text: str) -> None:
    lines: tuple[str, ...] = ()
    try:
        parse_document(text, "f")
    except InputError as error:
        lines = error.problems or ("no line",)
    assert all(line.startswith("f:") and "\n" not in line for line in lines)


@given(st.text("0123456789_.:+-exobaf~nyONrtuils", max_size=12))
def test_any_scalar_has_a_meaning(text: str) -> None:
    value = typed(text)
    assert value is None or isinstance(value, (str, int, float, Surprise))
    assert not isinstance(value, str) or value == text


@given(st.integers(), st.floats(allow_nan=False))
def test_numbers_are_read_back(integer: int, number: float) -> None:
    assert typed(str(integer)) == integer
    assert typed("." + repr(abs(number)) if "inf" in repr(number) else repr(number)) in {
        number,
        abs(number),
    }
