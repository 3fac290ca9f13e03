"""What a scanner says of the pages: wapiti's modules for policies, header fields and cookies."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest

from tests.e2e.process import KEY, Teelog

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("wapiti") is None, reason="wapiti is not installed: `apt-get install wapiti`"),
]


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def signed_in(analytics: str) -> str:
    """A session's cookie."""
    request = urllib.request.Request(f"{analytics}/sign-in", f"key={KEY}".encode(), {"Origin": analytics})
    with pytest.raises(urllib.error.HTTPError) as redirect:
        urllib.request.build_opener(_Stay).open(request)
    flags = redirect.value.headers["Set-Cookie"]
    redirect.value.close()
    assert {"HttpOnly", "SameSite=Strict"} <= {part.strip() for part in flags.split(";")}
    return flags.split(";")[0]


def scanned(folder, url: str, *fields: str) -> tuple[dict, int]:
    """What was found, by module, and how many pages were looked at."""
    asked = [word for field in fields for word in ("-H", field)]
    report = folder / "report.json"
    done = subprocess.run(
        ["wapiti", "-u", url, "--scope", "domain", "-m", "csp,http_headers,cookieflags", "-f", "json", "-o", str(report),
         "--flush-session", "--store-session", str(folder / "session"), "--no-bugreport", "--max-scan-time", "60",
         "--max-links-per-page", "30", *asked],
        capture_output=True, text=True, timeout=150, check=False, cwd=folder,
    )  # fmt: skip
    told = json.loads(report.read_text())
    found = {name: one for name, one in {**told["vulnerabilities"], **told["anomalies"]}.items() if one}
    return found, int(done.stdout.partition("Wapiti found ")[2].partition(" ")[0])


def test_a_scanner_finds_nothing(tmp_path, upstream):
    """Neither on the way in, nor on the pages of who is signed in, nor on the proxy's own page is anything to be said."""
    with Teelog(tmp_path / "teelog", upstream.url) as teelog:
        for number in range(3):
            said = [{"role": "user", "content": f"hello <script>alert({number})</script>"}]
            body = json.dumps({"model": "m", "messages": said}).encode()
            urllib.request.urlopen(
                urllib.request.Request(
                    f"{teelog.base_url}/chat/completions", body, {"Content-Type": "application/json"}
                )
            ).close()
        teelog.until(lambda: len(teelog.conversations()) == 3)
        cookie = f"Cookie: {signed_in(teelog.analytics)}"
        pages = {
            "outside": scanned(tmp_path, f"{teelog.analytics}/"), "sign-in": scanned(tmp_path, f"{teelog.analytics}/sign-in"),
            "inside": scanned(tmp_path, f"{teelog.analytics}/chats", cookie),
            "status": scanned(tmp_path, f"http://127.0.0.1:{teelog.port}/status", "Accept: text/html"),
        }  # fmt: skip

        assert {name: found for name, (found, _) in pages.items() if found} == {}
        assert pages["inside"][1] > 3
