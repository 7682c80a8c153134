#!/usr/bin/env python3
"""The shop's pipeline with its four tables: unpaced, and with ten thousand orders a second in real time.

Unpaced, the orders are those of 100 seconds at that rate. Paced, the delay of a window's row is from the moment at
which the order that completes it was written to the moment that its row can be read from the table by somebody else.

Usage: pipeline.py ASSAY PIPELINE [SECONDS]
"""

import calendar
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

ORDERS = 1_000_000
RATE = 10_000
ROUNDS = 5
OUT_OF_ORDER = 5


def run(assay, pipeline, folder, **streams):
    """Wall and CPU seconds of a run of its own."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    process = subprocess.Popen(
        [assay, "run", pipeline, "-q", "--output-folder", folder, "--state", folder + "/state"], **streams
    )
    code = process.wait()
    wall = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert code == 0, code
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu


def rows(folder, query):
    database = sqlite3.connect(f"file:{folder}/analytics.db?mode=ro", uri=True)
    try:
        return database.execute(query).fetchall()
    except sqlite3.OperationalError:
        return []
    finally:
        database.close()


def unpaced(assay, pipeline, folder, orders):
    subprocess.run(
        [assay, "generate", "--kind", "orders", "-n", str(ORDERS), "--days", str(ORDERS / RATE / 86400), "-o", orders],
        check=True,
    )
    results = []
    for _ in range(ROUNDS):
        with open(orders, "rb") as lines:
            results.append(run(assay, pipeline, folder, stdin=lines))
    wall, cpu = sorted(results)[ROUNDS // 2]
    print(f"unpaced: {ORDERS / wall:,.0f} orders/s, {cpu / ORDERS * 1e6:.2f} us of CPU an order "
          f"(median of {ROUNDS} runs of {ORDERS:,})")


def paced(assay, pipeline, folder, seconds):
    seen = {}
    stop = threading.Event()

    def watch():
        while not stop.is_set():
            if os.path.exists(folder + "/analytics.db"):
                now = time.time()
                for table in ("statistics", "suspicious_ips"):
                    for (end,) in rows(folder, f"SELECT DISTINCT window_end FROM {table}"):
                        seen.setdefault((table, end), now)
            time.sleep(0.05)

    watcher = threading.Thread(target=watch)
    generator = subprocess.Popen(
        [assay, "generate", "--kind", "orders", "--rate", str(RATE), "--start", "now", "-n", str(RATE * seconds)],
        stdout=subprocess.PIPE,
    )
    begun = time.time()
    watcher.start()
    pid = os.fork()
    if pid == 0:
        # Of its own, so that only it is measured.
        wall, cpu = run(assay, pipeline, folder, stdin=generator.stdout)
        print(f"paced: {RATE:,} orders/s for {wall:.0f} s took {cpu / wall * 100:.1f} % of one core")
        sys.stdout.flush()
        os._exit(0)
    generator.stdout.close()
    _, status = os.waitpid(pid, 0)
    generator.wait()
    assert status == 0, status
    ended = time.time()
    stop.set()
    watcher.join()
    delays = []
    for (_, end), moment in seen.items():
        # 2026-11-20T21:00:30+09:00
        at = calendar.timegm(time.strptime(end[:19], "%Y-%m-%dT%H:%M:%S")) - 9 * 3600
        # Windows that the end of the input completed, and those that began before it, say nothing.
        if begun + OUT_OF_ORDER < at + OUT_OF_ORDER < ended - 1:
            delays.append(moment - at - OUT_OF_ORDER)
    print(f"rows could be read {max(delays):.2f} s after the watermark at most ({len(delays)} windows, "
          f"looked for each 0.05 s)")


def main():
    assay, pipeline = sys.argv[1], sys.argv[2]
    seconds = int(sys.argv[3]) if len(sys.argv) > 3 else 60
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        unpaced(assay, pipeline, folder, other + "/orders.jsonl")
        paced(assay, pipeline, folder, seconds)


main()
