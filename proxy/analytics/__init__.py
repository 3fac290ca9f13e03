"""The local analytics server: Inkeep's wire format, kept in SQLite, with pages to look at.

Liberal in what it takes, strict in what it gives. It imports `db` and `core`.
"""
