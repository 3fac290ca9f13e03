"""The command `teelog`: reads the flags, loads the configuration, and hands over.

Data goes to stdout, words to stderr. Exit codes: 0 it went well, 1 it failed, 2 it could not begin: usage,
configuration, or a machine that refuses; every reason is then on a line of its own. 130: Ctrl-C before it had begun.
`teelog health` and `teelog status` say no with 1 whatever the reason: container engines keep 2 for themselves.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from . import __version__
from .asked import Parser, add_erase, add_export, add_outbox
from .config_sources import FLAGS, load
from .errors import ConfigError, StartError, TeelogError
from .log import printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from .config import Loaded

DISTRIBUTION = "teelog"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; gives the exit code."""
    _fill_in_streams()
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help", "--version")):
        arguments = ["serve", *arguments]
    if arguments[0] in ("serve", "demo", "analytics"):
        # as process 1 of a container, a signal without a handler does not come; once it runs, `app` handles it
        signal.signal(signal.SIGTERM, _end)
    known = parser()
    chosen, left = known.parse_known_args(arguments)
    if left:
        known.refuse(left, filter(None, (chosen.command, getattr(chosen, "verb", None))))
    try:
        return _run(chosen)
    except ConfigError as error:
        faults = error.faults
    except TeelogError as error:
        faults = [str(error)]
    except KeyboardInterrupt:
        return 130
    for fault in faults:
        print(f"teelog: {printable(fault)}", file=sys.stderr)
    return 1 if chosen.command in ("health", "status") else 2


