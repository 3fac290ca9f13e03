"""Content as text and images: what becomes words, and that it costs no more than its length."""

import base64
import hashlib

import orjson
import pytest

from proxy.core.content import TOO_DEEP, PublicContent, data_described, json_text


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(None, "", id="nothing"),
        pytest.param("hi", "hi", id="text"),
        pytest.param([], [], id="no parts"),
        pytest.param(["hi"], [{"type": "text", "text": "hi"}], id="bare strings"),
        pytest.param({"a": 1}, '{"a":1}', id="an object"),
        pytest.param([{"type": "output_text", "text": "hi"}], [{"type": "text", "text": "hi"}], id="Responses text"),
        pytest.param([{"type": "text", "text": {"value": "hi"}}], [{"type": "text", "text": "hi"}], id="text in value"),
        pytest.param([{"type": "text"}], [{"type": "text", "text": ""}], id="text missing"),
        pytest.param([{"type": "video_url", "video_url": {}}], [{"type": "text", "text": "[video_url]"}], id="video"),
        pytest.param([{"type": "image_url"}], [{"type": "text", "text": "[image_url]"}], id="image without address"),
        pytest.param([{"text": "hi"}], [{"type": "text", "text": "hi"}], id="no type"),
        pytest.param([{"image": {}}], [{"type": "text", "text": "[part]"}], id="no type and no text"),
        pytest.param(
            [{"type": "output_audio", "data": "AAAA", "transcript": "hi"}],
            [{"type": "text", "text": "hi"}],
            id="spoken",
        ),
    ],
)
def test_content(content, told):
    """Content of any shape becomes a string, or text and image items."""
    assert PublicContent(content, None).value == told


def test_a_long_picture_becomes_type_size_and_hash():
    """A data URL over the limit is described in words, alone or inside a text; a short one stays."""
    picture = bytes(range(256)) * 100
    long = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    short = "data:image/gif;base64,R0lGODlhAQABAAAAACw="
    content = [{"type": "image_url", "image_url": {"url": url}} for url in (long, short)]
    words = f"[image/png, 25600 bytes, sha256 {hashlib.sha256(picture).hexdigest()[:16]}]"

    told = PublicContent(content, 1000)

    assert told.value == [{"type": "text", "text": words}, content[1]]
    assert told.kinds == ["image_url"]
    assert data_described(f"see ![chart]({long}) and {short}", 1000) == f"see ![chart]({words}) and {short}"


def test_without_a_limit_pictures_stay():
    """The server keeps what it was given, however long."""
    url = f"data:image/png;base64,{'A' * 100_000}"

    told = PublicContent([{"type": "image_url", "image_url": url}], None)

    assert told.value == [{"type": "image_url", "image_url": {"url": url}}]


def test_hostile_repetition_is_read_in_linear_time():
    """A text made of beginnings of data URLs costs no more than its length."""
    text = "data:image/png;a=b" * 50_000

    assert data_described(f"{text};base64,", 1000) == f"{text};base64,"


def test_what_cannot_be_encoded_is_said_to_be():
    """JSON nested beyond the encoder's depth becomes a remark instead of an error."""
    deep = orjson.loads("[" * 600 + "]" * 600)

    assert json_text(deep) == TOO_DEEP


BLOB = base64.b64encode(bytes(i * 7919 % 251 for i in range(30_000))).decode()
HASH = hashlib.sha256(base64.b64decode(BLOB)).hexdigest()[:16]
PARTS = {
    "sound": ({"type": "input_audio", "input_audio": {"data": BLOB, "format": "wav"}}, "audio, wav"),
    "a file": (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{BLOB}"}},
        "file, a.pdf, application/pdf",
    ),
    "a file of the Responses API": (
        {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{BLOB}"},
        "file, a.pdf, application/pdf",
    ),
    "a picture of a tool": ({"type": "image", "data": BLOB, "mimeType": "image/png"}, "image, image/png"),
    "a picture of Anthropic's": (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": BLOB}},
        "image, image/png",
    ),
    "a picture under a key of the client's own": ({"type": "image", "image_base64": BLOB}, "image"),
    "a film": ({"type": "video_url", "video_url": {"url": f"data:video/mp4;base64,{BLOB}"}}, "video_url, video/mp4"),
}


@pytest.mark.parametrize(("part", "words"), PARTS.values(), ids=PARTS)
def test_what_a_part_holds_becomes_type_size_and_hash(part, words):
    """Bytes in a part that the format has no place for are told by type, size and hash."""
    assert PublicContent([part], 1000).value == [
        {"type": "text", "text": f"[{words}, 30000 bytes, sha256 {HASH}]"},
    ]


def test_base64_in_a_text():
    """Bare base64 over the limit, as tools answer it inside JSON, is described; long words of another kind stay."""
    told = data_described(f'{{"png":"{BLOB}","n":1}}', 1000)

    assert orjson.loads(told) == {"png": f"[base64, 30000 bytes, sha256 {HASH}]", "n": 1}
    for word in ("x" * 40_000, "ab12" * 10_000, "Ab" * 20_000):
        assert data_described(word, 1000) == word
    assert data_described(BLOB[:16_000], 16_000) == BLOB[:16_000]


def test_bytes_that_are_no_base64():
    """What claims to be base64 and is not is measured as it stands."""
    assert (
        PublicContent([{"type": "input_audio", "input_audio": {"data": "ü!"}}], None)
        .value[0]["text"]
        .startswith("[audio, 3 bytes, sha256 ")
    )


def test_words_that_are_nearly_data_are_read_in_linear_time():
    """A text of words just too short to be data costs no more than its length."""
    text = ("Ab1" * 341 + " ") * 2000

    assert data_described(text, 1000) == text
