"""Clients that send transactions until each has its answer, whatever happens to the server in between.

    retrying-clients.py PORT LINES ANSWERS CONNECTIONS

LINES has a transaction a line; a user's are sent in their order by one connection. ANSWERS gets the body of the last
answer to each, in the order of LINES. Some transactions are sent twice at once, or again later: the answers have to be
the same bytes. Prints what was seen.
"""

import http.client
import json
import random
import sys
import threading
import time

port, lines_path, answers_path, connections = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
lines = open(lines_path, "rb").read().splitlines()
answers = [None] * len(lines)
counts = {"sent": 0, "failed": 0, "replayed": 0, "unlike": 0, "refused": 0}
lock = threading.Lock()


def count(name):
    with lock:
        counts[name] += 1


def deliver(state, line):
    """Sends a line until there is an answer."""
    while True:
        try:
            if state[0] is None:
                state[0] = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            count("sent")
            state[0].request("POST", "/v1/assessments", line, {"Content-Type": "application/json"})
            response = state[0].getresponse()
            body = response.read()
            if response.status == 200:
                if response.getheader("Assay-Replayed"):
                    count("replayed")
                return body
            count("refused" if response.status == 503 else "unlike")
            if response.status != 503:
                print(response.status, body, line, file=sys.stderr)
            time.sleep(0.02)
        except (OSError, http.client.HTTPException):
            count("failed")
            state[0] = None
            time.sleep(0.02)


def work(number):
    chance = random.Random(number)
    state = [None]
    done = []
    for index, line in enumerate(lines):
        if hash_of(line) % connections != number:
            continue
        answers[index] = deliver(state, line)
        done.append(index)
        if chance.random() < 0.05:
            again = chance.choice(done[-10:])
            # With other spacing and another order of its members it is still the same.
            members = list(json.loads(lines[again]).items())
            chance.shuffle(members)
            if deliver(state, json.dumps(dict(members)).encode()) != answers[again]:
                count("unlike")


def hash_of(line):
    return sum(json.loads(line)["user_id"].encode())


threads = [threading.Thread(target=work, args=(number,)) for number in range(connections)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with open(answers_path, "wb") as file:
    for answer in answers:
        file.write(answer + b"\n")
print(" ".join(f"{name} {value}" for name, value in counts.items()))
