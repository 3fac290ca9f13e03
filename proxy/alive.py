"""`teelog health`: asks the proxy of this configuration, on this machine, whether it takes requests.

For the health check of a container and the probes of a pod, which run it every few seconds: it loads no server, sends
no key, goes round any proxy that the environment names, and gives up after `PATIENCE_SECONDS` a step. A proxy that is
not there is an answer too, never an error.
"""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

from .sockets import reached_at, url_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .config import Listen

PATIENCE_SECONDS = 2.0


def ask(listen: Listen, patience: float = PATIENCE_SECONDS) -> str:
    """Why the proxy takes no requests now; empty when it does. `patience`: for each step, in seconds."""
    return get(listen, "/readyz", {}, patience)[0]


def get(listen: Listen, path: str, fields: Mapping[str, str], patience: float = PATIENCE_SECONDS) -> tuple[str, bytes]:
    """Why a path of the proxy's is not answered with 200 (empty: it is), and the body of what it is answered with."""
    if listen.port == 0:
        return "listen.port is 0, a port that the machine chooses: set one (TEELOG_LISTEN__PORT)", b""
    where = url_at(listen.host, listen.port) + path
    connection = http.client.HTTPConnection(reached_at(listen.host), listen.port, timeout=patience)
    try:
        connection.request("GET", path, headers=fields)
        answer = connection.getresponse()
        body = answer.read()
    except TimeoutError:
        return f"{where}: no answer within {patience:g} s", b""
    except (OSError, http.client.HTTPException) as error:
        return f"{where}: {getattr(error, 'strerror', None) or error or type(error).__name__}", b""
    finally:
        connection.close()
    return "" if answer.status == 200 else f"{where} answered {answer.status}", body
