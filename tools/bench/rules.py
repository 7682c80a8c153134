#!/usr/bin/env python3
"""What twenty rules cost: CPU and time of a million transactions with and without, in turn, the least of several; how
much of that is left when the only rule never gets past its first comparison; and one version against another.

Usage: rules.py ASSAY RULES
"""

import os
import re
import resource
import subprocess
import sys
import tempfile
import time

LINES = 1_000_000
ROUNDS = 7


def run(command):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - start


def main():
    assay, rules = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        stream, labels = os.path.join(folder, "stream.jsonl"), os.path.join(folder, "labels.csv")
        subprocess.run([assay, "generate", "-n", str(LINES), "--users", "25000", "--labels", labels, "-o", stream],
                       check=True)
        idle = os.path.join(folder, "idle.yaml")
        with open(idle, "w", encoding="utf-8") as file:
            file.write("rules: [{name: idle, when: amount < 0.0 && metadata.a.b == distance_km, risk: 0.5}]\n")
        variants = {"none": [], "idle": ["-c", idle], "twenty": ["-c", rules]}
        best = {}
        for _ in range(ROUNDS):
            for name, options in variants.items():
                command = [assay, "score", stream, "-q", "--no-checkpoints", "-o", "/dev/null"] + options
                cpu, wall = run(command)
                known = best.get(name, (cpu, wall))
                best[name] = (min(known[0], cpu), min(known[1], wall))
        print(f"{'rules':8} {'CPU s':>7} {'s':>7} {'tx/s':>11} {'us more a transaction, CPU':>28} {'time':>6}")
        for name, (cpu, wall) in best.items():
            more = [(value - base) * 1e6 / LINES for value, base in zip((cpu, wall), best["none"])]
            print(f"{name:8} {cpu:7.3f} {wall:7.3f} {LINES / wall:11,.0f} {more[0]:28.3f} {more[1]:6.3f}")
        # The version before: two thresholds were others, and one rule was not there yet.
        before = os.path.join(folder, "before.yaml")
        with open(rules, encoding="utf-8") as file:
            text = file.read()
        text = text.replace('"1h") >= 10', '"1h") >= 20').replace("z_score > 4.0", "z_score > 6.0")
        text = re.sub(r"  - name: burst\n(    .*\n)+", "", text)
        with open(before, "w", encoding="utf-8") as file:
            file.write(text)
        started = time.perf_counter()
        report = subprocess.run([assay, "backtest", stream, "-c", rules, "--against", before, "--labels", labels],
                                check=True, capture_output=True, text=True).stdout
        print(f"\nassay backtest of two versions, {LINES:,} transactions: "
              f"{time.perf_counter() - started:.1f} s\n\n{report}")


main()
