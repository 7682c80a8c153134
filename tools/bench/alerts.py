#!/usr/bin/env python3
"""What alerts cost a run, also while their channel hangs; what many that wait take; and how soon one is told.

Usage: alerts.py ASSAY [LINES]
"""

import http.client
import http.server
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROUNDS = 5
REQUESTS = 1500
A_SECOND = 100


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes what comes; what comes to /never gets no answer."""

    protocol_version = "HTTP/1.1"
    came = {}

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/never":
            time.sleep(3600)
        Receiver.came[body["data"]["key"].get("transaction_id")] = time.perf_counter()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    # A short queue would make clients wait a second for their connection.
    request_queue_size = 128


def configuration(path, channel, condition, **limits):
    rule = {"name": "told", "on": "assessments", "where": condition, "key": ["transaction_id"], "to": ["hook"]}
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"alerts": {
            "channels": {"hook": channel}, "rules": [rule],
            "limits": {"per_minute": 100_000_000, **limits}}}, file)


def run(command):
    """Seconds of CPU, of the run by its own summary, and the greatest memory."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command} failed: {errors}")
    return usage.ru_utime + usage.ru_stime, float(re.search(r"([0-9.]+) s,", errors)[1]), usage.ru_maxrss / 1024


def rates(assay, folder, lines, base):
    stream = os.path.join(folder, "stream")
    subprocess.run([assay, "generate", "-n", str(lines), "--users", "10000", "-o", stream], check=True)
    rule = 'risk_level == "critical" && transaction.amount > 1000'
    variants = {"no alerts": []}
    for name, channel in (("alerts into a file", {"file": os.path.join(folder, "told")}),
                          ("a webhook that takes them", {"webhook": {"url": base + "/"}}),
                          ("a webhook that hangs", {"webhook": {"url": base + "/never"}})):
        path = os.path.join(folder, name.replace(" ", "-"))
        configuration(path, channel, rule)
        variants[name] = ["-c", path]
    best = {}
    for _ in range(ROUNDS):
        for name, options in variants.items():
            state = os.path.join(folder, "state")
            subprocess.run(["rm", "-rf", state], check=True)
            cpu, wall, _ = run([assay, "score", stream, "-o", "/dev/null", "--state", state,
                                "--checkpoint-interval", "1s", *options])
            known = best.get(name, (cpu, wall))
            best[name] = (min(known[0], cpu), min(known[1], wall))
    floor = best["no alerts"]
    with open(os.path.join(folder, "told"), encoding="utf-8") as file:
        alerts = sum(1 for _ in file) // ROUNDS
    print(f"{format(lines, ',') + ' transactions, ' + format(alerts, ',') + ' alerts':40} {'CPU s':>7} {'time s':>7} "
          f"{'us of CPU an alert':>19}")
    for name, (cpu, wall) in best.items():
        print(f"{name:40} {cpu:7.2f} {wall:7.3f} {1e6 * (cpu - floor[0]) / alerts:19.0f}")


def waiting(assay, folder, base):
    stream, path = os.path.join(folder, "few"), os.path.join(folder, "all.yaml")
    subprocess.run([assay, "generate", "-n", "120000", "-o", stream], check=True)
    configuration(path, {"webhook": {"url": base + "/never"}}, "true", outbox=100_000)
    memory = {}
    for name, options in (("without", []), ("with", ["-c", path])):
        state = os.path.join(folder, f"state-{name}")
        memory[name] = run([assay, "score", stream, "-o", "/dev/null", "--state", state, *options])[2]
    size = os.path.getsize(os.path.join(folder, "state-with", "alerts.db"))
    print(f"\n100,000 alerts that wait: {memory['with'] - memory['without']:.0f} MiB of memory beyond that of the run, "
          f"{size / 1e6:.0f} MB on disk")


def latency(assay, folder, base):
    path, stream = os.path.join(folder, "serve.yaml"), os.path.join(folder, "requests")
    configuration(path, {"webhook": {"url": base + "/"}}, "true")
    subprocess.run([assay, "generate", "-n", str(REQUESTS), "-o", stream], check=True)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    service = subprocess.Popen([assay, "serve", "-q", "--listen", f"127.0.0.1:{port}", "-c", path, "--state",
                                os.path.join(folder, "served")])
    try:
        client = http.client.HTTPConnection("127.0.0.1", port)
        for _ in range(500):
            try:
                client.request("GET", "/readyz")
                answer = client.getresponse()
                answer.read()
                if answer.status == 200:
                    break
            except OSError:
                client.close()
            time.sleep(0.02)
        Receiver.came.clear()
        sent, begin = {}, time.perf_counter()
        with open(stream, encoding="utf-8") as file:
            for number, line in enumerate(file):
                time.sleep(max(0.0, begin + number / A_SECOND - time.perf_counter()))
                sent[json.loads(line)["transaction_id"]] = time.perf_counter()
                client.request("POST", "/v1/assessments", line, {"Content-Type": "application/json"})
                answer = client.getresponse()
                answer.read()
                if answer.status != 200:
                    sys.exit(f"the service answers {answer.status}")
        deadline = time.perf_counter() + 10
        while len(Receiver.came) < REQUESTS and time.perf_counter() < deadline:
            time.sleep(0.05)
    finally:
        service.terminate()
        service.wait()
    missing = len(sent) - len(Receiver.came)
    if missing:
        sys.exit(f"{missing} of {len(sent)} alerts did not come")
    delays = sorted(1000 * (Receiver.came[id] - at) for id, at in sent.items())
    print(f"from a request to its webhook, {A_SECOND} a second: p50 {delays[len(delays) // 2]:.1f} ms, "
          f"p99 {delays[len(delays) * 99 // 100]:.1f} ms, most {delays[-1]:.1f} ms")


def main():
    assay, lines = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    server = Server(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    with tempfile.TemporaryDirectory() as folder:
        rates(assay, folder, lines, base)
        waiting(assay, folder, base)
        latency(assay, folder, base)


main()
