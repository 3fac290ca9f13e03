"""Journal → conversations → the analytics API.

The recorder turns exchanges into conversations in one transaction each; the courier upserts what is dirty until it is
acknowledged. It imports `journal`, `db` and `core`.
"""
