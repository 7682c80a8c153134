#!/usr/bin/env bash
# Runs the tests by the command that follows. What failed is said once more at the end, where it is read first.
set -uo pipefail

log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$@" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
if [ "$status" -ne 0 ]; then
    echo "what failed:"
    grep -E '✘ .* recorded an issue|: error: ' "$log" | cut -c 1-400 | tail -n 20
fi
exit "$status"
