"""config.yaml, environment and flags to frozen `Settings`.

Owns the keys, their bounds and defaults, and who wins: a flag over the environment over the file
over the default. Refuses to know what is done with a setting, and which platforms there are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    StrictBool,
    Tag,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from collector.document import (
    Complaint,
    Document,
    Loc,
    complaints,
    near,
    parse_document,
    read_document,
    typed,
)
from collector.document.keys import (
    Closed,
    Line,
    Seconds,
    SecondsOrNone,
    Secret,
    Section,
    SourceKeys,
    TimeoutKeys,
    Word,
)
from collector.errors import InputError
from collector.model import (
    Event,
    HostKeys,
    JobCommands,
    Limits,
    Redact,
    Retention,
    Retries,
    Timeouts,
    Tolerance,
)

PREFIX: Final = "COLLECTOR_"
CONFIG: Final = "COLLECTOR_CONFIG"
FILE: Final = Path("config.yaml")
KNOWN_HOSTS: Final = Path("~/.config/collector/known_hosts")
OUTPUT_LIMIT: Final = 64 * 1024 * 1024
SUSPECT_BELOW: Final = 0.5
_LIMITS, _TIMEOUTS, _RETRIES = Limits(), Timeouts(), Retries()  # the defaults


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A named set of commands. ``backup``: what it collects is
    the backup of a device, and has a history. ``keep_raw``: what is redacted is kept as it came in
    the run's own folder, and nowhere else.
    """

    name: str
    commands: JobCommands
    backup: bool = False
    redact: Redact = Redact.OFF
    keep_raw: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """Where the history is pushed to: a remote of its repository or a URL; empty: nowhere.

    ``branch`` is the one there, empty: of the same name as here.
    """

    remote: str = ""
    branch: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backups:
    """How the history of the backups is kept.

    ``path`` is the template of a device's file, ``author`` empty where git knows who it is,
    ``timeout`` is for each git command, in seconds. ``fingerprint_key``: a text with ``${VAR}``,
    or the source of a secret as it is written.
    """

    enabled: bool = True
    path: str = "{name}.cfg"
    author: str = ""
    timeout: float = 60.0
    push: Push = Push()
    fingerprint_key: str | Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """Who is told of events: a program that is started, or a web server that is asked.

    One of ``command`` and ``webhook`` is given. ``webhook`` and ``headers`` hold texts with
    ``${VAR}``, or the sources of secrets as they are written. ``environment`` names the variables
    that a program is given besides a few harmless ones; ``timeout`` is in seconds.
    """

    events: frozenset[Event]
    command: tuple[str, ...] = ()
    webhook: str | Mapping[str, Any] | None = field(default=None, repr=False)
    headers: Mapping[str, str | Mapping[str, Any] | None] = field(
        default_factory=lambda: MappingProxyType({}), repr=False
    )
    environment: tuple[str, ...] = ()
    timeout: float = 30.0


_RETENTION: Final = Retention()
_BUILT_IN: Final = {"backup": Job(name="backup", commands="backup", backup=True)}
_BACKUPS: Final = Backups()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, defaults filled in.

    ``platforms`` are the user's own as written; ``document`` knows their places. ``output_limit``
    is in bytes a command, ``suspect_below`` a share of the last good copy's bytes.
    ``summary_files`` and ``metrics_file`` are written at the end of a run.
    """

    inventory: Path = Path("inventory/lab.yaml")
    output: Path = Path("output")
    job: str = "backup"
    limits: Limits = _LIMITS
    timeouts: Timeouts = _TIMEOUTS
    retries: Retries = _RETRIES
    max_failures: Tolerance | None = None
    host_keys: HostKeys = HostKeys.ACCEPT_NEW
    known_hosts: Path = field(default_factory=KNOWN_HOSTS.expanduser)
    jobs: Mapping[str, Job] = field(default_factory=lambda: MappingProxyType(_BUILT_IN))
    platforms: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    output_limit: int = OUTPUT_LIMIT
    suspect_below: float = SUSPECT_BELOW
    backups: Backups = _BACKUPS
    hooks: tuple[Hook, ...] = ()
    summary_files: tuple[Path, ...] = ()
    metrics_file: Path | None = None
    retention: Retention = _RETENTION
    document: Document | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A value from elsewhere than the file, and what to call it in a problem: ``--workers``."""

    value: object
    label: str


