"""What the keys of all our files have in common: how a section is closed, and single values.

Owns the bounds and wordings that `config.yaml`, the inventory and the platforms share. Refuses to
know which keys there are. Not imported with the room: only who validates needs pydantic.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from collector.model import is_one_line

_WEEK: Final = 7 * 86_400


class Closed(BaseModel):
    """A section of a file: no key but its own; no value is shown in a problem, it may be secret."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


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
