"""How a secret is obtained; the only place that holds one for long.

A credential is read from the inventory as it is written, ``${VAR}`` and all (`CredentialSpec`), and
becomes a secret only when a device needs it (`Credentials.get`): what lists or checks an inventory
touches none. Refuses to know files, devices and where a secret is sent.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from collector.document import dotted, near
from collector.errors import InputError

FIELDS: Final = ("username", "password", "enable", "private_key", "passphrase")

_PART: Final = re.compile(r"\$(?:\$|\{(?P<body>[^}]*)(?P<end>\}?))")
_BODY: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-.*)?", re.DOTALL)


def expand(text: str, environ: Mapping[str, str]) -> str:
    """Replace ``${VAR}`` and ``${VAR:-default}``; ``$$`` is a dollar, any other ``$`` stays.

    As in a shell, the default also stands in for an empty variable. Raises InputError that names
    every unset variable; it never shows a value or a default.

    >>> expand("${USER_}@${HOST:-lab} costs 5$ or $${5}", {"USER_": "eve"})
    'eve@lab costs 5$ or ${5}'
    """
    problems = tuple(_problems(text, environ))
    if problems:
        raise InputError(*problems)
    return _PART.sub(lambda match: _value(match, environ) or "", text)


def is_template(text: str) -> bool:
    """Whether a text has a ``${...}`` in it.

    >>> is_template("${PASSWORD}"), is_template("pa$$word")
    (True, False)
    """
    return any(match["body"] is not None for match in _PART.finditer(text))


def malformed(text: str) -> tuple[str, ...]:
    """Return what is wrong with the ``${...}`` of a text, whatever the environment."""
    return tuple(filter(None, map(_malformed, _PART.finditer(text))))


def _problems(text: str, environ: Mapping[str, str]) -> Iterator[str]:
    for match in _PART.finditer(text):
        if message := _malformed(match):
            yield message
        elif match["body"] is not None and _value(match, environ) is None:
            yield f"the environment variable {match['body']} is not set"


def _malformed(match: re.Match[str]) -> str:
    if match["body"] is None:
        return ""
    if not match["end"]:
        return "expected a '}' after '${'; write a plain '${' as '$${'"
    if "${" in match["body"]:
        return "expected no '${' within '${...}'"
    if _BODY.fullmatch(match["body"]) is None:
        return "expected ${NAME} or ${NAME:-default}, NAME of letters, digits and _"
    return ""


def _value(match: re.Match[str], environ: Mapping[str, str]) -> str | None:
    """Return what a well-formed part stands for, None where nothing says it."""
    if match["body"] is None:
        return "$"
    name, given, default = match["body"].partition(":-")
    return (environ.get(name) or default) if given else environ.get(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialSpec:
    """A credential as the inventory says it: every field still a template, None where not given.

    ``places`` tells where each field stands (``file:line:column``); a relative ``private_key``
    starts at ``folder``.
    """

    name: str
    username: str = field(repr=False)
    password: str | None = field(default=None, repr=False)
    enable: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)
    places: Mapping[str, str] = field(default_factory=dict, repr=False)
    folder: Path = field(default=Path(), repr=False)

    def template(self, name: str) -> str | None:
        """Return a field, one of `FIELDS`, as it is written."""
        value = getattr(self, name)
        return None if value is None else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What logs in. An empty ``password`` is sent, where a device has none; None is not."""

    username: str = field(repr=False)
    password: str | None = field(default=None, repr=False)
    enable: str | None = field(default=None, repr=False)
    private_key: Path | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)


class Credentials:
    """Resolves credentials by name, each once, when it is first asked for."""

    def __init__(self, specs: Mapping[str, CredentialSpec], environ: Mapping[str, str]) -> None:
        self._specs = specs
        self._environ = environ
        self._resolved: dict[str, Credential] = {}

    def __repr__(self) -> str:
        return f"Credentials({', '.join(sorted(self._specs))})"

    def get(self, name: str) -> Credential:
        """Return a credential; raises InputError where it is not defined or a variable is unset."""
        credential = self._resolved.get(name)
        if credential is None:
            credential = self._resolved[name] = _resolve(self._spec(name), self._environ)
        return credential

    def check(self, names: Collection[str]) -> None:
        """Raise InputError with every unset variable and missing key file of these credentials."""
        problems: list[str] = []
        for name in dict.fromkeys(names):
            try:
                credential = self.get(name)
            except InputError as error:
                problems += error.problems
            else:
                problems += _missing_key(self._spec(name), credential)
        if problems:
            raise InputError(*problems)

    def _spec(self, name: str) -> CredentialSpec:
        spec = self._specs.get(name)
        if spec is None:
            raise InputError(f"no credential {name!r}{near(name, self._specs)}")
        return spec


def _resolve(spec: CredentialSpec, environ: Mapping[str, str]) -> Credential:
    values: dict[str, str | None] = {}
    problems: list[str] = []
    for name in FIELDS:
        template = spec.template(name)
        try:
            values[name] = None if template is None else expand(template, environ)
        except InputError as error:
            problems += (_said(spec, name, problem) for problem in error.problems)
    if not values.get("username") and "username" in values:
        problems.append(_said(spec, "username", "expected a user name, found an empty text"))
    if problems:
        raise InputError(*problems)
    key, password = values["private_key"] or None, values["password"]
    return Credential(
        username=values["username"] or "",
        password=None if key and not password else password,
        enable=values["enable"] or None,
        private_key=_path(key, spec) if key else None,
        passphrase=values["passphrase"] or None,
    )


def _path(text: str, spec: CredentialSpec) -> Path:
    try:
        return spec.folder / Path(text).expanduser()
    except RuntimeError:
        problem = "expected a path, found the home folder of nobody known"
        raise InputError(_said(spec, "private_key", problem)) from None


def _missing_key(spec: CredentialSpec, credential: Credential) -> Iterator[str]:
    path = credential.private_key
    if path is not None and not path.is_file():
        yield _said(spec, "private_key", f"no such file: {path}")


def _said(spec: CredentialSpec, name: str, problem: str) -> str:
    where = spec.places.get(name)
    line = f"{dotted(('credentials', spec.name, name))}: {problem}"
    return f"{where}: {line}" if where else line
