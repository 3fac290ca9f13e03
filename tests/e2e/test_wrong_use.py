"""What people get wrong, each told by the real command in one message that says what to do."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.e2e.process import ROOT, Teelog

BARE = {k: v for k, v in os.environ.items() if not k.startswith(("TEELOG_", "INKEEP_", "UPSTREAM_"))}
#: Whatever else listens on this machine is not in the way.
ANY_PORTS = {"TEELOG_LISTEN__PORT": "0", "TEELOG_ANALYTICS__PORT": "0"}
#: root may write anywhere; without this right it is refused what its owner is refused.
UNPRIVILEGED = ("setpriv", "--bounding-set=-dac_override") if os.geteuid() == 0 else ()
#: What the upstream says of a key that it does not know, oddly spaced: nobody reads it on the way.
REFUSAL = b'{ "error":{"message":"Incorrect API key provided: sk-wrong.",\n "code" : "invalid_api_key"}}\n'


def command(*arguments: str, before: tuple[str, ...] = (), **settings: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*before, sys.executable, "-m", "proxy", *arguments], cwd=ROOT, env=BARE | ANY_PORTS | settings,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def faults(done: subprocess.CompletedProcess) -> list[str]:
    """Its faults, one a line; whatever ended it was foreseen."""
    assert done.returncode == 2, done.stdout + done.stderr
    lines = done.stderr.splitlines()
    assert all(line.startswith("teelog: ") for line in lines), done.stderr
    return [line.removeprefix("teelog: ") for line in lines]


def chat(teelog: Teelog, key: str = "sk-1") -> tuple[int, bytes, dict]:
    """Status, body and headers of one chat, whatever the answer."""
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}]}).encode()
    request = urllib.request.Request(f"{teelog.base_url}/chat/completions", body, {"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), dict(error.headers)


class Api(BaseHTTPRequestHandler):
    """An API below /v1 that knows one key, and answers 404 beside it."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, body = 200, b'{"object": "list", "data": []}'
        if self.path not in ("/v1/models", "/v1/chat/completions"):
            status, body = 404, b'{"error": {"message": "Invalid URL"}}'
        elif self.headers.get("Authorization") != "Bearer sk-right":
            status, body = 401, REFUSAL
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def api():
    """The root of such an API."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


@contextmanager
def unused_port(*, listening: bool = False):
    """A port that is held, and so nobody else's; nobody answers there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        if listening:
            taken.listen()
        yield taken.getsockname()[1]


# --- a bad key


def test_a_wrong_key_is_refused_by_the_upstream_s_own_answer(tmp_path, api):
    """The upstream's 401 reaches the client as it was said, byte by byte, whoever's key it was."""
    settings = {"TEELOG_UPSTREAM__API_KEY": "sk-wrong", "TEELOG_UPSTREAM__API_KEY_MODE": "replace"}
    for name, more in {"theirs": {}, "ours": settings}.items():
        with Teelog(tmp_path / name, f"{api}/v1", **more) as teelog:
            status, body, headers = chat(teelog, "sk-wrong" if name == "theirs" else "sk-right")

            assert (status, body) == (401, REFUSAL)
            assert headers["Content-Type"] == "application/json"


def test_check_says_that_the_upstream_does_not_know_our_key(tmp_path, api):
    """`teelog check` names the setting, the address and the way to set another key, and does not show the key."""
    done = command("check", "--data-dir", str(tmp_path), "--upstream", f"{api}/v1", TEELOG_UPSTREAM__API_KEY="sk-wrong")

    assert faults(done) == [
        f"upstream.api_key: {api}/v1 answered 401: it does not know this key: set one that it does, as "
        "TEELOG_UPSTREAM__API_KEY"
    ]
    assert "sk-wrong" not in done.stdout + done.stderr


# --- a wrong base URL


@pytest.mark.parametrize(
    ("path", "odd"),
    [
        ("", "it has no path, and the base URLs of most servers end with /v1"),
        ("/v1/chat/completions", "it ends with /chat/completions, which clients add by themselves"),
    ],
    ids=["without /v1", "with too much"],
)
def test_a_wrong_base_url_is_told_with_the_right_one(tmp_path, api, path, odd):
    """`check` tries the likelier address and names it; the start warns and says what is likely meant; clients see the 404."""
    done = command("check", "--data-dir", str(tmp_path / "check"), "--upstream", api + path)

    assert faults(done) == [
        f"upstream.base_url: {api}{path} answered 404: {odd}; {api}/v1 answered 401: set that with --upstream"
    ]
    with Teelog(tmp_path, api + path) as teelog:
        line = teelog.wait_for("teelog.base_url")
        assert (line["level"], line["upstream"], line["base_url"]) == ("warning", "upstream", api + path)
        assert line["hint"] == f"{odd}; perhaps {api}/v1 is meant: `teelog check` tries it"
        assert chat(teelog)[:2] == (404, b'{"error": {"message": "Invalid URL"}}')


