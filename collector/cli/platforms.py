"""``collector platforms``: what is known of each network operating system."""

from __future__ import annotations

from collector.cli.options import ConfigOption, settings_of
from collector.cli.streams import standard_output


def platforms(config: ConfigOption = None) -> None:
    """List the platforms, the built-in ones and your own, with what a backup asks of each."""
    from collector.collect import platforms_of
    from collector.views.table import columns

    known = platforms_of(settings_of(config))
    rows = [
        (name, platform.driver or "-", "; ".join((*platform.backup, *platform.version)))
        for name, platform in sorted(known.items())
    ]
    standard_output().write_text(columns(("platform", "driver", "backup"), rows))
