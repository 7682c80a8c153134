#!/usr/bin/env python3
"""The rate of a scoring run while pages of the desk are open, beside the same run without any, turn by turn.

Each page listens to the events and asks what the views ask, as often as they do.

desk.py ASSAY [PAGES] [LINES]
"""

import http.client
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ASSAY = os.path.realpath(sys.argv[1])
PAGES = int(sys.argv[2]) if len(sys.argv) > 2 else 20
LINES = int(sys.argv[3]) if len(sys.argv) > 3 else 5_000_000
ROUNDS = 5
# What a view asks, and each how many seconds.
ASKED = [
    ("/v1/history?span=1h", 15), ("/metrics", 5), ("/v1/status", 5), ("/v1/review?limit=100", 20), ("/v1/rules", 30),
]


def listen(place, ends, counts):
    while not ends.is_set():
        try:
            connection = http.client.HTTPConnection(place, timeout=5)
            connection.request("GET", "/v1/events")
            answer = connection.getresponse()
            while not ends.is_set():
                if answer.readline().startswith(b"event: counts"):
                    counts.append(1)
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)


def ask(place, ends, number):
    started = time.time() - number
    due = {path: started for path, _ in ASKED}
    while not ends.is_set():
        for path, seconds in ASKED:
            if time.time() - due[path] < seconds:
                continue
            due[path] = time.time()
            try:
                connection = http.client.HTTPConnection(place, timeout=5)
                connection.request("GET", path)
                connection.getresponse().read()
                connection.close()
            except (OSError, http.client.HTTPException):
                pass
        ends.wait(0.1)


def run(folder, pages):
    """Returns the seconds that the run took, the CPU seconds of its process, and how many events were seen."""
    for name in ("out", "state"):
        subprocess.run(["rm", "-rf", os.path.join(folder, name)], check=True)
    notes = open(os.path.join(folder, "notes"), "w+", encoding="utf-8")
    started = time.time()
    process = subprocess.Popen(
        [ASSAY, "score", "in", "-o", "out", "--state", "state", "-c", "desk.yaml", "--listen", "127.0.0.1:0",
         "--checkpoint-interval", "1s"], cwd=folder, stderr=notes)
    ends, counts, place = threading.Event(), [], None
    while place is None and process.poll() is None:
        with open(notes.name, encoding="utf-8") as file:
            found = re.search(r"listening at http://(\S+)", file.read())
        place = found and found.group(1)
    threads = [threading.Thread(target=listen, args=(place, ends, counts)) for _ in range(pages)]
    threads += [threading.Thread(target=ask, args=(place, ends, number)) for number in range(pages)]
    for thread in threads:
        thread.start()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.time() - started
    ends.set()
    for thread in threads:
        thread.join()
    if status:
        sys.exit(f"the run ends with {status}")
    return seconds, usage.ru_utime + usage.ru_stime, len(counts)


def main():
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "in"), "wb") as file:
            subprocess.run([ASSAY, "generate", "-n", str(LINES), "--users", "100000"], stdout=file, check=True)
        with open(os.path.join(folder, "desk.yaml"), "w", encoding="utf-8") as file:
            file.write("review: {where: 'risk_level == \"critical\"'}\n")
        run(folder, 0)
        alone, watched, events = [], [], 0
        for _ in range(ROUNDS):
            alone.append(run(folder, 0))
            watched.append(run(folder, PAGES))
            events += watched[-1][2]
        print(f"{LINES} lines, {PAGES} pages, {ROUNDS} rounds, {events} events were seen")
        for name, index in (("wall", 0), ("CPU", 1)):
            ratios = sorted(one[index] / other[index] for one, other in zip(alone, watched))
            print(f"{name}: {statistics.median(one[index] for one in alone):.2f} s alone, "
                  f"{statistics.median(other[index] for other in watched):.2f} s watched; "
                  f"rate {statistics.median(ratios):.3f} of that alone ({ratios[0]:.3f} to {ratios[-1]:.3f})")


main()