def test_the_right_base_url_gives_no_hint(tmp_path, api):
    """With /v1 `check` is content, the start says nothing of it, and a chat with the right key passes."""
    done = command("check", "--data-dir", str(tmp_path / "check"), "--upstream", f"{api}/v1")

    assert (done.returncode, done.stderr) == (0, "")
    with Teelog(tmp_path, f"{api}/v1") as teelog:
        assert chat(teelog, "sk-right")[0] == 200
        assert "teelog.base_url" not in {line["event"] for line in teelog.lines()}


@pytest.mark.parametrize("url", ["api.example.com/v1", "https//api.example.com/v1", "https://sk@api.example.com"])
def test_what_is_no_base_url_stops_the_start(tmp_path, url):
    """What cannot be a URL at all is refused with what is allowed."""
    (fault,) = faults(command("serve", "--data-dir", str(tmp_path), "--upstream", url))

    assert fault.startswith("upstream.base_url: found ")
    assert "(flag --upstream); allowed: http:// or https:// with a host" in fault


# --- a port in use


def test_a_port_in_use_is_said_with_the_key_and_the_cure(tmp_path):
    """A port that another program has ends the start; the key, the port and the flag that chooses another are named."""
    with unused_port(listening=True) as port:
        done = command("serve", "--port", str(port), "--data-dir", str(tmp_path))

        assert faults(done) == [
            f"listen.port {port} on 127.0.0.1 cannot be listened on (Address already in use): end the program that has "
            "it, or choose another with --port"
        ]


