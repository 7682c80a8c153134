#!/usr/bin/env python3
"""Runs the tables of expression cases through `assay eval --batch` and prints how many hold, by section. With a file of
requests, each with the answer that is wanted as "value", "error" or "type", it compares those too.

Usage: conformance.py ASSAY CASES [SUITE.jsonl]
"""

import json
import pathlib
import subprocess
import sys

BINDINGS = {
    "i": ("int", {"int": "42"}), "u": ("uint", {"uint": "7"}), "d": ("double", {"double": 2.5}),
    "s": ("string", {"string": "text"}), "b": ("bool", {"bool": True}),
    "l": ("list(int)", {"list": [{"int": "1"}, {"int": "2"}, {"int": "3"}]}),
    "m": ("map(string, int)", {"map": [[{"string": "a"}, {"int": "1"}], [{"string": "b"}, {"int": "2"}]]}),
    "t": ("google.protobuf.Timestamp", {"timestamp": "2025-12-30T21:10:15Z"}),
    "anything": ("map(string, dyn)", {"map": [
        [{"string": "name"}, {"string": "Ada"}], [{"string": "first-name"}, {"string": "Ada"}],
        [{"string": "list"}, {"list": [{"int": "1"}, {"int": "2"}]}], [{"string": "amount"}, {"double": 1.5}]]}),
    "qualified.name": ("map(string, int)", {"map": [[{"string": "there"}, {"int": "1"}]]}),
    "qualified.name.here": ("string", {"string": "yes"}),
}


def request(expression, checked, types_alone=False):
    return {
        "expr": expression, "check": checked, "check_only": types_alone,
        "bindings": {name: value for name, (_, value) in BINDINGS.items()},
        "type_env": [{"name": name, "type": kind} for name, (kind, _) in BINDINGS.items()],
    }


def answers(assay, requests):
    text = "".join(json.dumps(one) + "\n" for one in requests)
    output = subprocess.run([assay, "eval", "--batch"], input=text, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in output.splitlines()]


def section(assay, path):
    """Expected values are expressions themselves: they are evaluated and compared with types."""
    cases = [line.split(" ==> ") for line in path.read_text(encoding="utf-8").splitlines()
             if line and not line.startswith("#")]
    unchecked = [expression.startswith("~") for expression, _ in cases]
    types_alone = path.stem == "types"
    found = answers(assay, [request(expression.removeprefix("~"), not free, types_alone)
                            for (expression, _), free in zip(cases, unchecked)])
    wanted = answers(assay, [request(expected, False) for _, expected in cases])
    held = 0
    for (expression, expected), answer, value in zip(cases, found, wanted):
        if types_alone:
            good = answer.get("type") == expected
        elif expected[0] in "!?":
            good = "error" in answer
        else:
            good = "value" in answer and answer == value
        held += good
        if not good:
            print(f"{path.stem}: {expression} is {answer}, not {expected}", file=sys.stderr)
    return held, len(cases)


def main():
    assay, folder = sys.argv[1:3]
    total = [0, 0]
    for path in sorted(pathlib.Path(folder).glob("*.txt")):
        held, count = section(assay, path)
        print(f"{path.stem:14} {held:4} of {count}")
        total = [total[0] + held, total[1] + count]
    print(f"{'all':14} {total[0]:4} of {total[1]}")
    failed = total[0] != total[1]
    if len(sys.argv) > 3:
        requests = [json.loads(line) for line in open(sys.argv[3], encoding="utf-8")]
        pairs = list(zip(requests, answers(assay, requests)))
        good = sum(
            "error" in answer if "error" in one
            else all(answer.get(key) == one[key] for key in ("value", "type") if key in one)
            for one, answer in pairs)
        print(f"{sys.argv[3]}: {good} of {len(pairs)}")
        failed |= good != len(pairs)
    sys.exit(failed)


main()
