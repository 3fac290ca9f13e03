"""The files that pages are made of, as a browser gets them."""

from tests.analytics.looking import page_of


async def test_files_are_ours(client):
    """Every file a page names is served here, may be kept for a year under its name, and fetches nothing."""
    page = await page_of(client, "/sign-in")
    addresses = [link for link in page.links if link.startswith("/static/")]
    assert len(addresses) == 3

    for address in addresses:
        answer = await client.get(address)

        assert (answer.status, answer.headers["Content-Encoding"]) == (200, "gzip")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        text = await answer.text()
        assert "url(" not in text
        assert "@import" not in text
