#!/bin/sh
# Scores a stream with rules under helgrind, with checkpoints and snapshots all the time, and fails when two threads
# touch one place without a lock between them. What Swift's runtime does in its own caches, which use atomics that
# helgrind can't see, is passed over.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Valgrind stumbles over the debugging information of newer compilers.
cp "$1" "$folder/assay"
strip -g "$folder/assay"
cp "$(dirname "$0")/bench/rules.yaml" "$folder/rules.yaml"
cd "$folder"
./assay generate -n 30000 --users 500 --disorder 60 > in
./assay score in -c rules.yaml -q --no-checkpoints > expected
valgrind --tool=helgrind --history-level=approx --log-file=report \
    ./assay score in -c rules.yaml -q -o out --checkpoint-every 3000 --checkpoint-interval 50ms --snapshot-interval 1ms
cmp out expected
awk '
    /Possible data race|lock order|destroy|unlocked/ { kind = $0; getline; while ($0 !~ / at 0x/) getline
        if ($0 !~ /swift::/) { print kind; print; found = 1 } }
    /ERROR SUMMARY/ { sub(/^==[0-9]+== /, ""); print "helgrind: " $0 ", all in the runtime unless shown" }
    END { exit found }
' report
