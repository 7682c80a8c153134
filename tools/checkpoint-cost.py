#!/usr/bin/env python3
"""What checkpoints cost: CPU seconds with one each second against none, in turn, and how long a line waits for one.

Usage: checkpoint-cost.py ASSAY [TRANSACTIONS] [USERS]
"""

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time


def cpu_seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure_cpu(assay, folder, stream, output, rounds=7):
    """The least of several: whatever else the machine does can only add."""
    seconds = {"without": [], "with": []}
    for number in range(rounds):
        if output != "/dev/null" and os.path.exists(output):
            os.remove(output)
        command = [assay, "score", stream, "-o", output, "--overwrite"]
        seconds["without"].append(cpu_seconds(command + ["--no-checkpoints"]))
        state = os.path.join(folder, f"state{number}{len(output)}")
        seconds["with"].append(cpu_seconds(command + ["--state", state, "--checkpoint-interval", "1s"]))
    return {name: min(values) for name, values in seconds.items()}


def measure_waiting(assay, folder, stream, rate=20_000, seconds=10):
    """Writes lines at a rate and notes how long each answer takes. All are of different users, so that every
    checkpoint has as much to write as there can be."""
    with open(stream, "rb") as file:
        lines = [file.readline() for _ in range(rate * seconds)]
    command = [assay, "score", "--state", os.path.join(folder, "waiting"), "--checkpoint-interval", "1s", "-q"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    sent = []
    waited = []

    def read():
        rest = 0
        while block := process.stdout.read(1 << 16):
            now = time.perf_counter()
            for _ in range(block.count(b"\n")):
                waited.append(now - sent[rest])
                rest += 1

    reader = threading.Thread(target=read)
    reader.start()
    start = time.perf_counter()
    step = rate // 1000
    for first in range(0, len(lines), step):
        while time.perf_counter() < start + first / rate:
            time.sleep(0.0002)
        now = time.perf_counter()
        sent.extend([now] * len(lines[first:first + step]))
        process.stdin.write(b"".join(lines[first:first + step]))
    process.stdin.close()
    reader.join()
    process.wait()
    waited.sort()
    return waited


def main():
    assay = os.path.abspath(sys.argv[1])
    transactions = sys.argv[2] if len(sys.argv) > 2 else "4000000"
    users = sys.argv[3] if len(sys.argv) > 3 else "100000"
    with tempfile.TemporaryDirectory() as folder:
        stream = os.path.join(folder, "stream.jsonl")
        subprocess.run([assay, "generate", "-n", transactions, "--users", users, "-o", stream], check=True)
        print(f"{transactions} transactions of {users} users, least of 7 runs, CPU seconds:")
        for name, output in (("/dev/null", "/dev/null"), ("a file", os.path.join(folder, "out"))):
            cpu = measure_cpu(assay, folder, stream, output)
            share = cpu["with"] / cpu["without"] - 1
            print(f"  to {name}: without checkpoints {cpu['without']:.2f}, "
                  f"with one each second {cpu['with']:.2f}: {share:+.1%}")
        waited = measure_waiting(assay, folder, stream)
        percentile = [waited[int(len(waited) * part)] * 1000 for part in (0.5, 0.99, 0.999)]
        print("20,000 lines/s through a pipe, a checkpoint each second, milliseconds from line to answer:")
        print(f"  half {percentile[0]:.2f}, 99 % {percentile[1]:.2f}, 99.9 % {percentile[2]:.2f}, "
              f"longest {waited[-1] * 1000:.1f}")


main()
