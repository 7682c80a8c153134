#!/bin/sh
# The examples of Examples/kafka with brokers (in memory) and a database of their own, gone afterwards: the shop into
# four tables, scoring from topic to topic with a kill in between, and two engines that share a topic.
set -eu

assay=$1
brokers_tool=$2
examples=$(cd "$(dirname "$0")/../Examples/kafka" && pwd)
folder=$(mktemp -d)
as_postgres=
[ "$(id -u)" != 0 ] || as_postgres="setpriv --reuid=postgres --regid=postgres --clear-groups"
PATH="$(ls -d /usr/lib/postgresql/*/bin | tail -n 1):$PATH"

end() {
    [ ! -d "$folder/db/data" ] || $as_postgres pg_ctl -D "$folder/db/data" -m immediate stop >/dev/null || true
    kill "$keeper" "$cluster" 2>/dev/null || true
    rm -rf "$folder"
}
keeper= cluster=
trap end EXIT
trap 'exit 1' INT TERM

# Brokers.
mkfifo "$folder/commands"
sleep 3600 > "$folder/commands" &
keeper=$!
"$brokers_tool" mock 3 < "$folder/commands" > "$folder/answers" 2>/dev/null &
cluster=$!
until [ -s "$folder/answers" ]; do sleep 0.1; done
brokers=$(head -n 1 "$folder/answers")
for topic in "orders 3" "payments 4" "assessments 4" "cases 1" "payments.rejected 1" "shared 4" \
    "shared.assessments 4"; do
    echo "topic $topic" > "$folder/commands"
done

# A database.
mkdir "$folder/db"
chmod 755 "$folder"
[ "$(id -u)" != 0 ] || chown postgres "$folder/db"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
$as_postgres initdb -D "$folder/db/data" -A trust -U assay -N >/dev/null
$as_postgres pg_ctl -D "$folder/db/data" -l "$folder/db/log" -w start \
    -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=" >/dev/null
psql -q -h 127.0.0.1 -p "$port" -U assay postgres -c 'CREATE DATABASE shop'

for file in "$examples"/*.yaml; do
    sed "s|127.0.0.1:9092|$brokers|; s|@127.0.0.1/shop|@127.0.0.1:$port/shop|" "$file" > "$folder/$(basename "$file")"
done
cd "$folder"
produce() { kcat -P -b "$brokers" -t "$1" -K '	' -X partitioner=murmur2_random; }
read_topic() { kcat -C -b "$brokers" -t "$1" -o beginning -e -q "$2" "$3"; }
keyed() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1	&/"; }

echo "Sixty thousand orders of a shop go through a topic into four tables of PostgreSQL:"
"$assay" generate --kind orders -n 60000 2>/dev/null | keyed user_id | produce orders
"$assay" run shop.yaml --until-end
psql -h 127.0.0.1 -p "$port" -U assay shop -c 'SELECT window_start, orders, sales, suspicious_addresses FROM statistics
    ORDER BY window_start DESC LIMIT 3' -c 'SELECT product_name, sum(quantity) AS sold FROM popular_products
    GROUP BY product_name ORDER BY sold DESC LIMIT 3'

echo "Payments are scored from topic to topic, some of them broken, and the engine is killed in between:"
"$assay" generate -n 30000 --users 500 2>/dev/null | keyed user_id > payments
sed '5000~5000s/amount/amuont/' payments | head -n 15000 | produce payments
"$assay" score --config fraud.yaml -q &
engine=$!
sleep 1.5
kill -9 "$engine"
wait "$engine" 2>/dev/null || true
tail -n 15000 payments | produce payments
"$assay" score --config fraud.yaml --until-end
echo "assessments: $(read_topic assessments -f '%h\n' | sed 's/.*assay-source=\([^,]*\).*/\1/' | sort -u | wc -l)" \
    "different records of $(read_topic assessments -f '%o\n' | wc -l)," \
    "cases: $(read_topic cases -f '%o\n' | wc -l), and what was rejected:"
read_topic payments.rejected -f '%k  %h\n'

echo
echo "Two engines share a topic:"
produce shared < payments
"$assay" score --config first-half.yaml --state first --until-end -q &
"$assay" score --config second-half.yaml --state second --until-end -q
wait $!
echo "assessments by partition:"
read_topic shared.assessments -f '%p\n' | sort | uniq -c
