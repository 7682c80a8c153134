"""Counts from two runs' assessments what a backtest's report and changes must say."""
import json

RANKS = {"low": 0, "medium": 1, "high": 2, "critical": 3}
RULES = ["far", "large", "gone"]


def read(path):
    return {one["transaction_id"]: one for one in map(json.loads, open(path))}


def fired(one):
    names = {f["rule"] for f in one["risk_factors"] if f["type"] == "rule"}
    names |= {s["rule"] for s in one.get("shadow", [])}
    # The one rule without a risk decides whenever it fires, as nothing beats it here.
    return names | ({one["decided_by"]} - {"level"})


def average_precision(side, frauds):
    ranked = sorted(side.values(), key=lambda one: -one["risk_score"])
    total, found, seen, place = 0.0, 0, 0, 0
    while place < len(ranked):
        end = place
        while end < len(ranked) and ranked[end]["risk_score"] == ranked[place]["risk_score"]:
            end += 1
        hits = sum(one["transaction_id"] in frauds for one in ranked[place:end])
        found, seen, place = found + hits, end, end
        total += hits * found / seen
    return total / sum(one["transaction_id"] in frauds for one in ranked)


new, old = read("new.out"), read("old.out")
frauds = {line.split(",")[0] for line in list(open("labels.csv"))[1:]}
report = json.load(open("report.json"))
assert report["transactions"] == len(new) == len(old) and set(new) == set(old)
for name, side in (("new", new), ("old", old)):
    for level, rank in RANKS.items():
        assert report[name]["levels"][level] == sum(one["risk_level"] == level for one in side.values())
        if level == "low":
            continue
        alarms = [i for i, one in side.items() if RANKS[one["risk_level"]] >= rank]
        quality = report[name]["quality"]["from_" + level]
        hits = sum(i in frauds for i in alarms)
        assert (quality["alarms"], quality["hits"]) == (len(alarms), hits)
        assert abs(quality["precision"] - hits / len(alarms)) < 1e-12
        assert abs(quality["recall"] - hits / report["frauds"]) < 1e-12
    for decision in ("allow", "review", "block"):
        assert report[name]["decisions"][decision] == sum(one["decision"] == decision for one in side.values())
    assert abs(report[name]["average_precision"] - average_precision(side, frauds)) < 1e-9
for rule in report["rules"]:
    here = {i for i, one in new.items() if rule["rule"] in fired(one)}
    there = {i for i, one in old.items() if rule["rule"] in fired(one)}
    assert (rule["new"], rule["old"], rule["both"]) == (len(here), len(there), len(here & there)), rule
    assert (rule["only_new"], rule["only_old"]) == (len(here - there), len(there - here))
    assert rule["new_frauds"] == len(here & frauds) and here | there
assert [rule["rule"] for rule in report["rules"]] == RULES
changed = [i for i in new if any(new[i][k] != old[i][k] for k in ("risk_level", "decision"))]
lines = [json.loads(line) for line in open("changes.jsonl")]
assert [line["transaction_id"] for line in lines] == changed and len(changed) == report["changed"] > 100
for line in lines:
    for name, side in (("new", new), ("old", old)):
        one = side[line["transaction_id"]]
        assert all(line[name][k] == one[k] for k in ("risk_level", "decision", "decided_by"))
    here, there = fired(new[line["transaction_id"]]), fired(old[line["transaction_id"]])
    assert (set(line["fired"]), set(line["no_longer_fired"])) == (here - there, there - here)
    assert line["fraud"] == (line["transaction_id"] in frauds)
print("agreed")
