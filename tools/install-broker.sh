#!/bin/sh
# Puts the broker of the tests into a folder, unless it is there: a program without an installation of its own, out of a
# package whose version and content are pinned.
set -eu

folder=$1
version=0.2.3
sum=40a2fb15567e3d344e7483df62bb439e7d64ac6fb232f4f223554aed58204f82
[ -x "$folder/noida-db-$version" ] && exit 0

"$(dirname "$0")/install-packages.sh" python3 python3-pip unzip
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "noida-db==$version --hash=sha256:$sum" > "$work/requirements"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
    -r "$work/requirements" -d "$work" >&2
unzip -q -j "$work"/*.whl noida_db/noida-db -d "$work"
mkdir -p "$folder"
chmod 755 "$work/noida-db"
mv "$work/noida-db" "$folder/noida-db-$version"
