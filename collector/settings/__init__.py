"""config.yaml, environment and flags to frozen `Settings`.

Owns the keys, their bounds and defaults, and who wins: a flag over the environment over the file
over the default. Refuses to know what is done with a setting, and which platforms there are.
"""

from collector.settings.checks import has_login, url_problem
from collector.settings.layers import Override
from collector.settings.loading import load_settings, settings_schema
from collector.settings.values import Backups, ClusterAccess, Hook, Job, Push, Settings

__all__ = [
    "load_settings",
    "settings_schema",
    "Override",
    "Settings",
    "Job",
    "Backups",
    "Push",
    "ClusterAccess",
    "Hook",
    "has_login",
    "url_problem",
]
