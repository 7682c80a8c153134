#!/usr/bin/env python3
"""What a transaction costs inside Apache Flink.

    flink.py ASSAY FLINK JAR FOLDER

In the same minutes: the job with the core inside, the same checks in plain Java for Flink, and a keyed process function
of PyFlink. CPU is that of all processes; what their start costs is taken away by runs of two lengths. FOLDER
keeps PyFlink, which is fetched once.
"""

import ctypes
import glob
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "flink"))
from cluster import Cluster, lines  # noqa: E402

ASSAY, FLINK, JAR, FOLDER = (os.path.abspath(path) for path in sys.argv[1:5])
HERE = os.path.dirname(os.path.abspath(__file__))
INTERVAL = "10000"
# Java may stop for its heap.
PATIENCE = {"heartbeat.timeout": 50000}
SHORT, LONG = 1_000_000, 4_000_000
PYTHON_SHORT, PYTHON_LONG = 50_000, 200_000
PR_SET_CHILD_SUBREAPER = 36


def cpu(command, **options):
    """The CPU seconds of a command and of all that it starts, which come to this process when it has ended."""
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        sys.exit("prctl")
    with tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(command, stdout=told, stderr=told, **options)
        seconds = 0
        while True:
            try:
                pid, status, usage = os.wait4(-1, 0)
            except ChildProcessError:
                return seconds
            seconds += usage.ru_utime + usage.ru_stime
            if pid == process.pid and status != 0:
                told.seek(0)
                sys.exit(told.read()[-3000:])


def on_cluster(jar, name, folder):
    """Runs a job on a cluster of its own; the CPU of all its processes."""
    def run(arguments):
        with tempfile.TemporaryDirectory(dir=folder) as place, \
                Cluster(FLINK, place, 1, heap=3000, settings=PATIENCE) as cluster:
            job = cluster.submit(jar, arguments, 2, name=name)
            cluster.finish(job, 400)
            if not name:
                print(f"the longest stall of a subtask by a checkpoint: {cluster.longest_stall(job, 'score')} ms")
            return cluster.cpu()
    return run


def stream(folder, count):
    path = f"{folder}/{count}.jsonl"
    if not os.path.exists(path):
        subprocess.run([ASSAY, "generate", "-n", str(count), "--users", str(count // 10), "-o", path], check=True)
    return path


def python():
    """A virtual environment with PyFlink, made once."""
    place = f"{FOLDER}/pyflink"
    if not glob.glob(f"{place}/lib/*/site-packages/pyflink/version.py"):
        print("fetching PyFlink", flush=True)
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([f"{place}/bin/pip", "install", "-q", "apache-flink==2.3.0"], check=True)
    return f"{place}/bin/python"


def measure(name, run, short, long, folder, first=None):
    """Microseconds a transaction."""
    seconds = []
    for count in (short, long):
        output = f"{folder}/out-{name.replace(' ', '-')}-{count}"
        seconds.append(run(stream(folder, count), output))
        if len(lines(output)) != count:
            sys.exit(f"{name}: {len(lines(output))} lines of {count}")
    cost = (seconds[1] - seconds[0]) / (long - short) * 1e6
    ratio = f"  {first / cost:5.2f} of it is ours" if first else ""
    print(f"{name:30} {seconds[0]:6.1f} s CPU for {short:>9,}  {seconds[1]:6.1f} s for {long:>9,}  {cost:7.2f} us a"
          f" transaction{ratio}", flush=True)
    return cost


def main():
    os.makedirs(FOLDER, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/tmp")) as folder:
        classes, plain = f"{folder}/classes", f"{folder}/plain.jar"
        subprocess.run(["javac", "-nowarn", "-d", classes, "-cp", f"{FLINK}/lib/*", f"{HERE}/flink/PlainJob.java"],
                       check=True)
        subprocess.run(["jar", "--create", "--file", plain, "-C", classes, "."], check=True)
        ours, theirs = on_cluster(JAR, None, folder), on_cluster(plain, "PlainJob", folder)
        first = measure("the core inside", lambda source, output: ours(
            ["--input", source, "--output", output, "--checkpoint-interval", INTERVAL]), SHORT, LONG, folder)
        measure("plain Java", lambda source, output: theirs([source, output, INTERVAL]), SHORT, LONG, folder, first)
        interpreter = python()
        # Python within Java's process looks for packages by itself.
        packages = dict(os.environ, PYTHONPATH=glob.glob(f"{FOLDER}/pyflink/lib/*/site-packages")[0])
        measure("PyFlink", lambda source, output: cpu(
            [interpreter, f"{HERE}/flink/plain_job.py", source, output, f"{folder}/checkpoints", INTERVAL],
            env=packages), PYTHON_SHORT, PYTHON_LONG, folder, first)


main()
