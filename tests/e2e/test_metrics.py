"""`/metrics` of the running program, read as Prometheus reads it."""

from __future__ import annotations

import asyncio
import socket
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy.metrics import CONTENT_TYPE, FAMILIES
from tests.connect import ConnectProxy
from tests.e2e.process import Teelog
from tests.e2e.test_settings import ask
from tests.test_status_command import status


def scrape(teelog: Teelog) -> dict:
    """(name, its labels' values) -> value."""
    with urllib.request.urlopen(f"http://127.0.0.1:{teelog.port}/metrics", timeout=20) as answer:
        assert answer.headers["Content-Type"] == CONTENT_TYPE
        families = list(text_string_to_metric_families(answer.read().decode()))
    assert {family.name for family in families} == {name.removesuffix("_total") for name in FAMILIES}
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def test_a_scrape_after_chats(tmp_path, upstream):
    """What went through is counted on both sides of the journal, and nothing is left waiting anywhere."""
    with Teelog(tmp_path, upstream.url) as teelog:
        for text in ("one", "two", "three"):
            assert ask(teelog, text) == 200
        teelog.until(lambda: scrape(teelog).get(("teelog_deliveries_total", "delivered")) == 3)
        teelog.until(lambda: scrape(teelog)[("teelog_journal_bytes",)] == 0)
        found = scrape(teelog)

        expected = {
            ("teelog_exchanges_total", "complete"): 3,
            ("teelog_exchanges_open",): 0,
            ("teelog_upstream_first_byte_seconds_count",): 3,
            ("teelog_added_seconds_count",): 3,
            ("teelog_journaled_total",): 3,
            ("teelog_journal_memory_bytes",): 0,
            ("teelog_journal_oldest_seconds",): 0,
            ("teelog_recorder_up",): 1,
            ("teelog_recorder_starts_total",): 1,
            ("teelog_records_total", "recorded"): 3,
            ("teelog_outbox_items", "analytics", "due"): 0,
        }
        assert {key: found.get(key) for key in expected} == expected
        assert 0 < found[("teelog_added_seconds_sum",)] < found[("teelog_upstream_first_byte_seconds_sum",)] + 3
        none = [n for key, n in found.items() if key[0] in ("teelog_not_recorded_total", "teelog_outbox_dead")]
        assert len(none) > 8
        assert not any(none)


@pytest.mark.parametrize("path", ["/status", "/metrics"])
def test_others_need_the_admin_key(tmp_path, upstream, path):
    """From another address than this machine's own loopback what is counted is told for the admin key only."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent; it only shows which address would be used
        except OSError:
            pytest.skip("this machine has no address but loopback")
        address = probe.getsockname()[0]
    settings = {"TEELOG_LISTEN__HOST": "0.0.0.0", "TEELOG_LISTEN__ADMIN_KEY": "an-admin-key"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with Teelog(tmp_path, upstream.url, **settings) as teelog:
        url = f"http://{address}:{teelog.port}{path}"
        with pytest.raises(urllib.error.HTTPError) as refused:
            opener.open(url, timeout=20)
        with refused.value as answer:
            assert answer.code == 401
            assert f"{path} is for callers on this machine".encode() in answer.read()
        with opener.open(urllib.request.Request(url, headers={"Authorization": "Bearer an-admin-key"})) as answer:
            assert answer.status == 200
        # the command has the key of its configuration
        by_address = {**settings, "TEELOG_LISTEN__HOST": address, "TEELOG_LISTEN__PORT": str(teelog.port)}
        assert status(**by_address)[::2] == (0, "")
        assert status(**by_address | {"TEELOG_LISTEN__ADMIN_KEY": ""})[0] == 1
        # others can reach it, and that is said
        assert teelog.wait_for("teelog.started")["listens_on"] == f"0.0.0.0:{teelog.port}"


def test_pages_that_others_reach_are_said(tmp_path, upstream):
    """A local server on all addresses is a warning at the start, with what to do; on loopback nothing is said."""
    with Teelog(tmp_path / "open", upstream.url, TEELOG_ANALYTICS__HOST="0.0.0.0") as teelog:
        line = teelog.wait_for("teelog.pages_open")
        assert line["listens_on"] == "0.0.0.0:" + teelog.analytics.rpartition(":")[2]
        assert "set analytics.host to 127.0.0.1" in line["hint"]
        assert "listens_on" not in teelog.wait_for("teelog.started")
    with Teelog(tmp_path / "closed", upstream.url) as teelog:
        assert "teelog.pages_open" not in {line["event"] for line in teelog.lines()}


def test_proxies_of_the_environment_are_left_alone(tmp_path, upstream):
    """A proxy that nobody asked for is not used, and said once to be ignored, without its credentials."""
    with Teelog(tmp_path, upstream.url, HTTP_PROXY="http://u:planted@127.0.0.1:1", NO_PROXY="") as teelog:
        assert ask(teelog, "hello") == 200
        said = [line for line in teelog.lines() if line["event"] == "teelog.proxy_ignored"]

        assert [line["variables"] for line in said] == [["HTTP_PROXY"]]
        assert "planted" not in teelog.log.read_text()


def test_a_proxy_leads_to_the_upstream(tmp_path, upstream):
    """With `trust_env` chats reach an upstream that only the proxy can find, and are logged."""
    there = ConnectProxy(("127.0.0.1", upstream.port))
    asyncio.run_coroutine_threadsafe(there.__aenter__(), upstream.loop).result(10)
    proxied = {"HTTP_PROXY": f"http://u:planted@127.0.0.1:{there.port}", "NO_PROXY": ""}
    settings = proxied | {"TEELOG_UPSTREAM__TRUST_ENV": "true"}
    with Teelog(tmp_path, "http://llm.example/v1", **settings) as teelog:
        for text in ("one", "two"):
            assert ask(teelog, text) == 200
        teelog.until(lambda: len(teelog.conversations()) == 2)

        assert there.heads[0].startswith(b"CONNECT llm.example:80 HTTP/1.1\r\n")
        assert "planted" not in teelog.log.read_text()
    asyncio.run_coroutine_threadsafe(there.__aexit__(), upstream.loop).result(10)


def test_a_proxy_that_was_asked_for_is_used(tmp_path, upstream):
    """With `trust_env` the upstream is reached through the proxy only: one that is not there is a 502."""
    settings = {"HTTP_PROXY": "http://u:planted@127.0.0.1:1", "NO_PROXY": "", "TEELOG_UPSTREAM__TRUST_ENV": "true"}
    with Teelog(tmp_path, upstream.url, **settings) as teelog:
        request = urllib.request.Request(f"{teelog.base_url}/models", headers={"Authorization": "Bearer sk-1"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with pytest.raises(urllib.error.HTTPError) as refused:
            opener.open(request, timeout=20)

        with refused.value as answer:
            assert answer.code == 502
            assert b"the proxy 127.0.0.1:1 of HTTP_PROXY" in answer.read()
        assert "teelog.proxy_ignored" not in teelog.log.read_text()
        assert "planted" not in teelog.log.read_text()
