"""The name by which a request came, and whether a hostile page could have brought it there.

A page's own site can point its name at this machine and read along (DNS rebinding); the request then has that name in
`Host`. Addresses cannot be rebound, nor can localhost, which browsers resolve themselves. A page of any site can send
requests here without reading the answers; browsers then say in `Origin` where it stood. Both ports go by this.
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


def is_private_name(name: str) -> bool:
    """Whether nobody's public site can have a name: one of a machine or a service (RFC 6762, RFC 8375, ICANN's .internal)."""
    return "." not in name or name.endswith((".local", ".internal", ".localdomain", ".home.arpa"))


#: What container engines on a desktop call the machine, and lead to its own loopback: Docker, Podman, OrbStack, Lima, Rancher.
CONTAINER_HOSTS = frozenset(
    f"{name}.internal"
    for name in ("host.docker", "gateway.docker", "host.containers", "host.orb", "host.lima", "host.rancher-desktop")
)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on this host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


#: Where clouds tell machines their credentials by IPv6 (AWS); the IPv4 one is link-local.
_METADATA = ipaddress.ip_address("fd00:ec2::254")


def leads_astray(address: str, host: str) -> bool:
    """
    Whether a host's name has led to a link-local or metadata address, where no server of that name is.

    Args:
        address: What it was resolved to.
        host: As it is configured; whoever writes the address itself means it.

    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return found.is_link_local or found == _METADATA
    return False


def is_of_this_server(origin: str, host: str, fetch_site: str) -> bool:
    """
    Whether an `Origin` is that of a page which came from here.

    Args:
        origin: The field.
        host: The `Host` field of the same request, which must have been judged.
        fetch_site: `Sec-Fetch-Site`, empty where there is none; a page that hides its origin is told by it.

    """
    if origin == "null":
        return fetch_site == "same-origin"
    return origin.partition("://")[2].lower() == host.lower() != ""


def is_local_origin(origin: str) -> bool:
    """Whether an `Origin` is a page of this machine, or of no site at all: of an app (`tauri://localhost`), or an extension."""
    scheme, mark, authority = origin.lower().partition("://")
    if not mark or scheme not in ("http", "https"):
        return bool(mark)
    return is_loopback(host_name(authority))
