#!/usr/bin/env python3
"""What a pattern of three stages costs a transaction, beyond the same run without it.

A million transactions of 100,000 users, as a pipeline and as a part of the score, in turn; the least CPU of some
rounds.
Then a user who always begins and never ends: CPU and memory as there is ever more of it.

Usage: patterns.py ASSAY [ROUNDS]
"""

import os
import resource
import subprocess
import sys
import tempfile

TRANSACTIONS = 1_000_000
INPUT = "input: {time: timestamp, out_of_order: 30s}\n"
STREAM = (
    INPUT
    + "streams:\n  found:\n    key: user_id\n    pattern: {within: 1h, skip: past_last, stages: [%s]}\n"
    + "    emit: {user: key, amount: 'large[0].amount'}\n"
)
SOME = (
    "{name: small, where: amount < 20.0},"
    " {name: middle, followedBy: 'amount > 50.0 && transaction_type == \"payment\"'},"
    " {name: large, followedBy: amount > 500.0}"
)
ALL = (
    "{name: small, where: amount < 100.0}, {name: middle, followedBy: amount >= 50.0},"
    " {name: large, followedBy: amount > 200.0}"
)
SCORED = "patterns:\n  - {name: found, risk: 0.3, within: 1h, skip: past_last, stages: [%s]}\n"
NEVER = INPUT + (
    "streams: {never: {key: user_id, pattern: {stages: [{name: a, where: amount > 0.0},"
    " {name: b, followedBy: amount < 0.0}]}}}\n"
)


def run(arguments):
    """CPU seconds, and the most memory in KiB."""
    with open(os.devnull, "wb") as null:
        process = subprocess.Popen(arguments, stdout=null, stderr=null)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def main():
    assay = os.path.abspath(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        files = {
            "nothing.yaml": INPUT + "streams: {none: {where: amount > 1e12, select: {id: transaction_id}}}\n",
            "sessions.yaml": INPUT
            + "streams: {sessions: {key: user_id, window: {session: 1h}, emit: {n: count()}, having: n > 1000000}}\n",
            "some.yaml": STREAM % SOME,
            "all.yaml": STREAM % ALL,
            "rules.yaml": "rules: [{name: never, when: amount > 1e12, risk: 0.1}]\n",
            "scored.yaml": SCORED % SOME,
            "never.yaml": NEVER,
        }
        for name, text in files.items():
            with open(name, "w") as file:
                file.write(text)
        subprocess.run([assay, "generate", "-n", str(TRANSACTIONS), "--users", "100000", "-o", "in"], check=True)
        pipeline = lambda name: [assay, "run", name, "in", "--no-checkpoints", "-q"]
        score = lambda name: [assay, "score", "--config", name, "in", "--no-checkpoints", "-q"]
        contenders = {
            "pipeline, reading and one comparison": pipeline("nothing.yaml"),
            "pipeline, sessions of each user": pipeline("sessions.yaml"),
            "pipeline, pattern that some events matter to": pipeline("some.yaml"),
            "pipeline, pattern that every event matters to": pipeline("all.yaml"),
            "score, one rule": score("rules.yaml"),
            "score, pattern": score("scored.yaml"),
        }
        least = {}
        for _ in range(rounds):
            for name, arguments in contenders.items():
                cpu, _ = run(arguments)
                least[name] = min(cpu, least.get(name, cpu))
        floors = {"pipeline": least["pipeline, reading and one comparison"], "score": least["score, one rule"]}
        print("CPU of a transaction, the least of %d runs" % rounds)
        for name, cpu in least.items():
            beyond = cpu - floors[name.split(",")[0]]
            print("%-48s %5.2f us, %+5.2f us" % (name, cpu / TRANSACTIONS * 1e6, beyond / TRANSACTIONS * 1e6))
        print("\na user who always begins and never ends, 1,000 sequences kept")
        for count in (20_000, 100_000, 200_000):
            subprocess.run([assay, "generate", "-n", str(count), "--users", "1", "-o", "one"], check=True)
            cpu, memory = run([assay, "run", "never.yaml", "one", "--no-checkpoints", "-q"])
            print("%7d events: %5.1f us of CPU each, %d MiB at most" % (count, cpu / count * 1e6, memory // 1024))


main()
