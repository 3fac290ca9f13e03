"""Every answer of an analytics API is a decision."""

import asyncio
from http import HTTPStatus

import orjson
import pytest

from proxy.config import Proxy, Secret
from proxy.errors import BodyTooLarge, DeliveryError, PermanentFailure, SinkBusy, SinkClosed, TransientFailure
from proxy.outbox.client import EXCERPT, AnalyticsClient

from ..connect import ConnectProxy
from ..fakes import Answer, Clock, FakeAnalytics

KEY = Secret("sk-analytics-key")


def client_of(url, **more):
    more = {"timeout_seconds": 10.0, "redact": lambda text: text.replace("ann@example.org", "[email]")} | more
    return AnalyticsClient(url, KEY, clock=Clock(), **more)


async def failure(answer, path="/conversations", **more):
    """What posting raises for an answer; None for nothing."""
    async with FakeAnalytics(answer) as analytics:
        client = client_of(analytics.url, **more)
        try:
            await client.post(path, b"{}")
        except DeliveryError as error:
            return error
        finally:
            await client.close()


async def test_a_post():
    """The body goes as it is, as JSON, with the key, to the path behind the base URL; no cookie is ever sent back."""
    async with FakeAnalytics(Answer(headers={"Set-Cookie": "a=b"})) as analytics:
        client = client_of(f"{analytics.url}/base/")
        await client.post("/conversations", b'{"id":"c"}')
        await client.post("/feedback", b"{}")
        await client.close()

    first, second = analytics.got
    assert (first.method, first.path, first.body) == ("POST", "/base/conversations", b'{"id":"c"}')
    assert first.headers["Authorization"] == "Bearer sk-analytics-key"
    assert first.headers["Content-Type"] == "application/json"
    assert second.path == "/base/feedback"
    assert "Cookie" not in second.headers


@pytest.mark.parametrize("status", [200, 201, 204])
async def test_acknowledged(status):
    """Any answer of the 2xx family is an acknowledgement."""
    assert await failure(Answer(status, body=b"")) is None


PAGES = {
    "a login page": Answer(200, body=b"<p>Sign in</p>", headers={"Content-Type": "text/html; charset=utf-8"}),
    "an app without a type": Answer(200, body=b"\n<!DOCTYPE html><html>"),
    "a page created": Answer(201, body=b"<HTML lang=en>"),
}


@pytest.mark.parametrize("answer", PAGES.values(), ids=PAGES)
async def test_a_web_page_is_no_acknowledgement(answer):
    """Who answers with a page has kept nothing: the address is wrong, and all waits until it is corrected."""
    error = await failure(answer)

    assert isinstance(error, SinkClosed)
    assert (error.cause, "with a web page (check delivery.url)" in str(error)) == ("address", True)
    assert isinstance(await failure(answer, path="/feedback"), TransientFailure)


ODD = {
    "plain text": Answer(200, body=b"<ok>", headers={"Content-Type": "text/plain"}),
    "no body": Answer(202, body=b"", headers={"Content-Type": "application/json"}),
    "5 MB": Answer(200, body=b"x" * 5_000_000),
}


@pytest.mark.parametrize("answer", ODD.values(), ids=ODD)
async def test_an_odd_acknowledgement(answer):
    """Whatever else a 2xx says, the sink has it."""
    assert await failure(answer) is None


@pytest.mark.parametrize("status", [400, 422])
async def test_refused_for_good(status):
    """400 and 422 speak of the body: it would be refused again."""
    assert isinstance(await failure(Answer(status)), PermanentFailure)


@pytest.mark.parametrize(
    ("status", "cause"),
    [(401, "key"), (403, "key"), (404, "address"), (301, "address"), (302, "address"), (307, "address")],
)
async def test_misconfigured(status, cause):
    """A refused key, a wrong address and redirects are told as what they are, whatever `Retry-After` says."""
    error = await failure(Answer(status, headers={"Location": "http://127.0.0.1:1/", "Retry-After": "5"}))

    assert isinstance(error, SinkClosed)
    assert error.cause == cause
    assert str(status) in str(error)
    assert {"key": "delivery.api_key", "address": "delivery.url"}[cause] in str(error)


