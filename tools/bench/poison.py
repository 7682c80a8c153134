#!/usr/bin/env python3
"""What wrong labels do to a model, and what restoring it mends: an attacker's transactions, each called fraud, come
between the honest ones; then the stream goes on. Average precision over the honest rest, as the attack leaves the model
and after the model was restored from a snapshot that was made before.

Usage: poison.py ASSAY [WRONG [LINES]]
"""

import csv
import json
import os
import subprocess
import sys
import tempfile

DAY = 86400
LOST_AT_MOST = 0.05


def average_precision(ranking):
    """Ties count as one step: a ranking that says nothing has the precision of chance."""
    ranking.sort(reverse=True)
    frauds = sum(fraud for _, fraud in ranking)
    found, sum_of_precisions, index = 0, 0.0, 0
    while index < len(ranking):
        end, here = index, 0
        while end < len(ranking) and ranking[end][0] == ranking[index][0]:
            here += ranking[end][1]
            end += 1
        found += here
        sum_of_precisions += here * found / end
        index = end
    return sum_of_precisions / frauds


def label(name):
    return json.dumps({"label": {"transaction_id": name, "fraud": True}}) + "\n"


class Trial:
    def __init__(self, assay, folder, wrong, lines):
        self.assay, self.folder, self.wrong = assay, folder, wrong
        with open(self.path("c.yaml"), "w", encoding="utf-8") as file:
            file.write("learning: {enabled: true, maturity: 1d, retention: 20d}\n")
        subprocess.run([assay, "generate", "-n", str(lines), "--users", str(max(lines // 120, 1)), "--seed", "9",
                        "--labels", self.path("labels"), "--label-delay", "12h", "-o", self.path("in")],
                       check=True, stderr=subprocess.DEVNULL)
        with open(self.path("labels"), encoding="utf-8", newline="") as file:
            labels = sorted((float(row[2]), row[0]) for row in list(csv.reader(file))[1:])
        self.fraud = {name for _, name in labels}
        self.split(labels, [lines * 2 // 3, lines * 3 // 4, lines])

    def path(self, name):
        return os.path.join(self.folder, name)

    def split(self, labels, ends):
        """The honest stream with its labels: before the attack, while it matures, and the rest."""
        parts, part, due = [open(self.path(f"part{part}"), "w", encoding="utf-8") for part in range(3)], 0, 0
        with open(self.path("in"), encoding="utf-8") as file:
            for number, line in enumerate(file):
                row = json.loads(line)
                if number == ends[part]:
                    part += 1
                    if part == 1:
                        self.attack_time = row["timestamp"] - 1
                while due < len(labels) and labels[due][0] <= row["timestamp"]:
                    parts[part].write(label(labels[due][1]))
                    due += 1
                parts[part].write(line)
        for file in parts:
            file.close()

    def write_attack(self, one_merchant):
        """Ordinary transactions of the attacker's own users over a day, each called fraud at once."""
        generate = subprocess.Popen([self.assay, "generate", "-n", str(self.wrong), "--users",
                                     str(max(self.wrong // 10, 1)), "--seed", "77"],
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        with open(self.path("attack"), "w", encoding="utf-8") as file:
            for number, line in enumerate(generate.stdout):
                row = json.loads(line)
                row.update(transaction_id=f"attack{number}", user_id="attack" + row["user_id"],
                           timestamp=self.attack_time - DAY * (self.wrong - number) / self.wrong)
                if one_merchant:
                    row["merchant_id"] = "m00001"
                file.write(json.dumps(row) + "\n" + label(row["transaction_id"]))
        if generate.wait():
            sys.exit("assay generate failed")

    def score(self, name, state):
        subprocess.run([self.assay, "score", self.path(name), "-c", self.path("c.yaml"), "-q",
                        "-o", self.path(f"{state}-{name}"), "--state", self.path(state)],
                       check=True, stderr=subprocess.DEVNULL)

    def control(self, state, *words):
        return subprocess.run([os.path.join(os.path.dirname(self.assay), "assayctl"), *words, "--state",
                               self.path(state)], check=True, stdout=subprocess.PIPE, text=True).stdout

    def precision(self, state):
        self.score("part2", state)
        with open(self.path(f"{state}-part2"), encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        return average_precision([(row["model_probability"], row["transaction_id"] in self.fraud) for row in rows])

    def run(self, title, state, attacked):
        """Returns the precision after restoring, and prints it beside that which the attack leaves."""
        self.score("part0", state)
        self.control(state, "snapshot", "create")
        if attacked:
            self.score("attack", state)
        self.score("part1", state)
        subprocess.run(["cp", "-r", self.path(state), self.path(state + "-left")], check=True)
        left = self.precision(state + "-left")
        weights = [weight["weight"] for weight in json.loads(self.control(state, "model", "--json"))["weights"]]
        greatest = max(abs(weight) for weight in weights)
        if not greatest < 100:
            sys.exit(f"a weight is {greatest}")
        newest = max(int(name.split(".")[0]) for name in os.listdir(self.path(state + "/snapshots"))
                     if name.endswith(".db"))
        self.control(state, "model", "restore", str(newest))
        restored = self.precision(state)
        print(f"{title:34} {left:8.3f} {restored:8.3f} {greatest:15.1f}")
        return restored


def main():
    assay = os.path.abspath(sys.argv[1])
    wrong = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    lines = int(sys.argv[3]) if len(sys.argv) > 3 else 600_000
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(assay, folder, wrong, lines)
        print(f"{f'{wrong:,} wrong labels':34} {'left':>8} {'restored':>8} {'greatest weight':>15}")
        # Restoring also loses what honest labels taught since the snapshot: what it costs without an attack.
        usual = trial.run("none", "none", False)
        for title, one_merchant in (("about one merchant", True), ("about all merchants", False)):
            trial.write_attack(one_merchant)
            restored = trial.run(title, "one" if one_merchant else "all", True)
            if restored < usual * (1 - LOST_AT_MOST):
                sys.exit(f"restoring left {restored:.3f} of {usual:.3f}")


if __name__ == "__main__":
    main()