def load_settings(
    path: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] = MappingProxyType({}),
) -> Settings:
    """Return the settings in force; raises InputError with every problem at once.

    Without a path it is COLLECTOR_CONFIG, else ./config.yaml where there is one. ``overrides`` are
    keyed like ``limits.sessions``; a value may be an `Override`, and None is no override. Paths in
    the file start at the file's folder, all others at the working directory.
    """
    document = _document(path, environ)
    document.forgive(("host_keys",), tuple(HostKeys))
    for job in _section(document.data, "jobs"):
        document.forgive(("jobs", job, "redact"), tuple(Redact))
    for place in range(len(_list(document.data, "hooks"))):
        document.forgive_key(("hooks", place, "on"))
    layers = [*_environment(environ), *_flags(overrides)]
    data, origins = _merged(document.data, layers)
    problems = list(_slips(environ))
    wrong = [*_undefined_job(data), *_unkeyed_jobs(data), *_clashing_jobs(data)]
    try:
        keys = _Keys.model_validate(data)
    except ValidationError as error:
        wrong += complaints(error.errors(include_url=False), _schema())
    elsewhere = [(origin, c) for c in wrong if (origin := _origin(c.loc, origins))]
    problems += [f"{origin}: {c.message}" for origin, c in elsewhere]
    problems += document.problems(c for c in wrong if not _origin(c.loc, origins))
    if problems:
        raise InputError(*problems)
    return _settings(keys, origins, document)


def settings_schema() -> dict[str, Any]:
    """Return the JSON Schema of config.yaml, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_schema(),
        "title": "Settings",
    }


def _document(path: Path | None, environ: Mapping[str, str]) -> Document:
    named = path or environ.get(CONFIG)
    if named:
        return read_document(named)
    return read_document(FILE) if FILE.exists() else parse_document("", str(FILE))


# What is read: the keys, their bounds, and where they come from.

_Attempts = Annotated[int, Field(strict=True, ge=1, le=100)]
_Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
_CountOrNone = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
_Days = Annotated[float, Field(strict=True, ge=0, le=36_500, allow_inf_nan=False)]
_Rate = Annotated[float, Field(strict=True, ge=0, le=1_000_000, allow_inf_nan=False)]
_Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
_CommandList = Annotated[list[Line], Field(min_length=1)]


def _max_failures(value: object) -> Tolerance | None:
    if value is None:
        return None
    text = str(value)
    whole, percent = re.fullmatch(r"\d+", text), re.fullmatch(r"(\d+(?:\.\d+)?)%", text)
    if whole and not isinstance(value, bool):
        return Tolerance(most=int(text))
    if percent and float(percent[1]) <= 100:
        return Tolerance(most=float(percent[1]) / 100, is_share=True)
    raise ValueError("expected a number of devices, or a share such as 5%")


_MaxFailures = Annotated[
    Any,
    AfterValidator(_max_failures),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": r"^\d+(\.\d+)?%$"},
                {"type": "null"},
            ]
        }
    ),
]


def _kind(value: object) -> str:
    """Tell which of the three forms a job's commands are in; angle brackets mark it as no key."""
    if isinstance(value, Mapping):
        return "<mapping>"
    return "<list>" if isinstance(value, Sequence) and not isinstance(value, str) else "<word>"


_JobCommands = Annotated[
    Annotated[Literal["backup"], Tag("<word>")]
    | Annotated[_CommandList, Tag("<list>")]
    | Annotated[dict[str, _CommandList], Tag("<mapping>"), Field(min_length=1)],
    Discriminator(_kind),
]


