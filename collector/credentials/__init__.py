"""How a secret is obtained; the only place that holds one for long.

A credential is read from the inventory as it is written (`CredentialSpec`: texts with ``${VAR}``,
or the `Source` to fetch a secret from), and becomes a secret only when a run needs it
(`Credentials`): what lists, plans or checks an inventory fetches none. Refuses to know devices, and
where a secret is sent.
"""

from collector.credentials.credentials import Credentials
from collector.credentials.sending import sendable
from collector.credentials.spec import (
    FIELDS,
    Command,
    Credential,
    CredentialSpec,
    File,
    Keyring,
    Prompt,
    Source,
    source_of,
)
from collector.credentials.template import expand, is_template, malformed

__all__ = [
    "FIELDS",
    "Command",
    "Credential",
    "CredentialSpec",
    "Credentials",
    "File",
    "Keyring",
    "Prompt",
    "Source",
    "expand",
    "is_template",
    "malformed",
    "sendable",
    "source_of",
]
