#!/usr/bin/env python3
"""Scores a stream inside Apache Flink, with all that happens to a cluster, and compares with 'assay score'.

    demo.py ASSAY FLINK JAR [LINES]

A jobmanager and two taskmanagers on loopback. First a taskmanager is killed, and the job is stopped with a savepoint
and resumed with more and with fewer subtasks. Then other rules are put into force in the middle of a run, and a
taskmanager is killed again; a job is started again with other rules; and the users of one machine go on in the cluster.
"""

import collections
import json
import os
import re
import subprocess
import sys
import tempfile

from cluster import Cluster, lines

NUMBER = re.compile(rb'"(user_)?sequence":\d+,')
PLACE = re.compile(rb'"line":\d+,"offset":\d+,')
HOSTILE = [b'{"user_id":', b"\xff\xfe", b"[1]", b'{"transaction_id":"t","user_id":"u"}', b"\x00" * 100]
TOO_LONG = 3_000_000
FIRST_RULES = """
lists:
  seen: {file: seen.txt}
rules:
  - {name: large, when: 'amount > 100.0', risk: 0.2}
  - {name: listed, when: 'user_id in lists.seen', risk: 0.1}
"""
OTHER_RULES = """
rules:
  - {name: larger, when: 'amount > 150.0', risk: 0.4}
"""


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def without_numbers(found, pattern):
    return collections.Counter(pattern.sub(b"", line, count=1) for line in found)


