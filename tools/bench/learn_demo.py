#!/usr/bin/env python3
"""How well a stream learns from labels that come a week late: average precision week by week, beside the checks alone,
and beside gradient boosting that was trained offline on the first half, with all labels of that half at hand.

Usage: learn_demo.py ASSAY FOLDER [LINES]
"""

import csv
import json
import math
import os
import subprocess
import sys
import tempfile
import time

PACKAGES = ["numpy==2.1.3", "scikit-learn==1.5.2"]
WEEK = 7 * 86400


def with_packages(folder):
    """Begins again in a Python that has them."""
    place = os.path.join(folder, "learning-python")
    if not os.path.exists(f"{place}/done"):
        print("installing scikit-learn ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([f"{place}/bin/pip", "install", "-q", *PACKAGES], check=True)
        with open(f"{place}/done", "w", encoding="utf-8"):
            pass
    os.execv(f"{place}/bin/python", [f"{place}/bin/python", __file__, *sys.argv[1:]])


class Features:
    """What people make of a transaction and its user before they train: amounts, counts, times and places so far."""

    def __init__(self):
        self.users, self.merchants, self.categories = {}, {}, {}

    def row(self, row):
        user = self.users.setdefault(row["user_id"], {"n": 0, "sum": 0.0, "squares": 0.0, "times": [], "place": None})
        amount, moment = row["amount"], row["timestamp"]
        mean = user["sum"] / user["n"] if user["n"] else amount
        deviation = math.sqrt(max(user["squares"] / user["n"] - mean * mean, 0)) if user["n"] else 0
        user["times"] = [time for time in user["times"] if moment - time <= 86400]
        counts = [sum(1 for time in user["times"] if moment - time <= span) for span in (300, 3600, 86400)]
        place, distance = row.get("location"), 0.0
        if place and user["place"]:
            distance = math.hypot(place["latitude"] - user["place"][0], place["longitude"] - user["place"][1])
        gap = moment - user["times"][-1] if user["times"] else 1e6
        features = [amount, math.log1p(amount), amount / (mean + 0.01), (amount - mean) / (deviation + 1), *counts,
                    min(gap, 1e6), distance, moment / 3600 % 24, user["n"],
                    self.categories.setdefault(row.get("transaction_type"), len(self.categories)),
                    self.merchants.setdefault(row.get("merchant_id"), len(self.merchants)) % 256]
        user["n"] += 1
        user["sum"] += amount
        user["squares"] += amount * amount
        user["times"].append(moment)
        if place:
            user["place"] = (place["latitude"], place["longitude"])
        return features


def main():
    assay, folder = sys.argv[1:3]
    try:
        import numpy
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.metrics import average_precision_score
    except ImportError:
        with_packages(folder)
    lines = int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000
    with tempfile.TemporaryDirectory() as place:
        stream, labels = os.path.join(place, "in.jsonl"), os.path.join(place, "labels.csv")
        settings = os.path.join(place, "learning.yaml")
        with open(settings, "w", encoding="utf-8") as file:
            file.write("learning: {enabled: true}\n")
        subprocess.run([assay, "generate", "-n", str(lines), "--users", str(max(lines // 50, 1)), "--days", "70",
                        "--labels", labels, "--label-delay", "7d", "-o", stream], check=True)
        frauds = {row["transaction_id"] for row in csv.DictReader(open(labels, encoding="utf-8"))}

        def scores(options):
            output = os.path.join(place, "out.jsonl")
            begun = time.perf_counter()
            subprocess.run([assay, "score", stream, "-q", "--no-checkpoints", "-o", output, "--overwrite", *options],
                           check=True)
            seconds = time.perf_counter() - begun
            return [json.loads(line)["risk_score"] for line in open(output, encoding="utf-8")], seconds

        learned, learned_seconds = scores(["-c", settings, "--labels", labels])
        checked, _ = scores([])

        begun = time.perf_counter()
        features, truth, weeks = [], [], []
        maker = Features()
        for line in open(stream, encoding="utf-8"):
            row = json.loads(line)
            features.append(maker.row(row))
            truth.append(row["transaction_id"] in frauds)
            weeks.append(row["timestamp"])
        features, truth = numpy.array(features), numpy.array(truth)
        weeks = ((numpy.array(weeks) - weeks[0]) // WEEK).astype(int)
        half = len(truth) // 2
        boosted = HistGradientBoostingClassifier(max_iter=300, learning_rate=0.1, random_state=1)
        boosted.fit(features[:half], truth[:half])
        offline = boosted.predict_proba(features)[:, 1]
        boosted_seconds = time.perf_counter() - begun

        print(f"{lines:,} transactions, {truth.mean() * 100:.1f} % fraud, labels a week late; average precision")
        print(f"{'week':>6} {'learned':>9} {'checks':>8} {'boosted offline':>16}")

        def show(name, part, boosts=True):
            cells = [average_precision_score(truth[part], numpy.array(scores)[part])
                     for scores in (learned, checked, offline)]
            shown = f"{cells[2]:16.3f}" if boosts else f"{'(trained)':>16}"
            print(f"{name:>6} {cells[0]:9.3f} {cells[1]:8.3f} {shown}")

        last_trained = weeks[half]
        for week in range(weeks[-1] + 1):
            show(str(week + 1), weeks == week, boosts=week > last_trained)
        show("2nd half", numpy.arange(len(truth)) >= half)
        print(f"time: learned while scoring {learned_seconds:.1f} s, features and training offline "
              f"{boosted_seconds:.1f} s")


if __name__ == "__main__":
    main()
