"""YAML with places: what a file says, where it says it, and how a problem is put into words.

Owns the reading of YAML (the only room that knows PyYAML), the meaning of plain scalars, the place
of every key and value, and the wording of problems. Refuses to know what the keys mean.
"""

from collector.document.document import (
    Document,
    load_document,
    parse_document,
    read_document,
)
from collector.document.places import Loc, Place, dotted
from collector.document.scalars import Scalar, Surprise, typed
from collector.document.wording import Complaint, complaints, found, near

__all__ = [
    "Complaint",
    "Document",
    "Loc",
    "Place",
    "Scalar",
    "Surprise",
    "complaints",
    "dotted",
    "found",
    "load_document",
    "near",
    "parse_document",
    "read_document",
    "typed",
]
