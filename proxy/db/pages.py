"""A damaged database file, read page by page without SQLite, which gives nothing of a table whose root it cannot read.

    file    page 1, pages          -wal    newer versions of pages, in frames with checksums
    b-tree page                    kind, number of cells, where each cell begins; a cell of a leaf is a row
    pointer map (auto_vacuum)      of each page what it is, and its parent: so that a leaf is found without its tree

Every page that is whole gives its rows, whatever became of the others. Nothing here raises for what it reads: a cell that
makes no sense is passed over (https://www.sqlite.org/fileformat2.html).
"""

from __future__ import annotations

import os
import struct
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MAGIC = b"SQLite format 3\x00"
#: What we make; taken where the header does not say.
PAGE_SIZE = 4096
WAL_HEADER, FRAME_HEADER = 32, 24

_TABLE_LEAF, _TABLE_INNER, _INDEX_LEAF, _INDEX_INNER = 0x0D, 0x05, 0x0A, 0x02
_HEADER_SIZES = {_TABLE_LEAF: 8, _INDEX_LEAF: 8, _TABLE_INNER: 12, _INDEX_INNER: 12}
_ROOT, _FREE, _FIRST_OVERFLOW, _OVERFLOW, _NODE = 1, 2, 3, 4, 5
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
#: No tree of ours is deeper; a chain that is longer runs in circles.
_DEEPEST = 30


class Row(NamedTuple):
    """A row, and the root page of the b-tree it was found in; 0: which one cannot be told."""

    root: int
    #: None in a table WITHOUT ROWID, and in an index.
    rowid: int | None
    values: list[Any]


