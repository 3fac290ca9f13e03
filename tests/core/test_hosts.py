"""The name by which a request came."""

import pytest

from proxy.core import hosts
from proxy.core.hosts import host_name, is_local_name, is_local_origin, is_of_this_server, is_private_name


@pytest.mark.parametrize(
    ("field", "name"),
    [("A:1", "a"), ("[::1]:80", "::1"), ("::1", "::1"), ("a.", "a"), (" a ", "a"), ("[::1", "::1")],
)
def test_host_names(field, name):
    """A Host field's name is what stands before the port."""
    assert host_name(field) == name


def test_local_names():
    """Only localhost and addresses are local."""
    assert [is_local_name(name) for name in ("localhost", "a.localhost", "1.2.3.4", "::1")] == [True] * 4
    assert [is_local_name(name) for name in ("", "notlocalhost", "1.2.3.4.nip.io", "x")] == [False] * 4


@pytest.mark.parametrize(
    ("origin", "local"),
    [
        ("http://localhost:3000", True), ("https://app.localhost", True), ("http://127.0.0.1", True), ("http://[::1]:80", True),
        ("tauri://localhost", True), ("chrome-extension://abc", True), ("HTTP://LOCALHOST", True),
        ("https://evil.example", False), ("http://10.1.2.3", False), ("http://localhost.evil.example", False),
        ("null", False), ("", False), ("http://", False), ("localhost", False), ("http://127.0.0.1.evil.example", False),
        ("https://evil.example,http://localhost", False),
    ],
)  # fmt: skip
def test_local_origins(origin, local):
    """Pages of this machine, apps and extensions are local; addresses of other machines and what hides its origin are not."""
    assert is_local_origin(origin) is local


@pytest.mark.parametrize(
    ("origin", "host", "fetch_site", "ours"),
    [
        ("http://a.example:81", "a.example:81", "", True), ("https://A.example", "a.EXAMPLE", "", True),
        ("http://a.example:81", "a.example:82", "", False), ("http://b.example", "a.example", "same-origin", False),
        ("null", "a.example", "same-origin", True), ("null", "a.example", "cross-site", False), ("null", "null", "", False),
        ("", "", "same-origin", False), ("a.example", "a.example", "", False),
    ],
)  # fmt: skip
def test_origins_of_this_server(origin, host, fetch_site, ours):
    """A page came from here when its origin's host and port are those of the request, or the browser says so."""
    assert is_of_this_server(origin, host, fetch_site) is ours


def test_private_names():
    """Names of machines and services are nobody's site; all others may be."""
    private = ("teelog", "a.local", "teelog.ns.svc.cluster.local", "x.internal", "nas.home.arpa")
    assert [is_private_name(name) for name in private] == [True] * 5
    assert [is_private_name(name) for name in ("evil.example", "local.evil.example", "teelog.svc", "1.2.3.4")] == [
        False
    ] * 4


ASTRAY = {
    # what the name was resolved to, and the name -> whether it is refused
    "metadata": ("169.254.169.254", "llm.example", True),
    "metadata-mapped": ("::ffff:169.254.169.254", "llm.example", True),
    "metadata-v6": ("fd00:ec2::254", "llm.example", True),
    "link-local-v6": ("fe80::1%eth0", "llm.example", True),
    "meant": ("169.254.169.254", "169.254.169.254", False),
    "meant-v6": ("fe80::1", "fe80::1", False),
    "public": ("203.0.113.7", "llm.example", False),
    "private": ("10.0.0.7", "vllm", False),
    "loopback": ("127.0.0.1", "localhost", False),
    "unix": ("", "llm.example", False),
}


@pytest.mark.parametrize("name", ASTRAY)
def test_no_name_leads_to_a_machines_credentials(name):
    """A name that resolves to a link-local or metadata address is led astray; an address that is configured is meant."""
    address, host, astray = ASTRAY[name]
    assert hosts.leads_astray(address, host) is astray
