#!/usr/bin/env python3
"""What learning costs a transaction, what a checkpoint each second adds, and what is remembered takes: with and without
in turn, the least of several.

Usage: learning.py ASSAY [LINES]
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time

ROUNDS = 5


def run(command):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.perf_counter() - start


def peak(command):
    """The greatest resident memory of a run, in bytes."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command} failed")
    return usage.ru_maxrss * 1024


def least(variants):
    best = {}
    for _ in range(ROUNDS):
        for name, command in variants.items():
            cpu, wall = run(command)
            known = best.get(name, (cpu, wall))
            best[name] = (min(known[0], cpu), min(known[1], wall))
    return best


def main():
    assay, lines = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        def path(name):
            return os.path.join(folder, name)

        def configuration(name, **settings):
            with open(path(name), "w", encoding="utf-8") as file:
                json.dump({"learning": {"enabled": True, **settings}}, file)
            return ["-c", path(name)]

        score = [assay, "score", "-q", "-o", "/dev/null"]
        print(f"{'stream':34} {'CPU s off':>9} {'on':>7} {'us more a transaction':>22}")
        for title, options in (("10,000 users, 30 days", ["--users", "10000"]),
                               ("100,000 users, 365 days", ["--users", "100000", "--days", "365"]),
                               ("100,000 users, much fraud, disorder",
                                ["--users", "100000", "--fraud", "0.2", "--disorder", "30"])):
            stream, labels = path("stream.jsonl"), path("labels.csv")
            subprocess.run([assay, "generate", "-n", str(lines), *options, "--labels", labels, "--label-delay", "7d",
                            "-o", stream, "--overwrite"], check=True)
            on = configuration("on.yaml")
            best = least({"off": score + [stream, "--no-checkpoints"],
                          "on": score + [stream, "--no-checkpoints", "--labels", labels, *on]})
            more = (best["on"][0] - best["off"][0]) * 1e6 / lines
            print(f"{title:34} {best['off'][0]:9.2f} {best['on'][0]:7.2f} {more:22.2f}")

        # All of them wait: nothing matures within a month.
        on = configuration("pending.yaml", maturity="400d", retention="400d")
        state = path("state")

        def saving(interval):
            return score + [stream, *on, "--state", state, "--fresh", "--checkpoint-interval", interval]

        best = least({"rare": saving("1h"), "each second": saving("1s")})
        cpu, wall = [best["each second"][index] / best["rare"][index] for index in (0, 1)]
        print(f"\n{lines:,} pending, a checkpoint each second: CPU {cpu:.3f} times, "
              f"time {wall:.3f} times that of one at the end")

        # Memory: the same run with and without, over what is remembered.
        off = peak(score + [stream, "--no-checkpoints"])
        pending = peak(score + [stream, "--no-checkpoints", *on])
        print(f"memory of {lines:,} pending transactions and all else that is learned: "
              f"{(pending - off) / 2**20:.0f} MiB, {(pending - off) / lines:.0f} bytes each")


if __name__ == "__main__":
    main()