def test_check_says_that_a_port_is_taken(tmp_path, api):
    """Before the start `check` says it in the words of the start, and that a port is free or a running teelog's own."""
    with unused_port(listening=True) as port:
        silent = command("serve", "--port", str(port), "--data-dir", str(tmp_path))
    with Teelog(tmp_path, f"{api}/v1") as teelog:
        port = str(teelog.port)
        done = command("check", "--port", port, "--data-dir", str(tmp_path / "data"), "--upstream", f"{api}/v1")
    free = command("check", "--port", port, "--data-dir", str(tmp_path / "data"), "--upstream", f"{api}/v1")
    taken = command(
        "check",
        "--port",
        api.rpartition(":")[2],
        "--data-dir",
        str(tmp_path / "d"),
        "--upstream",
        "http://127.0.0.1:9/v1",
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert f"ok: listen.port: {port} on 127.0.0.1 is taken, by a teelog that runs" in done.stdout
    assert f"ok: listen.port: {port} on 127.0.0.1 is free" in free.stdout
    (said,) = faults(silent)
    assert faults(taken)[0].partition(" on ")[2] == said.partition(" on ")[2]


# --- an upstream that is teelog itself


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_upstream_that_is_teelog_itself_stops_the_start(tmp_path, host):
    """Start and `check` refuse a base URL that leads back, with the flag that it came from and what to do."""
    with unused_port() as port:
        url = f"http://{host}:{port}/v1"
        for asked in ("serve", "check"):
            done = command(asked, "--port", str(port), "--upstream", url, "--data-dir", str(tmp_path / "data"))

            assert faults(done) == [
                f'upstream.base_url: found "{url}" (flag --upstream), which is teelog itself, on listen.port {port}: '
                "requests would come back to it; allowed: the address of the server behind teelog, or another listen.port "
                "(--port)"
            ]
    assert list(tmp_path.iterdir()) == []


# --- a key of Inkeep's for another sink


def test_inkeep_s_key_for_another_sink_is_said_to_be_unused(tmp_path, api):
    """`check` and the start say that the key goes to Inkeep alone, and what to set; the sink is not sent it."""
    settings = {"INKEEP_API_KEY": "planted", "TEELOG_DELIVERY__URL": api}
    done = command("check", "--data-dir", str(tmp_path / "check"), "--upstream", f"{api}/v1", **settings)
    with Teelog(tmp_path, f"{api}/v1", **settings) as teelog:
        line = teelog.wait_for("teelog.unused")
        logged = teelog.log.read_text()

    said = "INKEEP_API_KEY is set but goes to Inkeep's address only"
    assert line["hint"].startswith(said)
    assert "delivery.api_key" in line["hint"]
    assert f"note: {said}" in done.stdout
    assert "planted" not in logged + done.stdout + done.stderr


# --- an unwritable data folder


@pytest.mark.skipif(bool(UNPRIVILEGED) and not shutil.which("setpriv"), reason="root, and no setpriv to be less")
@pytest.mark.parametrize("below", ["", "new"], ids=["itself", "its parent"])
def test_a_folder_that_cannot_be_written_is_said_with_the_cure(tmp_path, api, below):
    """Start and `check` name the folder and what to do; nothing is made there, and nothing listens."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    data = closed / below

    begun = command("serve", "--port", "0", "--data-dir", str(data), before=UNPRIVILEGED)
    checked = command("check", "--data-dir", str(data), "--upstream", f"{api}/v1", before=UNPRIVILEGED)

    assert faults(begun) == [
        f"data_dir {data} cannot be written (Permission denied): choose another with --data-dir, or give this user the "
        "right to write there"
    ]
    assert faults(checked) == [
        f"data_dir: {closed} cannot be written: choose another folder, or give this user the right"
    ]
    assert list(closed.iterdir()) == []


# --- two on one folder


def test_a_second_one_on_a_folder_says_that_it_waits_and_can_be_ended(tmp_path, upstream):
    """The second names the folder and what to do while it waits; Ctrl-C ends it at once, and the first is not disturbed."""
    with Teelog(tmp_path, upstream.url) as first:
        # where tests run in the background, Ctrl-C is ignored, and that is inherited
        script = (
            "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); from proxy.cli import main; "
            f"sys.exit(main(['serve', '--port', '0', '--data-dir', {str(tmp_path / 'data')!r}]))"
        )
        second = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=BARE, stderr=subprocess.PIPE, text=True)
        line = json.loads(second.stderr.readline())
        second.send_signal(signal.SIGINT)
        _, rest = second.communicate(timeout=10)

        assert (line["event"], line["level"], line["data_dir"]) == ("teelog.waits", "warning", str(tmp_path / "data"))
        assert line["reason"].startswith("another teelog has the data folder: stop that one, or give this one its own")
        assert (second.returncode, rest) == (0, "")
        assert chat(first)[0] == 200


# --- an upstream that is down


def test_an_upstream_that_is_down_is_said_to_the_client_in_the_log_and_by_check(tmp_path):
    """The client has a 502 in OpenAI's shape, the log a warning with the address and why, `check` a fault with the cure."""
    with unused_port() as port:
        url = f"http://127.0.0.1:{port}/v1"
        done = command("check", "--data-dir", str(tmp_path / "check"), "--upstream", url)
        with Teelog(tmp_path, url) as teelog:
            status, body, headers = chat(teelog)
            line = teelog.wait_for("exchange.passed")
            outcomes = teelog.status()["relay"]["outcomes"]
            counters = teelog.until(lambda: teelog.status()["recorder"].get("counters"))

    assert faults(done) == [
        f"upstream.base_url: {url} cannot be reached: Connection refused: start what should be there, or set another "
        "address with --upstream"
    ]
    assert status == 502
    assert "upstream" in json.loads(body)["error"]["message"]
    assert (line["level"], line["id"], line["status"]) == ("warning", headers["x-teelog-id"], 502)
    assert f"127.0.0.1:{port} cannot be reached" in line["fault"]
    # one word for it everywhere
    assert (line["outcome"], outcomes, counters) == ("no_answer", {"no_answer": 1}, {"no_answer": 1})


# --- a configuration with many faults


def test_five_faults_of_a_configuration_are_told_at_once(tmp_path):
    """Faults from the file, the environment and the flags stand on a line each, with what is allowed; nothing is made."""
    file = tmp_path / "my.toml"
    file.write_text('[listen]\nprot = 1\n[journal]\ndurability = "always"\n[upstream]\napi_key_mode = "replace"\n')

    done = command(
        "serve", "--config", str(file), "--port", "eighty", "--data-dir", str(tmp_path / "data"),
        TEELOG_DELIVERY__CONCURRENCY="900",
    )  # fmt: skip

    assert sorted(faults(done)) == [
        'delivery.concurrency: found "900" (environment TEELOG_DELIVERY__CONCURRENCY); allowed: a whole number from 1 to 64',
        'journal.durability: found "always" (file my.toml); allowed: "process" | "power" | "memory"',
        'listen.port: found "eighty" (flag --port); allowed: a whole number from 0 to 65535',
        "listen.prot: unknown (file my.toml); the nearest known one is listen.port",
        'upstream.api_key_mode: found "replace", but there is no upstream.api_key; allowed: both, or neither',
    ]
    assert list(tmp_path.iterdir()) == [file]


def own_address() -> str:
    """An address of this machine that is not loopback; empty where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            return ""
        return probe.getsockname()[0]


@pytest.mark.skipif(not own_address(), reason="this machine has no address besides loopback")
def test_callers_from_elsewhere_are_told_little(tmp_path, unused_tcp_port):
    """Who is not on this machine is told that the upstream failed, and the exchange's id; neither its host nor the reason."""
    upstream = f"http://127.0.0.1:{unused_tcp_port}/v1"
    with Teelog(tmp_path, upstream, TEELOG_LISTEN__HOST="0.0.0.0") as teelog:
        said = {}
        for host in ("127.0.0.1", own_address()):
            with pytest.raises(urllib.error.HTTPError) as failed:
                urllib.request.urlopen(f"http://{host}:{teelog.port}/v1/models")
            said[host] = json.load(failed.value)["error"]["message"], failed.value.headers["x-teelog-id"]
            failed.value.close()

        here, elsewhere = said.values()
        assert f"127.0.0.1:{unused_tcp_port} cannot be reached" in here[0]
        assert elsewhere[0] == f"the upstream cannot be reached (exchange {elsewhere[1]})"
