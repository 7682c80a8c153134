#!/usr/bin/python3
"""What going from topic to topic costs: the engine beside a loop that only copies, a script, and files. Then the shop:
ten thousand orders a second from a topic into four tables of PostgreSQL.

    kafka.py ASSAY COPY BROKERTOOL SHOP

Brokers are a process of their own, in memory, on the same cores: CPU is that of the client alone.
"""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from brokers import Brokers
from postgres import Server

RECORDS, PARTITIONS, ROUNDS = 120_000, 12, 3
RATE, SECONDS = 10_000, 40
TOPICS = ["payments", "results", "orders"]
assay, copy, tool, shop = (os.path.abspath(path) for path in sys.argv[1:])
script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kafka-script.py")


def measure(command, folder):
    """CPU and wall seconds of a command that has to succeed."""
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command[0]}: {errors.decode()}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - began


def configuration(address):
    return f"""
inputs: {{payments: {{kafka: {{topic: payments}}}}}}
outputs: {{assessments: {{kafka: {{topic: results}}}}}}
kafka: {{brokers: "{address}"}}
"""


def topics(folder, command):
    """A cluster of its own each time: topics in memory keep only so much."""
    brokers = Brokers(tool, TOPICS, PARTITIONS)
    try:
        brokers.fill(folder)
        with open(f"{folder}/c.yaml", "w", encoding="utf-8") as file:
            file.write(configuration(brokers.address))
        return measure([part.replace("BROKERS", brokers.address) for part in command], folder)
    finally:
        brokers.end()


def measure_shop(folder):
    """CPU of the engine while orders come at their rate."""
    base = pathlib.Path(folder) / "server"
    base.mkdir()
    os.chmod(folder, 0o755)
    server, brokers = Server(base), Brokers(tool, TOPICS, PARTITIONS)
    try:
        pipeline = pathlib.Path(shop).read_text(encoding="utf-8").replace("127.0.0.1:9092", brokers.address)
        uri = f"@127.0.0.1:{server.port}/postgres"
        pathlib.Path(folder, "shop.yaml").write_text(pipeline.replace("@127.0.0.1/shop", uri), encoding="utf-8")
        orders = f"{assay} generate --kind orders -n {RATE * SECONDS} --rate {RATE} --start now 2> told"
        key = """stdbuf -oL sed 's/.*"user_id":"\\([^"]*\\)".*/\\1\t&/'"""
        feed = subprocess.Popen(
            f"{orders} | {key} | kcat -P -b {brokers.address} -t orders -K '\t' -X linger.ms=20", shell=True, cwd=folder
        )
        engine = subprocess.Popen([assay, "run", "shop.yaml"], cwd=folder, stderr=subprocess.PIPE)
        feed.wait()
        time.sleep(2)
        engine.send_signal(signal.SIGTERM)
        errors = engine.stderr.read().decode()
        _, status, usage = os.wait4(engine.pid, 0)
        lines = next((line for line in errors.splitlines() if "lines: accepted" in line), errors)
        if status != 0 or f"accepted {RATE * SECONDS:,}," not in lines:
            sys.exit(f"the shop: {errors}")
        cpu = (usage.ru_utime + usage.ru_stime) / SECONDS
        print(f"the shop at {RATE:,} orders/s into four tables: {cpu * 100:.1f} % of a core")
    finally:
        brokers.end()
        server.stop()


def main():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [assay, "generate", "-n", str(RECORDS), "--users", "20000", "-o", "lines"],
            cwd=folder, check=True, stderr=subprocess.DEVNULL,
        )
        with open(f"{folder}/keyed", "w", encoding="utf-8") as keyed:
            for line in open(f"{folder}/lines", encoding="utf-8"):
                keyed.write(line.split('"user_id":"', 1)[1].split('"', 1)[0] + "\t" + line)
        loop = ["BROKERS", "payments", "results", str(PARTITIONS), str(RECORDS)]
        engine = [assay, "score", "-q", "--fresh", "--checkpoint-interval", "1s"]
        best = {}
        for _ in range(ROUNDS):
            for name, run in [
                ("floor, a loop that copies", lambda: topics(folder, [copy] + loop)),
                ("engine, topic to topic", lambda: topics(folder, engine + ["-c", "c.yaml", "--until-end"])),
                ("engine, file to file", lambda: measure(engine + ["lines", "-o", "out", "--overwrite"], folder)),
                ("script, topic to topic", lambda: topics(folder, ["/usr/bin/python3", script] + loop)),
            ]:
                best[name] = min(best.get(name, (1e9, 1e9)), run())
        floor = best["floor, a loop that copies"][0]
        print(f"{RECORDS:,} records, {PARTITIONS} partitions on 3 brokers; the best of {ROUNDS} rounds")
        for name, (cpu, wall) in best.items():
            print(
                f"{name:28}{RECORDS / wall:12,.0f}/s{cpu / RECORDS * 1e6:8.2f} µs of CPU each"
                f"{cpu / floor:8.2f} × the floor"
            )
        measure_shop(folder)


main()
