#!/usr/bin/env python3
"""Starts the service with everything on, sends it two weeks of the past with what was found out of it, and then traffic
with fraud in it, in real time. The page is open at the printed address. Ends with Ctrl-C, or after SECONDS.

demo-desk.py ASSAY [SECONDS]
"""

import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

ASSAY = os.path.realpath(sys.argv[1])
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2] else float("inf")
DAYS, HISTORY, LIVE, USERS, RATE = 16, 60_000, 10_000, 800, 40
CONFIGURATION = """
review: {}
learning:
  enabled: true
  role: score
  maturity: 1d
  risk_keys: [merchant_id]
  category: metadata.category
rules:
  - {name: new_and_large, when: user.transactions < 5 && amount > 2000.0, risk: 0.6, reason: 'hardly known: %{amount}'}
  - name: many_times_usual
    when: user.amount_count >= 5 && amount > 6.0 * user.average_amount
    decide: review
    reason: '%{amount} where %{user.average_amount} is usual'
  - {name: very_large, when: amount > 20000.0, decide: review, shadow: true}
"""
# A shop that somebody cashes stolen cards at: users come and go, the shop stays.
SHOP = "m-corner-shop"


class Service:
    def __init__(self, folder):
        self.notes = open(os.path.join(folder, "notes"), "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [ASSAY, "serve", "-c", "desk.yaml", "--listen", "127.0.0.1:0", "--checkpoint-interval", "5s"], cwd=folder,
            stderr=self.notes)
        self.place = None
        while self.place is None:
            self.notes.seek(0)
            text = self.notes.read()
            found = re.search(r"listening at http://(\S+)", text)
            self.place = found and found.group(1)
            if self.process.poll() is not None:
                sys.exit(text)
            time.sleep(0.02)
        self.connection = http.client.HTTPConnection(self.place)

    def send(self, path, lines):
        """Returns the documents of the answer, a line each."""
        body = "".join(json.dumps(line) + "\n" for line in lines)
        self.connection.request("POST", path, body, {"Content-Type": "application/x-ndjson"})
        answer = self.connection.getresponse()
        text = answer.read().decode()
        if answer.status >= 300:
            sys.exit(f"{path} answers {answer.status}: {text}")
        return [json.loads(line) for line in text.splitlines()]


def generated(count, seed, folder, days):
    """Transactions, and the ids of those that are fraud."""
    labels = os.path.join(folder, f"labels{seed}.csv")
    made = subprocess.run(
        [ASSAY, "generate", "-n", str(count), "--users", str(USERS), "--days", str(days), "--seed", str(seed),
         "--fraud", "0.02", "--labels", labels], check=True, capture_output=True, text=True).stdout
    with open(labels, encoding="utf-8") as file:
        frauds = {line.split(",")[0] for line in file.read().splitlines()[1:]}
    return [json.loads(line) for line in made.splitlines()], frauds


def main():
    choose = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "desk.yaml"), "w", encoding="utf-8") as file:
            file.write(CONFIGURATION)
        service = Service(folder)
        try:
            print(f"The past two weeks: {HISTORY} transactions, and what was found out of them …", flush=True)
            made, frauds = generated(HISTORY + LIVE, 1, folder, DAYS)
            history, live = made[:HISTORY], made[HISTORY:]
            shift = time.time() - history[-1]["timestamp"] - 60
            for index, transaction in enumerate(history):
                transaction["timestamp"] = round(transaction["timestamp"] + shift, 3)
                # In the past, too, most stolen cards went to a few shops, one after the other.
                if transaction["transaction_id"] in frauds and choose.random() < 0.6:
                    transaction["merchant_id"] = f"m-fence-{index // 6000}"
            for start in range(0, HISTORY, 1000):
                part = history[start:start + 1000]
                service.send("/v1/assessments", part)
                # People have found out of it, but not of the last days.
                if start < HISTORY * 0.9:
                    known = [line["transaction_id"] for line in part if line["transaction_id"] in frauds]
                    service.send("/v1/labels", [{"label": {"transaction_id": id, "fraud": True}} for id in known])
            print(f"\n    The page: http://{service.place}/\n")
            print("Judge what waits in the queue: by f, l and u, or in a case, which 'Enter' opens. In the case a")
            print("change of the amount shows what the score would be, as of then and as of now. Judge what came from")
            print(f"the merchant '{SHOP}' as fraud, or not: what comes from there next answers to it seconds later.")
            print("Ctrl-C ends it.", flush=True)
            end = time.time() + SECONDS
            sent, started, seen = 0, time.time(), []
            while time.time() < end:
                due = int((time.time() - started) * RATE)
                part = []
                while sent < due:
                    transaction = dict(live[sent % len(live)])
                    transaction["transaction_id"] = f"live{sent:08}"
                    transaction["timestamp"] = round(time.time(), 3)
                    # About one in six seconds.
                    if choose.random() < 1 / (RATE * 6):
                        transaction["merchant_id"] = SHOP
                        transaction["amount"] = round(transaction["amount"] * choose.uniform(8, 15), 2)
                        seen.append(transaction["transaction_id"])
                    part.append(transaction)
                    sent += 1
                if part:
                    service.send("/v1/assessments", part)
                time.sleep(0.1)
            if not seen:
                sys.exit("nothing came from the shop")
            print(f"{sent} transactions were sent, {len(seen)} of them from '{SHOP}'")
        except KeyboardInterrupt:
            print()
        finally:
            service.process.send_signal(signal.SIGTERM)
            service.process.wait()
            service.notes.close()


main()
