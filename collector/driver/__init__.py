"""Devices over SSH and telnet: the only room that imports scrapli; asyncssh also serves the lab.

Gives `DeviceConnector`, which satisfies the engine's ``Connector``.
"""

from collector.driver.connector import DeviceConnector

__all__ = ["DeviceConnector"]
