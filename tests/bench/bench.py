#!/usr/bin/env python3
"""Compare HTTP proxies side by side in front of one mock LLM upstream. See README.md.

usage: bench.py TARGETS.json [--only a,b] [--rounds 3] [--scenarios json1k,stream] [--out result.json]
"""

import argparse
import json
import os
import resource
import shlex
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("BENCH_BUILD", tempfile.gettempdir() + "/bench-build"))
HZ = os.sysconf("SC_CLK_TCK")

# name -> (load arguments, what one CPU figure is divided by, seconds allowed)
SCENARIOS = {
    "lat1": ("-c 1 -n 100000 -d 2 -m m-0-0-1000", "done", "one client, 1 KB JSON: latency"),
    "json1k": ("-c 32 -n 1000000 -d 3 -m m-0-0-1000", "done", "32 clients, 1 KB JSON"),
    "json30k": ("-c 32 -n 1000000 -d 2 -b 20000 -m m-0-0-30000", "done", "32 clients, 20 KB prompt, 30 KB JSON answer"),
    "stream": (
        "-s -c 40 -n 40 -d 20 -r 500 -m m-300-20000-0",
        "chunks",
        "40 streams x 300 chunks, 20 ms apart (2 000 chunks/s)",
    ),
    "dense": (
        "-s -c 200 -n 200 -d 25 -r 500 -m m-300-20000-0",
        "chunks",
        "200 streams x 300 chunks, 20 ms apart (10 000 chunks/s)",
    ),
    "burst": ("-s -c 16 -n 100000 -d 2 -m m-300-0-0", "chunks", "16 streams x 300 chunks with no gap"),
    "open1k": (
        "-s -c 1000 -n 1000 -d 30 -r 3000 -m m-8-1000000-0",
        "chunks",
        "1 000 open streams, 1 chunk/s each: memory",
    ),
    "open5k": (
        "-s -c 5000 -n 5000 -d 45 -r 8000 -m m-14-1000000-0",
        "chunks",
        "5 000 open streams, 1 chunk/s each: memory",
    ),
}
DEFAULT = "lat1,json1k,json30k,stream,burst"
FIGURES = (
    "cpu_us",
    "root_us",
    "rps",
    "ttfb_p50",
    "total_p50",
    "total_p99",
    "delay_p50",
    "delay_p99",
    "rss_mb",
    "errors",
    "bad_status",
)


def build():
    BUILD.mkdir(parents=True, exist_ok=True)
    for n in ("mock", "load"):
        src, out = HERE / f"{n}.c", BUILD / n
        if not out.exists() or out.stat().st_mtime < src.stat().st_mtime:
            subprocess.run(["gcc", "-O2", "-o", str(out), str(src)], check=True)


def tree(pid):
    """pid and all its descendants."""
    kids = {}
    for d in os.listdir("/proc"):
        if d.isdigit():
            try:
                s = open(f"/proc/{d}/stat").read()
            except OSError:
                continue
            kids.setdefault(int(s.rsplit(")", 1)[1].split()[1]), []).append(int(d))
    out, todo = [], [pid]
    while todo:
        p = todo.pop()
        out.append(p)
        todo += kids.get(p, [])
    return out


def cpu(pids):
    """(seconds by the scheduler's ns counters, seconds by clock ticks incl. ended threads, user ticks)"""
    ns = ticks = user = 0
    for p in pids:
        try:
            f = open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()
            user += int(f[11]) / HZ
            ticks += (int(f[11]) + int(f[12])) / HZ
            for t in os.listdir(f"/proc/{p}/task"):
                ns += int(open(f"/proc/{p}/task/{t}/schedstat").read().split()[0]) / 1e9
        except OSError:
            pass
    return ns, ticks, user


def rss_mb(pids):
    kb = 0
    for p in pids:
        try:
            for line in open(f"/proc/{p}/smaps_rollup"):
                if line.startswith("Pss:"):
                    kb += int(line.split()[1])
        except OSError:
            pass
    return kb / 1024


def free_port():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    p = s.getsockname()[1]
    s.close()
    return p


