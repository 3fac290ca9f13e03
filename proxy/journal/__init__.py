"""The log between the two processes: append-only files of raw exchanges.

The relay writes, the recorder reads and removes. What `append` has reported as stored, `kill -9` does not take.
It imports `core`.
"""
