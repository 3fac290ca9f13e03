"""The public form of one message's content: text and images, and words for everything else.

What the analytics format has no place for is told in a few words (`[audio, wav, 1200 bytes]`) and noted, so that
nothing vanishes unseen. Nothing here raises: content is whatever a client sent.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import orjson

#: Stands for a value that the JSON encoder refuses.
TOO_DEEP = '"[too deeply nested]"'

_TEXT_PARTS = frozenset(("text", "input_text", "output_text"))
_IMAGE_PARTS = frozenset(("image_url", "input_image"))
_REASONING_PARTS = frozenset(("thinking", "reasoning", "redacted_thinking"))
_DETAILS = frozenset(("auto", "low", "high"))
#: Where parts hold bytes in base64, however short: OpenAI's sound and files, MCP's and Anthropic's pictures.
_DATA_KEYS = ("data", "file_data", "b64_json")
#: What parts say of what they hold.
_NAMES = ("filename", "file_id", "format", "mimeType", "media_type", "url")
#: Longest piece of a part's own words (kind, file name) in its description.
_WORD_LIMIT = 200
#: RFC 2397, base64 only; every repetition is bounded or followed by nothing, so that matching is linear. Or base64
#: alone, as tools answer it inside JSON: no language has words of a thousand letters.
_DATA = re.compile(
    r"data:([\w.+-]{1,64}/[\w.+-]{1,64})?(?:;[\w.=+-]{1,64}){0,4};base64,([A-Za-z0-9+/_=%-]*)|(?<![A-Za-z0-9+/_-])([A-Za-z0-9+/_-]{1024,}={0,2})"
)
_BASE64_URL = str.maketrans("-_", "+/")
#: Kinds of letters that base64 of any length has.
_BASE64_KINDS = tuple(map(re.compile, ("[a-z]", "[A-Z]", "[0-9]")))


class PublicContent:
    """What a message's content becomes, and what was found in it.

    Args:
        content: A string, parts, nothing, or (from strange clients) any JSON value.
        inline_limit: Data URLs longer than this many characters are described; None keeps them all.

    """

    def __init__(self, content: Any, inline_limit: int | None) -> None:
        self._limit = inline_limit
        #: Kinds of the parts that are neither text nor image, or images that were too long.
        self.kinds: list[str] = []
        self.refused = False
        self.reasoning = ""
        #: A string, or text and image items.
        self.value: str | list[dict[str, Any]] = ""
        if isinstance(content, list):
            items = (self._item(part) for part in content)
            self.value = [item for item in items if item is not None]
        elif content is not None:
            self.value = self._text(json_text(content))

    def add(self, text: str) -> None:
        """Appends what the message said outside its content."""
        if isinstance(self.value, list):
            self.value.append(self._text_item(text))
        else:
            self.value = f"{self.value}\n{self._text(text)}" if self.value else self._text(text)

    def _text(self, text: str) -> str:
        return text if self._limit is None else data_described(text, self._limit)

    def _item(self, part: Any) -> dict[str, Any] | None:
        """The item of one part; None for reasoning, which is kept apart."""
        if not isinstance(part, dict):
            return self._text_item(json_text(part))
        kind = json_text(part.get("type") or "part")[:_WORD_LIMIT]
        if kind in _TEXT_PARTS or (not part.get("type") and isinstance(part.get("text"), str)):
            return self._text_item(_inner_text(part.get("text")))
        if kind in _REASONING_PARTS:
            self.reasoning += _reasoning_in(part)
            return None
        if kind == "refusal":
            self.refused = True
            return self._text_item(_inner_text(part.get("refusal")))
        url = _image_url(part) if kind in _IMAGE_PARTS else None
        if url is not None and not self._is_too_long(url):
            return _image_item(url, part)
        self.kinds.append(kind)
        if isinstance(said := part.get("transcript"), str) and said:
            return self._text_item(said)
        return {"type": "text", "text": _described_image(url) if url is not None else _described_part(kind, part)}

    def _text_item(self, text: str) -> dict[str, Any]:
        return {"type": "text", "text": self._text(text)}

    def _is_too_long(self, url: str) -> bool:
        return self._limit is not None and len(url) > self._limit and url[:4].lower() != "http"


def data_described(text: str, limit: int) -> str:
    """A text whose data URLs and base64 over `limit` characters are replaced by a few words."""
    return text if len(text) <= limit else _DATA.sub(lambda match: _described(match, limit), text)


def value_described(value: Any, limit: int) -> Any:
    """A JSON value, its texts as `data_described`."""
    if isinstance(value, str):
        return data_described(value, limit)
    if isinstance(value, list):
        return [value_described(one, limit) for one in value]
    if isinstance(value, dict):
        return {name: value_described(one, limit) for name, one in value.items()}
    return value


def json_text(value: Any) -> str:
    """Any JSON value as compact text; the text itself when it is one already."""
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # nested deeper than the encoder goes (254 levels)
        return TOO_DEEP


def _inner_text(text: Any) -> str:
    """The text of a text part; some APIs put it one level down, in `value`."""
    if isinstance(text, dict) and isinstance(text.get("value"), str):
        text = text["value"]
    return "" if text is None else json_text(text)


def _reasoning_in(part: dict[str, Any]) -> str:
    said = next((part[name] for name in ("thinking", "reasoning", "text") if part.get(name)), "")
    pieces = said if isinstance(said, list) else [said]
    return "".join(_inner_text(piece.get("text") if isinstance(piece, dict) else piece) for piece in pieces)


def _image_url(part: dict[str, Any]) -> str | None:
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    return url if isinstance(url, str) else None


def _image_item(url: str, part: dict[str, Any]) -> dict[str, Any]:
    image = part["image_url"]
    detail = image.get("detail") if isinstance(image, dict) else part.get("detail")
    item = {"url": url}
    if isinstance(detail, str) and detail in _DETAILS:
        item["detail"] = detail
    return {"type": "image_url", "image_url": item}


def _described_image(url: str) -> str:
    match = _DATA.match(url)
    return f"[{', '.join(_data_words(match))}]" if match else "[image]"


def _described_part(kind: str, part: dict[str, Any]) -> str:
    """A few words in place of a part: its kind, its name or format, the size and hash of what it holds."""
    body = next((body for key in (kind, "source") if isinstance(body := part.get(key), dict)), part)
    texts = {key: said for key, said in body.items() if isinstance(said, str)}
    words = [kind.removeprefix("input_")]
    words += [texts[key][:_WORD_LIMIT] for key in _NAMES if key in texts and not _DATA.match(texts[key])]
    for key, said in texts.items():
        match = _DATA.match(said)
        if match and match.group(2) is not None:
            words += _data_words(match)
        elif key in _DATA_KEYS or (match and match.group() == said):
            words += _size_and_hash(said)
    return f"[{', '.join(words)}]"


def _described(match: re.Match[str], limit: int) -> str:
    said, bare = match.group(), match.group(3)
    if len(said) <= limit or (bare and not all(kind.search(bare) for kind in _BASE64_KINDS)):
        return said
    return f"[{', '.join(_data_words(match))}]"


def _data_words(match: re.Match[str]) -> list[str]:
    """Type, size and hash, so that the same image can be recognised."""
    bare = match.group(3)
    return ["base64", *_size_and_hash(bare)] if bare else [match.group(1) or "data", *_size_and_hash(match.group(2))]


def _size_and_hash(encoded: str) -> list[str]:
    try:
        data = base64.b64decode(encoded.translate(_BASE64_URL) + "=" * (-len(encoded) % 4))
    except ValueError:  # binascii's, or a letter beyond ASCII
        data = encoded.encode("utf-8", "replace")
    return [f"{len(data)} bytes", f"sha256 {hashlib.sha256(data).hexdigest()[:16]}"]