def _fill_in_streams() -> None:
    """Open what we were started without: a socket of number 0, 1 or 2 would be taken for it, here or in the recorder."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # which takes the least number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115 - for all our life


def _end(_number: int, _frame: object) -> None:
    """Nothing has begun that would have to be finished."""
    raise SystemExit(0)


def parser() -> Parser:
    """What can be asked for."""
    top = Parser(
        prog="teelog",
        usage="teelog [COMMAND] [FLAGS]   (without a command: serve)",
        description="A logging proxy for chat: change OPENAI_BASE_URL, and every conversation appears in analytics.",
        epilog="Every setting has a name in the environment too: see config.example.toml.",
    )
    top.add_argument("--version", action="version", version=f"teelog {__version__}")
    file = Parser(add_help=False)
    file.add_argument("--config", metavar="F", type=Path, help="a TOML file; none is searched for")
    flags = Parser(add_help=False, parents=[file])
    flags.add_argument("--port", metavar="N", help="the proxy's port (default: 8080; 0 chooses a free one)")
    real = Parser(add_help=False)
    real.add_argument("--upstream", metavar="URL", help="the OpenAI-compatible server to forward to, as .../v1")
    real.add_argument("--data-dir", metavar="D", help="where everything is kept (default: ./data)")
    commands = top.add_subparsers(prog="teelog", dest="command", metavar="COMMAND", required=True)
    commands.add_parser(
        "serve", parents=[flags, real], allow_abbrev=False, help="the proxy, and the local analytics server"
    )
    demo = commands.add_parser(
        "demo", parents=[flags], allow_abbrev=False, help="the same, with a sample upstream and conversations"
    )
    demo.add_argument("--data-dir", metavar="D", help="where to keep it (default: a folder that goes with the demo)")
    demo.add_argument("--once", action="store_true", help="end after the conversations; fail if anything is missing")
    commands.add_parser(
        "check",
        parents=[flags, real],
        allow_abbrev=False,
        help="read the configuration, try upstream and sink, change nothing",
    )
    commands.add_parser(
        "health",
        parents=[flags],
        allow_abbrev=False,
        help="exit 0 if the proxy of this configuration takes requests, 1 if not",
        description="Asks /readyz of the configured port on this machine, without any key; for health checks and probes, "
        "with the same environment and flags as serve.",
    )
    status = commands.add_parser(
        "status",
        parents=[flags],
        allow_abbrev=False,
        help="how the proxy of this configuration is: health and why, what waits; exit 0 if green, 1 if not",
        description="Asks /status of the configured port on this machine. Exit codes: 0 green; 1 degraded, red, or no answer.",
    )
    status.add_argument("--json", action="store_true", help="all of it, as /status answers it")
    place = Parser(add_help=False, parents=[file])
    place.add_argument("--data-dir", metavar="D", help="where everything is kept (default: ./data)")
    commands.add_parser(
        "analytics", parents=[place], allow_abbrev=False, help="the local analytics server alone, for many proxies"
    )
    add_outbox(commands, place)
    add_erase(commands, place)
    add_export(commands, place)
    return top


def _run(chosen: argparse.Namespace) -> int:
    # Rooms are loaded when they are needed: a wrong flag or key is told at once, and a health check is cheap.
    if chosen.command == "health":
        return _health(_load(chosen))
    if chosen.command == "status":
        from .status_command import run as status  # noqa: PLC0415 - see above

        return status(_load(chosen).config.listen, as_json=chosen.json)
    refuse_foreign_package()
    loaded = _load(chosen)
    if chosen.command == "outbox":
        from .outbox_command import run as outbox  # noqa: PLC0415 - see above

        return outbox(loaded.config, chosen)
    if chosen.command == "erase":
        from .erase_command import run as erase  # noqa: PLC0415 - see above

        return erase(loaded.config, chosen)
    if chosen.command == "export":
        from .app import export  # noqa: PLC0415 - see above

        return export(loaded.config, chosen)
    refuse_slow_parser()
    if chosen.command == "check":
        return _check(loaded)
    if chosen.command == "demo":
        from .demo import run  # noqa: PLC0415 - see above

        return run(loaded, once=chosen.once)
    from . import app  # noqa: PLC0415 - see above

    return app.analytics(loaded) if chosen.command == "analytics" else app.serve(loaded)


def _load(chosen: argparse.Namespace) -> Loaded:
    return load(
        {name: getattr(chosen, name, None) for name in FLAGS},
        os.environ,  # noqa: TID251 - handed on; config_sources alone reads it
        chosen.config,
    )


def _health(loaded: Loaded) -> int:
    from .alive import ask  # noqa: PLC0415 - see `_run`

    reason = ask(loaded.config.listen)
    print(printable(f"teelog: {reason}" if reason else "ready"), file=sys.stderr if reason else sys.stdout)
    return 1 if reason else 0


def _check(loaded: Loaded) -> int:
    from . import check  # noqa: PLC0415 - see `_run`

    for line in check.values(loaded):
        print(printable(line))
    print(flush=True)
    findings = asyncio.run(check.probe(loaded.config, loaded.proxies))
    for finding in findings:
        if not finding.is_fault:
            print(printable(f"ok: {finding.text}"))
    for said in loaded.unused:
        print(printable(f"note: {said}"))
    if faults := [finding.text for finding in findings if finding.is_fault]:
        raise ConfigError(faults)
    return 0


def refuse_foreign_package() -> None:
    """`StartError` when another distribution, such as PyPI's proxy.py, owns files of our import package."""
    owners = set(importlib.metadata.packages_distributions().get("proxy", ())) - {DISTRIBUTION}
    if owners:
        raise StartError(
            f"{', '.join(sorted(owners))} is installed here too and has the same import package, proxy: the two "
            "overwrite each other. Uninstall it and install teelog again, or give teelog an environment of its own"
        )


def refuse_slow_parser() -> None:
    """`StartError` when aiohttp would read what strangers send with its lenient Python parser instead of the C one."""
    from aiohttp import http_parser  # noqa: PLC0415 - see `_run`

    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        raise StartError(
            "aiohttp runs without its C parser, the one hardened against request smuggling: unset "
            "AIOHTTP_NO_EXTENSIONS, or install an aiohttp wheel for this Python"
        )
