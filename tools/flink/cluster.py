#!/usr/bin/env python3
"""A cluster of Apache Flink on this machine's loopback, for demonstrations, tests and benchmarks.

    with Cluster(flink, folder) as cluster:
        job = cluster.submit(jar, ["--input", ...], parallelism=2)

Processes are children of this one and gone with it. Ports are free ones.
"""

import glob
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

ENDS = ("FINISHED", "FAILED", "CANCELED")


def free_ports(count):
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def opens():
    """What Flink needs of Java's insides."""
    packages = ["java.base/java.lang", "java.base/java.net", "java.base/java.io", "java.base/java.nio",
                "java.base/sun.nio.ch", "java.base/java.lang.reflect", "java.base/java.text", "java.base/java.time",
                "java.base/java.util", "java.base/java.util.concurrent", "java.base/java.util.concurrent.atomic",
                "java.base/java.util.concurrent.locks"]
    exports = ["java.rmi/sun.rmi.registry", "java.base/sun.net.util", "java.security.jgss/sun.security.krb5"]
    return [f"--add-exports={name}=ALL-UNNAMED" for name in exports] + [f"--add-opens={name}=ALL-UNNAMED"
                                                                      for name in packages]


class Cluster:
    def __init__(self, flink, folder, taskmanagers=2, slots=2, heap=512, settings=None):
        self.flink, self.folder = os.path.abspath(flink), os.path.abspath(folder)
        self.processes, self.taskmanagers = [], []
        self.count, self.heap = taskmanagers, heap
        rpc, self.rest, blob = free_ports(3)
        self.settings = {
            "jobmanager.rpc.address": "127.0.0.1", "jobmanager.rpc.port": rpc, "jobmanager.bind-host": "127.0.0.1",
            "jobmanager.memory.process.size": "1g", "taskmanager.bind-host": "127.0.0.1",
            "taskmanager.host": "127.0.0.1", "taskmanager.numberOfTaskSlots": slots,
            "rest.address": "127.0.0.1", "rest.bind-address": "127.0.0.1", "rest.port": self.rest,
            "blob.server.port": blob, "heartbeat.interval": 500, "heartbeat.timeout": 3000,
            "execution.checkpointing.storage": "filesystem",
            "execution.checkpointing.dir": f"file://{self.folder}/checkpoints",
            "execution.checkpointing.savepoint-dir": f"file://{self.folder}/savepoints",
            "restart-strategy.type": "fixed-delay", "restart-strategy.fixed-delay.attempts": 20,
            "restart-strategy.fixed-delay.delay": "500ms",
            "io.tmp.dirs": f"{self.folder}/tmp",
        }
        self.settings.update(settings or {})

    def __enter__(self):
        os.makedirs(f"{self.folder}/conf", exist_ok=True)
        os.makedirs(f"{self.folder}/tmp", exist_ok=True)
        with open(f"{self.folder}/conf/config.yaml", "w") as file:
            for name, value in self.settings.items():
                file.write(f"{name}: {json.dumps(value)}\n")
        with open(f"{self.folder}/conf/log4j.properties", "w") as file:
            file.write("rootLogger.level=WARN\nrootLogger.appenderRef.out.ref=Out\nappender.out.name=Out\n"
                       "appender.out.type=CONSOLE\nappender.out.layout.type=PatternLayout\n"
                       "appender.out.layout.pattern=%d{HH:mm:ss} %-5p %c{1} %m%n%throwable\n"
                       "logger.assay.name=assay\nlogger.assay.level=INFO\n")
        self.start("jobmanager", "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint", "512m")
        for _ in range(self.count):
            self.add_taskmanager()
        self.wait_for(lambda: self.get("/overview")["taskmanagers"] == self.count, "the taskmanagers")
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()

    def java(self, name, heap):
        return ["java", f"-Xmx{heap}", *opens(),
                f"-Dlog4j.configurationFile={self.folder}/conf/log4j.properties",
                "-cp", f"{self.flink}/lib/*", name]

    def start(self, kind, name, heap, arguments=()):
        log = open(f"{self.folder}/{kind}-{len(self.processes)}.log", "w")
        environment = dict(os.environ, FLINK_CONF_DIR=f"{self.folder}/conf")
        command = self.java(name, heap) + ["--configDir", f"{self.folder}/conf", *arguments]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        self.processes.append(process)
        return process

    def add_taskmanager(self):
        memory = ["-D", "taskmanager.memory.network.min=64mb", "-D", "taskmanager.memory.network.max=64mb",
                  "-D", "taskmanager.cpu.cores=1.0", "-D", f"taskmanager.memory.task.heap.size={self.heap}mb",
                  "-D", "taskmanager.memory.managed.size=64mb", "-D", "taskmanager.memory.framework.heap.size=128mb",
                  "-D", "taskmanager.memory.task.off-heap.size=0b", "-D", "taskmanager.memory.jvm-metaspace.size=256mb",
                  "-D", "taskmanager.memory.jvm-overhead.min=64mb", "-D", "taskmanager.memory.jvm-overhead.max=64mb",
                  "-D", "taskmanager.memory.framework.off-heap.size=128mb"]
        name = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
        self.taskmanagers.append(self.start("taskmanager", name, f"{self.heap + 256}m", memory))

    def cpu(self):
        """The CPU seconds that all processes have taken."""
        ticks = 0
        for process in self.processes:
            with open(f"/proc/{process.pid}/stat") as file:
                ticks += sum(int(word) for word in file.read().rsplit(")", 1)[1].split()[11:13])
        return ticks / os.sysconf("SC_CLK_TCK")

    def get(self, path, method="GET", body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.rest}{path}", method=method,
                                         data=json.dumps(body).encode() if body is not None else None,
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def wait_for(self, condition, what, seconds=90):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if condition():
                    return
            except (urllib.error.URLError, OSError, KeyError, TypeError):
                pass
            time.sleep(0.1)
        raise SystemExit(f"waited in vain for {what}; see {self.folder}")

    def submit(self, jar, arguments, parallelism=1, savepoint=None, name=None):
        """Returns the id of the job. `name`: of the class, where the jar does not say it."""
        command = self.java("org.apache.flink.client.cli.CliFrontend", "512m")
        command += ["run", "-d", "-p", str(parallelism)]
        if savepoint:
            command += ["-s", savepoint]
        if name:
            command += ["-c", name]
        environment = dict(os.environ, FLINK_CONF_DIR=f"{self.folder}/conf")
        result = subprocess.run(command + [os.path.abspath(jar), *arguments], capture_output=True, text=True,
                                env=environment)
        for word in result.stdout.split():
            if len(word) == 32 and all(letter in "0123456789abcdef" for letter in word):
                return word
        raise SystemExit(f"the job was not taken:\n{result.stdout}{result.stderr}")

    def state(self, job):
        return self.get(f"/jobs/{job}")["state"]

    def checkpoints(self, job):
        return self.get(f"/jobs/{job}/checkpoints")["counts"]

    def longest_stall(self, job, name):
        """The most milliseconds that a checkpoint has held up a subtask of an operator."""
        longest = 0
        vertices = [vertex["id"] for vertex in self.get(f"/jobs/{job}")["vertices"] if name in vertex["name"]]
        for checkpoint in self.get(f"/jobs/{job}/checkpoints")["history"]:
            for vertex in vertices:
                details = self.get(f"/jobs/{job}/checkpoints/details/{checkpoint['id']}/subtasks/{vertex}")
                longest = max(longest, details["summary"]["checkpoint_duration"]["sync"]["max"])
        return longest

    def wait_for_checkpoints(self, job, count):
        self.wait_for(lambda: self.checkpoints(job)["completed"] >= count, f"{count} checkpoints")

    def finish(self, job, seconds=180):
        self.wait_for(lambda: self.state(job) in ENDS, "the end of the job", seconds)
        if self.state(job) != "FINISHED":
            reason = self.get(f"/jobs/{job}/exceptions")
            raise SystemExit(f"the job has ended as {self.state(job)}: {json.dumps(reason)[:3000]}")

    def stop_with_savepoint(self, job):
        """Returns where it is."""
        trigger = self.get(f"/jobs/{job}/stop", "POST", {"drain": False})["request-id"]
        place = []

        def is_done():
            answer = self.get(f"/jobs/{job}/savepoints/{trigger}")
            if answer["status"]["id"] != "COMPLETED":
                return False
            if "location" not in answer["operation"]:
                raise SystemExit(f"no savepoint: {json.dumps(answer)[:2000]}")
            place.append(answer["operation"]["location"])
            return True

        self.wait_for(is_done, "the savepoint")
        self.wait_for(lambda: self.state(job) in ENDS, "the end of the job")
        return place[0]

    def kill_busy_taskmanager(self, job):
        """Kills one that runs a part of the job."""
        busy = set()
        for vertex in self.get(f"/jobs/{job}")["vertices"]:
            for subtask in self.get(f"/jobs/{job}/vertices/{vertex['id']}")["subtasks"]:
                busy.add(subtask["endpoint"].rsplit(":", 1)[-1])
        for manager in self.get("/taskmanagers")["taskmanagers"]:
            port = manager["path"].split("@")[-1].split("/")[0].rsplit(":", 1)[-1]
            data = str(manager["dataPort"])
            for process in self.taskmanagers:
                if process.poll() is None and (port in busy or data in busy) and listens(process.pid, int(port)):
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    return
        raise SystemExit("no taskmanager runs the job")


def listens(pid, port):
    inodes = set()
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{pid}/net/{table}") as lines:
            for line in list(lines)[1:]:
                words = line.split()
                if words[3] == "0A" and int(words[1].rsplit(":", 1)[1], 16) == port:
                    inodes.add(f"socket:[{words[9]}]")
    for link in glob.glob(f"/proc/{pid}/fd/*"):
        try:
            if os.readlink(link) in inodes:
                return True
        except OSError:
            pass
    return False


def lines(folder):
    """All lines that a sink has committed."""
    found = []
    for path, _, names in os.walk(folder):
        for name in names:
            if not name.startswith("."):
                with open(os.path.join(path, name), "rb") as file:
                    found += file.read().splitlines()
    return found
