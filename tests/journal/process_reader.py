"""A recorder to be killed: commits what it reads with its position, and prints how many records it has by then."""

import sqlite3
import sys
import threading
from pathlib import Path

from proxy.journal.reader import JournalReader, Position

folder, path = Path(sys.argv[1]), sys.argv[2]

database = sqlite3.connect(path, isolation_level=None)
database.execute("PRAGMA journal_mode = wal")
database.execute("CREATE TABLE IF NOT EXISTS record (number INTEGER)")
database.execute("CREATE TABLE IF NOT EXISTS position (segment INTEGER, offset INTEGER)")
row = database.execute("SELECT segment, offset FROM position ORDER BY rowid DESC").fetchone()
position = Position(*row) if row else Position(0, 0)
reader, pause = JournalReader(folder), threading.Event()
while True:
    records = reader.read(position, 50, 2**20)
    if records:
        position = records[-1].position_after
        database.execute("BEGIN")
        database.executemany("INSERT INTO record VALUES (?)", [[int(each.payload.split()[0])] for each in records])
        database.execute("INSERT INTO position VALUES (?, ?)", [position.segment, position.offset])
        database.execute("COMMIT")
        print(database.execute("SELECT max(rowid) FROM record").fetchone()[0], flush=True)
    else:
        pause.wait(0.005)
    reader.release(position)
