"""Lines of JSON and records of CSV, taken apart as the spec says and no more than that."""

import json
import re
from itertools import accumulate

MAX_NESTING = 128
BOM = b"\xef\xbb\xbf"

class Reject(Exception):
    """A line that gets no assessment: the spec's reason code and a message."""

class Integer(str):
    """A JSON integer as its literal text: a string field wants exactly these digits (`-0` too), and a million of them
    need not become a number before anybody asks for one."""

def refuse_constant(name):
    raise ValueError(f"{name} is not JSON")

scan_json = json.JSONDecoder(parse_int=Integer, parse_constant=refuse_constant).scan_once
INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
NUMBER = re.compile(INTEGER.pattern + r"(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
# Pairs and other escapes are consumed first, so that the group holds only surrogates that stand alone.
LONE_SURROGATE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F])|\\.", re.DOTALL)
STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)

def nested_too_deep(text):
    if text.count("{") + text.count("[") <= MAX_NESTING:
        return False
    brackets = [token for token in STRING_OR_BRACKET.findall(text) if token[0] != '"']
    return max(accumulate(1 if bracket in "{[" else -1 for bracket in brackets), default=0) > MAX_NESTING

def parse_json(text):
    """The value of a JSON text; ValueError where RFC 8259 or the spec's two further rules forbid it."""
    text = text.strip(" \t\n\r")
    try:
        value, end = scan_json(text, 0)
    except (StopIteration, RecursionError):
        raise ValueError("no JSON value, or nested too deep") from None
    if end != len(text):
        raise ValueError(f"unexpected text after the value, at character {end}")
    # Looked for in the text and not in the value: a key given twice hides its first value.
    if "\\u" in text and any(match[1] for match in LONE_SURROGATE.finditer(text)):
        raise ValueError("lone surrogate escape")
    if nested_too_deep(text):
        raise ValueError("nested too deep")
    return value

# Possessive, so that the first half of a doubled quote is never taken for the closing one.
QUOTED, PLAIN = r'"((?:[^"]|"")*+)"', r'([^",]*+)'
CELL = re.compile(rf"(?:\A|,)(?:{QUOTED}|{PLAIN})")
ROW = re.compile(rf"(?:{QUOTED}|{PLAIN})(?:,(?:{QUOTED}|{PLAIN}))*+")
# Where a record ends is also asked of rows that are not well-formed: there a quote opens a cell only as its first byte.
MORE_CELLS = r',(?:"(?:[^"]|"")*+"[^,]*+|(?!")[^,]*+)'
CLOSED = re.compile(rf"(?:{MORE_CELLS})*+".encode())
CLOSED_FROM_QUOTED = re.compile(rf'(?:[^"]|"")*+"[^,]*+(?:{MORE_CELLS})*+'.encode())

def quote_left_open(line, quote_open):
    """Whether a quoted cell is open at the end of this physical line."""
    if b'"' not in line:
        return quote_open
    return not (CLOSED_FROM_QUOTED.fullmatch(line) if quote_open else CLOSED.fullmatch(b"," + line))

def cells_of(record):
    if not ROW.fullmatch(record):
        raise Reject("malformed_json", "bad quoting in this row")
    return [inside.replace('""', '"') + plain for inside, plain in CELL.findall(record)]

def fields_of_row(columns, text):
    """The row as the object that a JSON line would have been, so that one set of field rules serves both."""
    cells = cells_of(text)
    if len(cells) != len(columns):
        raise Reject("malformed_json", f"{len(cells)} cells under {len(columns)} columns")
    fields = {name: cell for name, cell in dict(zip(columns, cells)).items() if cell != ""}
    fields.pop("location", None)
    location = {name: fields["location." + name] for name in ("latitude", "longitude") if "location." + name in fields}
    if location:
        fields["location"] = location
    timestamp = fields.get("timestamp", "")
    if NUMBER.fullmatch(timestamp):
        fields["timestamp"] = Integer(timestamp) if INTEGER.fullmatch(timestamp) else float(timestamp)
    if "metadata" in fields:
        # What is no object stays a string, so that the field rule rejects it in its turn.
        try:
            metadata = parse_json(fields["metadata"])
            fields["metadata"] = fields["metadata"] if metadata is None else metadata
        except ValueError:
            pass
    return fields

def lines_of(stream, is_csv):
    """Each line (of a CSV: each record) as the number and offset of its first byte, and its bytes."""
    offset, parts, quote_open = 0, [], False
    for number, raw in enumerate(stream, 1):
        if number == 1 and raw.startswith(BOM):
            raw, offset = raw[len(BOM):], len(BOM)
        if not parts:
            first, start = number, offset
        offset += len(raw)
        parts.append(raw)
        quote_open = is_csv and quote_left_open(raw, quote_open)
        if not quote_open:
            yield first, start, b"".join(parts)
            parts = []
    if parts:
        yield first, start, b"".join(parts)