@pytest.mark.parametrize(
    ("status", "kind"), [(401, SinkClosed), (302, SinkClosed), (403, TransientFailure), (404, TransientFailure)]
)
async def test_a_sink_without_feedback(status, kind):
    """A sink that knows conversations only shuts nothing by refusing the rest; one that refuses our key does."""
    assert isinstance(await failure(Answer(status), path="/feedback"), kind)


async def test_too_large():
    """413 is told apart: a smaller body may be taken."""
    assert isinstance(await failure(Answer(413)), BodyTooLarge)


@pytest.mark.parametrize("status", [405, 408, 409, 415, 425, 451, 500, 502, 503, 504, 529])
async def test_refused_for_now(status):
    """Every other answer is tried again; after those of a broken server nobody knows whether the body was taken."""
    error = await failure(Answer(status))

    assert isinstance(error, TransientFailure)
    assert error.in_doubt == (status >= 500)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param("7", 7, id="seconds"),
        pytest.param("Tue, 14 Nov 2023 22:14:20 GMT", 60, id="date"),
        pytest.param("1000000000", 3600, id="decades"),
    ],
)
async def test_retry_after(status, value, seconds):
    """The wait that a sink asks for is told, in both forms, an hour at most."""
    error = await failure(Answer(status, headers={"Retry-After": value}))

    assert isinstance(error, SinkBusy)
    assert error.retry_after == seconds


@pytest.mark.parametrize("value", ["never", "-7", "0", "Tue, 14 Nov 2023 22:12:20 GMT"])
async def test_no_retry_after(value):
    """What has passed or cannot be read is no time: 429 asks to wait all the same, 503 is an outage like others."""
    busy = await failure(Answer(429, headers={"Retry-After": value}))
    assert isinstance(busy, SinkBusy)
    assert busy.retry_after is None
    assert isinstance(await failure(Answer(503, headers={"Retry-After": value})), TransientFailure)


async def test_a_redirect_is_not_followed():
    """The key does not go where a redirect points."""
    async with (
        FakeAnalytics() as elsewhere,
        FakeAnalytics(Answer(307, headers={"Location": elsewhere.url})) as analytics,
    ):
        client = client_of(analytics.url)
        with pytest.raises(SinkClosed):
            await client.post("/conversations", b"{}")
        await client.close()

    assert len(analytics.got) == 1
    assert elsewhere.got == []


async def test_no_answer():
    """A connection that is refused, or closed without an answer, is tried again; in doubt once something was written."""
    async with FakeAnalytics() as analytics:
        url = analytics.url
    for gone, in_doubt in ((await failure(Answer(hang_up=True)), True), (await _posted_to(url), False)):
        assert isinstance(gone, TransientFailure)
        assert gone.in_doubt is in_doubt


async def test_an_answer_that_does_not_come_in_time():
    """A sink that is silent for longer than a try may take is tried again."""
    error = await failure(Answer(gate=asyncio.Event()), timeout_seconds=0.05)

    assert isinstance(error, TransientFailure)
    assert error.in_doubt
    assert "no answer" in str(error)


@pytest.mark.parametrize("url", ["http://", "nonsense", "http://a b/", "http://a..b"])
async def test_an_address_that_is_none(url):
    """An address that cannot be one is a failure like others, not an end of the loop."""
    assert isinstance(await _posted_to(url), TransientFailure)


SAID = "ann@example.org said\r\n\x1b[31m: " + KEY.reveal() + " " + "x" * 5000


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(orjson.dumps({"title": "Bad", "detail": SAID, "messages": ["quoted"]}), id="problem"),
        pytest.param(orjson.dumps({"error": {"code": "c", "message": SAID}}), id="error object"),
        pytest.param(orjson.dumps({"error": SAID}), id="error text"),
        pytest.param(SAID.encode(), id="text"),
    ],
)
async def test_what_a_sink_says_is_told_short_and_clean(body):
    """A refusal is told with the beginning of the sink's explanation: on one line, redacted, without our key."""
    error = await failure(Answer(400, body=body))

    assert str(error).startswith("the analytics API answered 400 Bad Request: [email] said [31m: *** xxx")
    assert len(str(error)) < EXCERPT + 100


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages": ["quoted"]}',
        b'["quoted"]',
        b'{"messages": ["quo',
        b'"quoted"',
        b"7",
        b'{"detail":"' + b"x" * 100_000,
    ],
)
async def test_what_is_no_explanation_is_not_told(body):
    """A refusal that only gives back what was posted is told without it, also when it is too long to be read whole."""
    assert str(await failure(Answer(422, body=body))) == f"the analytics API answered 422 {HTTPStatus(422).phrase}"


