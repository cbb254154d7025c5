"""``collector platforms``: what is known of each network operating system."""

from __future__ import annotations

import os

from collector.cli.options import ConfigOption
from collector.cli.streams import standard_output


def platforms(config: ConfigOption = None) -> None:
    """List the platforms, the built-in ones and your own, with what a backup asks of each."""
    from collector.collect import platforms_of
    from collector.settings import load_settings
    from collector.views.table import columns

    known = platforms_of(load_settings(config, os.environ))
    rows = [
        (name, platform.driver or "-", "; ".join((*platform.backup, *platform.version)))
        for name, platform in sorted(known.items())
    ]
    standard_output().write_text(columns(("platform", "driver", "backup"), rows))
