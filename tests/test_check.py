"""`teelog check`: what is asked, and what is made of the answers."""

import asyncio
import ssl
from functools import partial

import pytest
import trustme
from aiohttp import web

from proxy import check
from proxy.config import Analytics, Delivery, Listen, Proxy, Secret, Upstream
from proxy.config import Config as AnyConfig
from proxy.config_sources import load

KEY = Secret("sk-planted")
#: Ports that the machine chooses: whatever else runs here is not in the way.
Config = partial(AnyConfig, listen=Listen(port=0), analytics=Analytics(port=0))


class Answering:
    """A server that answers every request with one status, and remembers what was asked."""

    def __init__(self, status):
        self.status = status
        self.asked = []

    async def __call__(self, request):
        self.asked.append((request.method, request.raw_path, dict(request.headers), await request.read()))
        return web.Response(status=self.status, headers={"Location": "/elsewhere"} if self.status == 307 else {})


@pytest.fixture
def answering(aiohttp_raw_server):
    """Starts a server that answers with a status; gives it and its address."""

    async def start(status):
        handler = Answering(status)
        server = await aiohttp_raw_server(handler)
        return handler, str(server.make_url("")).rstrip("/")

    return start


def texts(findings, start):
    return [(one.text, one.is_fault) for one in findings if one.text.startswith(start)]


UPSTREAM_ANSWERS = {
    "200 with key": (200, KEY, False, "is reachable"),
    "200 without key": (200, None, False, "is reachable"),
    "401 without key": (401, None, False, "the clients' own keys decide"),
    "401 with key": (401, KEY, True, "does not know this key: set one that it does, as TEELOG_UPSTREAM__API_KEY"),
    "404": (404, None, False, "the path of the address is wrong"),
    "403 with key": (403, KEY, False, "answered 403"),
    "500": (500, KEY, False, "answered 500"),
    "redirect": (307, KEY, False, "answered 307"),
}


@pytest.mark.parametrize(("status", "key", "fault", "words"), UPSTREAM_ANSWERS.values(), ids=UPSTREAM_ANSWERS)
async def test_an_upstream_that_answers_is_reachable(answering, tmp_path, status, key, fault, words):
    """Any answer shows that the upstream is there; only a refusal of our own key is a fault. It is asked once."""
    handler, url = await answering(status)

    findings = await check.probe(Config(data_dir=tmp_path, upstream=Upstream(base_url=f"{url}/v1", api_key=key)))

    ((text, is_fault),) = texts(findings, "upstream")
    assert is_fault is fault
    assert words in text
    ((method, path, headers, body),) = handler.asked
    assert (method, path, body) == ("GET", "/v1/models", b"")
    assert headers.get("authorization", headers.get("Authorization")) == ("Bearer sk-planted" if key else None)


#: The path of the base URL -> what is said of it; the server has an API below /v1 alone.
ADDRESSES = {
    "": "it has no path",
    "/v1/chat/completions": "it ends with /chat/completions",
    "/v1/models": "it ends with /models",
    "/v1": "",
    "/v2": "",
}


@pytest.mark.parametrize(("path", "words"), ADDRESSES.items(), ids=[path or "none" for path in ADDRESSES])
@pytest.mark.parametrize(("unknown", "known"), [(404, 401), (404, 200), (401, 200)])
async def test_a_base_url_that_is_not_the_api_s_is_told_with_the_one_that_is(
    aiohttp_raw_server, tmp_path, path, words, unknown, known
):
    """Where the likelier address answers better than the one that is set, that is a fault that names it."""

    async def api(request):
        return web.Response(status=known if request.path == "/v1/models" else unknown)

    root = str((await aiohttp_raw_server(api)).make_url("")).rstrip("/")

    findings = await check.probe(Config(data_dir=tmp_path, upstream=Upstream(base_url=root + path)))

    ((text, is_fault),) = texts(findings, "upstream")
    assert is_fault is bool(words)
    assert words in text
    assert (f"{root}/v1 answered {known}: set that with --upstream" in text) is bool(words)


async def test_another_key_header_carries_the_key_bare(answering, tmp_path):
    """Azure's `api-key` has no scheme before the key."""
    handler, url = await answering(200)
    upstream = Upstream(base_url=url, api_key=KEY, api_key_header="api-key")

    await check.probe(Config(data_dir=tmp_path, upstream=upstream))

    headers = handler.asked[0][2]
    assert headers["api-key"] == "sk-planted"
    assert "Authorization" not in headers


SINK_ANSWERS = {
    "200": (200, False, "is reachable"),
    "401": (401, True, "delivery.api_key"),
    "403": (403, True, "no web key"),
    "404": (404, True, "delivery.url"),
    "redirect": (307, True, "a redirect"),
    "429": (429, False, "would wait"),
    "503": (503, False, "would wait"),
}


