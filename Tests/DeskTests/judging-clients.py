"""Analysts who judge over HTTP while the service is killed again and again: each tries one judgement until it is there.

judging-clients.py PORT SECONDS ANALYSTS SEED: prints every judgement that was answered, a line of JSON each.
"""

import json
import random
import sys
import threading
import time
import urllib.error
import urllib.request

PORT, SECONDS, ANALYSTS, SEED = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
BASE = f"http://127.0.0.1:{PORT}"
END = time.time() + SECONDS
LOCK = threading.Lock()


class Analyst:
    def __init__(self, number):
        self.name, self.random, self.number = f"analyst{number}", random.Random(SEED + number), number
        self.cookie = self.csrf = None

    def ask(self, method, path, body=None):
        request = urllib.request.Request(BASE + path, method=method)
        if self.cookie:
            request.add_header("Cookie", self.cookie)
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.add_header("X-CSRF-Token", self.csrf or "")
            request.data = json.dumps(body).encode()
        with urllib.request.urlopen(request, timeout=5) as answer:
            if answer.headers.get("Set-Cookie"):
                self.cookie = answer.headers["Set-Cookie"].split(";")[0]
            return json.load(answer)

    def insist(self, method, path, body=None):
        """Until there is an answer; None for a conflict."""
        while True:
            try:
                return self.ask(method, path, body)
            except urllib.error.HTTPError as error:
                if error.code == 409:
                    return None
                if error.code in (401, 403):
                    # Sessions end with the process.
                    self.sign_in()
                elif error.code not in (404, 503):
                    raise
            except (OSError, json.JSONDecodeError, EOFError):
                pass
            except Exception as error:
                if "Incomplete" not in type(error).__name__ and "Remote" not in type(error).__name__:
                    raise
            time.sleep(0.02)

    def sign_in(self):
        self.cookie = self.csrf = None
        while self.csrf is None:
            try:
                self.csrf = self.ask("GET", "/v1/session")["csrf"]
                self.csrf = self.ask("POST", "/v1/session", {"name": self.name})["csrf"]
            except Exception:
                self.csrf = None
                time.sleep(0.02)

    def work(self):
        self.sign_in()
        while time.time() < END:
            offset = self.random.randrange(200)
            entries = self.insist("GET", f"/v1/review?verdict=all&limit=50&offset={offset}")["entries"]
            if not entries:
                time.sleep(0.05)
                continue
            entry = self.random.choice(entries)
            body = {
                "entry": entry["entry"], "version": entry["version"],
                "key": f"{self.name}-{self.random.getrandbits(64)}",
                "verdict": self.random.choice(["fraud", "legitimate", "unsure", "open"]),
            }
            answer = self.insist("POST", "/v1/judgements", body)
            if answer is not None:
                with LOCK:
                    print(json.dumps(body), flush=True)


threads = [threading.Thread(target=Analyst(number).work) for number in range(ANALYSTS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
