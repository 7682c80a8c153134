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
            if ($0 !~ /swift::|: swift_/) { print kind; print; found = 1 } }
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
