"""What people write in an afternoon: a scoring service in Python with FastAPI, a dict and SQLite.

    uvicorn plain_service:app

Remembers each user's last transactions, checks velocity, amount and hour, keeps every answer in SQLite, and answers a
transaction that comes again with what it answered before.
"""

import json
import math
import sqlite3
import time

from fastapi import FastAPI, Request, Response

app = FastAPI()
users = {}
store = sqlite3.connect("plain.db", isolation_level=None)
store.execute("pragma journal_mode=wal")
store.execute("create table if not exists answers (user text, id text, answer text, primary key (user, id))")


def level(score):
    return "critical" if score >= 0.8 else "high" if score >= 0.6 else "medium" if score >= 0.3 else "low"


@app.post("/v1/assessments")
async def assess(request: Request):
    transaction = json.loads(await request.body())
    user, identity = transaction["user_id"], transaction["transaction_id"]
    known = store.execute("select answer from answers where user = ? and id = ?", (user, identity)).fetchone()
    if known:
        return Response(known[0], media_type="application/json")
    moment, amount = transaction["timestamp"], transaction["amount"]
    state = users.setdefault(user, {"times": [], "count": 0, "mean": 0.0, "squares": 0.0, "hours": set()})
    factors = []
    state["times"] = [seen for seen in state["times"] if seen > moment - 86400]
    recent = sum(1 for seen in state["times"] if seen > moment - 300)
    if recent >= 5:
        factors.append({"type": "high_velocity", "count": recent, "risk_score": min(1.0, recent / 20)})
    if state["count"] >= 5:
        deviation = math.sqrt(state["squares"] / (state["count"] - 1))
        if deviation > 0 and amount > state["mean"] + 3 * deviation:
            factors.append({"type": "unusual_amount", "average_amount": state["mean"], "risk_score": 0.6})
        hour = time.gmtime(moment).tm_hour
        if hour not in state["hours"]:
            factors.append({"type": "unusual_time", "hour": hour, "risk_score": 0.3})
    state["times"].append(moment)
    state["hours"].add(time.gmtime(moment).tm_hour)
    state["count"] += 1
    delta = amount - state["mean"]
    state["mean"] += delta / state["count"]
    state["squares"] += delta * (amount - state["mean"])
    score = 1 - math.prod(1 - factor["risk_score"] for factor in factors)
    answer = json.dumps({
        "transaction_id": identity, "user_id": user, "timestamp": moment, "risk_level": level(score),
        "risk_score": round(score, 6), "risk_factors": factors,
    })
    store.execute("insert into answers values (?, ?, ?)", (user, identity, answer))
    return Response(answer, media_type="application/json")
