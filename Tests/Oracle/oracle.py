"""A slow, plain reading of spec/scoring.md, to hold the engine against. `score` turns a stream of transactions (JSON
lines or CSV) into assessments and rejects; `compare` holds two such results together, object by object. Nothing here
is shared with the engine: state is dictionaries, sets and sorted lists, every check is the spec's sentence in Python,
and the standard library does the arithmetic, the calendar and the time zones.
"""

import argparse
import gc
import json
import math
import re
import sys
from bisect import bisect_right, insort
from collections import deque, namedtuple
from datetime import datetime
from json.encoder import encode_basestring as quoted
from zoneinfo import ZoneInfo

sys.dont_write_bytecode = True
from comparison import compare  # noqa: E402
from reading import INTEGER, NUMBER, Integer, Reject, cells_of, fields_of_row, lines_of, parse_json  # noqa: E402

MAX_LINE_BYTES, MAX_REJECTED_INPUT_BYTES = 1 << 20, 4096
BLANK = b" \t\r"
EPOCH, LAST_MS = datetime(1970, 1, 1), 253_402_300_799_999
MISSING, MAX_DOUBLE = object(), sys.float_info.max

MIN_HISTORY, STATE_TTL_MS = 5, 90 * 86_400_000
MAX_AHEAD_MS, EARLY_IN_A_ROW, OLD_IN_A_ROW = 86_400_000, 16, 1000
SPARE_FROM, SPARED_IN_A_ROW = 0.97, 16
RECENT_IDS, MAX_TYPES, MAX_PLACES, MAX_CURRENCIES = 16, 16, 16, 8
WINDOWS_MS = (300_000, 900_000, 3_600_000)
THRESHOLDS = {"withdrawal": (5, 10, 20), "transfer": (10, 20, 50), "payment": (20, 50, 100)}
OTHER_THRESHOLDS = (10, 20, 50)
EARTH_RADIUS_KM, SAME_PLACE_KM, UNUSUAL_DISTANCE_KM = 6371.0, 1.0, 100.0
NO_AMOUNTS, SATURDAY = (0, 0.0, 0.0), 5
LEVELS = (
    (0.8, "critical", "Immediate transaction blocking recommended"),
    (0.6, "high", "Additional verification required"),
    (0.3, "medium", "Monitor closely, consider manual review"),
    (-math.inf, "low", "Low risk, normal processing"),
)
LEVEL_TOLERANCE = 1e-9

Transaction = namedtuple("Transaction", "transaction_id user_id amount time type currency place")

ISO_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?"
    r"(?:([Zz])|([+-])([01][0-9]|2[0-3])(?::?([0-5][0-9]))?)?)?")
BASIC_TIME = re.compile(
    r"([0-9]{4})([0-9]{2})([0-9]{2})(?:[Tt ]([0-9]{2})([0-9]{2})(?:([0-9]{2})(?:[.,]([0-9]+))?)?"
    r"(?:([Zz])|([+-])([01][0-9]|2[0-3])(?::?([0-5][0-9]))?)?)?")
# More digits than any timestamp of the years allowed has, in any of the three units.
MAX_TIMESTAMP_DIGITS, OUT_OF_RANGE = 20, -1

def invalid(name):
    return Reject("invalid_field", f"{name} is not of the type or in the range of this field")

def required(fields, name):
    value = fields.get(name, MISSING)
    if value is MISSING:
        raise Reject("missing_field", f"{name} is missing")
    return value

def text(value, name, shortest, longest):
    if not isinstance(value, str) or not shortest <= len(value.encode()) <= longest:
        raise invalid(name)
    return value

def number(value, name, smallest, largest):
    if isinstance(value, str) and NUMBER.fullmatch(value):
        value = float(value)
    if type(value) is not float or not smallest <= value <= largest:
        raise invalid(name)
    return value

