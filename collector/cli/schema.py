"""``collector schema config|inventory``: JSON Schemas for editors."""

from __future__ import annotations

import json

import typer

from collector.cli.streams import standard_output

app = typer.Typer(help="Print a JSON Schema, for completion and checks in an editor.")


@app.command("config")
def config() -> None:
    """Print the JSON Schema of config.yaml."""
    from collector.settings import settings_schema

    _print(settings_schema())


@app.command("inventory")
def inventory() -> None:
    """Print the JSON Schema of an inventory file."""
    from collector.inventory import inventory_schema

    _print(inventory_schema())


def _print(schema: object) -> None:
    standard_output().write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")
