#!/usr/bin/env python3
"""What rows in PostgreSQL cost the engine, beside a file and beside a script with psycopg.

Usage: postgres.py ASSAY

Starts a server on loopback, which is gone afterwards. CPU is that of the engine or the script alone, without the
server's. Each figure is the least of three.
"""

import json
import os
import pathlib
import resource
import socket
import subprocess
import sys
import tempfile
import time

LINES = 200_000
ROUNDS = 3


class Server:
    """A cluster of its own on a free port, as another user than root."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.bin = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.as_user = []
        if os.getuid() == 0:
            self.as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            subprocess.run(["chown", "postgres", folder], check=True)
            folder.chmod(0o755)
        self.run("initdb", "-D", "cluster", "-A", "trust", "-U", "assay", "-N")
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        self.run("pg_ctl", "-D", "cluster", "-o", options, "-l", "log", "-w", "start")

    def run(self, tool: str, *arguments: str) -> None:
        subprocess.run(
            [*self.as_user, self.bin / tool, *arguments], cwd=self.folder, check=True, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        self.run("pg_ctl", "-D", "cluster", "-m", "immediate", "stop")


def measure(command: list, **options) -> tuple:
    """CPU and wall seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


SCRIPT = """
import json, sys, psycopg2
connection = psycopg2.connect(sys.argv[2])
cursor = connection.cursor()
cursor.execute("CREATE TABLE IF NOT EXISTS script (transaction_id text, user_id text, sequence int8, level text, "
               "score float8, factors jsonb)")
batch = []
def flush():
    cursor.executemany("INSERT INTO script VALUES (%s, %s, %s, %s, %s, %s)", batch)
    connection.commit()
    batch.clear()
for line in open(sys.argv[1]):
    row = json.loads(line)
    batch.append((row["transaction_id"], row["user_id"], row["sequence"], row["risk_level"], row["risk_score"],
                  json.dumps(row["risk_factors"])))
    if len(batch) == 1000: flush()
flush()
"""


def main() -> None:
    assay = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        (folder / "server").mkdir()
        server = Server(folder / "server")
        try:
            compare(assay, folder, server)
        finally:
            server.stop()


def compare(assay: pathlib.Path, folder: pathlib.Path, server: Server) -> None:
    uri = f"postgresql://assay@127.0.0.1:{server.port}/postgres"
    stream = folder / "stream.jsonl"
    subprocess.run([assay, "generate", "-n", str(LINES), "--users", "20000", "-o", stream], check=True)
    configuration = folder / "c.yaml"
    configuration.write_text(
        json.dumps({"postgres": {"uri": uri}, "outputs": {"assessments": {"postgres": {"table": "assessments"}}}}))
    rows = []
    for title, options in [
        ("into a file", ["-o", folder / "out", "--overwrite"]),
        ("into a table", ["-c", configuration, "--overwrite"]),
    ]:
        runs = [
            measure([assay, "score", stream, "-q", "--state", folder / "state", "--fresh", *options])
            for _ in range(ROUNDS)
        ]
        rows.append((title, min(run[0] for run in runs), min(run[1] for run in runs)))
    few = folder / "few.jsonl"
    few.write_text("".join((folder / "out").read_text().splitlines(keepends=True)[: LINES // 10]))
    script = measure(["/usr/bin/python3", "-c", SCRIPT, str(few), uri])
    rows.append(("a script with psycopg: only the rows of a file", 10 * script[0], 10 * script[1]))
    print(f"{'':48}  {'transactions/s':>14}  {'CPU us each':>11}")
    for title, cpu, wall in rows:
        print(f"{title:48}  {LINES / wall:>14,.0f}  {cpu / LINES * 1e6:>11.2f}")


if __name__ == "__main__":
    main()
