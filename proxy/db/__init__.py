"""The cellar: one writer thread per database file, SQL with names, numbered migrations.

It imports `errors` only, and knows nothing of what is kept in it.
"""
