#!/bin/sh
# Puts binaries, manual pages, completions and units for systemd in their places, or takes them away.
#
# Usage: install.sh install|uninstall BINARIES PREFIX COMMAND...
set -eu

action=$1
binaries=$2
prefix=$3
shift 3

# The service as systemd starts it. It is enabled by whoever wants it.
units=$prefix/lib/systemd/system
if [ "$action" = uninstall ]; then
    rm -f "$units/assay.service" "$units/assay.socket"
else
    mkdir -p "$units"
    for unit in assay.service assay.socket; do
        sed "s|/usr/local/bin|${prefix#"${DESTDIR:-}"}/bin|" "$(dirname "$0")/../packaging/$unit" >"$units/$unit"
    done
fi

for command in "$@"; do
    binary=$prefix/bin/$command
    manual=$prefix/share/man/man1/$command.1
    bash=$prefix/share/bash-completion/completions/$command
    zsh=$prefix/share/zsh/site-functions/_$command
    fish=$prefix/share/fish/vendor_completions.d/$command.fish
    if [ "$action" = uninstall ]; then
        rm -f "$binary" "$manual" "$bash" "$zsh" "$fish"
        echo "removed $command from $prefix"
        continue
    fi
    install -D -m 755 "$binaries/$command" "$binary"
    for target in "$manual" "$bash" "$zsh" "$fish"; do mkdir -p "$(dirname "$target")"; done
    "$binary" --generate-man >"$manual"
    "$binary" --generate-completion bash >"$bash"
    "$binary" --generate-completion zsh >"$zsh"
    "$binary" --generate-completion fish >"$fish"
    echo "installed $binary, its manual page and completions"
done
