"""Ways to cut a body into reads: what arrives over a network is the bytes, never their borders."""

import random
import zlib


def ways(data, seeds=5):
    """The body whole, byte by byte, and cut at places that are random but the same in every run."""
    yield [data]
    yield [data[at : at + 1] for at in range(len(data))]
    chance = random.Random(zlib.crc32(data))
    for _ in range(seeds):
        places = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(1, 12)))
        yield [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
