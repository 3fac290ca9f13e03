"""Web servers in front of teelog, as lenient as they can be set, that mark every request they send on.

Each gives a request an id in `X-Front`, over whatever the client sent by that name, and logs the id, the status that came
back and the `X-Origin` that the answer brought.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_NGINX = """
worker_processes 1; daemon off; pid {dir}/pid; error_log {dir}/error.log;
events {{ worker_connections 4000; }}
http {{
    log_format seen '$request_id $upstream_status $upstream_http_x_origin';
    access_log {dir}/seen.log seen;
    client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
    scgi_temp_path {dir}/s;
    upstream teelog {{ server 127.0.0.1:{upstream}; keepalive 8; }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        ignore_invalid_headers off; underscores_in_headers on; merge_slashes off;
        client_header_timeout 2s; client_body_timeout 2s; lingering_time 1s; lingering_timeout 1s;
        location / {{
            proxy_pass http://teelog; proxy_http_version 1.1; proxy_set_header Connection '';
            proxy_set_header Host $http_host; proxy_set_header X-Front $request_id;
            proxy_request_buffering off; proxy_buffering off;
        }}
    }}
}}
"""
_HAPROXY = """
defaults
    mode http
    log stdout format raw local0
    log-format "%[var(txn.front)] %ST %[var(txn.origin)]"
    timeout connect 2s
    timeout client 2s
    timeout server 10s
    timeout http-request 2s
frontend door
    bind 127.0.0.1:{port}
    option accept-invalid-http-request
    http-request set-var(txn.front) uuid()
    http-request set-header X-Front %[var(txn.front)]
    default_backend teelog
backend teelog
    http-reuse always
    http-response set-var(txn.origin) res.hdr(x-origin)
    server teelog 127.0.0.1:{upstream}
"""
FRONTS = {
    "nginx": (_NGINX, ["nginx", "-c", "{dir}/config", "-p", "{dir}"]),
    "haproxy": (_HAPROXY, ["haproxy", "-db", "-f", "{dir}/config"]),
}


class Front:
    """One of them, running."""

    def __init__(self, name: str, folder: Path, upstream: int) -> None:
        folder.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        config, command = FRONTS[name]
        (folder / "config").write_text(config.format(dir=folder, port=self.port, upstream=upstream))
        command = [part.format(dir=folder) for part in command]
        command[0] = shutil.which(command[0], path="/usr/sbin:/usr/bin:/sbin:/bin") or command[0]
        self._log = folder / "seen.log"
        self._said = folder / "said.log"
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(command, stdout=said, stderr=said, stdin=subprocess.DEVNULL)

    def wait(self) -> None:
        """Return once it takes connections."""
        end = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                assert time.monotonic() < end and self._process.poll() is None, self._said.read_text()
                time.sleep(0.02)
            else:
                return

    def seen(self) -> list[tuple[str, str, str]]:
        """The id, status and origin of each request that was sent on."""
        self._process.terminate()
        self._process.wait(10)
        log = self._log if self._log.exists() else self._said
        lines = [line.split(" ") for line in log.read_text().splitlines()]
        return [tuple(line) for line in lines if len(line) == 3 and line[0] != "-"]

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait(10)
