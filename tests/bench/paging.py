"""A large read of the local analytics server: every conversation as a line, page after page.

usage: paging.py URL KEY > conversations.jsonl

It gives way to everything else, as whoever exports beside a running chat should.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request

PAGE = 100


def main(url: str, key: str) -> None:
    os.nice(10)
    offset, total = 0, 1
    while offset < total:
        asked = urllib.request.Request(
            f"{url}/conversations?limit={PAGE}&offset={offset}", headers={"Authorization": f"Bearer {key}"}
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            page = json.load(answer)
        for conversation in page["conversations"]:
            print(json.dumps(conversation))
        offset, total = offset + PAGE, page["total"]


main(*sys.argv[1:])
