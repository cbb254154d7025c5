"""One credential, from what the inventory says of it to what logs in.

Owns which field is fetched from where, in which order, and the place that a problem is told with.
Refuses to know other credentials, and to remember.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from collector.credentials import sources
from collector.credentials.spec import (
    FIELDS,
    Command,
    Credential,
    CredentialSpec,
    File,
    Keyring,
    Prompt,
)
from collector.credentials.template import expand
from collector.document import dotted
from collector.errors import InputError

_PATIENCE: Final = {File: 1, Command: 2, Keyring: 3, Prompt: 4}
"""Nobody shall type a secret, and then be told that a command has failed."""

Environ = Mapping[str, str]


def obtained(spec: CredentialSpec, environ: Environ) -> Credential:
    """Obtain a credential; raises InputError with what keeps it from being had.

    Sources are asked only when nothing that is written out is wrong, and up to the first that has
    no answer.
    """
    if problems := tuple(_written_wrong(spec, environ)):
        raise InputError(*problems)
    values = {name: _expanded(spec, name, environ) for name in FIELDS}
    username, key = values["username"] or "", values["private_key"] or None
    sourced = [name for name in FIELDS if spec.source(name)]
    for name in sorted(sourced, key=lambda name: _PATIENCE[type(spec.source(name))]):
        with _placed(spec, name):
            values[name] = _fetched(spec, name, username, environ)
    password = values["password"]
    return Credential(
        username=username,
        password=None if key and not password else password,
        enable=values["enable"] or None,
        private_key=_path(key, spec) if key else None,
        passphrase=values["passphrase"] or None,
        agent=spec.agent,
    )


def seen(spec: CredentialSpec, environ: Environ, *, asking: bool) -> Iterator[str]:
    """Yield what can be seen to be wrong without running anything.

    ``asking``: somebody is going to be asked, so there must be a terminal.
    """
    yield from _written_wrong(spec, environ, files=True)
    for name in FIELDS:
        try:
            with _placed(spec, name):
                _try_source(spec, name, environ, asking=asking)
        except InputError as error:
            yield from error.problems


def patience(spec: CredentialSpec) -> int:
    """Tell how late a credential is to be obtained: the dearest of its sources decides."""
    given = (spec.source(name) for name in FIELDS)
    return max((_PATIENCE[type(source)] for source in given if source), default=0)


def _written_wrong(spec: CredentialSpec, environ: Environ, *, files: bool = False) -> Iterator[str]:
    for name in FIELDS:
        try:
            with _placed(spec, name):
                value = _expanded(spec, name, environ)
                if name == "username" and not value:
                    raise InputError("expected a user name, found an empty text")
                if name == "private_key" and value:
                    path = _path(value, spec)
                    if files and not path.is_file():
                        raise InputError(f"no such file: {path}")
        except InputError as error:
            yield from error.problems


def _try_source(spec: CredentialSpec, name: str, environ: Environ, *, asking: bool) -> None:
    match spec.source(name):
        case File(path=path):
            sources.read_file(_path(expand(path, environ), spec))
        case Command(argv=argv):
            sources.find_command(argv, environ, spec.folder)
        case Keyring(service=service, username=username):
            expand(service + username, environ)
            sources.find_keyring()
        case Prompt() if asking:
            sources.find_person()


def _fetched(spec: CredentialSpec, name: str, username: str, environ: Environ) -> str:
    match spec.source(name):
        case File(path=path):
            return sources.read_file(_path(expand(path, environ), spec))
        case Command(argv=argv):
            return sources.ask_command(argv, environ, spec.folder)
        case Keyring(service=service, username=other):
            return sources.ask_keyring(expand(service, environ), expand(other, environ) or username)
        case _:
            return sources.ask_person(spec.title or f"{spec.name}: {name}")


def _expanded(spec: CredentialSpec, name: str, environ: Environ) -> str | None:
    template = spec.template(name)
    return None if template is None else expand(template, environ)


def _path(text: str, spec: CredentialSpec) -> Path:
    try:
        return spec.folder / Path(text).expanduser()
    except RuntimeError:
        raise InputError("expected a path, found the home folder of nobody known") from None


@contextmanager
def _placed(spec: CredentialSpec, name: str) -> Iterator[None]:
    """Tell of every problem inside with the field that it is about."""
    try:
        yield
    except InputError as error:
        raise InputError(*(_said(spec, name, problem) for problem in error.problems)) from None


def _said(spec: CredentialSpec, name: str, problem: str) -> str:
    where = spec.places.get(name)
    line = f"{spec.title or dotted(('credentials', spec.name, name))}: {problem}"
    return f"{where}: {line}" if where else line
