#!/usr/bin/python3
"""One topic keyed by user, read by one, two and four engines, each with its share of the partitions; then one of two is
killed and goes on elsewhere, from a copy of its state.

    partitions.py ASSAY BROKERTOOL

Brokers are a process of their own, in memory, on the same cores.
"""

import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from brokers import Brokers

RECORDS, PARTITIONS = 120_000, 12
KILLED_AFTER = 0.1
NUMBER = re.compile(rb'"sequence":\d+,')
assay, tool = (os.path.abspath(path) for path in sys.argv[1:])


def configure(folder, name, brokers, partitions):
    with open(f"{folder}/{name}.yaml", "w", encoding="utf-8") as file:
        file.write(f"""
inputs: {{payments: {{kafka: {{topic: payments, partitions: {partitions}}}}}}}
outputs: {{assessments: {{kafka: {{topic: results, partitions: {partitions}}}}}}}
kafka: {{brokers: "{brokers.address}"}}
""")


def start(folder, name, *options, interval="500ms"):
    command = [assay, "score", "-q", "-c", f"{folder}/{name}.yaml", "--state", f"{folder}/{name}",
               "--checkpoint-interval", interval, *options]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


def share(count, number):
    return list(range(number, PARTITIONS, count))


def finish(process):
    """CPU seconds of a process that has to succeed."""
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status != 0:
        sys.exit(errors.decode())
    return usage.ru_utime + usage.ru_stime


def together(folder, count, expected):
    brokers = Brokers(tool, ["payments", "results"], PARTITIONS)
    try:
        brokers.fill(folder)
        for number in range(count):
            configure(folder, f"{count}-{number}", brokers, share(count, number))
        began = time.monotonic()
        engines = [start(folder, f"{count}-{number}", "--until-end") for number in range(count)]
        cpu = sum(finish(engine) for engine in engines)
        wall = time.monotonic() - began
        compare(brokers, expected)
        print(f"{count} engines: {RECORDS / wall:10,.0f}/s together, {cpu / RECORDS * 1e6:5.2f} us of CPU each",
              flush=True)
    finally:
        brokers.end()


def compare(brokers, expected):
    found = collections.Counter(NUMBER.sub(b"", line, count=1) for line in brokers.lines("results"))
    if found != expected:
        sys.exit(f"{sum((expected - found).values())} missing, {sum((found - expected).values())} extra")


def take_over(folder, expected):
    brokers = Brokers(tool, ["payments", "results"], PARTITIONS)
    try:
        brokers.fill(folder)
        for number in range(2):
            configure(folder, f"t-{number}", brokers, share(2, number))
        other = start(folder, "t-0", "--until-end")
        finish(other)
        # Slow enough to be killed in the middle.
        dead = start(folder, "t-1", "--threads", "1", interval="20ms")
        while not os.path.exists(f"{folder}/t-1/state.db"):
            time.sleep(0.001)
        time.sleep(KILLED_AFTER)
        dead.kill()
        dead.wait()
        began = time.monotonic()
        shutil.copytree(f"{folder}/t-1", f"{folder}/moved")
        shutil.copy(f"{folder}/t-1.yaml", f"{folder}/moved.yaml")
        before = len(brokers.lines("results"))
        if before == RECORDS:
            sys.exit("it was killed too late")
        taken = start(folder, "moved", "--until-end")
        while len(brokers.lines("results")) == before:
            if time.monotonic() > began + 30:
                sys.exit("nothing comes from it")
        waited = time.monotonic() - began
        finish(taken)
        compare(brokers, expected)
        print(f"killed after {before:,} assessments; copied, started and writing again after {waited:.2f} s;"
              " nothing missing, nothing twice")
    finally:
        brokers.end()


def main():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([assay, "generate", "-n", str(RECORDS), "--users", "20000", "-o", f"{folder}/lines"], check=True)
        with open(f"{folder}/keyed", "w", encoding="utf-8") as keyed:
            for line in open(f"{folder}/lines", encoding="utf-8"):
                keyed.write(line.split('"user_id":"', 1)[1].split('"', 1)[0] + "\t" + line)
        alone = subprocess.run([assay, "score", f"{folder}/lines", "--no-checkpoints", "-q"], capture_output=True,
                               check=True).stdout
        expected = collections.Counter(NUMBER.sub(b"", line, count=1) for line in alone.splitlines())
        for count in (1, 2, 4):
            together(folder, count, expected)
        take_over(folder, expected)


main()
