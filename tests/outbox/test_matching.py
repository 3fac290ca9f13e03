"""What the store answers of a tenant's conversations."""

from proxy.core.place import Scope
from proxy.outbox.matching import Tenant

ANYBODYS = Scope(None, None)


class Asked:
    """A transaction in which nothing is known; counts what is asked."""

    count = 0

    def all(self, name, **values):
        self.count += 1
        return []


def test_a_message_that_makes_a_hundred_thousand_calls():
    """However many calls a message makes, a bounded number of them is looked for."""
    tx = Asked()

    assert Tenant(tx, "").holding(frozenset(f"call_{number:08x}a" for number in range(100_000)), ANYBODYS) == []
    assert 1 <= tx.count <= 100
