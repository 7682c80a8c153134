#!/bin/sh
# Scores a stream with rules, and runs pipelines, under helgrind, with checkpoints and snapshots all the time. Fails
# when two threads touch one place without a lock between them. What Swift's runtime and librdkafka do by themselves,
# with atomics that helgrind can't see, is passed over; so is what SQLite's connections share of a log written ahead,
# which locks of files order, and the end of an object and of its values, which the count of its references orders.
#
#   check-threads.sh ASSAY BROKERTOOL
set -eu

folder=$(mktemp -d)
keeper=
cluster=
receiver=
trap 'kill $keeper $cluster $receiver 2>/dev/null; rm -rf "$folder"' EXIT
brokertool=$(realpath "$2")
# Valgrind stumbles over the debugging information of newer compilers.
cp "$1" "$folder/assay"
strip -g "$folder/assay"
tools=$(dirname "$0")
cp "$tools/bench/rules.yaml" "$tools"/../Examples/pipelines/*.yaml "$folder"
cd "$folder"
mkdir alone watched
often="--checkpoint-every 3000 --checkpoint-interval 50ms --snapshot-interval 1ms"

watch() {
    # shellcheck disable=SC2086
    valgrind --tool=helgrind --history-level=approx --log-file=report ./assay "$@" $often
    awk '
        BEGIN { known = "swift::|: _*swift_|: [$]ss|librdkafka|libsqlite3|libp11|C[f][dD] [(]in|Vw[a-z][a-z] [(]in" }
        / (at|by) 0x/ { next }
        /Possible data race|lock order|destroy|unlocked/ { kind = $0; getline; while ($0 !~ / at 0x/) getline
            # Copies are made for whoever calls them.
            while ($0 ~ /vgpreload/) getline
            if ($0 !~ known) { print kind; print; found = 1 } }
        /ERROR SUMMARY/ { sub(/^==[0-9]+== /, ""); print "helgrind: " $0 ", all in the runtime unless shown" }
        END { exit found }
    ' report >&2
}

./assay generate -n 30000 --users 500 --disorder 60 >in
./assay score in -c rules.yaml -q --no-checkpoints >expected
watch score in -c rules.yaml -q -o out
cmp out expected

./assay run minute-metrics.yaml in -q --output-folder alone --no-checkpoints >alone/told
watch run minute-metrics.yaml in -q --output-folder watched >watched/told
diff -r alone watched

# Lines that come slowly are worked on by the thread that reads them, now and then by all.
cat >slowly.py <<'END'
import sys, time
for number, line in enumerate(sys.stdin):
    sys.stdout.write(line)
    if number % 4 == 0 or number > 2500:
        sys.stdout.flush()
        time.sleep(0.002)
END
head -n 3000 in >few
./assay score few -q --no-checkpoints >expected
python3 slowly.py <few | watch score - -q --state slowly >out3
cmp out3 expected

# Patterns in the score and in a pipeline.
cat >patterns.yaml <<'END'
patterns:
  - {name: p, risk: 0.2, stages: [{name: a, where: amount < 60.0}, {name: b, followedBy: amount > a[0].amount * 3.0}]}
END
./assay score in -c patterns.yaml -q --no-checkpoints >expected
watch score in -c patterns.yaml -q --state patterns -o out2
cmp out2 expected
cat >sequences.yaml <<'END'
input: {time: timestamp, out_of_order: 60s}
streams:
  s:
    key: user_id
    pattern: {within: 1d, stages: [{name: a, where: amount < 60.0}, {name: b, next: amount > a[0].amount}]}
outputs: {s: {jsonl: s.jsonl}}
END
mkdir one two
./assay run sequences.yaml in -q --no-checkpoints --output-folder one
watch run sequences.yaml in -q --output-folder two
diff -r one two

./assay generate --kind orders -n 20000 --days 0.01 >orders
watch run ecommerce.yaml orders -q

# Alerts, to a server that takes some of them, to one that is not there, and into a file.
cat >receiver.py <<'END'
import http.server

class Receiver(http.server.BaseHTTPRequestHandler):
    count = 0

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        Receiver.count += 1
        self.send_response(503 if Receiver.count % 7 == 0 else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_address[1], flush=True)
server.serve_forever()
END
python3 receiver.py >port &
receiver=$!
until [ -s port ]; do sleep 0.1; done
cat >told.yaml <<END
alerts:
  channels:
    hook: {webhook: {url: "http://127.0.0.1:$(cat port)/"}}
    nobody: {webhook: {url: "http://127.0.0.1:1/"}}
    record: {file: told.jsonl}
  rules:
    - {name: critical, on: assessments, where: risk_level == "critical", key: [user_id], to: [hook, nobody, record]}
    - {name: busy, on: engine, where: transactions_total > 10, to: [hook, record]}
END
watch score in -c told.yaml -q --state told -o out3
kill "$receiver"
[ "$(wc -l <told.jsonl)" -gt 100 ]

# The service with its desk: transactions, explanations, judgements, snapshots and events at once.
printf 'review: {where: "true"}\nlearning: {enabled: true}\n' >desk.yaml
watch serve -c desk.yaml --listen 127.0.0.1:0 --state desk 2>notes &
watched=$!
until at=$(sed -n 's/^assay: listening at //p' notes) && [ -n "$at" ] && curl -sf -o ready "$at/readyz"; do
    sleep 0.2
done
curl -sN --max-time 30 "$at/v1/events" >events &
csrf=$(curl -s -c jar "$at/v1/session" | sed 's/.*"csrf":"\([^"]*\)".*/\1/')
ask() {
    curl -s -b jar -H "X-CSRF-Token: $csrf" -H 'Content-Type: application/json' --data-binary @- "$at$1" -o answer
}
for round in $(seq 20); do
    sed -n "$((round * 200)),$((round * 200 + 199))p" in |
        curl -s -H 'Content-Type: application/x-ndjson' --data-binary @- "$at/v1/assessments" -o answers &
    sed -n "${round}p" in | ask /v1/explanations
    printf '{"entry":%d,"version":0,"verdict":"fraud","key":"key-number-%d"}' "$round" "$round" | ask /v1/judgements
    for path in /v1/history /v1/rules /metrics "/v1/review?limit=50"; do curl -s "$at$path" -o answer; done
    : | ask /v1/snapshots
    wait $!
done
sleep 8
pkill -TERM -f 'serve -c desk.yaml'
wait "$watched" || { cat notes >&2; exit 1; }
grep helgrind notes >&2
grep -q '"label"' desk/journal/*.jsonl

# From topic to topic, four partitions side by side.
mkfifo commands
sleep 3600 >commands &
keeper=$!
"$brokertool" mock 3 <commands >answers 2>/dev/null &
cluster=$!
until [ -s answers ]; do sleep 0.1; done
brokers=$(head -n 1 answers)
for topic in "payments 4" "assessments 4" "rejected 1"; do echo "topic $topic" >commands; done
sed 's/.*"user_id":"\([^"]*\)".*/\1	&/; 1000~1000s/"amount"/"amuont"/' in |
    kcat -P -b "$brokers" -t payments -K '	' -X partitioner=murmur2_random
cat >topics.yaml <<END
inputs: {payments: {kafka: {topic: payments}}}
outputs: {assessments: {kafka: {topic: assessments}}, rejects: {kafka: {topic: rejected}}}
kafka: {brokers: "$brokers"}
END
watch score -c topics.yaml -q --state topics --until-end
[ "$(kcat -C -b "$brokers" -t assessments -o beginning -e -q -f '%h\n' | sort -u | wc -l)" = 29970 ]
