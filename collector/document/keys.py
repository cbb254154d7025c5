"""What the keys of all our files have in common: how a section is closed, and single values.

Owns the bounds and wordings that `config.yaml`, the inventory and the platforms share. Refuses to
know which keys there are. Not imported with the room: only who validates needs pydantic.
"""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from collector.model import Timeouts, is_one_line

_WEEK: Final = 7 * 86_400
_TIMEOUTS: Final = Timeouts()


class Closed(BaseModel):
    """A section of a file: no key but its own; no value is shown in a problem, it may be secret.

    What checks it is built when it is first used: that of a file then holds those of its sections,
    which are never used by themselves. For the same sake a default is made by `model_construct`.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, defer_build=True)


def _section(value: object) -> object:
    """A section with nothing below it, all lines commented out, is an empty one."""
    return {} if value is None else value


def _one_line(text: str) -> str:
    if not is_one_line(text):
        raise ValueError("expected one line of printable text")
    return text


Section = BeforeValidator(_section)
Word = Annotated[str, Field(min_length=1)]
Line = Annotated[str, AfterValidator(_one_line)]
Seconds = Annotated[float, Field(strict=True, gt=0, le=_WEEK, allow_inf_nan=False)]
SecondsOrNone = Annotated[float, Field(strict=True, ge=0, le=_WEEK, allow_inf_nan=False)]


class TimeoutKeys(Closed):
    """Of one device, by the names of `collector.model.Timeouts`."""

    connect: Seconds = Field(_TIMEOUTS.connect, description="seconds until the transport stands")
    login: Seconds = Field(_TIMEOUTS.login, description="seconds until the prompt is learned")
    command: Seconds = Field(_TIMEOUTS.command, description="seconds for one command")
    device: Seconds = Field(_TIMEOUTS.device, description="seconds for all of a device")


class KeyringKeys(Closed):
    """An entry of the system's keyring; the user name is the credential's own where not given."""

    service: Word
    username: str = ""


class SourceKeys(Closed):
    """Where a secret is fetched from: one of these."""

    file: Word | None = None
    command: Annotated[list[Word], Field(min_length=1)] | None = None
    keyring: KeyringKeys | None = None
    prompt: bool | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = (self.file, self.command, self.keyring, self.prompt or None)
        if sum(each is not None for each in given) != 1:
            raise ValueError("expected one of file, command, keyring and prompt: true")
        return self


def _text_or_source(value: object) -> str:
    """Tell the form that a secret is given in; angle brackets mark it as no key."""
    if value is None:
        return "<nothing>"
    return "<source>" if isinstance(value, dict) else "<text>"


Secret = Annotated[
    Annotated[str, Tag("<text>")]
    | Annotated[SourceKeys, Tag("<source>")]
    | Annotated[None, Tag("<nothing>")],
    Discriminator(_text_or_source),
]
