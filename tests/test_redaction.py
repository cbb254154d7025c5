"""Secrets in what a device gave back: every form hidden, and nothing else."""

from __future__ import annotations

import ast
import html
import json
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import outcomes

import collector
from collector.model import Fault, FaultClass, Phase, Status
from collector.redaction import OWN, REDACTED, Redaction, redacted

SECRET = "pä\"s's w%rd/1<&\\"
HIDDEN = REDACTED.decode()


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(SECRET)[1:-1].replace("/", "\\/").replace("00e4", "00E4"),
        quote(SECRET),
        quote(SECRET, safe="").lower(),
        quote_plus(SECRET),
        html.escape(SECRET),
        repr(SECRET)[1:-1],
    ],
)
def test_every_form_is_hidden(form: str) -> None:
    hide = Redaction([SECRET])
    assert hide.text(f"before {form} after") == f"before {HIDDEN} after"
    assert hide(f"{form}\n".encode()) == REDACTED + b"\n"
    if not form.isascii():
        assert hide(form.encode("latin-1")) == REDACTED


@pytest.mark.parametrize("between", [b"\r\n", b"\x1b[1;31m", b"\x08", b"\0", b"\x1b[K\r\n\x1b[2m"])
def test_what_a_terminal_puts_in_between_hides_nothing(between: bytes) -> None:
    seen = b"a\r\nhun" + between + b"ter2" + between + b"b"
    assert Redaction(["hunter2"])(seen) == b"a\r\n" + REDACTED + between + b"b"


@pytest.mark.parametrize("size", [4, 5, 6])
def test_half_a_secret_is_hidden_where_evidence_begins_or_ends(size: int) -> None:
    hide, secret = Redaction(["hunter2"]), b"hunter2"
    seen = secret[-size:] + b" middle " + secret[:size]
    assert hide.evidence(seen) == REDACTED + b" middle " + REDACTED
    assert hide(seen) == seen
    assert hide.evidence(b"x " + seen + b" x") == b"x " + seen + b" x"


def test_the_longest_and_those_that_overlap() -> None:
    hide = Redaction(["lab", "lab2", "2enable", None, ""])
    assert hide(b"lab2 lab lab2enable label") == b"%b %b %b %bel" % ((REDACTED,) * 4)


def test_what_is_short_is_hidden_as_it_stands_only() -> None:
    assert Redaction(["abc"]).evidence(b"abc a\r\nbc ab") == REDACTED + b" a\r\nbc ab"


def test_without_secrets_nothing_is_hidden() -> None:
    assert Redaction([None, ""]).evidence(b"\x00\xffall") == b"\x00\xffall"


WHOLE = "its server is enabled; check the credential's 'enable' secret"


@pytest.mark.parametrize("secret", ["enable", "server", "able", "check", "in"])
def test_a_hint_is_of_our_own_words_and_stays(secret: str) -> None:
    fault = Fault(
        fault_class=FaultClass.ENABLE,
        phase=Phase.LOGIN,
        message=f"said: re{secret}d",
        hint=WHOLE,
    )
    hidden = redacted(outcomes.result("r1", status=Status.FAILED, why=fault), Redaction([secret]))
    assert hidden.fault is not None
    assert hidden.fault.hint == WHOLE
    assert hidden.fault.message == f"said: re{HIDDEN}d", "in a longer word of others, too"


def test_a_sentence_of_ours_stays_and_what_it_quotes_does_not() -> None:
    hide = Redaction(["enable"])
    own = "the device did not enter the privileged mode: it rejected the enable password"
    assert hide.text(own) == own
    assert hide.text(f"{own} enable") == f"{own} {HIDDEN}"
    assert hide.text("the device denied the command: enable secret") == (
        f"the device denied the command: {HIDDEN} secret"
    )
    assert hide.text("rejected the enable") == f"rejected the {HIDDEN}"
    assert hide.evidence(b"it rejected the enable password") == (
        b"it rejected the " + REDACTED + b" password"
    )


@pytest.mark.parametrize("sentence", OWN)
def test_a_secret_that_is_a_sentence_or_goes_on_behind_it_is_hidden(sentence: str) -> None:
    assert Redaction([sentence]).text(f"x {sentence} y") == f"x {HIDDEN} y"
    longer = f"{sentence.rsplit(maxsplit=1)[-1]} y"
    assert longer not in Redaction([longer]).text(f"x {sentence} y")


def test_the_sentences_are_those_of_the_program() -> None:
    """Each is a part of one string of these rooms: nobody else says it for us."""
    rooms = [Path(collector.__file__).parent / room for room in ("driver", "engine", "crew")]
    said = [
        node.value
        for room in rooms
        for file in room.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert not [own for own in OWN if not any(own in each for each in said)]


@given(
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=0x17F), min_size=4, max_size=12),
    before=st.binary(max_size=20),
    after=st.binary(max_size=20),
    every=st.integers(1, 5),
)
def test_no_secret_comes_through(secret: str, before: bytes, after: bytes, every: int) -> None:
    plain = secret.encode()
    pieces = [plain[place : place + every] for place in range(0, len(plain), every)]
    left = Redaction([secret])(before + b"\r\n".join(pieces) + after)
    assert REDACTED in left
    # 0xff is in no UTF-8: what stands before and after a hidden secret is not put together.
    left = left.replace(REDACTED, b"\xff").translate(None, b"\r\n")
    assert plain.translate(None, b"\x7f") not in left.translate(None, b"\x7f")
