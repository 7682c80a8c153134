#!/bin/sh
# The engine's rate while assayctl asks its state again and again, against the rate alone: one query after another, and
# with a tenth of a second between two. Of five runs each the fastest counts: what else the machine does only slows.
#
# Usage: readers.sh ASSAY ASSAYCTL
set -eu

assay=$1
assayctl=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$assay" generate -n 8000000 --users 100000 -o "$folder/stream.jsonl"

# Seconds of wall that a run takes.
run() {
    rm -rf "$folder/state" "$folder/out"
    begin=$(date +%s%N)
    "$assay" score "$folder/stream.jsonl" -o "$folder/out" --state "$folder/state" --checkpoint-interval 1s -q
    end=$(date +%s%N)
    echo "$begin $end" | awk '{ printf "%.2f\n", ($2 - $1) / 1e9 }'
}

ask() {
    while [ ! -e "$folder/stop" ]; do
        "$assayctl" query --state "$folder/state" 'select count(*), sum(transactions) from users' \
            >"$folder/answer" 2>&1 && echo asked >>"$folder/asked"
        [ "$1" = 0 ] || sleep "$1"
    done
}

run >"$folder/first" # for the caches
for pause in 0 0.1; do
    : >"$folder/asked"
    for round in 1 2 3 4 5; do
        run >>"$folder/alone-$pause"
        ask "$pause" &
        run >>"$folder/asked-$pause"
        touch "$folder/stop"
        wait
        rm "$folder/stop"
    done
    alone=$(sort -n "$folder/alone-$pause" | head -n 1)
    asked=$(sort -n "$folder/asked-$pause" | head -n 1)
    echo "$alone $asked $(wc -l <"$folder/asked") $pause" |
        awk '{ printf "%s s between queries: %.2f s alone, %.2f s with %d queries in five runs: %.2f of the rate\n",
               $4, $1, $2, $3, $1 / $2 }'
done
