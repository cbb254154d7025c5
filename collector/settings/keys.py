"""The keys of config.yaml, their bounds, and their JSON Schema.

Owns what may be written, and the value that becomes of it. Refuses to know who wins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    StrictBool,
    Tag,
    WithJsonSchema,
    model_validator,
)

from collector.document import Loc
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
from collector.model import Event, HostKeys, JobCommands, Order, Redact
from collector.settings.checks import (
    MOST_PROCESSES,
    checked_author,
    checked_branch,
    checked_processes,
    checked_remote,
    checked_scheduler,
    checked_summary,
    checked_template,
    checked_tolerance,
    checked_url,
    checked_variable,
    list_or_nothing,
)
from collector.settings.values import (
    BACKUPS,
    CLUSTER,
    KNOWN_HOSTS,
    LIMITS,
    OUTPUT_LIMIT,
    RETENTION,
    RETRIES,
    SUSPECT_BELOW,
    TIMEOUTS,
    Backups,
    Hook,
    Job,
    Push,
)

_Attempts = Annotated[int, Field(strict=True, ge=1, le=100)]
_Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
_CountOrNone = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
_Days = Annotated[float, Field(strict=True, ge=0, le=36_500, allow_inf_nan=False)]
_Rate = Annotated[float, Field(strict=True, ge=0, le=1_000_000, allow_inf_nan=False)]
_Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
_CommandList = Annotated[list[Line], Field(min_length=1)]
_MaxFailures = Annotated[
    Any,
    AfterValidator(checked_tolerance),
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
_Processes = Annotated[
    Any,
    AfterValidator(checked_processes),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MOST_PROCESSES},
                {"const": "auto"},
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
    sessions: _Count = Field(LIMITS.sessions, description="sessions open at once")
    connecting: _Count = Field(LIMITS.connecting, description="sessions being opened at once")
    per_group: _CountOrNone = Field(
        LIMITS.per_group, description="sessions in one group at once; 0: no limit"
    )
    per_credential: _CountOrNone = Field(
        LIMITS.per_credential, description="sessions with one credential at once; 0: no limit"
    )
    connects_per_second: _Rate = Field(
        LIMITS.connects_per_second, description="connections begun in a second; 0: no limit"
    )
    trial: _Count = Field(
        LIMITS.trial, description="devices tried at once with a credential not accepted yet"
    )
    rejections: _Count = Field(
        LIMITS.rejections, description="rejections in a row after which a credential is not tried"
    )


class _TimeoutKeys(TimeoutKeys):
    run: SecondsOrNone = Field(TIMEOUTS.run, description="seconds for the run; 0: no limit")


class _RetryKeys(Closed):
    attempts: _Attempts = Field(RETRIES.attempts, description="attempts in all")
    backoff: SecondsOrNone = Field(
        RETRIES.backoff, description="seconds before the second attempt, doubled after it"
    )


class _ClusterKeys(Closed):
    address: Annotated[str, AfterValidator(checked_scheduler)] = Field(
        CLUSTER.address,
        description="the scheduler of the Dask cluster whose workers visit devices; empty: none",
    )
    tls_ca: str = Field("", description="the authority that certifies all of the cluster (PEM)")
    tls_cert: str = Field("", description="the certificate that is shown to the cluster (PEM)")
    tls_key: str = Field("", description="the certificate's private key (PEM)")
    insecure: StrictBool = Field(
        CLUSTER.insecure, description="whether an address with tcp:// will do: nothing is encrypted"
    )
    site_tag: Word = Field(CLUSTER.site_tag, description="the tag that names the site of a device")


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


class _PushKeys(Closed):
    remote: Annotated[str, AfterValidator(checked_remote)] = Field(
        BACKUPS.push.remote, description="a remote of that repository, or a URL; empty: no push"
    )
    branch: Annotated[str, AfterValidator(checked_branch)] = Field(
        BACKUPS.push.branch, description="the branch there; empty: of the same name as here"
    )


class _BackupKeys(Closed):
    enabled: StrictBool = Field(BACKUPS.enabled, description="whether a history is kept in git")
    path: Annotated[Word, AfterValidator(checked_template)] = Field(
        BACKUPS.path,
        description="the file of a device: {name}, {group}, {platform}, {tag:KEY}, {command}",
    )
    author: Annotated[str, AfterValidator(checked_author)] = Field(
        BACKUPS.author, description="who the commits are by; empty: who git says"
    )
    timeout: Seconds = Field(
        BACKUPS.timeout, description="seconds for one git command, hooks and network included"
    )
    push: Annotated[_PushKeys, Section] = _PushKeys.model_construct()
    fingerprint_key: Secret = Field(
        None, description="the key of fingerprints: a text with ${VAR}, or the source of a secret"
    )


_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VariableName = Annotated[str, AfterValidator(checked_variable)]
_SummaryFile = Annotated[Word, AfterValidator(checked_summary)]


class _HookKeys(Closed):
    on: Annotated[list[Event], Field(min_length=1)] = Field(description="the events to be told of")
    command: Annotated[list[Word], Field(min_length=1)] | None = Field(
        None, description="a program and its arguments; the event is its standard input, as JSON"
    )
    webhook: Annotated[Secret, AfterValidator(checked_url)] = Field(
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
        RETENTION.runs, description="the newest runs that are kept; 0: none for being new"
    )
    days: _Days = Field(
        RETENTION.days, description="days for which a run is kept; 0: none for its age"
    )


class Keys(Closed):
    inventory: Word = Field("inventory/lab.yaml", description="the inventory file")
    output: Word = Field("output", description="the folder that runs are stored in")
    job: Word = Field("backup", description="the job of a run that names none")
    limits: Annotated[_LimitKeys, Section] = _LimitKeys.model_construct()
    timeouts: Annotated[_TimeoutKeys, Section] = _TimeoutKeys.model_construct()
    retries: Annotated[_RetryKeys, Section] = _RetryKeys.model_construct()
    processes: _Processes = Field(
        1, description="processes that visit devices; auto: one for each core of the machine"
    )
    order: Order = Field(
        Order.LONGEST_FIRST, description="which devices are begun first, by the last runs"
    )
    cluster: Annotated[_ClusterKeys, Section] = _ClusterKeys()
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
    backups: Annotated[_BackupKeys, Section] = _BackupKeys.model_construct()
    hooks: Annotated[list[_HookKeys], BeforeValidator(list_or_nothing)] = Field(
        [], description="who is told of what a run has found"
    )
    summary_files: Annotated[list[_SummaryFile], BeforeValidator(list_or_nothing)] = Field(
        [], description="written at the end of a run: Markdown (.md) or JSON (.json)"
    )
    metrics_file: str = Field(
        "", description="written at the end of a job, for Prometheus; empty: none"
    )
    retention: Annotated[_RetentionKeys, Section] = _RetentionKeys.model_construct()
    output_limit: Annotated[int, Field(strict=True, ge=1024)] = Field(
        OUTPUT_LIMIT, description="bytes that one command may say"
    )
    suspect_below: _Share = Field(
        SUSPECT_BELOW,
        description="share of the last good copy under which a new one is suspect; 0: never",
    )


@cache
def schema() -> dict[str, Any]:
    return Keys.model_json_schema()


@cache
def leaves() -> tuple[Loc, ...]:
    """Name every key that holds a single value: those that a variable can set."""
    lists = {("hooks",), ("summary_files",)}
    unset = {*_SECTIONS, *lists, ("jobs",), ("platforms",), ("backups", "fingerprint_key")}
    named: dict[Loc, type[Closed]] = {(): Keys, **_SECTIONS}
    found = [(*loc, key) for loc, keys in named.items() for key in keys.model_fields]
    return tuple(loc for loc in found if loc not in unset)


def kind_of(loc: Loc) -> object:
    """Name the JSON type of a key that holds a single value; None for any other key.

    Made when a value from outside the file has to be typed: the schemas take longer than all that
    is checked with them.
    """
    if loc not in leaves():
        return None
    keys = _SECTIONS.get(loc[:-1], Keys)
    return keys.model_json_schema()["properties"][loc[-1]].get("type")


_SECTIONS: Final[Mapping[Loc, type[Closed]]] = {
    ("limits",): _LimitKeys,
    ("timeouts",): _TimeoutKeys,
    ("retries",): _RetryKeys,
    ("cluster",): _ClusterKeys,
    ("retention",): _RetentionKeys,
    ("backups",): _BackupKeys,
    ("backups", "push"): _PushKeys,
}


def _secret(given: str | SourceKeys | None) -> str | Mapping[str, Any] | None:
    return given.model_dump(exclude_none=True) if isinstance(given, SourceKeys) else given


def hook_of(keys: _HookKeys) -> Hook:
    """Give the value of what was written."""
    return Hook(
        events=frozenset(keys.on),
        command=tuple(keys.command or ()),
        webhook=_secret(keys.webhook),
        headers=MappingProxyType({name: _secret(given) for name, given in keys.headers.items()}),
        environment=tuple(keys.environment),
        timeout=keys.timeout,
    )


def backups_of(keys: _BackupKeys) -> Backups:
    """Give the value of what was written."""
    return Backups(
        enabled=keys.enabled,
        path=keys.path,
        author=keys.author,
        timeout=keys.timeout,
        push=Push(remote=keys.push.remote, branch=keys.push.branch),
        fingerprint_key=_secret(keys.fingerprint_key),
    )


def job_of(name: str, keys: _JobKeys) -> Job:
    """Give the value of what was written."""
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