async def test_an_endless_answer_is_not_read_to_its_end():
    """Of an answer no more is read than makes its connection usable again."""
    async with FakeAnalytics(Answer(body=b"x" * 20_000_000), Answer()) as analytics:
        client = client_of(analytics.url)
        await client.post("/conversations", b"{}")
        await client.post("/conversations", b"{}")
        await client.close()

    assert len(analytics.got) == 2


async def _posted_to(url):
    client = client_of(url)
    try:
        await client.post("/conversations", b"{}")
    except TransientFailure as error:
        return error
    finally:
        await client.close()


CREDENTIALS = Secret("Basic dXNlcjpwbGFudGVk")


async def test_a_sink_behind_a_proxy():
    """A request without TLS goes to the proxy, in absolute form, with its credentials."""
    async with ConnectProxy(("", 0), b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as there:
        client = client_of("http://sink.example", proxy=Proxy("HTTP_PROXY", "127.0.0.1", there.port, CREDENTIALS))
        await client.post("/conversations", b"{}")
        await client.close()

    (head,) = there.heads
    assert head.startswith(b"POST http://sink.example/conversations HTTP/1.1\r\n")
    assert head.count(b"Proxy-Authorization: Basic dXNlcjpwbGFudGVk\r\n") == 1


async def test_a_sink_with_tls_behind_a_proxy():
    """With TLS the proxy is asked to connect and sees no key; its refusal is tried again, and quotes no credentials."""
    async with ConnectProxy(("", 0), b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") as there:
        client = client_of("https://sink.example", proxy=Proxy("HTTPS_PROXY", "127.0.0.1", there.port, CREDENTIALS))
        with pytest.raises(TransientFailure) as failed:
            await client.post("/conversations", b"{}")
        await client.close()

    (head,) = there.heads
    assert head.startswith(b"CONNECT sink.example:443 HTTP/1.1\r\n")
    assert head.count(b"Proxy-Authorization: Basic dXNlcjpwbGFudGVk\r\n") == 1
    assert b"sk-analytics-key" not in head
    assert "407" in str(failed.value)
    assert "dXNlcjpwbGFudGVk" not in str(failed.value)


async def deleting(answer, path="/conversations/c%2F1%20%C3%BC"):
    """What deleting raises for an answer (None for nothing), and the request."""
    async with FakeAnalytics(answer) as analytics:
        client = client_of(f"{analytics.url}/base")
        try:
            await client.delete(path, 7)
        except DeliveryError as error:
            return error, analytics.got
        finally:
            await client.close()
    return None, analytics.got


@pytest.mark.parametrize("status", [200, 204, 404, 410])
async def test_deleted(status):
    """What the sink deletes, or does not have, is gone; the path goes as it is, with the key and the newest rev."""
    error, (got,) = await deleting(Answer(status, body=b""))

    assert error is None
    assert (got.method, got.path, got.body) == ("DELETE", "/base/conversations/c%2F1%20%C3%BC", b"")
    assert (got.headers["Authorization"], got.headers["x-teelog-rev"]) == ("Bearer sk-analytics-key", "7")


NOT_DELETED = {
    405: PermanentFailure, 501: PermanentFailure, 400: PermanentFailure, 401: SinkClosed, 403: TransientFailure,
    429: SinkBusy, 500: TransientFailure, 503: TransientFailure,
}  # fmt: skip


@pytest.mark.parametrize("status", NOT_DELETED)
async def test_not_deleted(status):
    """A sink that never deletes is told from one that does not now; a right that lacks stops nothing else."""
    error, _ = await deleting(Answer(status))

    assert type(error) is NOT_DELETED[status]
