"""The words of problems follow from a JSON Schema."""

from __future__ import annotations

from typing import Any

import pytest

from collector.document import Complaint, complaints, found, near
from collector.document.wording import wanted

SCHEMA: dict[str, Any] = {
    "properties": {
        "count": {"type": "integer", "minimum": 1, "maximum": 10**6},
        "kind": {"$ref": "#/$defs/Kind"},
        "jobs": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Job"}},
    },
    "$defs": {
        "Kind": {"enum": ["ssh", "telnet"]},
        "Job": {"oneOf": [{"const": "backup"}, {"type": "array", "items": {"type": "string"}}]},
    },
}


def said(**error: object) -> str:
    (complaint,) = complaints([{"type": "any", "input": None, **error}], SCHEMA)
    return str(complaint)


def test_expectations_come_from_the_schema() -> None:
    assert said(loc=("count",), input="x") == "count: expected an integer of 1 or more, found 'x'"
    assert said(loc=("kind",), input="sssh") == (
        "kind: expected ssh or telnet, found 'sssh'; did you mean 'ssh'?"
    )
    assert said(loc=("jobs", "a"), input=3) == "jobs.a: expected 'backup' or a list, found 3"
    assert said(loc=("jobs", "a", "<list>", 1), input=3) == "jobs.a[1]: expected text, found 3"


def test_unknown_and_missing_keys() -> None:
    assert said(loc=("cuont",), type="extra_forbidden") == (
        "unknown key 'cuont'; did you mean 'count'?"
    )
    assert said(loc=("jobs", "a", "host"), type="missing") == "jobs.a: expected a key 'host' here"


def test_a_validator_may_say_it_itself() -> None:
    error = {"type": "value_error", "ctx": {"error": ValueError("expected a host")}}
    assert said(loc=("x",), input="a b", **error) == "x: expected a host, found 'a b'"


@pytest.mark.parametrize("key", ["credentials", "password", "enable", "passphrase"])
def test_secrets_are_told_by_kind(key: str) -> None:
    assert said(loc=(key, "x"), input="hunter2").endswith("found text")
    assert "1234" not in said(loc=(key, "x"), input=1234)
    assert "hunter2" not in said(loc=(key,), input={"hunter2": 1})


def test_found_is_short_and_on_one_line() -> None:
    assert found("a\nb\x1b") == r"'a\nb\x1b'"
    assert len(found("x" * 1000)) < 70
    assert (found([]), found([1]), found({})) == ("an empty list", "a list", "an empty mapping")


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 65535}, "an integer from 1 to 65535"),
        ({"type": "number", "exclusiveMinimum": 0}, "a number above 0"),
        ({"type": "number", "minimum": 0}, "a number of 0 or more"),
        ({"type": "array", "minItems": 1}, "a list with at least one entry"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text or nothing"),
        ({}, "something else"),
    ],
)
def test_what_a_schema_admits(schema: dict[str, Any], words: str) -> None:
    assert wanted(schema) == words


def test_near_misses() -> None:
    assert near("R1", ["r1", "r2"]) == "; did you mean 'r1'?"
    assert near("zebra", ["r1", "r2"]) == ""
    assert near("x", []) == ""


def test_a_complaint_about_a_key_names_the_mapping_it_is_in() -> None:
    assert str(Complaint(loc=("a", "b"), message="no", at_key=True)) == "a: no"
    assert str(Complaint(loc=("a",), message="no", at_key=True)) == "no"
