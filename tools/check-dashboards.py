#!/usr/bin/env python3
"""Checks Grafana's dashboards without Grafana: every key against the types that it publishes, every expression of
Prometheus by promtool, every metric against what an engine exposes, and every query of PostgreSQL against real tables.

check-dashboards.py METRICS DATABASE DASHBOARD...

METRICS: the text of a /metrics page. DATABASE: a libpq connection string of a database that has the tables. Needs the
package grafana-foundation-sdk on PYTHONPATH, promtool and psql.
"""

import json
import re
import subprocess
import sys
import tempfile

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as types

VARIABLES = {
    "$__rate_interval": "1m", "$__interval": "1m", "$__range": "1h", "$instance": ".*", "$currency": "USD",
}
PATTERNS = {r"\$__timeFilter\((\w+)\)": r"\1 BETWEEN '2000-01-01' AND '2100-01-01'"}


def filled(text):
    for name, value in VARIABLES.items():
        text = text.replace(name, value)
    for pattern, value in PATTERNS.items():
        text = re.sub(pattern, value, text)
    if "$" in text:
        raise ValueError(f"a variable that nothing fills: {text}")
    return text


def lost(before, after, place):
    """What does not come back from a round trip through the types."""
    if isinstance(before, dict):
        for key, value in before.items():
            if not isinstance(after, dict) or key not in after:
                yield f"unknown key {place}.{key}"
            else:
                yield from lost(value, after[key], f"{place}.{key}")
    elif isinstance(before, list):
        for index, value in enumerate(before):
            inside = after[index] if isinstance(after, list) and index < len(after) else None
            yield from lost(value, inside, f"{place}[{index}]")


def exposed(page):
    names = set()
    for line in page.splitlines():
        kind = re.match(r"# TYPE (\S+) (\S+)", line)
        if kind:
            names.add(kind[1])
            if kind[2] == "histogram":
                names |= {kind[1] + end for end in ("_bucket", "_sum", "_count")}
    return names


def expressions_of(dashboard):
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            if "expr" in target:
                yield panel["title"], target["expr"]


def queries_of(dashboard):
    for variable in dashboard["templating"]["list"]:
        if variable["datasource"]["type"] == "grafana-postgresql-datasource":
            yield f"variable {variable['name']}", variable["query"], "table"
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            if "rawSql" in target:
                yield panel["title"], target["rawSql"], target["format"]


def check(path, names, database):
    with open(path, encoding="utf-8") as file:
        dashboard = json.load(file)
    encoded = JSONEncoder(sort_keys=True).encode(types.Dashboard.from_json(dashboard))
    yield from lost(dashboard, json.loads(encoded), path)
    numbers = [panel["id"] for panel in dashboard["panels"]]
    if len(set(numbers)) < len(numbers):
        yield f"{path}: two panels of one number"
    expressions = list(expressions_of(dashboard))
    rules = [{"record": f"panel{index}", "expr": filled(text)} for index, (_, text) in enumerate(expressions)]
    if rules:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            json.dump({"groups": [{"name": "panels", "rules": rules}]}, file)
            file.flush()
            run = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True, text=True)
        if run.returncode:
            yield f"{path}: {run.stderr}{run.stdout}"
    for title, text in expressions:
        for name in re.findall(r"\b(?:assay|process)_\w+", text):
            if name not in names:
                yield f"{path}: '{title}' reads {name}, which no engine exposes"
    count = len(expressions)
    for title, text, form in queries_of(dashboard):
        count += 1
        run = subprocess.run(
            ["psql", database, "-X", "-A", "-v", "ON_ERROR_STOP=1", "-c", filled(text)], capture_output=True, text=True)
        if run.returncode:
            yield f"{path}: '{title}': {run.stderr}"
            continue
        lines = run.stdout.splitlines()
        if len(lines) < 3:
            yield f"{path}: '{title}' finds nothing"
        elif form == "time_series" and lines[0].split("|")[0] != "time":
            yield f"{path}: '{title}' has no time"
    if not count:
        yield f"{path}: nothing is asked"
    print(f"{path}: {len(dashboard['panels'])} panels, {count} queries")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        names = exposed(file.read())
    faults = [fault for path in sys.argv[3:] for fault in check(path, names, sys.argv[2])]
    for fault in faults:
        print(fault)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
