#!/usr/bin/env python3
"""The script that people would otherwise write: the same five checks over a dict of users, nothing durable.

Usage: plain.py < transactions.jsonl > assessments.jsonl

It takes well-formed transactions with numeric times in UTC, as `assay generate` makes them. It is written for speed as
far as an ordinary script is: one function, local names, no classes on the way of a transaction.
"""

import json
import sys
from bisect import bisect_right
from collections import deque
from math import atan2, cos, inf, radians, sin, sqrt
from time import gmtime

WINDOWS = (300, 900, 3600)
THRESHOLDS = {"withdrawal": (5, 10, 20), "transfer": (10, 20, 50), "payment": (20, 50, 100)}
OTHER_THRESHOLDS = (10, 20, 50)
RECOMMENDATIONS = {
    "critical": "Immediate transaction blocking recommended",
    "high": "Additional verification required",
    "medium": "Monitor closely, consider manual review",
    "low": "Low risk, normal processing",
}
TIME_TO_LIVE = 90 * 86400


class User:
    __slots__ = ("accepted", "last", "recent", "types", "places", "amounts", "hours", "weekend")

    def __init__(self):
        self.accepted = 0
        self.last = 0
        self.recent = deque(maxlen=16)
        self.types = {}  # by order of use, the latest last
        self.places = []  # the latest visited first
        self.amounts = {}  # by order of use, the latest last
        self.hours = set()
        self.weekend = False


def distance(here, there):
    latitude, longitude = radians(there[0] - here[0]), radians(there[1] - here[1])
    a = sin(latitude / 2) ** 2 + cos(radians(here[0])) * cos(radians(there[0])) * sin(longitude / 2) ** 2
    a = min(max(a, 0.0), 1.0)
    return 2 * 6371.0 * atan2(sqrt(a), sqrt(1 - a))


def score(user, kind, time, amount, currency, here):
    """The factors of a transaction, one list a check; the user's memory is updated."""
    experienced = user.accepted >= 5
    velocity, location, unusual, pattern, clock = [], [], [], [], []

    times = user.types.pop(kind, None)
    known_kind = times is not None
    thresholds = THRESHOLDS.get(kind, OTHER_THRESHOLDS)
    if known_kind:
        until = bisect_right(times, time)
        for window, threshold in zip(WINDOWS, thresholds):
            count = until - min(until, bisect_right(times, time - window))
            if count >= threshold:
                velocity.append({"type": "high_velocity", "window": window, "count": count, "threshold": threshold,
                                 "risk_score": min(count / threshold * 0.5, 1)})

    if here:
        nearest, index = inf, -1
        for position, place in enumerate(user.places):
            kilometers = distance(here, place)
            if kilometers < nearest:
                nearest, index = kilometers, position
        if inf > nearest > 100:
            location.append({"type": "unusual_location", "distance_km": nearest,
                             "risk_score": min(nearest / 1000, 1)})
        if nearest <= 1:
            here = user.places.pop(index)
        elif len(user.places) == 16:
            user.places.pop()
        user.places.insert(0, here)

    history = user.amounts.pop(currency, None)
    if history is None:
        if len(user.amounts) == 8:
            del user.amounts[next(iter(user.amounts))]
        history = [0, 0.0, 0.0]
    count, mean, squares = history
    if count >= 5:
        deviation = max(sqrt(squares / (count - 1)), 0.1 * mean, 0.01)
        z = abs(amount - mean) / deviation
        if z > 3:
            unusual.append({"type": "unusual_amount", "amount": amount, "average_amount": mean, "z_score": z,
                            "risk_score": min(z / 5, 1)})
    count += 1
    difference = amount - mean
    mean += difference / count
    user.amounts[currency] = (count, mean, squares + difference * (amount - mean))

    moment = gmtime(time)
    hour, weekday = moment.tm_hour, moment.tm_wday
    if experienced:
        if hour not in user.hours:
            pattern.append({"type": "unusual_time", "hour": hour, "typical_hours": sorted(user.hours),
                            "risk_score": 0.3})
        if not known_kind:
            pattern.append({"type": "unusual_transaction_type", "transaction_type": kind,
                            "typical_types": sorted(user.types), "risk_score": 0.4})
    if 2 <= hour <= 6:
        clock.append({"type": "late_night_transaction", "hour": hour, "risk_score": 0.2})
    if weekday >= 5 and experienced and not user.weekend:
        clock.append({"type": "weekend_unusual_activity", "weekday": weekday, "risk_score": 0.3})

    if not known_kind:
        if len(user.types) == 16:
            del user.types[next(iter(user.types))]
        times = []
    times.insert(bisect_right(times, time), time)
    forgotten = bisect_right(times, times[-1] - 3600)
    del times[:max(forgotten, len(times) - 2 * thresholds[2])]
    user.types[kind] = times
    user.hours.add(hour)
    user.weekend = user.weekend or weekday >= 5
    return velocity, location, unusual, pattern, clock


def main():
    users = {}
    sequence = 0
    encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
    write = sys.stdout.write
    for line in sys.stdin:
        transaction = json.loads(line)
        time = transaction["timestamp"]
        user_id = transaction["user_id"]
        user = users.get(user_id)
        if user is None or user.accepted and time - user.last > TIME_TO_LIVE:
            user = users[user_id] = User()
        identifier = transaction["transaction_id"]
        if identifier in user.recent:
            continue
        place = transaction.get("location")
        checks = score(
            user, transaction.get("transaction_type", "payment"), time, float(transaction["amount"]),
            transaction.get("currency", ""), (place["latitude"], place["longitude"]) if place else None)
        user.recent.append(identifier)
        user.accepted += 1
        user.last = time
        sequence += 1
        innocence = 1.0
        factors = []
        for check in checks:
            if check:
                innocence *= 1 - max(factor["risk_score"] for factor in check)
                factors += check
        risk = 1 - innocence
        for factor in factors:
            for key, value in factor.items():
                if type(value) is float:
                    factor[key] = round(value, 6)
        level = ("critical" if risk >= 0.8 - 1e-9 else "high" if risk >= 0.6 - 1e-9
                 else "medium" if risk >= 0.3 - 1e-9 else "low")
        write(encode({
            "transaction_id": identifier, "user_id": user_id, "sequence": sequence, "timestamp": time,
            "risk_level": level, "risk_score": round(risk, 6), "risk_factors": factors,
            "recommendation": RECOMMENDATIONS[level],
        }) + "\n")


main()
