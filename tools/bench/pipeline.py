#!/usr/bin/env python3
"""The shop's pipeline with its four tables: unpaced, and with ten thousand orders a second in real time.

Unpaced, the orders are those of a day, when most of the work is in windows that fire, and those of 100 seconds at ten
thousand a second. Paced, the delay of a window's row is from the moment at which the order that completes it was
written to the moment that its row can be read from the table by somebody else.

With FLINK, a folder of Apache Flink, its SQL makes the same four results of the orders of a day, in the same minutes.

Usage: pipeline.py ASSAY PIPELINE [--peers FLINK] [SECONDS]
"""

import argparse
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

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "flink"))
from cluster import Cluster, lines  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ORDERS = 1_000_000
# Of a day: as many as the generator makes of a shop by itself.
A_DAY = 2_000_000
# What it takes Flink to start is taken away by a run of these.
FEW = 500_000
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


def generate(assay, orders, count, days):
    subprocess.run([assay, "generate", "--kind", "orders", "-n", str(count), "--days", str(days), "-o", orders],
                   check=True)


def unpaced(assay, pipeline, folder, orders, count, name):
    """Returns the microseconds of CPU that an order takes."""
    results = []
    for _ in range(ROUNDS):
        with open(orders, "rb") as stream:
            results.append(run(assay, pipeline, folder, stdin=stream))
    wall, cpu = sorted(results)[ROUNDS // 2]
    cost = cpu / count * 1e6
    print(f"unpaced, {name}: {count / wall:,.0f} orders/s, {cost:.2f} us of CPU an order "
          f"(median of {ROUNDS} runs of {count:,})", flush=True)
    return cost


def rows_of(folder):
    return {table: rows(folder, f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}


TABLES = ("popular_products", "suspicious_ips", "high_value_orders", "statistics")


def flink(place, orders, folder):
    """The CPU seconds of a cluster of its own, and how many rows the four results have."""
    jar, output = f"{folder}/shop.jar", f"{folder}/out-{os.path.basename(orders)}"
    if not os.path.exists(jar):
        subprocess.run(["javac", "-nowarn", "-d", f"{folder}/classes", "-cp", f"{place}/lib/*",
                        f"{HERE}/flink/ShopJob.java"], check=True)
        subprocess.run(["jar", "--create", "--file", jar, "-C", f"{folder}/classes", "."], check=True)
    # Java may stop for its heap.
    settings = {"heartbeat.timeout": 50000}
    with Cluster(place, f"{output}-cluster", 1, heap=3000, settings=settings) as cluster:
        cluster.finish(cluster.submit(jar, [f"file://{orders}", f"file://{output}"], 2, name="ShopJob"), 900)
        return cluster.cpu(), {table: len(lines(f"{output}/{table}")) for table in TABLES}


def beside_flink(assay, place, folder, other, orders, ours):
    few = other + "/few.jsonl"
    generate(assay, few, FEW, FEW / A_DAY)
    before, _ = flink(place, few, other)
    seconds, counts = flink(place, orders, other)
    if counts != rows_of(folder):
        sys.exit(f"the results differ: {counts} of Flink, {rows_of(folder)} of Assay")
    cost = (seconds - before) / (A_DAY - FEW) * 1e6
    print(f"Flink SQL: {cost:.2f} us of CPU an order, {cost / ours:.1f} times as much, for as many rows", flush=True)


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
    parser = argparse.ArgumentParser()
    parser.add_argument("assay")
    parser.add_argument("pipeline")
    parser.add_argument("seconds", type=int, nargs="?", default=60)
    parser.add_argument("--peers", metavar="FLINK")
    options = parser.parse_args()
    assay, pipeline = options.assay, options.pipeline
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        orders = other + "/orders.jsonl"
        generate(assay, orders, ORDERS, ORDERS / RATE / 86400)
        unpaced(assay, pipeline, folder, orders, ORDERS, "within seconds")
        a_day = other + "/day.jsonl"
        generate(assay, a_day, A_DAY, 1)
        ours = unpaced(assay, pipeline, folder, a_day, A_DAY, "over a day")
        if options.peers:
            beside_flink(assay, os.path.abspath(options.peers), folder, other, a_day, ours)
        if options.seconds:
            paced(assay, pipeline, folder, options.seconds)


main()
