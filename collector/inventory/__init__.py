"""Where devices come from, and which of them are selected.

Owns the native inventory file (`native`), what is odd about one without being wrong (`review`), and
the words of ``--limit`` (`selection`). Refuses to know secrets and the network. What is taken over
from other collectors (`foreign`, `oxidized`, `rancid`) is imported by those who take it over.
"""

from collector.inventory.keys import inventory_schema
from collector.inventory.native import Inventory, find_inventory, load_inventory
from collector.inventory.review import check_inventory
from collector.inventory.selection import select

__all__ = [
    "Inventory",
    "check_inventory",
    "find_inventory",
    "inventory_schema",
    "load_inventory",
    "select",
]