def milliseconds_of_number(value):
    """Integers stay integers; a number with a fraction or an exponent is a double, as the spec's formula is."""
    if type(value) is Integer:
        value = int(value) if len(value) <= MAX_TIMESTAMP_DIGITS else OUT_OF_RANGE
        if value < 10**11:
            return value * 1000
    else:
        # Keeps infinities out of the integers; what lies outside is out of range in every unit.
        value = value if -1 <= value <= 1e18 else OUT_OF_RANGE
        if value < 1e11:
            return math.floor(value * 1000 + 0.5)
    return int(value) if value < 10**14 else int(value) // 1000

def milliseconds_of_text(value, zone):
    match = ISO_TIME.fullmatch(value) or BASIC_TIME.fullmatch(value)
    if match is None:
        return OUT_OF_RANGE
    try:
        local = datetime(*[int(part or 0) for part in match.group(1, 2, 3, 4, 5, 6)])
    except ValueError:
        return OUT_OF_RANGE
    fraction, utc, sign, hours, minutes = match.group(7, 8, 9, 10, 11)
    if utc or sign:
        offset = (int(hours or 0) * 3600 + int(minutes or 0) * 60) * (-1 if sign == "-" else 1)
    else:
        # fold=0 is the spec's rule: the first of two, and in a gap the offset from before it.
        offset = int(local.replace(tzinfo=zone, fold=0).utcoffset().total_seconds())
    since = local - EPOCH
    return (since.days * 86_400 + since.seconds - offset) * 1000 + int(((fraction or "") + "000")[:3])

def event_time(value, zone):
    if type(value) is str and NUMBER.fullmatch(value):
        value = Integer(value) if INTEGER.fullmatch(value) else float(value)
    if type(value) in (Integer, float):
        time = milliseconds_of_number(value)
    else:
        time = milliseconds_of_text(value, zone) if type(value) is str else OUT_OF_RANGE
    if not 0 <= time <= LAST_MS:
        raise invalid("timestamp")
    return time

def place_of(location):
    """Half of latitude and longitude in radians, and the latitude's cosine: what the haversine is made of."""
    if location is not None and type(location) is not dict:
        raise invalid("location")
    if location is None or ("latitude" not in location and "longitude" not in location):
        return None
    latitude = math.radians(number(location.get("latitude"), "location", -90, 90))
    longitude = math.radians(number(location.get("longitude"), "location", -180, 180))
    return latitude / 2, longitude / 2, math.cos(latitude)

def transaction_of(fields, zone):
    """Field by field in the order of the spec's table: the first bad one names the reason."""
    transaction = Transaction(
        text(required(fields, "transaction_id"), "transaction_id", 1, 128),
        text(required(fields, "user_id"), "user_id", 1, 128),
        number(required(fields, "amount"), "amount", 0, MAX_DOUBLE),
        event_time(required(fields, "timestamp"), zone),
        text(fields.get("transaction_type", "payment"), "transaction_type", 1, 64),
        text(fields.get("currency", ""), "currency", 0, 8),
        place_of(fields.get("location")))
    for name, allowed in (("account_id", str), ("merchant_id", str), ("metadata", dict)):
        value = fields.get(name)
        if value is not None and not isinstance(value, allowed):
            raise invalid(name)
    return transaction

class User:
    """What is remembered of a user. `types`, `places` and `currencies` stand in the order of their last use, oldest
    first, which is the order in which they make room."""

    def __init__(self):
        self.accepted, self.last_time, self.recent_ids = 0, None, deque(maxlen=RECENT_IDS)
        self.types, self.places, self.currencies = {}, [], {}
        self.hours, self.seen_on_weekend, self.spared = set(), False, 0

class Clock:
    """The event time that the stream has reached."""

    def __init__(self):
        self.time, self.early, self.old = None, [], []

    def is_early(self, time):
        return self.time is not None and time > self.time + MAX_AHEAD_MS and len(self.early) < EARLY_IN_A_ROW - 1

    def advance(self, time):
        if self.time is None:
            self.time = time
        elif time > self.time + MAX_AHEAD_MS:
            self.early.append(time)
            self.old = []
            if len(self.early) == EARLY_IN_A_ROW:
                self.time, self.early = min(self.early), []
        elif time < self.time - MAX_AHEAD_MS:
            self.old.append(time)
            self.early = []
            if len(self.old) == OLD_IN_A_ROW:
                self.time, self.old = max(self.old), []
        else:
            self.early, self.old, self.time = [], [], max(self.time, time)