@pytest.mark.parametrize(("status", "fault", "words"), SINK_ANSWERS.values(), ids=SINK_ANSWERS)
async def test_a_sink_must_take_our_key(answering, tmp_path, status, fault, words):
    """What only a person can mend is a fault; what passes by itself is said. The sink is asked for one conversation."""
    upstream, sink = await answering(200), await answering(status)
    config = Config(
        data_dir=tmp_path, upstream=Upstream(base_url=upstream[1]), delivery=Delivery(url=sink[1], api_key=KEY)
    )

    ((text, is_fault),) = texts(await check.probe(config), "delivery")

    assert is_fault is fault
    assert words in text
    ((method, path, headers, body),) = sink[0].asked
    assert (method, path, body) == ("GET", "/conversations?limit=1", b"")
    assert headers["Authorization"] == "Bearer sk-planted"


async def test_nobody_is_there(tmp_path, unused_tcp_port):
    """Every upstream and the sink that cannot be reached is a fault of its own, all at once."""
    gone = f"http://127.0.0.1:{unused_tcp_port}"
    config = Config(
        data_dir=tmp_path,
        upstream=Upstream(base_url=gone),
        upstreams={"x": Upstream(base_url=gone)},
        delivery=Delivery(url=gone),
    )

    findings = await check.probe(config)

    faults = [one.text for one in findings if one.is_fault]
    assert [text.split(": ")[0] for text in faults] == ["upstream.base_url", "upstreams.x.base_url", "delivery.url"]
    assert all("cannot be reached: Connection refused: " in text for text in faults)
    assert "set another address with --upstream" in faults[0]
    assert "set another address as upstreams.x.base_url" in faults[1]


async def test_a_server_without_tls_under_https_is_told_in_words(answering, tmp_path):
    """https:// where http:// is spoken is a fault that names the likely cure."""
    _, url = await answering(200)
    config = Config(data_dir=tmp_path, upstream=Upstream(base_url=url.replace("http://", "https://")))

    ((text, is_fault),) = texts(await check.probe(config), "upstream")

    assert is_fault
    assert "the TLS handshake failed" in text
    assert "is it http:// there?" in text


async def test_a_certificate_of_an_unknown_maker_is_a_fault_until_its_maker_is_trusted(tmp_path, aiohttp_raw_server):
    """TLS is verified as the relay does it; `ca_file` names a maker to trust, and must hold one."""
    maker, wrong = tmp_path / "maker.pem", tmp_path / "wrong.pem"
    authority = trustme.CA()
    authority.cert_pem.write_to_path(maker)
    wrong.write_text("no certificate\n")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = await aiohttp_raw_server(Answering(200), ssl=context)
    url = f"https://127.0.0.1:{server.port}/v1"

    async def faults(ca_file):
        config = Config(data_dir=tmp_path, upstream=Upstream(base_url=url, ca_file=ca_file))
        return [one.text for one in await check.probe(config) if one.is_fault]

    assert await faults(maker) == []
    assert "certificate verify failed" in (await faults(None))[0]
    assert "cannot be used" in (await faults(wrong))[0]


async def test_the_data_folder_is_only_looked_at(answering, tmp_path):
    """A folder that can be made is fine and is not made; below a file there can be none."""
    _, url = await answering(200)
    file = tmp_path / "file"
    file.touch()

    async def of(folder):
        return texts(await check.probe(Config(data_dir=folder, upstream=Upstream(base_url=url))), "data_dir")[0]

    assert await of(tmp_path / "a" / "b") == (f"data_dir: {tmp_path}/a/b can be written; it will be made", False)
    assert await of(tmp_path) == (f"data_dir: {tmp_path} can be written", False)
    assert (await of(file / "a"))[1] is True
    assert list(tmp_path.iterdir()) == [file]


def test_every_value_is_shown_with_where_it_came_from():
    """Each key is there once, its origin behind it, and no secret among them."""
    environ = {
        "TEELOG_UPSTREAM__API_KEY": "sk-planted",
        "TEELOG_LISTEN__CLIENT_KEYS": "planted-one,planted-two",
        "TEELOG_UPSTREAMS__X__BASE_URL": "http://x.example",
    }
    loaded = load({"port": "0"}, environ, None)

    lines = check.values(loaded)

    shown = {
        left.split(" = ")[0]: (left.split(" = ")[1].strip(), right) for left, right in (x.split("  # ") for x in lines)
    }
    assert list(shown) == list(loaded.origins)
    assert shown["listen.port"] == ("0", "flag --port")
    assert shown["upstream.api_key"] == ("***", "environment TEELOG_UPSTREAM__API_KEY")
    assert shown["upstreams.x.base_url"] == ('"http://x.example"', "environment TEELOG_UPSTREAMS__X__BASE_URL")
    assert shown["delivery.url"] == ("-", "default")
    assert "planted" not in "\n".join(lines)


