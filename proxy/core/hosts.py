"""The name by which a request came, and whether a hostile page could have brought it there.

A page's own site can point its name at this machine and read along (DNS rebinding); the request then has that name in
`Host`. Addresses cannot be rebound, nor can localhost, which browsers resolve themselves. Both ports go by this.
"""

from __future__ import annotations

import ipaddress


def host_name(field: str) -> str:
    """The name in a `Host` field, without its port, lower-case; an IPv6 address without its brackets."""
    name = field.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    if name.count(":") == 1:
        name = name.partition(":")[0]
    return name.rstrip(".")


def is_local_name(name: str) -> bool:
    """Whether a name cannot be rebound: localhost, which browsers resolve themselves, or an address."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
