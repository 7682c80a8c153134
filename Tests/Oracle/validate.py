"""Validates JSON lines, or one YAML file, against a JSON Schema, or one of its definitions. Prints the first fault and
exits with 1."""

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
    schema_path, path, *definition = sys.argv[1:]
    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    if definition:
        # One of several documents that a schema describes.
        if definition[0] not in schema["$defs"]:
            sys.exit(f"{schema_path} does not describe {definition[0]}")
        schema["$ref"] = f"#/$defs/{definition[0]}"
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    count = 0
    if definition:
        with open(path, encoding="utf-8") as file:
            found = [(1, json.load(file))]
    else:
        found = documents(path)
    for number, document in found:
        count += 1
        fault = next(validator.iter_errors(document), None)
        if fault is not None:
            print(f"{path}:{number}: {fault.message} at {list(fault.path)}")
            sys.exit(1)
    print(f"{count} documents keep to {schema_path}")


main()
