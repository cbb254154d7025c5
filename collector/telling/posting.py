"""One HTTP request: JSON posted to a web server, with what the standard library has.

Owns which servers are believed and how far a request is led on: certificates are checked, a
redirection is followed only where it keeps the method and the host, three times at most, and never
from https to http. Proxies are those of the environment. Blocks; never raises for what goes wrong.
"""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import Message
from typing import IO, Final
from urllib.parse import SplitResult, urlsplit

from collector.log import one_line

REDIRECTIONS: Final = 3
_FOLLOWED: Final = frozenset({307, 308})
_PORTS: Final = {"http": 80, "https": 443}


def post(url: str, text: bytes, headers: Mapping[str, str], *, timeout: float) -> str:
    """Post JSON; gives a line when the answer is not 2xx or there is none, else nothing."""
    given = {"Content-Type": "application/json", "User-Agent": "network-command-collector"}
    try:
        request = urllib.request.Request(url, text, given | dict(headers), method="POST")
        with _opener().open(request, timeout=timeout):
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return f"it answered {error.code} {one_line(error.reason or '')}".rstrip()
    except urllib.error.URLError as error:
        return _reason(error.reason)
    except (OSError, ValueError, http.client.HTTPException) as error:
        return _reason(error)


class _Redirection(urllib.request.HTTPRedirectHandler):
    """Follows what leads to the same host, and posts the same there."""

    max_redirections = REDIRECTIONS

    def redirect_request(  # noqa: PLR0917 - the parameters are those of the class above
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> urllib.request.Request:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if code not in _FOLLOWED or not _is_nearer(old, new):
            fp.close()
            where = f"{new.scheme}://{new.netloc}"
            raise urllib.error.URLError(f"it leads to {where} ({code}): name that in the hook")
        return urllib.request.Request(
            newurl, data=req.data, headers=dict(req.headers), method="POST"
        )


def _is_nearer(old: SplitResult, new: SplitResult) -> bool:
    """Say whether a redirection stays on a host: the same place, or its https."""
    if new.username is not None or old.hostname != new.hostname:
        return False
    if old.scheme == new.scheme:
        return _port(old) == _port(new)
    return (old.scheme, new.scheme) == ("http", "https")


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS.get(parts.scheme, 0)


def _opener() -> urllib.request.OpenerDirector:
    """Make what speaks http and https, and nothing else that a redirection could name."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirection(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _reason(error: object) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not believed: {one_line(error.verify_message)}"
        case TimeoutError():
            return "it did not answer in time"
        case ValueError():  # it would repeat the header, which may be a secret
            return "its URL, or a header, cannot be sent"
        case OSError():
            return f"it cannot be reached: {one_line(error.strerror or str(error))}"
        case str():
            return one_line(error)
    return f"it cannot be reached: {one_line(str(error)) or type(error).__name__}"
