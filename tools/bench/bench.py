#!/usr/bin/env python3
"""Measures assay against the floor under it and the script that people would write instead.

Usage: bench.py [--quick] [--rounds N] [--json FILE] ASSAY TOOLS

Every contender of a group runs in turn, round after round, so that whatever else the machine does meets all of them.
Ratios are those of the medians.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
# Those of `assay generate`.
PROFILES = ("regulars", "commuters", "bare")
MEBIBYTE = 1 << 20


class Run:
    """The resources that one run of a command took."""

    def __init__(self, measure, command, stdin=None):
        with open(stdin or "/dev/null", "rb") as file:
            process = subprocess.run([measure, *command], stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)} failed:\n{process.stderr.decode()}")
        figures = json.loads(process.stdout)
        self.wall, self.cpu, self.peak = figures["wall"], figures["cpu"], figures["peak"]


class Contender:
    """A way to do the work. `command` is made anew for each run."""

    def __init__(self, name, lines, command, stdin=None):
        self.name, self.lines, self.command, self.stdin = name, lines, command, stdin
        self.runs = []

    def run(self, measure):
        self.runs.append(Run(measure, self.command(), self.stdin))

    def figures(self):
        def spread(values):
            return {"median": statistics.median(values), "least": min(values), "most": max(values)}

        return {
            "name": self.name,
            "lines": self.lines,
            "wall_seconds": spread([run.wall for run in self.runs]),
            "cpu_seconds": spread([run.cpu for run in self.runs]),
            "peak_bytes": max(run.peak for run in self.runs),
        }


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.assay = os.path.abspath(options.assay)
        self.floor, self.latency_tool, self.measure = (
            os.path.abspath(os.path.join(options.tools, name)) for name in ("floor", "latency", "measure"))
        self.rounds = options.rounds or (2 if options.quick else 5)
        self.scale = 20 if options.quick else 1
        self.results = {"groups": []}

    def path(self, name):
        return os.path.join(self.folder, name)

    def generate(self, transactions, users, *options):
        name = self.path("-".join([str(transactions), str(users), *options]) + ".jsonl")
        if not os.path.exists(name):
            subprocess.run([self.assay, "generate", "-n", str(transactions), "--users", str(users), "-o", name,
                            *options], check=True)
        return name

    def scoring(self, stream, output, *options):
        """A command that scores with fresh state and output."""
        def command():
            for name in ("state", "out"):
                path = self.path(name)
                if os.path.isdir(path):
                    shutil.rmtree(path)
                elif os.path.exists(path):
                    os.remove(path)
            state = [] if "--no-checkpoints" in options else ["--state", self.path("state")]
            target = "/dev/null" if output == "null" else self.path("out")
            return [self.assay, "score", stream, "-q", "-o", target, *state, *options]
        return command

    def group(self, title, contenders, reference=0):
        for contender in contenders:
            contender.run(self.measure)  # once for the caches; not counted
            contender.runs.clear()
        for _ in range(self.rounds):
            for contender in contenders:
                contender.run(self.measure)
        figures = [contender.figures() for contender in contenders]
        base = figures[reference]
        for entry in figures:
            for quantity in ("cpu_seconds", "wall_seconds"):
                share = entry[quantity]["median"] / entry["lines"]
                entry[quantity]["of_" + base["name"]] = share / (base[quantity]["median"] / base["lines"])
        self.results["groups"].append({"title": title, "contenders": figures})
        self.print_group(title, figures, base["name"])

    def print_group(self, title, figures, base):
        width = max(len(entry["name"]) for entry in figures)
        print(f"\n{title}\n{'':{width}}  {'lines/s':>10}  {'wall s (least-most)':>20}  {'CPU s (least-most)':>20}"
              f"  {'ns CPU/line':>11}  {'CPU':>6}  {'wall':>6}  {'MiB':>5}")
        for entry in figures:
            wall, cpu = entry["wall_seconds"], entry["cpu_seconds"]
            print(f"{entry['name']:{width}}  {entry['lines'] / wall['median']:>10,.0f}"
                  f"  {wall['median']:>7.2f} ({wall['least']:.2f}-{wall['most']:.2f})"
                  f"  {cpu['median']:>7.2f} ({cpu['least']:.2f}-{cpu['most']:.2f})"
                  f"  {cpu['median'] / entry['lines'] * 1e9:>11,.0f}"
                  f"  {cpu['of_' + base]:>5.2f}x  {wall['of_' + base]:>5.2f}x"
                  f"  {entry['peak_bytes'] / MEBIBYTE:>5.0f}", flush=True)

    # The groups

    def throughput(self):
        lines = 8_000_000 // self.scale
        stream = self.generate(lines, 100_000)
        part = self.path("part.jsonl")
        script_lines = lines // 20
        with open(stream, "rb") as source, open(part, "wb") as target:
            for _ in range(script_lines):
                target.write(source.readline())
        self.check_script(part)
        contenders = [Contender("floor", lines, lambda: [self.floor, stream])]
        for output in ("null", "file"):
            contenders += [
                Contender(f"assay, no checkpoints, to {output}", lines,
                          self.scoring(stream, output, "--no-checkpoints")),
                Contender(f"assay, each 1 s, to {output}", lines,
                          self.scoring(stream, output, "--checkpoint-interval", "1s")),
                Contender(f"assay, each 100 ms, to {output}", lines,
                          self.scoring(stream, output, "--checkpoint-interval", "100ms")),
            ]
        contenders.append(Contender("assay, each 1 s, to file, --threads 1", lines,
                                    self.scoring(stream, "file", "--checkpoint-interval", "1s", "--threads", "1")))
        contenders.append(Contender("plain script, nothing durable", script_lines,
                                    lambda: [sys.executable, os.path.join(HERE, "plain.py")], stdin=part))
        self.group(f"{lines:,} transactions of 100,000 users; against the floor, which only reads the fields",
                   contenders)

    def check_script(self, stream):
        """The script has to say the same, or it would be no contender."""
        sample = self.path("sample.jsonl")
        with open(stream, "rb") as source, open(sample, "wb") as target:
            for _ in range(20_000):
                target.write(source.readline())
        ours = subprocess.run([self.assay, "score", sample, "-q", "--no-checkpoints"], check=True,
                              stdout=subprocess.PIPE).stdout.splitlines()
        with open(sample, "rb") as file:
            theirs = subprocess.run([sys.executable, os.path.join(HERE, "plain.py")], stdin=file, check=True,
                                    stdout=subprocess.PIPE).stdout.splitlines()
        if [json.loads(line) for line in ours] != [json.loads(line) for line in theirs]:
            sys.exit("the plain script and assay do not agree")

    def kinds(self):
        """All kinds of streams, of which the worst counts."""
        lines = 3_000_000 // self.scale
        worst = {}
        print(f"\n{lines:,} transactions of each kind, file to file, a checkpoint each second, against the floor over "
              f"the same file\n{'':10}  {'users':>9}  {'uneven':>6}  {'floor ns':>8}  {'ns CPU':>6}  {'CPU':>5}  "
              f"{'wall':>5}  {'MiB':>5}")
        rows = []
        for users in (1_000, 100_000, 1_000_000):
            for uneven in ("0", "0.1"):
                for profile in PROFILES:
                    stream = self.generate(lines, users, "--profile", profile, "--uneven", uneven)
                    row = self.kind(lines, stream)
                    row.update(profile=profile, users=users, uneven=float(uneven))
                    rows.append(row)
                    os.remove(stream)
                    print(f"{profile:10}  {users:>9,}  {uneven:>6}  {row['floor_ns']:>8.0f}  {row['cpu_ns']:>6.0f}"
                          f"  {row['cpu']:>4.2f}x  {row['wall']:>4.2f}x  {row['peak_bytes'] / MEBIBYTE:>5.0f}",
                          flush=True)
                    for quantity in ("cpu", "wall"):
                        known = worst.get((users, quantity), row)
                        worst[users, quantity] = max(row, known, key=lambda row: row[quantity])
        for (users, quantity), row in sorted(worst.items()):
            print(f"worst {quantity} at {users:,} users: {row[quantity]:.2f}x the floor, {row['profile']}, "
                  f"uneven {row['uneven']}")
        self.results["kinds"] = rows

    def kind(self, lines, stream):
        floor = Contender("floor", lines, lambda: [self.floor, stream])
        ours = Contender("assay", lines, self.scoring(stream, "file", "--checkpoint-interval", "1s"))
        for _ in range(max(2, self.rounds // 2) + 1):
            for contender in (floor, ours):
                contender.run(self.measure)
        # The first round is for the caches.
        figures = []
        for contender in (floor, ours):
            contender.runs.pop(0)
            figures.append(contender.figures())
        cpu, wall = ([entry[name]["median"] for entry in figures] for name in ("cpu_seconds", "wall_seconds"))
        return {"floor_ns": cpu[0] / lines * 1e9, "cpu_ns": cpu[1] / lines * 1e9, "cpu": cpu[1] / cpu[0],
                "wall": wall[1] / wall[0], "peak_bytes": figures[1]["peak_bytes"]}

    def formats(self):
        lines = 1_000_000 // self.scale
        stream = self.generate(lines, 100_000)
        table = self.path("stream.csv")
        with open(stream) as source, open(table, "w") as target:
            target.write("transaction_id,user_id,account_id,transaction_type,amount,currency,timestamp,merchant_id,"
                         "location.latitude,location.longitude\n")
            for line in source:
                entry = json.loads(line)
                place = entry.get("location") or {}
                target.write(",".join(str(value) for value in (
                    entry["transaction_id"], entry["user_id"], entry["account_id"], entry["transaction_type"],
                    entry["amount"], entry["currency"], entry["timestamp"], entry["merchant_id"],
                    place.get("latitude", ""), place.get("longitude", ""))) + "\n")
        self.group(f"The same {lines:,} transactions in two formats, to null, without checkpoints", [
            Contender("JSON lines", lines, self.scoring(stream, "null", "--no-checkpoints")),
            Contender("CSV", lines, self.scoring(table, "null", "--no-checkpoints", "--format", "csv")),
        ])

    def growth(self):
        lines = 8_000_000 // self.scale
        empty = Run(self.measure, [self.assay, "score", "/dev/null", "-q", "--no-checkpoints"]).peak
        rows = []
        print(f"\nGrowth: {lines:,} transactions, to null, without checkpoints; an empty run takes "
              f"{empty / MEBIBYTE:.0f} MiB")
        print(f"{'users seen':>10}  {'ns CPU/line (least-most)':>26}  {'MiB':>6}  {'bytes/user':>10}")
        for users in (1_000, 10_000, 100_000, 1_000_000, 10_000_000):
            stream = self.generate(lines, users)
            summary = subprocess.run([self.assay, "score", stream, "-o", "/dev/null", "--no-checkpoints"], check=True,
                                     stderr=subprocess.PIPE, text=True).stderr
            seen = int(next(part for part in summary.split(", ") if part.strip().endswith("users"))
                       .split()[0].replace(",", ""))
            contender = Contender(str(users), lines, self.scoring(stream, "null", "--no-checkpoints"))
            for _ in range(max(2, self.rounds // 2)):
                contender.run(self.measure)
            if users != 100_000:
                os.remove(stream)
            figures = contender.figures()
            figures.update(users=seen, bytes_per_user=(figures["peak_bytes"] - empty) / seen)
            rows.append(figures)
            cpu = figures["cpu_seconds"]
            # Below, what a run takes for itself would hide it.
            each_user = f"{figures['bytes_per_user']:,.0f}" if seen > 500_000 else ""
            each = [cpu[name] / lines * 1e9 for name in ("median", "least", "most")]
            print(f"{seen:>10,}  {each[0]:>12,.0f} ({each[1]:,.0f}-{each[2]:,.0f})"
                  f"  {figures['peak_bytes'] / MEBIBYTE:>12,.0f}  {each_user:>10}", flush=True)
        self.results["growth"] = {"empty_bytes": empty, "rows": rows}

    def latency(self):
        stream = self.generate(8_000_000 // self.scale, 100_000)
        seconds = 2 if self.options.quick else 10
        rows = []
        print(f"\nFrom a line written into a pipe to its assessment out of another, {seconds} s each, microseconds")
        print(f"{'lines/s':>10}  {'':34}  {'p50':>7}  {'p99':>7}  {'p99.9':>7}  {'worst':>7}")
        for rate in (100, 10_000, 100_000):
            for name, command in (
                    ("cat", ["cat"]),
                    ("assay, no checkpoints", [self.assay, "score", "-q", "--no-checkpoints"]),
                    ("assay, a checkpoint each second",
                     [self.assay, "score", "-q", "--state", self.path("state"), "--checkpoint-interval", "1s"])):
                shutil.rmtree(self.path("state"), ignore_errors=True)
                measuring = [self.latency_tool, stream, str(rate), str(seconds), *command]
                answer = json.loads(subprocess.run(measuring, check=True, stdout=subprocess.PIPE).stdout)
                rows.append({"name": name, **answer})
                print(f"{answer['lines_per_second']:>10,.0f}  {name:34}  {answer['p50']:>7,.0f}  {answer['p99']:>7,.0f}"
                      f"  {answer['p99.9']:>7,.0f}  {answer['worst']:>7,.0f}", flush=True)
        self.results["latency_microseconds"] = rows

    def machine(self):
        with open("/proc/cpuinfo") as file:
            model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "unknown")
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 30
        self.results["machine"] = f"{os.cpu_count()} cores, {model}, {memory} GiB, Linux {platform.release()}"
        print(self.results["machine"])


def remember(path, results):
    """A line with the commit, the machine and the figures that are compared over time."""
    def git(*arguments):
        return subprocess.run(["git", "-C", HERE, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout

    entry = {
        "date": git("log", "-1", "--format=%cs").strip(), "commit": git("log", "-1", "--format=%h").strip(),
        "changed": bool(git("status", "--porcelain", "--untracked-files=no").strip()), "machine": results["machine"],
        "kinds": [{name: round(value, 2) if isinstance(value, float) else value for name, value in row.items()}
                  for row in results["kinds"]],
    }
    with open(path, "a") as file:
        file.write(json.dumps(entry) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="a twentieth of the data, two rounds")
    parser.add_argument("--rounds", type=int, help="how often each contender runs")
    parser.add_argument("--json", help="write all figures to this file, too")
    parser.add_argument("assay")
    parser.add_argument("tools", help="the folder of floor, latency and measure")
    parser.add_argument("--kinds", action="store_true", help="the kinds of streams alone")
    parser.add_argument("--history", help="append the figures to this file, a line of JSON for each run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        bench = Bench(options, folder)
        bench.machine()
        bench.kinds()
        if not options.kinds:
            bench.throughput()
            bench.formats()
            bench.latency()
            bench.growth()
    if options.json:
        with open(options.json, "w") as file:
            json.dump(bench.results, file, indent=1)
    if options.history:
        remember(options.history, bench.results)


main()
