"""Which credentials may be told to another machine as they are written, which obtains them itself.

Owns the rule that no secret is among what is told. Refuses to know who is told.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from collector.credentials.spec import CredentialSpec, Prompt
from collector.document import dotted
from collector.errors import InputError

SECRETS: Final = ("password", "enable", "passphrase")
_VARIABLES: Final = re.compile(r"(?:\$\{[A-Za-z_][A-Za-z0-9_]*(?::-)?\})*")


def sendable(
    specs: Mapping[str, CredentialSpec], names: Collection[str]
) -> dict[str, CredentialSpec]:
    """Give these credentials as they are written; relative paths start where they are read.

    Raises InputError for each secret that is written out, a default in ``${VAR:-default}`` among
    them, and for each that a person is to be asked for.
    """
    wanted = {name: spec for name, spec in specs.items() if name in frozenset(names)}
    if problems := [line for spec in wanted.values() for line in _unsendable(spec)]:
        raise InputError(*problems)
    return {name: replace(spec, folder=Path()) for name, spec in wanted.items()}


def _unsendable(spec: CredentialSpec) -> Iterator[str]:
    for name in SECRETS:
        if problem := _problem(spec, name):
            where = f"{spec.places[name]}: " if name in spec.places else ""
            field = spec.title or dotted(("credentials", spec.name, name))
            yield f"{where}{field}: workers of a cluster obtain their own: {problem}"


def _problem(spec: CredentialSpec, name: str) -> str:
    template = spec.template(name)
    if template is not None and not _VARIABLES.fullmatch(template):
        return "expected ${VAR} without a default, or a file, command or keyring; found a secret"
    if isinstance(spec.source(name), Prompt):
        return "expected ${VAR}, or a file, command or keyring; nobody can be asked there"
    return ""
