"""Validates JSON lines, or one YAML file, against a JSON Schema. Prints the first fault and exits with 1."""

import json
import sys

import jsonschema
import yaml


def documents(path):
    if path.endswith(".yaml"):
        with open(path, encoding="utf-8") as file:
            yield 1, yaml.safe_load(file)
        return
    with open(path, encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, json.loads(line)


def main():
    schema_path, path = sys.argv[1:]
    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    count = 0
    for number, document in documents(path):
        count += 1
        fault = next(validator.iter_errors(document), None)
        if fault is not None:
            print(f"{path}:{number}: {fault.message} at {list(fault.path)}")
            sys.exit(1)
    print(f"{count} documents keep to {schema_path}")


main()
