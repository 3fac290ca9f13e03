"""A store, written exchange by exchange, and read conversation by conversation."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

import orjson

from proxy.core.message import text_of
from proxy.journal.reader import Position
from proxy.outbox.conversations import snapshot

from ..fakes import NOW
from .scenes import read


class Book:
    """What the recorder would have made of the exchanges it is given."""

    def __init__(self, store, path):
        self._store = store
        self._path = path

    def take(self, payload, now=NOW, *, previous=""):
        """Record an exchange, perhaps one that goes on from a completion; what became of it."""
        item = read(payload)
        if previous:
            item.caller = replace(item.caller, previous_id=previous)
        (recorded,) = self._store.take([item], "journal", Position(0, 0), now)
        return recorded

    def snapshots(self):
        """Every conversation, oldest first."""
        keys = self.column("SELECT key FROM conversation ORDER BY key")
        found = [self._store._database.read(lambda tx, key=key: snapshot(tx, key)) for key in keys]
        return [one[0] for one in found if one]

    def all(self):
        """Every conversation's texts, by id."""
        return {one.id: [text_of(logged.message.content) for logged in one.messages] for one in self.snapshots()}

    def texts(self):
        return sorted(self.all().values())

    def replaced(self):
        """Ids of messages that have lost their place."""
        return self.column("SELECT id FROM message WHERE place IS NULL ORDER BY key")

    def events(self):
        """Every event, in order."""
        return [orjson.loads(body) for body in self.column("SELECT body FROM annotation WHERE kind = 'event'")]

    def column(self, query):
        with closing(sqlite3.connect(self._path)) as plain:
            return [row[0] for row in plain.execute(query)]
