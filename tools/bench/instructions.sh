#!/bin/sh
# Counts the instructions that a transaction takes in each part of the way, and compares them with the baseline: more
# than five per cent above it is a failure. Counts do not depend on what else the machine does.
#
# Usage: instructions.sh ASSAY BASELINE [--accept]
set -eu

assay=$1
baseline=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
lines=200000
# Valgrind stumbles over the debugging information of newer compilers.
strip -g -o "$folder/assay" "$assay"
"$assay" generate -n $lines --users 20000 -o "$folder/stream.jsonl"
valgrind --tool=callgrind --callgrind-out-file="$folder/counts" \
    "$folder/assay" score "$folder/stream.jsonl" -q -o /dev/null --no-checkpoints 2>"$folder/log" || {
    cat "$folder/log" >&2
    exit 1
}
callgrind_annotate --inclusive=yes --threshold=100 "$folder/counts" >"$folder/report"
# Of the functions that the parts begin with, what was counted in them and all that they call.
awk -v lines=$lines '
    function part(name) { if (!(name in seen)) { seen[name] = 1; count = $1; gsub(",", "", count)
        printf "%s %.0f\n", name, count / lines } }
    /PROGRAM TOTALS/ { part("all") }
    /:\$s5Assay12SourceReaderC.*4read/ { part("reading") }
    /:\$s9AssayCore12ScoringStageV5score/ { part("scoring") }
    /:\$s5Assay9RowWriterC.*5write/ { part("writing") }
' "$folder/report" | sort >"$folder/now"
if [ "${3:-}" = --accept ]; then
    cp "$folder/now" "$baseline"
    cat "$baseline"
    exit
fi
echo "instructions a transaction"
join "$baseline" "$folder/now" | awk '
    { change = $3 / $2 - 1; printf "%-8s %6d, baseline %6d: %+.1f %%\n", $1, $3, $2, change * 100
      if (change > 0.05) failed = 1 }
    END { if (NR < 4) { print "a part is missing"; failed = 1 }; exit failed }'
