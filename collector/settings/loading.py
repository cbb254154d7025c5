"""config.yaml, environment and flags to frozen `Settings`; every problem at once.

Owns the order in which these are read, and where a path starts. Refuses to know the keys' bounds.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from collector.document import Document, Loc, complaints, parse_document, read_document
from collector.errors import InputError
from collector.model import HostKeys, Limits, Redact, Retention, Retries, Timeouts
from collector.settings.clusters import unusable_cluster
from collector.settings.jobs import clashing_jobs, list_of, section_of, undefined_job, unkeyed_jobs
from collector.settings.keys import Keys, backups_of, hook_of, job_of, schema
from collector.settings.layers import (
    CONFIG,
    environment_layers,
    flag_layers,
    merged,
    origin_of,
    slips,
)
from collector.settings.values import BUILT_IN, ClusterAccess, Settings

FILE: Final = Path("config.yaml")


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
    for job in section_of(document.data, "jobs"):
        document.forgive(("jobs", job, "redact"), tuple(Redact))
    for place in range(len(list_of(document.data, "hooks"))):
        document.forgive_key(("hooks", place, "on"))
    layers = [*environment_layers(environ), *flag_layers(overrides)]
    data, origins = merged(document.data, layers)
    problems = list(slips(environ))
    wrong = [*undefined_job(data), *unkeyed_jobs(data), *clashing_jobs(data)]
    wrong += unusable_cluster(data)
    try:
        keys = Keys.model_validate(data)
    except ValidationError as error:
        wrong += complaints(error.errors(include_url=False), schema())
    elsewhere = [(origin, c) for c in wrong if (origin := origin_of(c.loc, origins))]
    problems += [f"{origin}: {c.message}" for origin, c in elsewhere]
    problems += document.problems(c for c in wrong if not origin_of(c.loc, origins))
    if problems:
        raise InputError(*problems)
    return _settings(keys, origins, document)


def settings_schema() -> dict[str, Any]:
    """Return the JSON Schema of config.yaml, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema(),
        "title": "Settings",
    }


def _document(path: Path | None, environ: Mapping[str, str]) -> Document:
    named = path or environ.get(CONFIG)
    if named:
        return read_document(named)
    return read_document(FILE) if FILE.exists() else parse_document("", str(FILE))


def _settings(keys: Keys, origins: Mapping[Loc, str], document: Document) -> Settings:
    folder = Path(document.name).parent

    def placed(key: str, given: str, section: str = "") -> Path:
        # Unlike Path.expanduser, it leaves an unknown ~user as it is.
        expanded = Path(os.path.expanduser(given))
        loc = (section, key) if section else (key,)
        there = section_of(document.data, section) if section else document.data
        return folder / expanded if key in there and loc not in origins else expanded

    def path(key: str) -> Path:
        return placed(key, getattr(keys, key))

    def of_cluster(key: str) -> Path | None:
        given = getattr(keys.cluster, key)
        return placed(key, given, "cluster") if given else None

    cluster = ClusterAccess(
        address=keys.cluster.address,
        tls_ca=of_cluster("tls_ca"),
        tls_cert=of_cluster("tls_cert"),
        tls_key=of_cluster("tls_key"),
        insecure=keys.cluster.insecure,
        site_tag=keys.cluster.site_tag,
    )
    jobs = {name: job_of(name, job) for name, job in keys.jobs.items()}
    return Settings(
        inventory=path("inventory"),
        output=path("output"),
        job=keys.job,
        limits=Limits(**dict(keys.limits)),
        timeouts=Timeouts(**dict(keys.timeouts)),
        retries=Retries(**dict(keys.retries)),
        processes=keys.processes,
        order=keys.order,
        cluster=cluster,
        max_failures=keys.max_failures,
        host_keys=keys.host_keys,
        known_hosts=path("known_hosts"),
        jobs=MappingProxyType({**BUILT_IN, **jobs}),
        platforms=MappingProxyType(keys.platforms),
        output_limit=keys.output_limit,
        suspect_below=keys.suspect_below,
        backups=backups_of(keys.backups),
        hooks=tuple(map(hook_of, keys.hooks)),
        summary_files=tuple(placed("summary_files", each) for each in keys.summary_files),
        metrics_file=path("metrics_file") if keys.metrics_file else None,
        retention=Retention(**dict(keys.retention)),
        document=document,
    )