class Target:
    def __init__(self, spec, upstream, pin):
        self.name, self.spec, self.proc, self.pids = spec["name"], spec, None, []
        self.path = spec.get("path", "/v1/chat/completions")
        self.headers = [h.replace("{upstream}", str(upstream)) for h in spec.get("headers", [])]
        if not spec.get("cmd"):
            self.port = upstream
            return
        self.port = spec.get("port") or free_port()
        work = BUILD / "run" / self.name.replace("/", "_").replace(" ", "_")
        work.mkdir(parents=True, exist_ok=True)

        def sub(text):
            words = {"port": self.port, "upstream": upstream, "dir": work, "here": HERE, "python": sys.executable}
            for word, value in words.items():
                text = text.replace("{" + word + "}", str(value))
            return text

        for fn, text in spec.get("files", {}).items():
            (work / fn).write_text(sub(text if isinstance(text, str) else "\n".join(text)))
        env = {**os.environ, **{k: sub(v) for k, v in spec.get("env", {}).items()}}
        argv = (["taskset", "-c", pin] if pin else []) + ["sh", "-c", sub(spec["cmd"])]
        self.log = open(work / "log.txt", "wb")
        self.proc = subprocess.Popen(
            argv,
            cwd=sub(spec.get("cwd", str(work))),
            env=env,
            stdout=self.log,
            stderr=self.log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def probe(self):
        body = json.dumps({"model": "m-0-0-1000", "messages": [{"role": "user", "content": "x"}]}).encode()
        hs = {"Content-Type": "application/json", "Authorization": "Bearer sk-bench-0123456789abcdef0123456789abcdef"}
        hs.update(h.split(": ", 1) for h in self.headers)
        r = urllib.request.Request(f"http://127.0.0.1:{self.port}{self.path}", body, hs)
        with urllib.request.urlopen(r, timeout=5) as f:
            return f.status == 200 and b"choices" in f.read()

    def ready(self):
        end, err = time.time() + self.spec.get("wait", 60), None
        while time.time() < end:
            if self.proc and self.proc.poll() is not None:
                err = f"exited {self.proc.returncode}"
                break
            try:
                if self.probe():
                    time.sleep(0.3)
                    self.pids = tree(self.proc.pid) if self.proc else []
                    self.rss0 = rss_mb(self.pids)
                    return True
            except Exception as e:  # noqa: BLE001 - any failure means "not ready yet"
                err = e
            time.sleep(0.3)
        print(f"!! {self.name}: not ready ({err}); see {getattr(self, 'log', None) and self.log.name}", file=sys.stderr)
        return False

    def stop(self):
        if not self.proc:
            return
        pids = tree(self.proc.pid)
        for sig in (signal.SIGTERM, signal.SIGKILL):
            for p in pids:
                try:
                    os.kill(p, sig)
                except OSError:
                    pass
            try:
                self.proc.wait(4)
            except subprocess.TimeoutExpired:
                continue
            if sig == signal.SIGTERM:
                time.sleep(0.2)


def measure(t, scen, pin):
    args, unit, _ = SCENARIOS[scen]
    cmd = (
        (["taskset", "-c", pin] if pin else [])
        + [str(BUILD / "load"), "-p", str(t.port), "-P", t.path]
        + shlex.split(args)
    )
    for h in t.headers:
        cmd += ["-H", h]
    t.pids = tree(t.proc.pid) if t.proc else []
    root = [t.proc.pid] if t.proc else []
    a, ra = cpu(t.pids), cpu(root)
    p = subprocess.Popen(cmd, stdout=subprocess.PIPE)
    peak = 0
    if scen.startswith("open"):
        while p.poll() is None:
            time.sleep(1)
            peak = max(peak, rss_mb(t.pids))
    out = json.loads(p.communicate()[0])
    b, rb = cpu(t.pids), cpu(root)
    used = max(b[0] - a[0], b[1] - a[1] - 0.02)
    n = out[unit] or 1
    out["cpu_us"] = used / n * 1e6
    out["root_us"] = (
        max(rb[0] - ra[0], rb[1] - ra[1] - 0.02) / n * 1e6
    )  # the started process alone, without its children
    out["user_share"] = (b[2] - a[2]) / (b[1] - a[1]) if b[1] > a[1] else 0
    out["rss_mb"] = peak or rss_mb(t.pids)
    return out


def main():
    ap = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    ap.add_argument("targets")
    ap.add_argument("--only")
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--scenarios", default=DEFAULT)
    ap.add_argument("--ref", default="nginx")
    ap.add_argument("--pin-proxy", default="0")
    ap.add_argument("--pin-load", default="1")
    ap.add_argument("--out", default="")
    o = ap.parse_args()
    build()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # open5k needs 10 000 descriptors in the proxy
    specs = json.loads(Path(o.targets).read_text())
    if o.only:
        want = o.only.split(",")
        specs = sorted((s for s in specs if s["name"] in want), key=lambda s: want.index(s["name"]))
    up = free_port()
    mock = subprocess.Popen((["taskset", "-c", o.pin_load] if o.pin_load else []) + [str(BUILD / "mock"), str(up)])
    ts = []
    try:
        time.sleep(0.2)
        for s in specs:
            t = Target(s, up, s.get("pin", o.pin_proxy))
            if t.ready():
                ts.append(t)
            else:
                t.stop()
        res = {t.name: {} for t in ts}
        scens = o.scenarios.split(",")
        for t in ts:  # warm up: imports, pools, JITs
            subprocess.run(
                [
                    str(BUILD / "load"),
                    "-p",
                    str(t.port),
                    "-P",
                    t.path,
                    "-c",
                    "8",
                    "-n",
                    "400",
                    "-d",
                    "4",
                    "-m",
                    "m-0-0-1000",
                ]
                + [x for h in t.headers for x in ("-H", h)],
                stdout=subprocess.DEVNULL,
                check=False,
            )
        for r in range(o.rounds):
            for sc in scens:
                for t in ts if r % 2 == 0 else ts[::-1]:
                    if sc in t.spec.get("skip", []):
                        continue
                    m = measure(t, sc, o.pin_load)
                    res[t.name].setdefault(sc, []).append(m)
                    print(
                        f"{r} {sc:8} {t.name:22} cpu {m['cpu_us']:8.1f} us  {m['rps']:9.1f}/s  p50 {m['total_p50']:9.1f}  ttfb {m['ttfb_p50']:8.1f} "
                        f"delay {m['delay_p50']:7.1f}/{m['delay_p99']:8.1f}  rss {m['rss_mb']:6.0f}  err {m['errors']}+{m['bad_status']}",
                        file=sys.stderr,
                        flush=True,
                    )
        report(ts, res, scens, o.ref)
        if o.out:
            Path(o.out).write_text(
                json.dumps({"targets": {t.name: {"rss0_mb": getattr(t, "rss0", 0)} for t in ts}, "runs": res}, indent=1)
            )
    finally:
        for t in ts:
            t.stop()
        mock.kill()


def report(ts, res, scens, ref):
    def med(name, sc, k):
        return statistics.median(m[k] for m in res[name][sc]) if sc in res.get(name, {}) else None

    def f(x, d=1):
        return "-" if x is None else f"{x:,.{d}f}"

    for sc in scens:
        print(f"\n### {sc}: {SCENARIOS[sc][2]}\n")
        unit = "chunk" if SCENARIOS[sc][1] == "chunks" else "request"
        print(
            f"| target | CPU us/{unit} | x {ref} | without children, x {ref} | req/s | ttfb p50 us | total p50 us | added p50 | p99 us | chunk delay p50 | p99 | memory MB | errors |"
        )
        print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
        base, d0 = med(ref, sc, "cpu_us"), med("direct", sc, "total_p50")
        for t in ts:
            g = {k: med(t.name, sc, k) for k in FIGURES}.get
            if g("cpu_us") is None:
                continue
            added = g("total_p50") - d0 if d0 is not None else None
            ratio = g("cpu_us") / base if base and t.proc else None
            print(
                f"| {t.name} | {f(g('cpu_us')) if t.proc else '-'} | {f(ratio, 2)} | {f(g('root_us') / base if base and t.proc else None, 2)} | {f(g('rps'), 0)} | {f(g('ttfb_p50'), 0)} | {f(g('total_p50'), 0)} | {f(added, 0)} | {f(g('total_p99'), 0)} "
                f"| {f(g('delay_p50'), 0)} | {f(g('delay_p99'), 0)} | {f(g('rss_mb'), 0)} | {g('errors') + g('bad_status'):.0f} |"
            )


if __name__ == "__main__":
    main()
