"""Ids of exchanges, of conversations and of callers."""

from __future__ import annotations

import base64
import json
import random
import uuid

import pytest

from proxy.core.ids import conversation_id, is_sampled, tenant_of, uuid7

SECRET = b"s" * 32


def test_an_exchange_id_is_a_uuid_of_version_7():
    """The id parses as UUIDv7, carries its time, sorts by it, and differs with chance."""
    rng = random.Random(1)
    ids = [uuid7(1_790_000_000_000 + n, rng.randbytes(10)) for n in range(500)]

    assert ids == sorted(ids)
    assert len(set(ids)) == 500
    for n, text in enumerate(ids):
        parsed = uuid.UUID(text)
        assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
        assert parsed.int >> 80 == 1_790_000_000_000 + n
        assert str(parsed) == text


def test_chance_is_used():
    """Ids of the same millisecond differ in every position that chance fills."""
    rng = random.Random(2)
    ids = [uuid7(1, rng.randbytes(10)) for _ in range(2000)]

    assert len(set(ids)) == 2000
    for at, sample in enumerate(ids[0]):
        if sample != "-" and at > 14:
            assert len({text[at] for text in ids}) > 3


def jwt(**claims) -> str:
    parts = [{"alg": "RS256"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "c2ln" + str(claims.get("iat", ""))])


def test_a_tenant_is_a_keyed_hash():
    """The same key is the same tenant, another key or another installation is another, and no key is none."""
    tenant = tenant_of(["Bearer sk-abc"], SECRET)

    assert len(tenant) == 16
    assert tenant == tenant_of(["bearer  sk-abc"], SECRET) == tenant_of(["sk-abc"], SECRET)
    assert tenant != tenant_of(["sk-abd"], SECRET)
    assert tenant != tenant_of(["sk-abc"], b"t" * 32)
    assert "sk-abc" not in tenant
    assert tenant_of([""], SECRET) == tenant_of(["Bearer "], SECRET) == ""


def test_a_token_that_rotates_stays_one_tenant():
    """A JWT stands for its issuer and subject."""
    first, second = jwt(iss="i", sub="u", iat=1), jwt(iss="i", sub="u", iat=2)

    assert first != second
    assert tenant_of([f"Bearer {first}"], SECRET) == tenant_of([f"Bearer {second}"], SECRET)
    assert tenant_of([f"Bearer {first}"], SECRET) != tenant_of([f"Bearer {jwt(iss='i', sub='v')}"], SECRET)
    assert tenant_of([f"Bearer {first}"], SECRET) != tenant_of([f"Bearer {jwt(iss='j', sub='u')}"], SECRET)


@pytest.mark.parametrize("token", ["eyJ.x.y", "ey..", "eyJhbGciOiJub25lIn0.bm90IGpzb24.x", jwt(iss="i"), jwt(sub=5)])
def test_what_only_looks_like_a_jwt_is_a_key(token):
    """A token without a readable subject is hashed as it is."""
    assert tenant_of([token], SECRET) != tenant_of([token + "x"], SECRET)


def test_conversation_ids():
    """A given id is used as given, unless another tenant has it; ours are random."""
    chance = bytes(range(16))

    assert conversation_id("chat-1", taken=False, chance=chance) == "chat-1"
    assert conversation_id("chat-1", taken=True, chance=chance) == "chat-1~00010203"
    assert conversation_id("", taken=False, chance=chance) == "conv_aaaqeayeaudaocajbifqydiob4"


@pytest.mark.parametrize(
    ("chance", "rate", "sampled"),
    [
        pytest.param(b"\xff" * 16, 1.0, True, id="all"),
        pytest.param(b"\x00" * 16, 0.0, False, id="none"),
        pytest.param(b"\x7f" + b"\xff" * 15, 0.5, True, id="below a half"),
        pytest.param(b"\x80" + b"\x00" * 15, 0.5, False, id="above a half"),
    ],
)
def test_sampling(chance, rate, sampled):
    """A rate of 1 takes every conversation, 0 none, a half one of two."""
    assert is_sampled(chance, rate) is sampled
