"""The control socket: who reaches it, what it answers, and what strangers get."""

import socket
import stat
import threading

import orjson
import pytest
import structlog

from proxy.errors import CommandRefused, DatabaseError
from proxy.outbox.control import NAME, REQUEST_LIMIT, Control, ask


def echo(request):
    """Two lines and a sum."""
    yield {"verb": request["verb"]}
    yield {"n": 2}
    yield {"matched": 2}


@pytest.fixture
def control(tmp_path):
    """Listens; called with another answer, it listens with that."""
    started = []

    def start(answer=echo, folder=tmp_path, patience=5.0, **more):
        one = Control(folder, answer, patience, **more)
        one.start()
        started.append(one)
        return folder

    yield start
    for one in started:
        one.close()


def raw(folder, sent: bytes) -> list[dict]:
    """What a caller gets who sends these bytes and no more."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(10)
        caller.connect(str(folder / NAME))
        try:
            caller.sendall(sent)
            caller.shutdown(socket.SHUT_WR)
        except OSError:  # it has heard enough
            pass
        with caller.makefile("rb") as answer:
            return [orjson.loads(line) for line in answer]


def test_a_request_and_its_answer(control):
    """What is asked arrives, and the lines come back, the sum last."""
    folder = control()

    assert list(ask(folder, {"verb": "list"})) == [{"verb": "list"}, {"n": 2}, {"matched": 2}]
    assert list(ask(folder, {"verb": "again"}))[0] == {"verb": "again"}


def test_only_its_owner_reaches_it(control):
    """The socket has mode 0600, and nothing else is left beside it."""
    folder = control()

    assert stat.S_IMODE((folder / NAME).stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == [NAME]


def test_it_goes_with_its_owner(tmp_path):
    """After the end nothing is there to connect to."""
    one = Control(tmp_path, echo)
    one.start()
    one.close()

    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        list(ask(tmp_path, {"verb": "list"}))


def test_what_a_killed_process_left_is_replaced(control, tmp_path):
    """A socket file whose listener is gone refuses callers, and does not stop the next listener."""
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / NAME))
    dead.close()
    with pytest.raises(ConnectionRefusedError):
        list(ask(tmp_path, {"verb": "list"}))
    control()

    assert list(ask(tmp_path, {"verb": "list"}))


@pytest.mark.parametrize("length", [107, 108, 300, 900])
def test_a_long_path(control, tmp_path, length):
    """A data folder whose path is longer than a socket's address may be is listened in and asked all the same."""
    folder = tmp_path
    while len(str(folder / NAME)) < length:
        folder /= "d" * max(1, min(200, length - len(str(folder / NAME)) - 1))
    folder.mkdir(parents=True)
    control(folder=folder)

    assert list(ask(folder, {"verb": "list"}))[-1] == {"matched": 2}
    assert stat.S_IMODE((folder / NAME).stat().st_mode) == 0o600


GARBAGE = {
    "nothing": b"",
    "no JSON": b"GET / HTTP/1.1\r\n\r\n",
    "binary": bytes(range(256)),
    "no object": b"[1, 2]\n",
    "cut short": b'{"verb": "li',
    "too long": b'{"verb": "' + b"x" * REQUEST_LIMIT + b'"}\n',
}


@pytest.mark.parametrize("name", GARBAGE)
def test_a_stranger_s_garbage_gets_one_error_line(control, name):
    """Whatever comes, the answer is one line that says what a request is, and the next caller is served."""
    folder = control()

    (line,) = raw(folder, GARBAGE[name])
    assert "one line with a JSON object" in line["error"]
    assert list(ask(folder, {"verb": "list"}))


def test_a_silent_caller_is_left(control):
    """Who connects and says nothing does not keep others waiting for ever."""
    folder = control(patience=0.2)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(folder / NAME))

        assert list(ask(folder, {"verb": "list"}))[-1] == {"matched": 2}


def test_a_caller_that_does_not_read_is_left(control):
    """Who asks for much and reads nothing does not keep others waiting for ever."""

    def much(request):
        for _ in range(0 if request["verb"] == "little" else 100):
            yield {"text": "x" * 100_000}
        yield {"matched": 0}

    folder = control(much, patience=0.2)
    with socket.socket(socket.AF_UNIX) as greedy:
        greedy.connect(str(folder / NAME))
        greedy.sendall(b'{"verb": "much"}\n')

        assert list(ask(folder, {"verb": "little"})) == [{"matched": 0}]


def test_many_callers_are_served_one_after_the_other(control):
    """Callers that come at once all get their answer."""
    folder, got = control(), []
    threads = [threading.Thread(target=lambda: got.append(list(ask(folder, {"verb": "list"})))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert [answer[-1] for answer in got] == [{"matched": 2}] * 8


@pytest.mark.parametrize(
    "error", [CommandRefused("no such verb"), DatabaseError("the disk is full")], ids=["use", "disk"]
)
def test_what_is_refused_is_told(control, error):
    """A refusal reaches who asked, in its own words."""

    def refuse(request):
        raise error
        yield {}

    folder = control(refuse)
    with pytest.raises(CommandRefused, match=str(error)):
        list(ask(folder, {"verb": "list"}))


def test_a_fault_of_ours_is_logged_and_named(control):
    """A fault ends one answer, not the socket; its kind is told, and the log has the rest."""

    def fault(request):
        yield {"n": 1}
        yield {"n": 2}
        raise ZeroDivisionError

    folder = control(fault)
    with structlog.testing.capture_logs() as logged:
        for _ in range(2):
            with pytest.raises(CommandRefused, match="ZeroDivisionError"):
                list(ask(folder, {"verb": "list"}))

    assert [line["event"] for line in logged] == ["control.failed"] * 2


def test_an_answer_that_breaks_off_is_no_answer(tmp_path):
    """When the running teelog dies in the middle, who asked is told so, and takes nothing for the sum."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / NAME))
    listening.listen()

    def die():
        caller, _ = listening.accept()
        with caller:
            caller.recv(1000)
            caller.sendall(b'{"line": {"n": 1}}\n')

    thread = threading.Thread(target=die)
    thread.start()
    with pytest.raises(CommandRefused, match="broke off"):
        list(ask(tmp_path, {"verb": "list"}))
    thread.join(10)
    listening.close()


def test_a_socket_that_cannot_be_made_is_a_warning(tmp_path):
    """Where no socket can be made, that is said once, and nothing else fails."""
    with structlog.testing.capture_logs() as logged:
        one = Control(tmp_path / "gone", echo)
        one.start()
        one.close()

    assert [(line["event"], line["log_level"]) for line in logged] == [("control.not_listening", "warning")]


@pytest.mark.parametrize("change", ["removed", "its folder comes late"])
def test_a_socket_that_is_not_there_is_made(control, tmp_path, change):
    """A file that was cleaned away, or could not be made at the start, is there again soon after."""
    folder = tmp_path / "data"
    if change == "removed":
        folder.mkdir()
    control(folder=folder, look=0.01)
    if change == "removed":
        (folder / NAME).unlink()
    else:
        folder.mkdir()
    asked = threading.Event()
    while not (folder / NAME).exists():
        assert not asked.wait(0.01)

    assert list(ask(folder, {"verb": "list"}))[-1] == {"matched": 2}