def check_velocity(user, transaction):
    times = user.types.get(transaction.type, [])
    up_to_now = bisect_right(times, transaction.time)
    factors = []
    for window, threshold in zip(WINDOWS_MS, THRESHOLDS.get(transaction.type, OTHER_THRESHOLDS)):
        count = up_to_now - bisect_right(times, transaction.time - window)
        if count >= threshold:
            factors.append({"type": "high_velocity", "window": window // 1000, "count": count, "threshold": threshold,
                            "risk_score": min(count / threshold * 0.5, 1.0)})
    return factors

def distance_km(a):
    a = min(max(a, 0.0), 1.0)
    return 2 * EARTH_RADIUS_KM * math.atan2(math.sqrt(a), math.sqrt(1 - a))

def nearest_place(places, place):
    """Distance and index of the nearest place, of equally near ones the most recently visited."""
    half_latitude, half_longitude, cosine = place
    haversines = []
    for there, along, cosine_there in places:
        sine, sine_along = math.sin(there - half_latitude), math.sin(along - half_longitude)
        haversines.append(sine * sine + cosine * cosine_there * (sine_along * sine_along))
    smallest = min(haversines)
    distance = distance_km(smallest)
    # Equally near is a matter of distances, and in doubles neighbouring haversines can make the same one.
    neighbour = smallest * (1 + 1e-12)
    return distance, max([at for at, a in enumerate(haversines) if a <= neighbour and distance_km(a) <= distance])

def check_location(distance):
    if distance is None or distance <= UNUSUAL_DISTANCE_KM:
        return []
    return [{"type": "unusual_location", "distance_km": distance, "risk_score": min(distance / 1000, 1.0)}]

def check_amount(user, transaction):
    count, mean, squares = user.currencies.get(transaction.currency, NO_AMOUNTS)
    if count < MIN_HISTORY:
        return []
    # The quotient of an amount near the greatest double can be infinite, which JSON can't say.
    z = min(abs(transaction.amount - mean) / max(math.sqrt(squares / (count - 1)), 0.1 * mean, 0.01), MAX_DOUBLE)
    if not z > 3:
        return []
    return [{"type": "unusual_amount", "amount": transaction.amount, "average_amount": mean, "z_score": z,
             "risk_score": min(z / 5, 1.0)}]

def check_pattern(user, transaction, hour):
    factors = []
    if user.accepted >= MIN_HISTORY and hour not in user.hours:
        factors.append({"type": "unusual_time", "hour": hour, "typical_hours": sorted(user.hours), "risk_score": 0.3})
    if user.accepted >= MIN_HISTORY and transaction.type not in user.types:
        # Python orders strings by code point, which is the order of their UTF-8 bytes.
        factors.append({"type": "unusual_transaction_type", "transaction_type": transaction.type,
                        "typical_types": sorted(user.types), "risk_score": 0.4})
    return factors

def check_time(user, hour, weekday, ahead, future_risk):
    factors = []
    if ahead is not None and future_risk > 0:
        factors.append({"type": "future_timestamp", "ahead_seconds": ahead / 1000, "risk_score": future_risk})
    if 2 <= hour <= 6:
        factors.append({"type": "late_night_transaction", "hour": hour, "risk_score": 0.2})
    if weekday >= SATURDAY and user.accepted >= MIN_HISTORY and not user.seen_on_weekend:
        factors.append({"type": "weekend_unusual_activity", "weekday": weekday, "risk_score": 0.3})
    return factors

def taken(entries, key, limit, fresh):
    """The entry, taken out to be put back as the newest; a fresh one, the oldest making room, if there is none."""
    if key not in entries and len(entries) >= limit:
        del entries[next(iter(entries))]
    return entries.pop(key, fresh)

def record_time(user, transaction):
    """The type becomes the latest used, and its window gets the time."""
    times = taken(user.types, transaction.type, MAX_TYPES, [])
    reached = transaction.time if user.last_time is None else min(transaction.time, user.last_time)
    insort(times, transaction.time)
    del times[:bisect_right(times, reached - WINDOWS_MS[-1])]
    del times[:-2 * THRESHOLDS.get(transaction.type, OTHER_THRESHOLDS)[-1]]
    user.types[transaction.type] = times