class _LimitKeys(Closed):
    sessions: _Count = Field(_LIMITS.sessions, description="sessions open at once")
    connecting: _Count = Field(_LIMITS.connecting, description="sessions being opened at once")
    per_group: _CountOrNone = Field(
        _LIMITS.per_group, description="sessions in one group at once; 0: no limit"
    )
    per_credential: _CountOrNone = Field(
        _LIMITS.per_credential, description="sessions with one credential at once; 0: no limit"
    )
    connects_per_second: _Rate = Field(
        _LIMITS.connects_per_second, description="connections begun in a second; 0: no limit"
    )
    trial: _Count = Field(
        _LIMITS.trial, description="devices tried at once with a credential not accepted yet"
    )
    rejections: _Count = Field(
        _LIMITS.rejections, description="rejections in a row after which a credential is not tried"
    )


class _TimeoutKeys(TimeoutKeys):
    run: SecondsOrNone = Field(_TIMEOUTS.run, description="seconds for the run; 0: no limit")


class _RetryKeys(Closed):
    attempts: _Attempts = Field(_RETRIES.attempts, description="attempts in all")
    backoff: SecondsOrNone = Field(
        _RETRIES.backoff, description="seconds before the second attempt, doubled after it"
    )


class _JobKeys(Closed):
    commands: _JobCommands = Field(
        description="backup, a list of commands, or lists by platform and for the default"
    )
    backup: StrictBool | None = Field(
        None,
        description="whether what it collects has a history in git; by default where its commands"
        " are backup",
    )
    redact: Redact = Field(
        Redact.OFF, description="what is put in the place of secrets in what it collects"
    )
    keep_raw: StrictBool = Field(
        False, description="keep what is redacted as it came, in the run's own folder only"
    )


def _path_template(text: str) -> str:
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


def _author(text: str) -> str:
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


def _remote(text: str) -> str:
    if text.startswith("-") or not text.isprintable():
        raise ValueError("expected the name of a remote, or a URL")
    if has_login(text):
        raise ValueError("expected a URL without a login: git's credential helper has it")
    return text


def _branch(text: str) -> str:
    if not re.fullmatch(r"(?:(?![/.-])[\w./+-]+(?<![/.]))?", text) or ".." in text:
        raise ValueError("expected the name of a branch")
    return text


_PATH_WORDS: Final = ("name", "group", "platform", "command")


class _PushKeys(Closed):
    remote: Annotated[str, AfterValidator(_remote)] = Field(
        _BACKUPS.push.remote, description="a remote of that repository, or a URL; empty: no push"
    )
    branch: Annotated[str, AfterValidator(_branch)] = Field(
        _BACKUPS.push.branch, description="the branch there; empty: of the same name as here"
    )


class _BackupKeys(Closed):
    enabled: StrictBool = Field(_BACKUPS.enabled, description="whether a history is kept in git")
    path: Annotated[Word, AfterValidator(_path_template)] = Field(
        _BACKUPS.path,
        description="the file of a device: {name}, {group}, {platform}, {tag:KEY}, {command}",
    )
    author: Annotated[str, AfterValidator(_author)] = Field(
        _BACKUPS.author, description="who the commits are by; empty: who git says"
    )
    timeout: Seconds = Field(
        _BACKUPS.timeout, description="seconds for one git command, hooks and network included"
    )
    push: Annotated[_PushKeys, Section] = _PushKeys()
    fingerprint_key: Secret = Field(
        None, description="the key of fingerprints: a text with ${VAR}, or the source of a secret"
    )


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


def _url(given: str | SourceKeys | None) -> str | SourceKeys | None:
    if isinstance(given, str) and "${" not in given and (problem := url_problem(given)):
        raise ValueError(problem)
    return given


def _summary_file(text: str) -> str:
    if Path(text).suffix not in {".md", ".json"}:
        raise ValueError("expected a file that ends in .md or .json")
    return text


def _nothing(value: object) -> object:
    """A list with nothing below it, all lines commented out, is an empty one."""
    return [] if value is None else value


