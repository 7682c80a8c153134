"""Brokers of Kafka in memory, for benchmarks."""

import subprocess


class Brokers:
    """A cluster in memory."""

    def __init__(self, tool, topics, partitions):
        self.process = subprocess.Popen(
            [tool, "mock", "3"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.address = self.process.stdout.readline().decode().strip()
        for topic in topics:
            self.process.stdin.write(f"topic {topic} {partitions}\n".encode())
            self.process.stdin.flush()
            self.process.stdout.readline()

    def fill(self, folder):
        """Puts the lines of the file 'keyed' into the topic 'payments'."""
        subprocess.run(
            ["kcat", "-P", "-b", self.address, "-t", "payments", "-K", "\t", "-X", "partitioner=murmur2_random"]
            + ["-X", "compression.codec=lz4", "-l", "keyed"],
            cwd=folder,
            check=True,
        )

    def end(self):
        self.process.kill()
        self.process.wait()

    def lines(self, topic):
        """All that is in a topic."""
        command = ["kcat", "-C", "-e", "-q", "-b", self.address, "-t", topic, "-o", "beginning"]
        return subprocess.run(command, capture_output=True, check=True).stdout.splitlines()