def split(source, folder):
    """Two files, each with all transactions of half of the users, and lines that are none."""
    paths = [f"{folder}/0.jsonl", f"{folder}/1.jsonl"]
    files = [open(path, "wb") for path in paths]
    with open(source, "rb") as stream, open(f"{folder}/all.jsonl", "wb") as whole:
        for number, line in enumerate(stream):
            half = int(json.loads(line)["user_id"][-1]) % 2
            for file in (files[half], whole):
                file.write(line)
                if number % 500 == 0:
                    file.write(HOSTILE[number // 500 % len(HOSTILE)] + b"\n")
                if number % 300 == 0:
                    file.write(line)
                if number == 1000:
                    file.write(b"y" * TOO_LONG + b"\n")
    for file in files:
        file.close()
    return paths


def compare(name, found, expected):
    missing, extra = sum((expected - found).values()), sum((found - expected).values())
    print(f"{name}: {sum(found.values())} lines, {missing} missing, {extra} extra", flush=True)
    if missing or extra:
        for line in list((expected - found) + (found - expected))[:4]:
            print(line[:300])
        sys.exit(1)


def check_reloaded(name, found, expected):
    """Each transaction once, in its user's order, and no user had the first rules after the other ones."""
    users = collections.defaultdict(list)
    for line in map(json.loads, found):
        users[line["user_id"]].append((line["user_sequence"], line["configuration"], line["transaction_id"]))
    configurations = collections.Counter()
    for user in users.values():
        user.sort()
        changes = sum(one[1] != other[1] for one, other in zip(user, user[1:]))
        if [entry[0] for entry in user] != list(range(1, len(user) + 1)) or changes > 1:
            sys.exit(f"a user's assessments are not as they should be: {user[:20]}")
        configurations.update(entry[1] for entry in user)
    ids = collections.Counter(entry[2] for user in users.values() for entry in user)
    if len(configurations) != 2 or ids != expected:
        sys.exit(f"{dict(configurations)}; {len(ids)} transactions of {len(expected)}")
    print(f"{name}: {len(found)} lines, each user changed at most once", flush=True)


def score(assay, folder):
    with open(f"{folder}/expected.jsonl", "wb") as output:
        subprocess.run([assay, "score", f"{folder}/all.jsonl", "--config", f"{folder}/first.yaml", "--no-checkpoints",
                        "-q", "--rejects", f"{folder}/expected.rejects"], stdout=output, check=True)
    with open(f"{folder}/expected.jsonl", "rb") as one, open(f"{folder}/expected.rejects", "rb") as other:
        return one.read().splitlines(), other.read().splitlines()


def main():
    assay, flink, jar = (os.path.abspath(path) for path in sys.argv[1:4])
    count = int(sys.argv[4]) if len(sys.argv) > 4 else 200_000
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([assay, "generate", "-n", str(count), "--users", str(max(10, count // 40)), "-o",
                        f"{folder}/stream.jsonl"], check=True)
        write(f"{folder}/first.yaml", FIRST_RULES)
        write(f"{folder}/other.yaml", OTHER_RULES)
        write(f"{folder}/seen.txt", "u0000003\nu0000004\n")
        inputs = split(f"{folder}/stream.jsonl", folder)
        expected, expected_rejects = score(assay, folder)
        rate = str(os.path.getsize(inputs[0]) // 15)
        with Cluster(flink, f"{folder}/cluster") as cluster:
            print("a jobmanager and two taskmanagers run", flush=True)
            arguments = ["--input", ",".join(inputs), "--config", f"{folder}/first.yaml",
                         "--checkpoint-interval", "500", "--output", f"{folder}/out", "--rejects", f"{folder}/rejects"]
            job = cluster.submit(jar, arguments + ["--rate", rate], parallelism=2)
            cluster.wait_for_checkpoints(job, 4)
            cluster.kill_busy_taskmanager(job)
            print("killed a taskmanager", flush=True)
            cluster.add_taskmanager()
            cluster.wait_for(lambda: cluster.checkpoints(job)["restored"] >= 1, "the job to resume")
            completed = cluster.checkpoints(job)["completed"]
            cluster.wait_for_checkpoints(job, completed + 2)
            savepoint = cluster.stop_with_savepoint(job)
            print("stopped with a savepoint; now with three subtasks", flush=True)
            job = cluster.submit(jar, arguments + ["--rate", rate], 3, savepoint)
            cluster.wait_for_checkpoints(job, 4)
            savepoint = cluster.stop_with_savepoint(job)
            print("stopped with a savepoint; now with one", flush=True)
            job = cluster.submit(jar, arguments + ["--readers", "2"], 1, savepoint)
            cluster.finish(job)
            compare("assessments", without_numbers(lines(f"{folder}/out"), NUMBER), without_numbers(expected, NUMBER))
            compare("rejects", without_numbers(lines(f"{folder}/rejects"), PLACE),
                    without_numbers(expected_rejects, PLACE))
            reload(cluster, jar, inputs, folder, rate)
            every = collections.Counter(json.loads(line)["transaction_id"] for line in expected)
            check_reloaded("other rules in mid run", lines(f"{folder}/reloaded"), every)
            restart(cluster, jar, inputs, folder, rate)
            check_reloaded("started again with other rules", lines(f"{folder}/restarted"), every)
            come_from_one_machine(assay, cluster, jar, folder, expected)
    print("every line is what 'assay score' gives")


def come_from_one_machine(assay, cluster, jar, folder, expected):
    """The first half is scored here, the second by the cluster with the users of the first, into a table."""
    with open(f"{folder}/all.jsonl", "rb") as file:
        every = file.readlines()
    for name, part in (("first", every[:len(every) // 2]), ("second", every[len(every) // 2:])):
        with open(f"{folder}/{name}.jsonl", "wb") as file:
            file.writelines(part)
    command = [assay, "score", f"{folder}/first.jsonl", "--config", f"{folder}/first.yaml", "--state",
               f"{folder}/state", "-q"]
    done = len(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.splitlines())
    with open(f"{folder}/users", "wb") as file:
        subprocess.run([f"{assay}ctl", "export", "--state", f"{folder}/state"], stdout=file, check=True)
    job = cluster.submit(jar, ["--input-table", f"'connector'='filesystem','path'='file://{folder}/second.jsonl'",
                               "--output-table", f"'connector'='filesystem','path'='file://{folder}/table'",
                               "--config", f"{folder}/first.yaml", "--import", f"{folder}/users",
                               "--checkpoint-interval", "500"], 1)
    cluster.finish(job)
    compare("after an import, through tables", without_numbers(lines(f"{folder}/table"), NUMBER),
            without_numbers(expected[done:], NUMBER))


def reload(cluster, jar, inputs, folder, rate):
    os.mkdir(f"{folder}/configurations")
    job = cluster.submit(jar, ["--input", ",".join(inputs), "--config", f"{folder}/first.yaml", "--reload",
                               f"{folder}/configurations", "--checkpoint-interval", "500",
                               "--output", f"{folder}/reloaded", "--rate", rate], 2)
    cluster.wait_for_checkpoints(job, 4)
    # Files are looked for once a second, and hidden ones are not read.
    with open(f"{folder}/configurations/.other", "wb") as file:
        subprocess.run(["java", "-cp", f"{jar}:{cluster.flink}/lib/*", "assay.flink.Job", "--print-configuration",
                        f"{folder}/other.yaml"], stdout=file, check=True)
    os.rename(f"{folder}/configurations/.other", f"{folder}/configurations/other.yaml")
    before = cluster.checkpoints(job)["completed"]
    cluster.wait_for_checkpoints(job, before + 6)
    cluster.kill_busy_taskmanager(job)
    cluster.add_taskmanager()
    # A source that looks for configurations has no end: the sources of lines have, and what they brought is committed
    # by the savepoint.
    cluster.wait_for(lambda: cluster.checkpoints(job)["restored"] >= 1, "the job to resume")
    cluster.wait_for(lambda: sources_have_ended(cluster, job), "the end of the lines", 180)
    cluster.stop_with_savepoint(job)


def restart(cluster, jar, inputs, folder, rate):
    arguments = ["--input", ",".join(inputs), "--checkpoint-interval", "500", "--output", f"{folder}/restarted"]
    job = cluster.submit(jar, arguments + ["--config", f"{folder}/first.yaml", "--rate", rate], 2)
    cluster.wait_for(lambda: lines(f"{folder}/restarted"), "the first assessments")
    savepoint = cluster.stop_with_savepoint(job)
    cluster.finish(cluster.submit(jar, arguments + ["--config", f"{folder}/other.yaml"], 2, savepoint))


def sources_have_ended(cluster, job):
    vertices = cluster.get(f"/jobs/{job}")["vertices"]
    return any("transactions" in vertex["name"] and vertex["status"] == "FINISHED" for vertex in vertices)


if __name__ == "__main__":
    main()
