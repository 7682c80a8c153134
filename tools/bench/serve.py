#!/usr/bin/env python3
"""What an answer over HTTP costs.

    serve.py ASSAY FOLDER

FOLDER has the programs 'load' and 'http-floor'. In the same minutes: the HTTP library that answers a constant, assay
with both kinds of durability, lines in one request, and a service in Python with FastAPI, uvicorn, a dict and SQLite.
Prints requests a second, CPU of the whole process a request, and latencies; ratios are against the floor.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time

ASSAY, PROGRAMS = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = 5


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            time.sleep(0.5)
            return
        except OSError:
            time.sleep(0.1)
    sys.exit("nobody listens")


def measure(command, port, loads, **options):
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **options)
    try:
        wait_for(port)
        for lines, connections, rate, at_once in loads:
            arguments = [f"{PROGRAMS}/load", str(port), lines, str(connections), str(rate), str(SECONDS),
                         str(process.pid), str(at_once)]
            yield json.loads(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)
    finally:
        process.kill()
        process.wait()


def show(name, result, floor=None):
    ratio = f"{result['cpu_us'] / floor['cpu_us']:5.1f}x" if floor else "      "
    print(f"{name:44} {result['rate']:>9,.0f}/s {result['cpu_us']:8.1f} us CPU {ratio}"
          f"  p50 {result['p50_us'] / 1000:6.2f} ms  p99 {result['p99_us'] / 1000:7.2f} ms")


def python_service(folder):
    """A virtual environment beside the programs, made once."""
    place = f"{PROGRAMS}/plain-service"
    if not os.path.exists(f"{place}/bin/uvicorn"):
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        packages = ["fastapi==0.115.6", "uvicorn[standard]==0.34.0"]
        subprocess.run([f"{place}/bin/pip", "install", "-q", *packages], check=True)
    port = free_port()
    command = [f"{place}/bin/uvicorn", "plain_service:app", "--port", str(port), "--app-dir", HERE,
               "--log-level", "warning"]
    return command, port, {"cwd": folder}


def main():
    with tempfile.TemporaryDirectory() as folder:
        pieces = []
        for number in range(6):
            path = f"{folder}/{number}.jsonl"
            subprocess.run([ASSAY, "generate", "-n", "800000", "--users", "20000", "--seed", str(number + 1), "-o",
                            path], check=True)
            # Each has ids of its own.
            subprocess.run(["sed", "-i", f's/"transaction_id":"/&{number}-/', path], check=True)
            pieces.append(path)
        port = free_port()
        loads = [(pieces[0], 64, 0, 1), (pieces[1], 64, 5000, 1)]
        floors = list(measure([f"{PROGRAMS}/http-floor", str(port)], port, loads))
        show("floor, 64 connections", floors[0])
        show("floor, 5,000 requests/s", floors[1])
        for durable in ("journal", "memory"):
            port = free_port()
            command = [ASSAY, "serve", "--listen", f"127.0.0.1:{port}", "--state", f"{folder}/{durable}",
                       "--durable", durable, "-q"]
            results = list(measure(command, port, loads))
            show(f"assay, --durable {durable}, 64 connections", results[0], floors[0])
            show(f"assay, --durable {durable}, 5,000 requests/s", results[1], floors[1])
        for durable in ("journal", "memory"):
            port = free_port()
            command = [ASSAY, "serve", "--listen", f"127.0.0.1:{port}", "--state", f"{folder}/lines-{durable}",
                       "--durable", durable, "-q"]
            lines = 100_000
            for result in measure(command, port, [(pieces[2], 1, 0, lines)]):
                cpu = result["cpu_us"] / lines
                rate = result["requests"] * lines / result["seconds"]
                print(f"assay, --durable {durable}, requests of 100,000 lines {rate:>12,.0f} lines/s"
                      f" {cpu:6.2f} us CPU a line")
        command, port, options = python_service(folder)
        for result in measure(command, port, [(pieces[3], 64, 0, 1)], **options):
            show("FastAPI, dict and SQLite, 64 connections", result, floors[0])


main()
