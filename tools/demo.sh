#!/bin/sh
# Generates a month of payments with some fraud in it, scores them, and shows what was found.
set -eu

assay=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

echo "Generating 200,000 transactions of 5,000 users, scoring them:"
"$assay" generate --transactions 200000 --users 5000 --labels "$folder/labels.csv" -o "$folder/transactions.jsonl"
"$assay" score "$folder/transactions.jsonl" --state "$folder/state" -o "$folder/assessments.jsonl"
echo
echo "A transaction:"
head -n 1 "$folder/transactions.jsonl"
echo
echo "Three that look worst:"
grep '"risk_level":"critical"' "$folder/assessments.jsonl" | grep 'high_velocity.*unusual_' | tail -n 3
echo
echo "Of the fraud that was put in, by level of risk:"
awk -F'"' '
    NR == FNR { split($0, cell, ","); fraud[cell[1]] = 1; next }
    $4 in fraud {
        match($0, /"risk_level":"[a-z]*"/)
        level[substr($0, RSTART + 14, RLENGTH - 15)]++
    }
    END {
        printf "critical %d, high %d, ", level["critical"], level["high"]
        printf "medium %d, low %d\n", level["medium"], level["low"]
    }
' "$folder/labels.csv" "$folder/assessments.jsonl"
echo
echo "The same month, now learning from labels that come a week late; the last ten days, with and without:"
"$assay" generate --transactions 200000 --users 5000 --labels "$folder/late.csv" --label-delay 7d \
    -o "$folder/month.jsonl"
printf 'learning: {enabled: true}\n' > "$folder/learning.yaml"
"$assay" backtest "$folder/month.jsonl" --config "$folder/learning.yaml" --labels "$folder/late.csv" \
    --from 2025-01-21 | grep -E '^(  *precision|high and above|average precision|new learned)'
