#!/bin/sh
# Starts the service, sends it a minute of traffic, kills it in the middle, starts it again, and shows that every
# transaction was answered, that the answers are what the journal alone gives, and that nothing counts twice.
#
#   demo-serve.sh ASSAY LOAD [SECONDS]
set -eu

assay=$(realpath "$1")
load=$(realpath "$2")
seconds=${3:-60}
rate=2000
folder=$(mktemp -d)
service=
trap 'kill -KILL $service 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

serve() {
    : >notes
    "$assay" serve --listen 127.0.0.1:0 --state state --checkpoint-interval 2s 2>notes &
    service=$!
    until at=$(sed -n 's/^assay: listening at //p' notes) && [ -n "$at" ] && curl -sf -o /dev/null "$at/readyz"; do
        kill -0 $service || { cat notes >&2; exit 1; }
        sleep 0.05
    done
    echo "ready at $at"
}

half=$((seconds * rate / 2))
"$assay" generate -n $((2 * half)) --users 5000 >transactions.jsonl
head -n $half transactions.jsonl >first.jsonl
tail -n $half transactions.jsonl >second.jsonl

serve
echo "One transaction:"
head -n 1 first.jsonl | curl -s -H 'Content-Type: application/json' --data-binary @- "$at/v1/assessments"
printf '\n\n%s\n' "$rate transactions a second over 16 connections:"
"$load" "${at##*:}" first.jsonl 16 $rate $seconds $service

echo "Killed in the middle of a request with all of the second half, and started again:"
before=$(cat state/journal/* | wc -c)
curl -s -H 'Content-Type: application/x-ndjson' -X POST -T second.jsonl "$at/v1/assessments" >torn.jsonl 2>/dev/null &
while [ "$(cat state/journal/* | wc -c)" -lt $((before + 100000)) ]; do sleep 0.001; done
kill -KILL $service
wait $service 2>/dev/null || true
serve

echo "The second half again, of which some was scored already:"
"$load" "${at##*:}" second.jsonl 16 $rate $seconds $service
curl -s "$at/metrics" | grep '^assay_answers_replayed_total'
kill -TERM $service
wait $service

cat state/journal/*.jsonl | "$assay" score --no-checkpoints --quiet >alone.jsonl
echo "sent $(wc -l <transactions.jsonl), in the journal $(wc -l <alone.jsonl)," \
    "different transactions $(grep -o '"transaction_id":"[^"]*"' alone.jsonl | sort -u | wc -l)"
