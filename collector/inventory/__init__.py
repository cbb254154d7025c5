"""Where devices come from, and which of them are selected.

Owns the native inventory file (`native`), what is odd about one without being wrong (`review`), and
the words of ``--limit`` (`selection`). Refuses to know secrets and the network.
"""

from collector.inventory.foreign import Foreign, ForeignDevice, inventory_text
from collector.inventory.keys import inventory_schema
from collector.inventory.native import Inventory, find_inventory, load_inventory
from collector.inventory.oxidized import read_oxidized
from collector.inventory.rancid import read_rancid
from collector.inventory.review import check_inventory
from collector.inventory.selection import select

__all__ = [
    "Foreign",
    "ForeignDevice",
    "Inventory",
    "check_inventory",
    "find_inventory",
    "inventory_schema",
    "inventory_text",
    "load_inventory",
    "read_oxidized",
    "read_rancid",
    "select",
]
