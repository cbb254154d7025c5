"""What is read of an expression: the texts it cannot match without, and whether it can end."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.platforms import load_platforms, needles
from collector.platforms.expressions import _Item, _read, endless

PLATFORMS = load_platforms()
PATTERNS = sorted(
    {
        each
        for platform in PLATFORMS.values()
        for table in (platform.volatile, platform.secrets)
        for each in (
            *table.lines,
            *(end for ends in table.blocks for end in ends),
            *(each for within in table.within for each in (within.first, within.last)),
        )
    },
    key=lambda pattern: pattern.pattern,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (rb"abc", (b"abc",)),
        (rb"a\.b+c", (b"a.b",)),
        (rb"xab?c", (b"xa",)),
        (rb"(?:one|two) x", (b"one", b"two")),
        (rb"(?:one|two)? xyz", (b" xyz",)),
        (rb"(?:one|t?)", (b"",)),
        (rb"(?!never)a", (b"a",)),
        (rb"(?=later)a(?<=other)", (b"a",)),
        (rb"[abc]+ x|yy", (b" x", b"yy")),
        (rb"(?i)abc", (b"",)),
        (rb"(?x) a b c", (b"",)),
        (rb"\d{3}\t", (b"",)),
        (rb"a{0}bc", (b"bc",)),
        (rb"a{,3}bc", (b"bc",)),
        (rb"x{a}", (b"x{a}",)),
        (rb"[]a]bc", (b"bc",)),
        (rb"(a)\1(?:bcd)+", (b"bcd",)),
        (rb"\x41bc", (b"bc",)),
        (rb"(?P<n>abc)(?P=n)x", (b"abc",)),
        (rb"(?#abcdef)x", (b"x",)),
    ],
)
def test_what_a_match_must_hold(text: bytes, found: tuple[bytes, ...]) -> None:
    assert needles(re.compile(text)) == found


def test_the_tables_are_long_enough_to_tell_something() -> None:
    assert len(PATTERNS) > 80
    assert sum(needles(each) != (b"",) for each in PATTERNS) > 0.9 * len(PATTERNS)


@settings(max_examples=300)
@given(st.sampled_from(PATTERNS).flatmap(lambda p: st.tuples(st.just(p), st.from_regex(p))))
def test_no_match_is_without_its_needles(drawn: tuple[re.Pattern[bytes], bytes]) -> None:
    pattern, text = drawn
    match = pattern.search(text)
    assert match is None or any(each in match[0] for each in needles(pattern))


@pytest.mark.parametrize(
    "text",
    [r"(a+)+b", r"(\w+ ?)*:", r"(.*,)*x", r"(?:(?:a*)b)*", r"(\d+){1,40}x", r"(x+|y)*z",
     r"((a+)?b?)*"],
)  # fmt: skip
def test_what_may_take_for_ever_is_seen(text: str) -> None:
    assert "repeats what repeats itself" in endless(text)


@pytest.mark.parametrize(
    "text",
    [r"(\d+,)*x", r"(?: +\S+)+$", r"(?:\S+ )*?key", r"(?>\w+ ?)*x", r"(\w+ ?)*+x", r"(?>(\w+ ?)*)x",
     r".*a.*b", r"(?:[0-9a-f]{2}:){5}", r"(a|b)*", r"(\d+ ){1,3}"],
)  # fmt: skip
def test_what_ends_is_not_refused(text: str) -> None:
    assert endless(text) == ""


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.pattern.decode())
def test_no_table_has_what_may_take_for_ever(pattern: re.Pattern[bytes]) -> None:
    assert endless(pattern.pattern.decode()) == ""


@pytest.mark.parametrize("unit", [b"a", b" ", b"a ", b'"', b"$", b"0:", b"; "], ids=repr)
def test_a_long_line_takes_no_longer_than_many_short_ones(unit: bytes) -> None:
    """Where the time went with the square of the length, this would end at the test's limit."""
    for pattern in PATTERNS:
        line = needles(pattern)[0] + unit * (200_000 // len(unit)) + b"~"
        assert sum(1 for _ in pattern.finditer(line)) <= len(line)


def shortest(choices: tuple[tuple[_Item, ...], ...], which: int = 0) -> bytes:
    """Make a text that an expression could begin to match: what it looks around at is left out."""
    text = b""
    for item in choices[min(which, len(choices) - 1)]:
        if item.choices and not item.text.startswith(("(?!", "(?=", "(?<")):
            text += shortest(item.choices, which) * max(item.least, 1)
        elif not item.choices and 0 < len(item.bytes) < 256:
            text += bytes([max(item.bytes, key=lambda byte: (byte < 127, byte))]) * item.least
    return text


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.pattern.decode())
def test_what_a_table_looks_for_may_be_repeated_on_a_line(pattern: re.Pattern[bytes]) -> None:
    """Where each repeat is a new beginning from which all the rest is tried, this would not end."""
    made = [shortest(_read(pattern.pattern.decode()), which) for which in (0, 1)]
    for word in {*needles(pattern), *made, *(b" ".join(each.split()[:1]) for each in made)} - {b""}:
        for unit in (word, word + b"=", word + b" ", b" " + word + b" x", word + b"\n" + b"  "):
            for first in (b"", made[0]):
                line = first + unit * (240_000 // len(unit)) + b"~"
                assert sum(1 for _ in pattern.finditer(line)) <= len(line)
    for blank in (b" ", b"\t", b"x "):
        for first in made:
            line = first + b"x" + blank * 100_000 + b"~"
            assert sum(1 for _ in pattern.finditer(line)) <= len(line)
