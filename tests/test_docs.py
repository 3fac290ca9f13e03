"""What is written for people is true: the example file, README, the error tree, and that modules and tests say what they are."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from proxy import __version__, errors
from proxy.cli import parser
from proxy.config import Config
from proxy.config_sources import known_keys, load, variable
from proxy.metrics import FAMILIES

ROOT = Path(__file__).parent.parent
EXAMPLE = (ROOT / "config.example.toml").read_text()
README = (ROOT / "README.md").read_text()
SHELL = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
MODULES = sorted((ROOT / "proxy").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))


def example_lines():
    """(dotted key, its line, the line above) for every key of the example, live or commented out."""
    section, above = "", ""
    for line in EXAMPLE.splitlines():
        if header := re.fullmatch(r"(?:# )?\[([\w.]+)\]", line):
            section = header[1] + "."
        elif key := re.fullmatch(r"(?:# )?(\w+) = \S.*", line):
            yield section + key[1], line, above
        above = line


def test_the_example_states_the_true_defaults(tmp_path):
    """The example loads, and is the configuration that would be without it."""
    file = tmp_path / "config.example.toml"
    file.write_text(EXAMPLE)

    assert load({}, {}, file).config == Config()


def test_the_example_has_every_key_once_and_no_other():
    """Every key is documented, live where it has a default, commented out where it has none."""
    lines = {key: line for key, line, _ in example_lines() if not key.startswith(("upstreams.", "privacy.patterns."))}
    loaded = load({}, {}, None)

    assert set(lines) | {"privacy.patterns"} == set(known_keys()) == set(loaded.origins)
    for key, line in lines.items():
        value = loaded.config
        for name in key.split("."):
            value = getattr(value, name)
        assert line.startswith("# ") is (value is None), key


def test_the_example_says_why_of_every_key():
    """A comment stands above each key."""
    bare = [key for key, _, above in example_lines() if not above.startswith("#") and not key.startswith("upstreams.")]

    assert set(bare) <= {"privacy.patterns.order"}


def test_the_commented_examples_can_be_used(tmp_path):
    """Whoever takes away the comment signs before the named upstream and the pattern has a configuration that loads."""
    file = tmp_path / "t.toml"
    file.write_text(
        re.sub(r"(?m)^# (\[upstreams\.|base_url|api_key_header|order = |admin_key|url = |api_key = )", r"\1", EXAMPLE)
    )

    config = load({}, {}, file).config

    assert list(config.upstreams) == ["azure"]
    assert config.upstreams["azure"].api_key_header == "api-key"
    assert list(config.privacy.patterns) == ["order"]
    assert config.delivery.url


@pytest.mark.parametrize("key", known_keys())
def test_every_key_is_read_by_somebody(key):
    """No key is documented that changes nothing: some room reads it by its name."""
    section, _, name = key.rpartition(".")
    rooms = [module.read_text() for module in MODULES if not module.stem.startswith(("config", "check"))]

    assert section == "" or any(re.search(rf"\.{name}\b", text) for text in rooms)


def readme_commands():
    ours = [line for line in SHELL if not line.startswith("docker ")]
    return [
        found[1].split() for line in ours for found in re.finditer(r"(?:^|[\s/])teelog(?![\w:-])((?: [^\s#&]+)*)", line)
    ]


@pytest.mark.parametrize("command", readme_commands(), ids=" ".join)
def test_readme_s_commands_exist(command):
    """Every `teelog …` in README can be asked for."""
    known = ("serve", "demo", "analytics", "check", "health", "status", "outbox", "erase", "export")
    assert parser().parse_args(command).command in known


def test_readme_has_one_command_for_the_demo_and_one_for_the_tests():
    """On a machine with Python and pip alone each is one line; the gate runs the second as it stands."""
    begin = "python3 -m venv .venv && .venv/bin/pip install"

    assert [line for line in SHELL if line.startswith(begin)] == [
        f"{begin} . && .venv/bin/teelog demo",
        f"{begin} -e '.[test]' && .venv/bin/pytest",
    ]
    assert "README.md" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("file", ["README.md", "config.example.toml", "Dockerfile"])
def test_environment_variables_in_the_documents_exist(file):
    """Every TEELOG_ variable that is named is one that is read."""
    named = set(re.findall(r"\bTEELOG_[A-Z_]+\b", (ROOT / file).read_text()))

    assert named - {"TEELOG_"} <= {variable(key) for key in known_keys()}


def test_keys_in_readme_exist():
    """Every `section.key` in README is a key."""
    sections = {key.partition(".")[0] for key in known_keys() if "." in key}
    named = {key for key in re.findall(r"`([a-z]+\.[a-z_]+)\b", README) if key.partition(".")[0] in sections}

    assert named
    assert named <= set(known_keys())


def test_readme_lists_the_metrics():
    """README's table has every metric once, with its type, labels and meaning as they are exposed."""
    rows = re.findall(r"(?m)^\| `(teelog_\w+)` \| (\w+) \| (.+?) \| (.+) \|$", README)
    written = [(name, kind, tuple(re.findall(r"`(\w+)`", labels)), meaning) for name, kind, labels, meaning in rows]

    assert written == [(name, *family) for name, family in FAMILIES.items()]


