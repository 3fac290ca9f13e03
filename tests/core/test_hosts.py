"""The name by which a request came."""

import pytest

from proxy.core.hosts import host_name, is_local_name


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
