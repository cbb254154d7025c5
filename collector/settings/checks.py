"""What a text in config.yaml has to look like, key by key.

Owns these shapes and the words for what is expected. Refuses to know which key is in what section.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from collector.document.keys import SourceKeys
from collector.model import Tolerance

MOST_PROCESSES: Final = 256
_PATH_WORDS: Final = ("name", "group", "platform", "command")


def checked_processes(value: object) -> int | None:
    """Read a number of processes; None for ``auto``."""
    text = str(value)
    if text == "auto":
        return None
    if re.fullmatch(r"\d{1,3}", text) and 1 <= int(text) <= MOST_PROCESSES:
        return int(text)
    raise ValueError(f"expected a number from 1 to {MOST_PROCESSES}, or auto")


def checked_scheduler(text: str) -> str:
    host = r"(?:[^\s/:\[\]]+|\[[0-9A-Fa-f:.]+\])"
    if text and not re.fullmatch(rf"(?:tls|tcp)://{host}:\d{{1,5}}", text):
        raise ValueError("expected the address of a scheduler: tls://HOST:PORT")
    return text


def checked_tolerance(value: object) -> Tolerance | None:
    if value is None:
        return None
    text = str(value)
    whole, percent = re.fullmatch(r"\d+", text), re.fullmatch(r"(\d+(?:\.\d+)?)%", text)
    if whole and not isinstance(value, bool):
        return Tolerance(most=int(text))
    if percent and float(percent[1]) <= 100:
        return Tolerance(most=float(percent[1]) / 100, is_share=True)
    raise ValueError("expected a number of devices, or a share such as 5%")


def checked_template(text: str) -> str:
    words = re.findall(r"\{([^{}]*)\}", text)
    unknown = [w for w in words if w not in _PATH_WORDS and not re.fullmatch(r"tag:.+", w)]
    parts = re.sub(r"\{[^{}]*\}", "x", text).split("/")
    if unknown:
        known = ", ".join(f"{{{word}}}" for word in (*_PATH_WORDS, "tag:KEY"))
        raise ValueError(f"expected words of {known}")
    if "name" not in words:
        raise ValueError("expected a path with {name} in it: each device has a file of its own")
    if any(part == "" or part.startswith(".") or set(part) & set("{}\\\0") for part in parts):
        raise ValueError("expected a relative path, none of its parts empty or hidden")
    return text


def checked_author(text: str) -> str:
    if text and not (text.isprintable() and re.fullmatch(r"[^<>]*[^<>\s] <[^<>\s]+>", text)):
        raise ValueError("expected a name and an address: Name <name@example.net>")
    return text


def has_login(url: str) -> bool:
    """Say whether a URL of git's holds what nobody may see among the words of a process.

    >>> has_login("https://token@git.example.net/x"), has_login("ssh://git@git.example.net/x")
    (True, False)
    """
    # Of http a name may be a token, too.
    return bool(re.match(r"https?://[^/@]*@|\w+://[^/@]*:[^/@]*@", url))


def checked_remote(text: str) -> str:
    if text.startswith("-") or not text.isprintable():
        raise ValueError("expected the name of a remote, or a URL")
    if has_login(text):
        raise ValueError("expected a URL without a login: git's credential helper has it")
    return text


def checked_branch(text: str) -> str:
    if not re.fullmatch(r"(?:(?![/.-])[\w./+-]+(?<![/.]))?", text) or ".." in text:
        raise ValueError("expected the name of a branch")
    return text


def url_problem(url: str) -> str:
    """Say why a URL is none that a webhook may have, without repeating it; empty where it may.

    >>> url_problem("https://chat.example.net/hooks/x"), url_problem("ftp://example.net/")
    ('', 'expected a URL with http:// or https:// and a host')
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "expected a URL with http:// or https:// and a host"
    if parts.scheme not in {"http", "https"} or not host or not re.fullmatch(r"[!-~]+", url):
        return "expected a URL with http:// or https:// and a host"
    if parts.username is not None or parts.password is not None:
        return "expected a URL without a user and a password: a header can have a secret"
    return ""


def checked_url(given: str | SourceKeys | None) -> str | SourceKeys | None:
    if isinstance(given, str) and "${" not in given and (problem := url_problem(given)):
        raise ValueError(problem)
    return given


def checked_summary(text: str) -> str:
    if Path(text).suffix not in {".md", ".json"}:
        raise ValueError("expected a file that ends in .md or .json")
    return text


def list_or_nothing(value: object) -> object:
    """A list with nothing below it, all lines commented out, is an empty one."""
    return [] if value is None else value


def checked_variable(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError("expected the name of an environment variable")
    return name
