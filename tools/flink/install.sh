#!/bin/sh
# Puts Apache Flink into a folder, if it is not there yet, and prints where. It comes from PyPI's package of its jars.
set -eu

version=2.3.0
digest=38ece876553286b3a285cf344c2d2038f8a7ca10da5df54d5107250386d64151
folder=${1:-.build/flink}
cd "$(dirname "$0")/../.."
command -v javac >/dev/null || tools/install-packages.sh default-jdk-headless
if [ ! -f "$folder/pyflink/lib/flink-dist-$version.jar" ]; then
    python3 -m pip --version >/dev/null 2>&1 || tools/install-packages.sh python3-pip
    rm -rf "$folder.new"
    mkdir -p "$folder.new"
    echo "fetching Apache Flink $version" >&2
    python3 -m pip download -q --no-deps --no-cache-dir --disable-pip-version-check -d "$folder.new" \
        "apache-flink-libraries==$version" >&2
    wheel=$(echo "$folder.new"/*.whl)
    echo "$digest  $wheel" | sha256sum --check --quiet >&2
    python3 -m zipfile -e "$wheel" "$folder.new"
    rm "$wheel"
    rm -rf "$folder"
    mv "$folder.new" "$folder"
fi
echo "$folder/pyflink"