def learn(user, transaction, hour, weekday, distance, nearest):
    record_time(user, transaction)
    if distance is not None and distance <= SAME_PLACE_KM:
        user.places.append(user.places.pop(nearest))
    elif transaction.place is not None:
        user.places.append(transaction.place)
        del user.places[:-MAX_PLACES]
    count, mean, squares = taken(user.currencies, transaction.currency, MAX_CURRENCIES, NO_AMOUNTS)
    delta = transaction.amount - mean
    mean += delta / (count + 1)
    user.currencies[transaction.currency] = (count + 1, mean, squares + delta * (transaction.amount - mean))
    user.hours.add(hour)
    user.seen_on_weekend = user.seen_on_weekend or weekday >= SATURDAY

def is_spared(user, risk):
    if risk + LEVEL_TOLERANCE < SPARE_FROM:
        user.spared = 0
        return False
    if user.spared == SPARED_IN_A_ROW:
        return False
    user.spared += 1
    return True

COMBINATIONS = {
    "noisy_or": lambda risks: 1.0 - math.prod([1.0 - risk for risk in risks]),
    "max": max,
    "mean": lambda risks: sum(risks) / len(risks),
}

class Scorer:
    def __init__(self, zone_name, combine, future_risk):
        self.zone, self.is_utc = ZoneInfo(zone_name), zone_name == "UTC"
        self.combine = COMBINATIONS[combine]
        self.future_risk = future_risk
        self.users, self.clock, self.sequence = {}, Clock(), 0

    def hour_and_weekday(self, time):
        seconds = time // 1000
        if self.is_utc:
            return seconds // 3600 % 24, (seconds // 86_400 + 3) % 7
        if seconds > LAST_MS // 1000 - 2 * 86_400:
            # East of Greenwich this is the year 10000, which `datetime` has not; the calendar repeats in 400 years.
            seconds -= 146_097 * 86_400
        local = datetime.fromtimestamp(seconds, self.zone)
        return local.hour, local.weekday()

    def score(self, transaction):
        """The assessment as its line. A state's end comes before the duplicate check: ids are state as well."""
        user = self.users.get(transaction.user_id)
        is_early = self.clock.is_early(transaction.time)
        is_over = (user is not None and user.last_time is not None and not is_early
                   and transaction.time - user.last_time > STATE_TTL_MS)
        if user is None or is_over:
            user = self.users[transaction.user_id] = User()
        elif transaction.transaction_id in user.recent_ids:
            raise Reject("duplicate", f"{transaction.transaction_id} is among the user's last {RECENT_IDS}")
        self.clock.advance(transaction.time)
        ahead = transaction.time - self.clock.time if is_early else None
        hour, weekday = self.hour_and_weekday(transaction.time)
        distance = nearest = None
        if transaction.place is not None and user.places:
            distance, nearest = nearest_place(user.places, transaction.place)
        checks = (check_velocity(user, transaction), check_location(distance), check_amount(user, transaction),
                  check_pattern(user, transaction, hour), check_time(user, hour, weekday, ahead, self.future_risk))
        risks = [max([factor["risk_score"] for factor in factors]) for factors in checks if factors]
        risk = self.combine(risks) if risks else 0.0
        if not is_spared(user, risk):
            learn(user, transaction, hour, weekday, distance, nearest)
        elif transaction.type in user.types:
            record_time(user, transaction)
        user.recent_ids.append(transaction.transaction_id)
        user.accepted += 1
        if not is_early:
            user.last_time = transaction.time
        self.sequence += 1
        for least, level, advice in LEVELS:
            if risk + LEVEL_TOLERANCE >= least:
                break
        listed = encoded([factor for factors in checks for factor in factors]) if risks else "[]"
        return (f'{{"transaction_id":{quoted(transaction.transaction_id)},"user_id":{quoted(transaction.user_id)},'
                f'"sequence":{self.sequence},"timestamp":{epoch_seconds(transaction.time)},"risk_level":"{level}",'
                f'"risk_score":{encoded(risk)},"risk_factors":{listed},"recommendation":"{advice}"}}\n')