def test_readme_s_links_lead_somewhere():
    """Every file that README links to is there, and every folder that it names too."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README) + re.findall(r"`(proxy/[\w/.]+)`", README)

    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_changelog_has_this_version():
    """The newest entry is the version that runs."""
    newest = re.search(r"^## \[([\d.]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert newest[1] == __version__


def test_the_error_tree_is_the_classes():
    """The tree in errors.py's docstring names every class, below the one that it is derived from."""
    drawn, path = {}, []
    for line in errors.__doc__.splitlines():
        if found := re.match(r"    ([│├└─ ]*)([A-Z]\w+) ", line):
            path = [*path[: len(found[1]) // 3], found[2]]
            drawn[found[2]] = path[-2] if len(path) > 1 else "Exception"
    classes = {name: kind.__base__.__name__ for name, kind in vars(errors).items() if isinstance(kind, type)}

    assert drawn == classes


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_opens_with_its_promise(module):
    """A module's docstring says what it is."""
    assert ast.get_docstring(ast.parse(module.read_text()))


@pytest.mark.parametrize("module", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_is_one_true_sentence(module):
    """Each test has a docstring that ends like a sentence."""
    functions = [
        node
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]

    assert [
        one.name
        for one in functions
        if one.name.startswith("test_") and not (ast.get_docstring(one) or "").endswith(".")
    ] == []


def test_the_image_is_built_from_what_is_there():
    """What the Dockerfile copies exists, passes .dockerignore, and its commands are in exec form."""
    text = (ROOT / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text().split()
    copied = [word for line in re.findall(r"(?m)^COPY (?!--from)(.+)$", text) for word in line.split()[:-1]]

    assert copied
    assert all((ROOT / name).exists() and f"!{name}" in ignored for name in copied)
    for words in re.findall(r"(?m)^(?:ENTRYPOINT|HEALTHCHECK .*CMD|CMD) (.+)$", text):
        assert words.startswith("[")
    (entry,) = re.findall(r"(?m)^ENTRYPOINT (.+)$", text)
    (command,) = re.findall(r"(?m)^CMD (.+)$", text)
    assert ast.literal_eval(entry) == ["teelog"]
    assert parser().parse_args(ast.literal_eval(command)).command == "serve"
    assert re.search(r"(?m)^USER [1-9]\d*:", text)


def test_the_project_names_what_it_needs():
    """The distribution, its command and the Python it needs are the ones that README speaks of."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["name"] == "teelog"
    assert project["scripts"] == {"teelog": "proxy.__main__:main"}
    assert project["requires-python"].removeprefix(">=") in README
