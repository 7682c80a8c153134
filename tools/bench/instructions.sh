#!/bin/sh
# Counts the instructions that a transaction takes in each part of the way, for each kind of stream, and compares them
# with the baseline: more than five per cent above it is a failure. Counts do not depend on what else the machine does.
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
for profile in regulars commuters bare; do
    "$assay" generate -n $lines --users 20000 --profile $profile -o "$folder/stream.jsonl" --overwrite
    valgrind --tool=callgrind --callgrind-out-file="$folder/counts" \
        "$folder/assay" score "$folder/stream.jsonl" -q -o /dev/null --no-checkpoints 2>"$folder/log" || {
        cat "$folder/log" >&2
        exit 1
    }
    callgrind_annotate --inclusive=yes --threshold=100 "$folder/counts" >"$folder/report"
    # Of the functions that the parts begin with, what was counted in them and all that they call.
    awk -v lines=$lines -v profile=$profile '
        function part(name) { if (!(name in seen)) { seen[name] = 1; count = $1; gsub(",", "", count)
            printf "%s-%s %.0f\n", profile, name, count / lines } }
        /PROGRAM TOTALS/ { part("all") }
        /:\$s5Assay12SourceReaderC.*4read/ { part("reading") }
        /:\$s9AssayCore12ScoringStageV5score/ { part("scoring") }
        /:\$s5Assay9RowWriterC.*5write/ { part("writing") }
    ' "$folder/report"
done | sort >"$folder/now"
if [ "${3:-}" = --accept ]; then
    cp "$folder/now" "$baseline"
    cat "$baseline"
    exit
fi
echo "instructions a transaction"
join "$baseline" "$folder/now" | awk '
    { change = $3 / $2 - 1; printf "%-18s %6d, baseline %6d: %+.1f %%\n", $1, $3, $2, change * 100
      if (change > 0.05) failed = 1 }
    END { if (NR < 12) { print "a part is missing"; failed = 1 }; exit failed }'
