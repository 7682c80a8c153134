#!/bin/sh
# Scores a stream with rules, and runs pipelines, under helgrind, with checkpoints and snapshots all the time. Fails
# when two threads touch one place without a lock between them. What Swift's runtime does in its own caches, which use
# atomics that helgrind can't see, is passed over.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
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
        /Possible data race|lock order|destroy|unlocked/ { kind = $0; getline; while ($0 !~ / at 0x/) getline
            if ($0 !~ /swift::/) { print kind; print; found = 1 } }
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

./assay generate --kind orders -n 20000 --days 0.01 >orders
watch run ecommerce.yaml orders -q
