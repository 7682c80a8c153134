"""What people write for PyFlink: a keyed process function with one pickled state for each user.

    plain_job.py INPUT OUTPUT CHECKPOINTS INTERVAL
"""

import json
import math
import sys
import time

from pyflink.common import Configuration, Types, WatermarkStrategy
from pyflink.common.serialization import Encoder
from pyflink.datastream import KeyedProcessFunction, StreamExecutionEnvironment
from pyflink.datastream.connectors.file_system import FileSink, FileSource, StreamFormat
from pyflink.datastream.state import ValueStateDescriptor

WINDOWS = ((300, 20), (900, 50), (3600, 100))


def kilometers(one, other):
    up = math.sin(math.radians(other[0] - one[0]) / 2)
    across = math.sin(math.radians(other[1] - one[1]) / 2)
    return 12742 * math.asin(math.sqrt(
        up * up + math.cos(math.radians(one[0])) * math.cos(math.radians(other[0])) * across * across))


class Scoring(KeyedProcessFunction):
    def open(self, context):
        self.states = context.get_state(ValueStateDescriptor("user", Types.PICKLED_BYTE_ARRAY()))

    def process_element(self, line, context):
        row = json.loads(line)
        state = self.states.value() or {"count": 0, "mean": 0.0, "squares": 0.0, "times": {}, "places": [],
                                        "hours": set(), "recent": [], "weekend": False}
        if row["transaction_id"] in state["recent"]:
            return
        kind, moment, amount = row.get("transaction_type", "payment"), row["timestamp"], row["amount"]
        clock = time.gmtime(moment)
        factors = []
        times = state["times"].get(kind)
        if times:
            for window, threshold in WINDOWS:
                count = sum(1 for seen in times if moment - window < seen <= moment)
                if count >= threshold:
                    factors.append(("high_velocity", min(1.0, 0.5 * count / threshold)))
        place = row.get("location") and (row["location"]["latitude"], row["location"]["longitude"])
        if place and state["places"]:
            nearest = min(kilometers(known, place) for known in state["places"])
            if nearest > 100:
                factors.append(("unusual_location", min(1.0, nearest / 1000)))
        if state["count"] >= 5:
            deviation = max(math.sqrt(state["squares"] / (state["count"] - 1)), 0.01)
            score = (amount - state["mean"]) / deviation
            if score > 3:
                factors.append(("unusual_amount", min(1.0, score / 5)))
            if clock.tm_hour not in state["hours"]:
                factors.append(("unusual_time", 0.3))
            if times is None:
                factors.append(("unusual_transaction_type", 0.4))
            if clock.tm_wday >= 5 and not state["weekend"]:
                factors.append(("unusual_weekend", 0.3))
        if 2 <= clock.tm_hour < 6:
            factors.append(("late_night_transaction", 0.2))
        self.learn(state, row["transaction_id"], kind, moment, amount, place, clock)
        self.states.update(state)
        risk = 1 - math.prod(1 - factor[1] for factor in factors)
        level = "critical" if risk >= 0.8 else "high" if risk >= 0.6 else "medium" if risk >= 0.3 else "low"
        yield json.dumps({
            "transaction_id": row["transaction_id"], "user_id": row["user_id"], "timestamp": moment,
            "risk_level": level, "risk_score": round(risk, 6),
            "risk_factors": [{"type": name, "risk_score": value} for name, value in factors]})

    @staticmethod
    def learn(state, identity, kind, moment, amount, place, clock):
        state["times"].setdefault(kind, []).append(moment)
        del state["times"][kind][:-100]
        if place and all(kilometers(known, place) >= 1 for known in state["places"]):
            state["places"] = (state["places"] + [place])[-10:]
        state["hours"].add(clock.tm_hour)
        state["weekend"] = state["weekend"] or clock.tm_wday >= 5
        state["count"] += 1
        step = amount - state["mean"]
        state["mean"] += step / state["count"]
        state["squares"] += step * (amount - state["mean"])
        state["recent"] = (state["recent"] + [identity])[-16:]


def main():
    configuration = Configuration()
    # The faster of its two modes: Python within Java's process.
    configuration.set_string("python.execution-mode", "thread")
    configuration.set_string("python.executable", sys.executable)
    configuration.set_string("restart-strategy.type", "none")
    configuration.set_string("execution.checkpointing.storage", "filesystem")
    configuration.set_string("execution.checkpointing.dir", f"file://{sys.argv[3]}")
    environment = StreamExecutionEnvironment.get_execution_environment(configuration)
    environment.enable_checkpointing(int(sys.argv[4]))
    source = FileSource.for_record_stream_format(StreamFormat.text_line_format(), f"file://{sys.argv[1]}").build()
    sink = FileSink.for_row_format(f"file://{sys.argv[2]}", Encoder.simple_string_encoder()).build()
    lines = environment.from_source(source, WatermarkStrategy.no_watermarks(), "transactions")
    lines.key_by(lambda line: json.loads(line)["user_id"], Types.STRING()) \
        .process(Scoring(), Types.STRING()).sink_to(sink)
    environment.execute("plain")


main()
