"""Holds two results of scoring together, object by object."""

import json
import math
from itertools import zip_longest

class Pairs(list):
    """An object as its keys and values in the order given, repeated keys included."""

# Whole numbers by their meaning: within a millionth of themselves, many neighbours would pass for equal.
EXACT = {"sequence", "timestamp", "hour", "window", "count", "threshold", "weekday", "line", "offset", "typical_hours"}
# A hair over 1e-6, so that two values that were rounded to neighbouring sixth decimals agree.
TOLERANCE = 1.000001e-6

def first_difference(actual, expected, name="value"):
    """Where and how two values differ, or nothing."""
    if type(actual) is Pairs and type(expected) is Pairs and [key for key, _ in actual] == [key for key, _ in expected]:
        inner = [(one, other, key) for (key, one), (_, other) in zip(actual, expected)]
    elif type(actual) is list and type(expected) is list and len(actual) == len(expected):
        inner = [(one, other, name) for one, other in zip(actual, expected)]
    else:
        numbers = type(actual) in (int, float) and type(expected) in (int, float)
        same = actual == expected and (numbers or type(actual) is type(expected))
        if numbers and name not in EXACT:
            same = math.isclose(actual, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        return None if same else f"{name}: {actual!r:.300}, expected {expected!r:.300}"
    return next(filter(None, (first_difference(*each) for each in inner)), None)

def line_difference(actual, expected):
    if actual is None or expected is None:
        return "missing" if actual is None else "not expected"
    values = []
    for text in (actual, expected):
        try:
            value = json.loads(text, object_pairs_hook=Pairs)
        except ValueError as error:
            return f"not JSON: {error}"
        if type(value) is Pairs and "reason" in dict(value):
            value = Pairs((key, dict(value).get(key)) for key in ("line", "offset", "reason"))
        values.append(value)
    return first_difference(*values)

def compare(actual_file, expected_file):
    lines = differences = 0
    for lines, (actual, expected) in enumerate(zip_longest(actual_file, expected_file), 1):
        difference = None if actual == expected else line_difference(actual, expected)
        if difference is not None and differences < 5:
            print(f"line {lines}: {difference}")
        differences += difference is not None
    print(f"{differences} of {lines} lines differ" if differences else f"{lines} lines agree")
    return 1 if differences else 0