def _variable(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError("expected the name of an environment variable")
    return name


_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VariableName = Annotated[str, AfterValidator(_variable)]
_SummaryFile = Annotated[Word, AfterValidator(_summary_file)]


class _HookKeys(Closed):
    on: Annotated[list[Event], Field(min_length=1)] = Field(description="the events to be told of")
    command: Annotated[list[Word], Field(min_length=1)] | None = Field(
        None, description="a program and its arguments; the event is its standard input, as JSON"
    )
    webhook: Annotated[Secret, AfterValidator(_url)] = Field(
        None, description="the URL that the event is posted to, as JSON, or the source of one"
    )
    headers: dict[str, Secret] = Field(
        {}, description="of the webhook: texts with ${VAR}, or the sources of secrets"
    )
    environment: list[_VariableName] = Field(
        [], description="the variables that the program is given besides PATH, HOME and the like"
    )
    timeout: Seconds = Field(
        Hook(events=frozenset()).timeout, description="seconds for one call of it"
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.command is None) == (self.webhook is None):
            raise ValueError("expected one of command and webhook")
        if self.command is None and self.environment:
            raise ValueError("expected environment beside a command only")
        if self.webhook is None and self.headers:
            raise ValueError("expected headers beside a webhook only")
        if not all(map(_HEADER.fullmatch, self.headers)):
            raise ValueError("expected names of HTTP headers in headers")
        return self


class _RetentionKeys(Closed):
    runs: _CountOrNone = Field(
        _RETENTION.runs, description="the newest runs that are kept; 0: none for being new"
    )
    days: _Days = Field(
        _RETENTION.days, description="days for which a run is kept; 0: none for its age"
    )


class _Keys(Closed):
    inventory: Word = Field("inventory/lab.yaml", description="the inventory file")
    output: Word = Field("output", description="the folder that runs are stored in")
    job: Word = Field("backup", description="the job of a run that names none")
    limits: Annotated[_LimitKeys, Section] = _LimitKeys()
    timeouts: Annotated[_TimeoutKeys, Section] = _TimeoutKeys()
    retries: Annotated[_RetryKeys, Section] = _RetryKeys()
    max_failures: _MaxFailures = Field(
        None, description="devices that may fail, or a share of all, before no more are begun"
    )
    host_keys: HostKeys = Field(
        HostKeys.ACCEPT_NEW, description="what is done about an SSH host key not known yet"
    )
    known_hosts: Word = Field(str(KNOWN_HOSTS), description="where host keys are kept")
    jobs: Annotated[dict[str, _JobKeys], Section] = Field({})
    platforms: Annotated[dict[str, dict[str, Any]], Section] = Field(
        {}, description="platforms of your own"
    )
    backups: Annotated[_BackupKeys, Section] = _BackupKeys()
    hooks: Annotated[list[_HookKeys], BeforeValidator(_nothing)] = Field(
        [], description="who is told of what a run has found"
    )
    summary_files: Annotated[list[_SummaryFile], BeforeValidator(_nothing)] = Field(
        [], description="written at the end of a run: Markdown (.md) or JSON (.json)"
    )
    metrics_file: str = Field(
        "", description="written at the end of a job, for Prometheus; empty: none"
    )
    retention: Annotated[_RetentionKeys, Section] = _RetentionKeys()
    output_limit: Annotated[int, Field(strict=True, ge=1024)] = Field(
        OUTPUT_LIMIT, description="bytes that one command may say"
    )
    suspect_below: _Share = Field(
        SUSPECT_BELOW,
        description="share of the last good copy under which a new one is suspect; 0: never",
    )


@cache
def _schema() -> dict[str, Any]:
    return _Keys.model_json_schema()


@cache
def _leaves() -> Mapping[Loc, Mapping[str, Any]]:
    """Return the schema of every key that holds a single value: those that a variable can set."""
    top = _schema()["properties"]
    sections: dict[Loc, type[Closed]] = {
        ("limits",): _LimitKeys,
        ("timeouts",): _TimeoutKeys,
        ("retries",): _RetryKeys,
        ("retention",): _RetentionKeys,
        ("backups",): _BackupKeys,
        ("backups", "push"): _PushKeys,
    }
    lists = {("hooks",), ("summary_files",)}
    unset = {*sections, *lists, ("jobs",), ("platforms",), ("backups", "fingerprint_key")}
    leaves: dict[Loc, Mapping[str, Any]] = {
        (key,): part for key, part in top.items() if (key,) not in unset
    }
    for section, keys in sections.items():
        for key, part in keys.model_json_schema()["properties"].items():
            if (*section, key) not in unset:
                leaves[*section, key] = part
    return leaves


# Who wins.


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """One value from outside the file."""

    loc: Loc
    value: object
    label: str


def _variables() -> dict[str, Loc]:
    return {PREFIX + "_".join(map(str, loc)).upper(): loc for loc in _leaves()}


def _environment(environ: Mapping[str, str]) -> Iterator[_Layer]:
    for name, loc in _variables().items():
        if text := environ.get(name):
            yield _Layer(loc=loc, value=_read(text, loc), label=f"environment: {name}")


def _slips(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each variable that is nearly one of ours; others may be somebody else's."""
    known = [name.removeprefix(PREFIX) for name in (*_variables(), CONFIG)]  # the prefix is alike
    for name in environ:
        word = name.removeprefix(PREFIX)
        if not name.startswith(PREFIX) or word in known:
            continue
        if hint := near(word, known, at_least=0.8):
            full = hint.replace("'", f"'{PREFIX}", 1)
            yield f"environment: unknown variable {name}{full}"


def _flags(overrides: Mapping[str, object]) -> Iterator[_Layer]:
    for dotted, given in overrides.items():
        override = given if isinstance(given, Override) else Override(value=given, label=dotted)
        if override.value is not None:
            loc = tuple(dotted.split("."))
            yield _Layer(loc=loc, value=_read(override.value, loc), label=override.label)


def _read(value: object, loc: Loc) -> object:
    """Type a text as the file would be; a path becomes a text, as it is in the file."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    kind = _leaves().get(loc, {}).get("type")
    if isinstance(value, str) and kind in {"integer", "number", "boolean"}:
        read = typed(value)
        return read if isinstance(read, (int, float)) else value
    return value


def _merged(
    data: Mapping[str, Any], layers: Sequence[_Layer]
) -> tuple[dict[str, Any], dict[Loc, str]]:
    """Return the file's data with the layers over it, and the label of each value that won."""
    merged: dict[str, Any] = deepcopy(dict(data))
    origins: dict[Loc, str] = {}
    for layer in layers:
        *sections, key = map(str, layer.loc)
        holder: Any = merged
        for section in sections:
            if holder.get(section) is None:
                holder[section] = {}
            holder = holder[section]
            if not isinstance(holder, dict):
                break  # what is wrong with the file will be said
        else:
            holder[key] = layer.value
            origins[layer.loc] = layer.label
    return merged, origins


def _origin(loc: Loc, origins: Mapping[Loc, str]) -> str:
    """Say what a value that is not the file's was given by; also one in a list of them."""
    return origins.get(loc, "") or origins.get(loc[:1], "")


def _undefined_job(data: Mapping[str, Any]) -> Iterator[Complaint]:
    job, jobs = data.get("job"), data.get("jobs")
    known = {*_BUILT_IN, *(jobs if isinstance(jobs, dict) else ())}
    if isinstance(job, str) and job and job not in known:
        yield Complaint(loc=("job",), message=f"no job {job!r}{near(job, known)}")


def _unkeyed_jobs(data: Mapping[str, Any]) -> Iterator[Complaint]:
    if _section(data, "backups").get("fingerprint_key"):
        return
    for name, job in _section(data, "jobs").items():
        if isinstance(job, dict) and job.get("redact") == Redact.FINGERPRINT:
            message = "expected a backups.fingerprint_key for it, found none"
            yield Complaint(loc=("jobs", name, "redact"), message=message)


def _clashing_jobs(data: Mapping[str, Any]) -> Iterator[Complaint]:
    """Yield a line for each job that would undo what the first one with a history has written."""
    backups = _section(data, "backups")
    if backups.get("enabled") is False:
        return
    name, first = "", dict[str, Any]()
    for other, job in _section(data, "jobs").items():
        if not _has_history(job):
            continue
        if not name:
            name, first = other, job
        elif key := _clash(first, job, str(backups.get("path"))):
            message = f"expected the {key} of job {name}, as both write the same backups"
            message += "; or backup: false in one of them"
            yield Complaint(loc=("jobs", other, key), message=message)


def _clash(first: Mapping[str, Any], job: Mapping[str, Any], path: str) -> str:
    """Name the key by which two jobs write the same files in two ways; empty for none."""
    if _are_apart(first["commands"], job["commands"]):
        return ""
    if job.get("redact", Redact.OFF) != first.get("redact", Redact.OFF):
        return "redact"
    return "commands" if job["commands"] != first["commands"] and "{command}" not in path else ""


def _has_history(job: object) -> bool:
    if not isinstance(job, dict) or "commands" not in job:
        return False
    wanted = job.get("backup")
    return bool(job["commands"] == "backup" if wanted is None else wanted)


def _are_apart(one: object, other: object) -> bool:
    """Whether two jobs' commands are for different platforms, as far as their names tell."""
    if not (isinstance(one, Mapping) and isinstance(other, Mapping)):
        return False
    return "default" not in {*one, *other} and not {*one} & {*other}


def _list(data: Mapping[str, Any], key: str) -> Sequence[Any]:
    """Return a list of what is not checked yet; an empty one for what is none."""
    part = data.get(key)
    return part if isinstance(part, list) else []


def _section(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return a part of what is not checked yet; an empty one for what is no mapping."""
    part = data.get(key)
    return part if isinstance(part, dict) else {}


def _settings(keys: _Keys, origins: Mapping[Loc, str], document: Document) -> Settings:
    folder = Path(document.name).parent

    def placed(key: str, given: str) -> Path:
        # Unlike Path.expanduser, it leaves an unknown ~user as it is.
        expanded = Path(os.path.expanduser(given))
        in_file = key in document.data and (key,) not in origins
        return folder / expanded if in_file else expanded

    def path(key: str) -> Path:
        return placed(key, getattr(keys, key))

    jobs = {name: _job(name, job) for name, job in keys.jobs.items()}
    return Settings(
        inventory=path("inventory"),
        output=path("output"),
        job=keys.job,
        limits=Limits(**keys.limits.model_dump()),
        timeouts=Timeouts(**keys.timeouts.model_dump()),
        retries=Retries(**keys.retries.model_dump()),
        max_failures=keys.max_failures,
        host_keys=keys.host_keys,
        known_hosts=path("known_hosts"),
        jobs=MappingProxyType({**_BUILT_IN, **jobs}),
        platforms=MappingProxyType(keys.platforms),
        output_limit=keys.output_limit,
        suspect_below=keys.suspect_below,
        backups=_backups(keys.backups),
        hooks=tuple(map(_hook, keys.hooks)),
        summary_files=tuple(placed("summary_files", each) for each in keys.summary_files),
        metrics_file=path("metrics_file") if keys.metrics_file else None,
        retention=Retention(**keys.retention.model_dump()),
        document=document,
    )


def _secret(given: str | SourceKeys | None) -> str | Mapping[str, Any] | None:
    return given.model_dump(exclude_none=True) if isinstance(given, SourceKeys) else given


def _hook(keys: _HookKeys) -> Hook:
    return Hook(
        events=frozenset(keys.on),
        command=tuple(keys.command or ()),
        webhook=_secret(keys.webhook),
        headers=MappingProxyType({name: _secret(given) for name, given in keys.headers.items()}),
        environment=tuple(keys.environment),
        timeout=keys.timeout,
    )


def _backups(keys: _BackupKeys) -> Backups:
    return Backups(
        enabled=keys.enabled,
        path=keys.path,
        author=keys.author,
        timeout=keys.timeout,
        push=Push(remote=keys.push.remote, branch=keys.push.branch),
        fingerprint_key=_secret(keys.fingerprint_key),
    )


def _job(name: str, keys: _JobKeys) -> Job:
    commands = _commands(keys)
    backup = commands == "backup" if keys.backup is None else keys.backup
    return Job(
        name=name,
        commands=commands,
        backup=backup,
        redact=keys.redact,
        keep_raw=keys.keep_raw,
    )


def _commands(job: _JobKeys) -> JobCommands:
    match job.commands:
        case str():
            return "backup"
        case dict() as by_platform:
            return MappingProxyType({name: tuple(list_) for name, list_ in by_platform.items()})
        case same_for_all:
            return tuple(same_for_all)