class Pages:
    """
    The pages of a file, with those of its log over them.

    Args:
        path: The file; only read.
        roots: Root pages of the tables that are wanted -> whether they have rowids.

    """

    def __init__(self, path: Path, roots: Mapping[int, bool]) -> None:
        self._roots = roots
        self._fd = os.open(path, os.O_RDONLY)
        head = os.pread(self._fd, 100, 0)
        size = int.from_bytes(head[16:18], "big")
        size = 65536 if size == 1 else size
        self.size = size if size >= 512 and size & (size - 1) == 0 else PAGE_SIZE
        newer = _newer_pages(path.with_name(path.name + "-wal"), self.size)
        count = os.fstat(self._fd).st_size // self.size
        # (a number that is damaged may be any: no log makes a file longer than by its own frames)
        self._newer = {number: page for number, page in newer.items() if 0 < number <= count + len(newer)}
        self.count = max([count, *self._newer])
        self._mapped = self.size // 5 + 1

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)

    def rows(self) -> Iterator[Row]:
        """Every row that can be read: first of pages whose table is known, then of the others."""
        tree = self._walked()
        stray: list[int] = []
        for number in range(1, self.count + 1):
            kind, _ = self._map_entry(number)
            owner = self._owner(number) or tree.get(number, 0)
            if owner in self._roots:
                yield from self._rows_of(number, owner)
            elif not owner and kind not in (_FREE, _FIRST_OVERFLOW, _OVERFLOW):
                stray.append(number)
        for number in stray:
            yield from self._rows_of(number, 0)

    def _page(self, number: int) -> bytes:
        return self._newer.get(number) or os.pread(self._fd, self.size, (number - 1) * self.size)

    # --- whose page is it

    def _map_entry(self, number: int) -> tuple[int, int]:
        """What the pointer map says of a page: what it is, and its parent; (0, 0) where it says nothing."""
        if number < 3:
            return (_ROOT, 0) if number == 1 else (0, 0)
        place = (number - 2) // self._mapped * self._mapped + 2
        entry = self._page(place)[5 * (number - place - 1) :][:5] if number != place else b""
        if len(entry) < 5 or not _ROOT <= entry[0] <= _NODE:
            return 0, 0
        return entry[0], int.from_bytes(entry[1:], "big")

    def _owner(self, number: int) -> int:
        """The root above a page, going up by the pointer map; 0 where that does not lead to one."""
        for _ in range(_DEEPEST):
            kind, parent = self._map_entry(number)
            if kind == _ROOT:
                return number
            if kind != _NODE or not 1 < parent <= self.count:
                return 0
            number = parent
        return 0

    def _walked(self) -> dict[int, int]:
        """The root above each page, going down from the roots; for where the pointer map is damaged."""
        owners: dict[int, int] = {}
        for root in self._roots:
            level = [root]
            while level:
                page = level.pop()
                if page in owners or not 1 <= page <= self.count:
                    continue
                owners[page] = root
                level += self._children(page)
        return owners

    def _children(self, number: int) -> list[int]:
        page, begin, kind, cells = self._opened(number)
        if kind not in (_TABLE_INNER, _INDEX_INNER):
            return []
        found = [int.from_bytes(page[at : at + 4], "big") for at in cells]
        return [*found, int.from_bytes(page[begin + 8 : begin + 12], "big")]

    # --- what is in it

    def _opened(self, number: int) -> tuple[bytes, int, int, list[int]]:
        """A page, where its header begins, its kind (0: no b-tree's), and where its cells begin."""
        page = self._page(number)
        begin = 100 if number == 1 else 0
        kind = page[begin] if len(page) == self.size else 0
        first = begin + _HEADER_SIZES.get(kind, 0)
        if first == begin:
            return page, begin, 0, []
        count = min(int.from_bytes(page[begin + 3 : begin + 5], "big"), (self.size - first) // 2)
        cells = struct.unpack_from(f">{count}H", page, first)
        return page, begin, kind, [at for at in cells if first <= at < self.size]

    def _rows_of(self, number: int, root: int) -> Iterator[Row]:
        page, _, kind, cells = self._opened(number)
        has_rowid = kind == _TABLE_LEAF
        if kind in (0, _TABLE_INNER) or (root and self._roots[root] is not has_rowid):
            return
        for at in cells:
            try:
                yield self._row(page, at + 4 if kind == _INDEX_INNER else at, root, has_rowid=has_rowid)
            except (IndexError, ValueError, struct.error):
                continue

    def _row(self, page: bytes, at: int, root: int, *, has_rowid: bool) -> Row:
        size, at = _varint(page, at)
        rowid = None
        if has_rowid:
            rowid, at = _varint(page, at)
            rowid -= (rowid >> 63) << 64
        most = self.size - 35 if has_rowid else (self.size - 12) * 64 // 255 - 23
        if size <= most:
            payload = page[at : at + size]
        else:
            least = (self.size - 12) * 32 // 255 - 23
            local = least + (size - least) % (self.size - 4)
            local = local if local <= most else least
            payload = page[at : at + local] + self._overflow(page[at + local : at + local + 4], size - local)
        if len(payload) != size:
            raise ValueError("cut")
        return Row(root, rowid, _values(payload))

    def _overflow(self, pointer: bytes, size: int) -> bytes:
        parts: list[bytes] = []
        number = int.from_bytes(pointer, "big")
        if size > self.count * self.size:
            raise ValueError("longer than the file")
        while size > 0:
            if not 1 < number <= self.count:
                raise ValueError("the chain ends")
            page = self._page(number)
            number = int.from_bytes(page[:4], "big")
            parts.append(page[4 : 4 + size])
            size -= self.size - 4
        return b"".join(parts)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(at, at + 8):
        value = value << 7 | data[place] & 0x7F
        if data[place] < 0x80:
            return value, place + 1
    return value << 8 | data[at + 8], at + 9


def _values(payload: bytes) -> list[Any]:
    end, at = _varint(payload, 0)
    if end > len(payload):
        raise ValueError("no record")
    values: list[Any] = []
    body = end
    while at < end:
        kind, at = _varint(payload, at)
        value, body = _value(payload, body, kind)
        values.append(value)
    if body != len(payload):
        raise ValueError("no record")
    return values


def _value(payload: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in (0, 8, 9):
        return (None, 0, 1)[kind and kind - 7], at
    if kind in (10, 11):
        raise ValueError("no record")
    size = _INTEGERS.get(kind) or (8 if kind == 7 else (kind - 12) // 2)
    data = payload[at : at + size]
    if len(data) < size:
        raise ValueError("cut")
    if kind < 7:
        return int.from_bytes(data, "big", signed=True), at + size
    if kind == 7:
        return struct.unpack(">d", data)[0], at + size
    return (data.decode("utf-8") if kind % 2 else data), at + size


# --- the log


class Frame(NamedTuple):
    """A page in the log."""

    number: int
    ends: bool
    #: None: cannot be told, for what stands before it is damaged.
    is_whole: bool | None
    page: bytes


def _newer_pages(wal: Path, size: int) -> dict[int, bytes]:
    """The newest committed version of each page in the log, of frames that are whole."""
    pages: dict[int, bytes] = {}
    waiting: dict[int, bytes] = {}
    for frame in frames(wal, size):
        if frame.is_whole is not False:
            waiting[frame.number] = frame.page
            if frame.ends:
                pages |= waiting
                waiting = {}
    return pages


def frames(wal: Path, size: int = PAGE_SIZE) -> Iterator[Frame]:
    """The frames of a log's present run, those of an earlier one left out."""
    try:
        fd = os.open(wal, os.O_RDONLY)
    except OSError:
        return
    try:
        head, length = os.pread(fd, WAL_HEADER, 0), os.fstat(fd).st_size
        form = "<" if head[3:4] == b"\x82" else ">"
        salts, before = head[16:24], head[24:32]
        sure = len(head) == WAL_HEADER and _checksum(head[:24], bytes(8), form) == before
        if not sure:  # its first frames still say which run of the log this is, and it was made on a machine like this
            first = [os.pread(fd, 8, WAL_HEADER + 8 + n * (FRAME_HEADER + size)) for n in range(3)]
            salts, form = max(first, key=first.count), "<" if sys.byteorder == "little" else ">"
        for at in range(WAL_HEADER, length - FRAME_HEADER - size + 1, FRAME_HEADER + size):
            found = os.pread(fd, FRAME_HEADER + size, at)
            if found[8:16] != salts:
                sure = False
                continue
            number, ends = struct.unpack_from(">II", found)
            whole = _checksum(found[:8] + found[FRAME_HEADER:], before, form) == found[16:24] if sure else None
            yield Frame(number, ends > 0, whole, found[FRAME_HEADER:])
            before, sure = found[16:24], True
    finally:
        os.close(fd)


def _checksum(data: bytes, before: bytes, form: str) -> bytes:
    """SQLite's, going on from the one of the frame before."""
    one, two = struct.unpack(">II", before)
    for first, second in struct.iter_unpack(f"{form}II", data):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return struct.pack(">II", one, two)
