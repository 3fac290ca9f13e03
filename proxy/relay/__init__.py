"""Client ↔ upstream: bytes go through as they came, when they came.

Recording is a list of the same bytes objects, handed over at the end of a reply. Nothing in this room parses JSON or
SSE, and nothing it does for the record can raise into a reply. It imports `journal` and `core`.
"""