async def test_a_proxy_on_the_way_is_used(answering, tmp_path):
    """Upstream and sink are asked through the proxies that the program would use."""
    handler, url = await answering(200)
    way = Proxy("HTTP_PROXY", "127.0.0.1", int(url.rpartition(":")[2]), Secret("Basic planted"))
    config = Config(
        data_dir=tmp_path,
        upstream=Upstream(base_url="http://llm.example/v1"),
        delivery=Delivery(url="http://sink.example"),
    )

    findings = await check.probe(config, {"upstream": way, "delivery": way})

    assert [one.text for one in findings if one.is_fault or "planted" in one.text] == []
    assert sorted(asked[2]["Host"] for asked in handler.asked) == ["llm.example", "sink.example"]
    assert {asked[2]["Proxy-Authorization"] for asked in handler.asked} == {"Basic planted"}


PORTS = {"the proxy's": ("listen", Listen), "the local server's": ("analytics", Analytics)}


@pytest.mark.parametrize(("section", "kind"), PORTS.values(), ids=PORTS)
async def test_a_port_that_is_taken_is_a_fault_unless_a_teelog_has_it(answering, tmp_path, section, kind):
    """Both ports are looked at: one that is free is not opened, one that another has is a fault, one that answers is ours."""
    _, url = await answering(200)

    async def said(port):
        config = Config(data_dir=tmp_path, upstream=Upstream(base_url=f"{url}/v1"), **{section: kind(port=port)})
        return texts(await check.probe(config), f"{section}.port {port} ") or texts(
            await check.probe(config), f"{section}.port: {port}"
        )

    another = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with another:
        port = another.sockets[0].getsockname()[1]
        ((text, is_fault),) = await said(port)
    assert (is_fault, "Address already in use" in text, "choose another with" in text) == (True, True, True)
    assert await said(port) == [(f"{section}.port: {port} on 127.0.0.1 is free", False)]
    ((text, is_fault),) = await said(int(url.rpartition(":")[2]))
    assert (is_fault, "a teelog that runs" in text) == (False, True)


async def test_no_port_of_a_server_that_does_not_run(answering, tmp_path):
    """Where delivery goes elsewhere, the local server's port is nobody's business."""
    _, url = await answering(200)
    config = Config(data_dir=tmp_path, upstream=Upstream(base_url=f"{url}/v1"), delivery=Delivery(url=url))

    assert texts(await check.probe(config), "analytics") == []


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_is_not_there_is_blamed_by_its_name(tmp_path, unused_tcp_port, scheme):
    """Not the servers behind it are told to be down, and what to do is about the proxy; its credentials are not told."""
    way = Proxy("HTTP_PROXY", "127.0.0.1", unused_tcp_port, Secret("Basic planted"))
    config = Config(
        data_dir=tmp_path,
        upstream=Upstream(base_url=f"{scheme}://llm.example/v1"),
        delivery=Delivery(url=f"{scheme}://sink.example"),
    )

    faults = [one.text for one in await check.probe(config, {"upstream": way, "delivery": way}) if one.is_fault]

    blamed = (
        f"cannot be reached: the proxy 127.0.0.1:{unused_tcp_port} of HTTP_PROXY: Connection refused: start that proxy"
    )
    assert [blamed in text for text in faults] == [True, True]
    assert "go there directly with upstream.trust_env = false" in faults[0]
    assert "go there directly with delivery.trust_env = false" in faults[1]
    assert "planted" not in "".join(faults)


async def test_a_proxy_that_refuses_is_blamed_too(answering, tmp_path):
    """What a proxy answers to CONNECT is told as its own answer."""
    _, url = await answering(403)
    way = Proxy("HTTPS_PROXY", "127.0.0.1", int(url.rpartition(":")[2]))
    config = Config(data_dir=tmp_path, upstream=Upstream(base_url="https://llm.example/v1"))

    ((text, is_fault),) = texts(await check.probe(config, {"upstream": way}), "upstream")

    assert is_fault
    assert f"the proxy {way.authority} of HTTPS_PROXY: it answered 403 to CONNECT" in text


async def test_a_refused_key_of_another_sink_is_not_inkeep_s(answering, tmp_path):
    """A 401 of a sink that is not Inkeep's is told without INKEEP_API_KEY."""
    _, url = await answering(401)
    config = Config(data_dir=tmp_path, upstream=Upstream(base_url=url), delivery=Delivery(url=url, api_key=KEY))

    ((text, _),) = texts(await check.probe(config), "delivery")

    assert "set the key of an API integration there" in text
    assert "INKEEP" not in text
