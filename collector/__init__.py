"""Collect command outputs from network devices: what the command line does, for a script.

::

    inventory = load_inventory(find_inventory("lab.yaml"))
    credentials = Credentials(inventory.credentials, os.environ)
    devices = select(inventory.devices, ["site=ams"])
    async for result in collect(devices, credentials=credentials, commands=["show version"]):
        print(result.device.name, result.status)

`collect` gives results and writes nothing; `run` does a whole run with its folder and manifest.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collector.collect import Observer, Plan, RunOutcome, execute, prepare
    from collector.collect.again import repeat, resume
    from collector.collect.posture import Posture, posture
    from collector.collect.run import collect, run
    from collector.credentials import Credential, Credentials, CredentialSpec
    from collector.engine import Connector, Session
    from collector.errors import (
        CollectorError,
        DeviceError,
        Exit,
        InputError,
        LockedError,
        SelectionError,
        StorageError,
    )
    from collector.inventory import Inventory, find_inventory, load_inventory, select
    from collector.model import (
        Algorithms,
        Assignment,
        Change,
        CommandResult,
        CommandStatus,
        Device,
        DeviceResult,
        Fault,
        FaultClass,
        HostKeys,
        Jump,
        Limits,
        Phase,
        Proof,
        ProofLevel,
        Retries,
        SshProfile,
        Status,
        Timeouts,
        Tolerance,
        Transport,
    )
    from collector.platforms import Platform, load_platforms
    from collector.settings import Backups, Job, Push, Settings, load_settings
    from collector.store import (
        DeviceRow,
        LastGood,
        Manifest,
        PastRun,
        find_run,
        last_good,
        latest_run,
        read_journal,
        read_manifest,
    )
    from collector.store.verification import Finding, Verification

__all__ = [
    # from inventory to results
    "load_settings",
    "find_inventory",
    "load_inventory",
    "select",
    "Credentials",
    "collect",
    # a whole run
    "prepare",
    "resume",
    "repeat",
    "execute",
    "run",
    "Observer",
    "Plan",
    "RunOutcome",
    # what is on disk
    "latest_run",
    "find_run",
    "last_good",
    "read_manifest",
    "read_journal",
    "DeviceRow",
    "Manifest",
    "PastRun",
    "Verification",
    "Finding",
    "LastGood",
    "posture",
    "Posture",
    # what opens sessions, where it is not the built-in one
    "Connector",
    "Session",
    # values
    "Algorithms",
    "Assignment",
    "Backups",
    "Change",
    "CommandResult",
    "CommandStatus",
    "Credential",
    "CredentialSpec",
    "Device",
    "DeviceResult",
    "Fault",
    "FaultClass",
    "HostKeys",
    "Inventory",
    "Job",
    "Jump",
    "Limits",
    "Phase",
    "Platform",
    "Proof",
    "ProofLevel",
    "Push",
    "Retries",
    "Settings",
    "SshProfile",
    "Status",
    "Timeouts",
    "Tolerance",
    "Transport",
    "load_platforms",
    # errors
    "CollectorError",
    "DeviceError",
    "Exit",
    "InputError",
    "LockedError",
    "SelectionError",
    "StorageError",
]

# Imported when first asked for: `collector --help` and a script's own start stay quick.
_HOMES = {
    "Observer": "collector.collect",
    "Plan": "collector.collect",
    "RunOutcome": "collector.collect",
    "execute": "collector.collect",
    "prepare": "collector.collect",
    "repeat": "collector.collect.again",
    "resume": "collector.collect.again",
    "run": "collector.collect",
    "CollectorError": "collector.errors",
    "DeviceError": "collector.errors",
    "Exit": "collector.errors",
    "InputError": "collector.errors",
    "LockedError": "collector.errors",
    "SelectionError": "collector.errors",
    "StorageError": "collector.errors",
    "Algorithms": "collector.model",
    "Assignment": "collector.model",
    "Change": "collector.model",
    "CommandResult": "collector.model",
    "CommandStatus": "collector.model",
    "Device": "collector.model",
    "DeviceResult": "collector.model",
    "Fault": "collector.model",
    "FaultClass": "collector.model",
    "HostKeys": "collector.model",
    "Jump": "collector.model",
    "Limits": "collector.model",
    "Phase": "collector.model",
    "Proof": "collector.model",
    "ProofLevel": "collector.model",
    "Retries": "collector.model",
    "SshProfile": "collector.model",
    "Status": "collector.model",
    "Timeouts": "collector.model",
    "Tolerance": "collector.model",
    "Transport": "collector.model",
    "Credential": "collector.credentials",
    "Credentials": "collector.credentials",
    "CredentialSpec": "collector.credentials",
    "Posture": "collector.collect.posture",
    "posture": "collector.collect.posture",
    "Connector": "collector.engine",
    "Session": "collector.engine",
    "Inventory": "collector.inventory",
    "find_inventory": "collector.inventory",
    "load_inventory": "collector.inventory",
    "select": "collector.inventory",
    "Platform": "collector.platforms",
    "load_platforms": "collector.platforms",
    "Backups": "collector.settings",
    "Job": "collector.settings",
    "Push": "collector.settings",
    "Settings": "collector.settings",
    "load_settings": "collector.settings",
    "DeviceRow": "collector.store",
    "Finding": "collector.store.verification",
    "LastGood": "collector.store",
    "Manifest": "collector.store",
    "PastRun": "collector.store",
    "Verification": "collector.store.verification",
    "find_run": "collector.store",
    "last_good": "collector.store",
    "latest_run": "collector.store",
    "read_journal": "collector.store",
    "read_manifest": "collector.store",
}


class _Package(ModuleType):
    """This module, whose ``collect`` is the function, though there is a room of that name, too.

    Python sets a package's attribute to each module below it that has been imported.
    """

    @property
    def collect(self) -> object:
        return importlib.import_module("collector.collect.run").collect

    @collect.setter
    def collect(self, value: object) -> None:
        if not isinstance(value, ModuleType):
            raise AttributeError("collect cannot be set")  # noqa: TRY004 - as of any property


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