def encoded(value):
    """JSON as the spec prints it, which `json.dumps` does not: six decimals, no exponent for the small, no `.0`."""
    if type(value) is float:
        value = round(value, 6)
        return f"{value:.6f}".rstrip("0") if 0 < value < 1e-4 else repr(value).removesuffix(".0")
    if type(value) is list:
        return "[" + ",".join([encoded(item) for item in value]) + "]"
    if type(value) is dict:
        return "{" + ",".join([f'"{key}":{encoded(item)}' for key, item in value.items()]) + "}"
    return quoted(value) if isinstance(value, str) else str(value)

def epoch_seconds(time):
    seconds, rest = divmod(time, 1000)
    return f"{seconds}.{rest:03d}".rstrip("0") if rest else str(seconds)

def reject_line(line, offset, raw, reason, message):
    shown = raw.decode(errors="replace").encode()[:MAX_REJECTED_INPUT_BYTES].decode(errors="ignore")
    return (f'{{"line":{line},"offset":{offset},"reason":"{reason}","message":{quoted(message)},'
            f'"input":{quoted(shown)}}}\n')

def fields_of_line(raw, is_csv, columns):
    if len(raw) > MAX_LINE_BYTES:
        raise Reject("line_too_long", f"{len(raw)} bytes, at most {MAX_LINE_BYTES} are allowed")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise Reject("invalid_utf8", str(error)) from None
    if is_csv:
        return fields_of_row(columns, text)
    try:
        fields = parse_json(text)
    except ValueError as error:
        raise Reject("malformed_json", str(error)) from None
    if type(fields) is not dict:
        raise Reject("not_an_object", "the line is not a JSON object")
    return fields

def score_stream(stream, output, rejects, scorer, is_csv):
    columns = None
    for line, offset, raw in lines_of(stream, is_csv):
        raw = raw[:-1].removesuffix(b"\r") if raw.endswith(b"\n") else raw
        if not raw.strip(BLANK):
            continue
        if is_csv and columns is None:
            columns = cells_of(raw.decode())
            continue
        try:
            output.write(scorer.score(transaction_of(fields_of_line(raw, is_csv, columns), scorer.zone)))
        except Reject as reject:
            if rejects is not None:
                rejects.write(reject_line(line, offset, raw, *reject.args))

def main():
    parser = argparse.ArgumentParser(description="The scoring spec in plain Python, and a comparison of results.")
    commands = parser.add_subparsers(dest="command", required=True)
    scoring = commands.add_parser("score", help="score a stream of transactions")
    written = argparse.FileType("w", encoding="utf-8")
    scoring.add_argument("input", metavar="INPUT", type=argparse.FileType("rb"))
    scoring.add_argument("--timezone", default="UTC")
    scoring.add_argument("--combine", choices=COMBINATIONS, default="noisy_or")
    scoring.add_argument("--future-risk", type=float, default=0.0)
    scoring.add_argument("--format", choices=("jsonl", "csv"), default="jsonl", help="the format of INPUT")
    scoring.add_argument("--rejects", metavar="FILE", type=written, help="rejected lines; dropped by default")
    scoring.add_argument("-o", metavar="OUTPUT", type=written, default="-", dest="output")
    comparing = commands.add_parser("compare", help="compare two files of JSON lines")
    comparing.add_argument("actual", metavar="ACTUAL", type=argparse.FileType("rb"))
    comparing.add_argument("expected", metavar="EXPECTED", type=argparse.FileType("rb"))
    options = parser.parse_args()
    # The state has no cycles, and walking it again and again would take most of a long run.
    gc.disable()
    if options.command == "compare":
        return compare(options.actual, options.expected)
    scorer = Scorer(options.timezone, options.combine, options.future_risk)
    score_stream(options.input, options.output, options.rejects, scorer, options.format == "csv")
    return 0

if __name__ == "__main__":
    sys.exit(main())
