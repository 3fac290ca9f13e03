"""The law of the house: imports run one way, the core is pure, every module opens with what it is."""

import ast
import sys
from pathlib import Path

import pytest

PROXY = Path(__file__).parent.parent / "proxy"
MODULES = sorted(PROXY.rglob("*.py"))

#: What each room may import besides itself and `errors`.
LAW = {
    "core": set(),
    "journal": {"core", "config", "log"},
    "relay": {"journal", "core", "config", "log"},
    "outbox": {"journal", "db", "core", "config", "log"},
    "analytics": {"db", "core", "config", "log"},
    "db": set(),
}
#: The rooms that never meet; `app` introduces them. Any other file beside it works with one of them at most.
STRANGERS = {"relay", "outbox", "analytics"}
#: What the rooms themselves may import knows none of them.
GROUND = {"errors", "config", "log"}

#: What the core may import: nothing with a clock, chance, files, sockets, threads or the environment.
PURE = {
    *(
        "__future__",
        "abc",
        "base64",
        "binascii",
        "array",
        "bisect",
        "codecs",
        "collections",
        "copy",
        "csv",
        "dataclasses",
    ),
    *("datetime", "decimal", "email", "enum", "fractions", "functools", "hashlib", "heapq", "hmac"),
    *("html", "io", "ipaddress", "itertools", "json", "math", "operator", "orjson", "re"),
    *("string", "struct", "textwrap", "typing", "unicodedata", "urllib", "zlib"),
    *("backports", "brotli", "compression"),
}
#: Of those modules, what asks the clock or a file.
IMPURE_NAMES = {"now", "utcnow", "today", "open", "print", "input", "breakpoint", "request", "urlopen"}


def name_of(path):
    return str(path.relative_to(PROXY.parent))


def imports_of(path):
    """The absolute dotted name of all that a module imports, for types too."""
    package = ["proxy", *path.relative_to(PROXY).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (one.name.split(".") for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = [*start, *(node.module.split(".") if node.module else [])]
            yield from ([*base, one.name] for one in node.names)


def room_of(path):
    first, *rest = path.relative_to(PROXY).parts
    return first if rest else None


def rooms_used(path):
    """Names of rooms and top files of ours that a module imports from."""
    return {
        name[1] for name in imports_of(path) if name[0] == "proxy" and len(name) > 1 and not name[1].startswith("__")
    }


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_run_one_way(path):
    """A module imports only from rooms that stand before its own."""
    room, used = room_of(path), rooms_used(path)
    if room is not None:
        assert used <= LAW[room] | {room, "errors"}
    elif path.stem in GROUND:
        assert not used & set(LAW) - {"core"}
    elif path.stem != "app":
        assert len(used & STRANGERS) <= 1


@pytest.mark.parametrize("path", [path for path in MODULES if room_of(path) == "core"], ids=name_of)
def test_core_is_pure(path):
    """The core imports pure modules only, and of those nothing that asks a clock or a file."""
    foreign = {name[0] for name in imports_of(path)} - {"proxy"}
    tree = ast.parse(path.read_text())
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {one.attr if isinstance(one, ast.Attribute) else getattr(one, "id", "") for one in called}

    assert foreign <= PURE
    assert not names & IMPURE_NAMES


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_of_ours_are_relative(path):
    """Inside the package, ours are imported by relative names, so that the law can be read off them."""
    absolute = [
        node.module
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "proxy"
    ]

    assert not absolute


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_open_with_what_they_are(path):
    """Every module begins with a docstring of at least 40 characters."""
    assert len(ast.get_docstring(ast.parse(path.read_text())) or "") >= 40


def test_rooms_are_flat_and_known():
    """Each folder is a room the law knows, without folders of its own."""
    folders = {path.parent for path in MODULES} - {PROXY}

    assert {folder.parent for folder in folders} == {PROXY}
    assert {folder.name for folder in folders} == set(LAW)


def test_no_module_is_named_for_nothing_in_particular():
    """There are no drawers for what found no place."""
    drawers = {"utils", "util", "helpers", "helper", "common", "models", "manager", "base", "misc"}

    assert not drawers & {path.stem for path in MODULES}


def test_the_law_sees_all_forms_of_import(tmp_path):
    """The law would see an import however it is written."""
    assert set(LAW) >= {room_of(path) for path in MODULES} - {None}
    assert PURE - {"orjson", "brotli", "backports", "compression"} <= sys.stdlib_module_names
    assert ["proxy", "errors", "RecordUnreadable"] in list(imports_of(PROXY / "core" / "body.py"))
    assert ["proxy", "core", "coding", "decode"] in list(imports_of(PROXY / "core" / "body.py"))
