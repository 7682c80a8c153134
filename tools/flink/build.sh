#!/bin/sh
# Makes the jar of the job, with the core inside.
#
#   build.sh ARCHIVE FLINK JAR     the core as an archive, where Flink is, and what to make
set -eu

archive=$1 flink=$2 jar=$3
sources=$(cd "$(dirname "$0")/../../Flink" && pwd)
header=$(cd "$(dirname "$0")/../../Sources/CAssay/include" && pwd)
java=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
swift=$(dirname "$(dirname "$(readlink -f "$(command -v swiftc)")")")/lib/swift_static/linux
system=/usr/lib/$(gcc -print-multiarch)

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
place=$made/classes/native/linux-$(uname -m)
mkdir -p "$place" "$(dirname "$jar")"

gcc -c -O2 -fPIC -fvisibility=hidden -Wall -Wextra -I"$java/include" -I"$java/include/linux" -I"$header" \
    -o "$made/jni.o" "$sources/native/jni.c"
# All of Swift is inside, and what the configuration is read with. RE2's archive can't be: it travels beside it.
"$(dirname "$(command -v swiftc)")/clang++" -shared -fuse-ld=lld -o "$place/libassay.so" "$made/jni.o" \
    -Wl,--whole-archive "$archive" -Wl,--no-whole-archive "$swift/$(uname -m)/swiftrt.o" -L"$swift" \
    -lswift_Concurrency -lswift_StringProcessing -lswift_RegexParser -lswiftSynchronization -lswiftGlibc \
    -lswiftCore -lswiftSwiftOnoneSupport -ldispatch -lBlocksRuntime \
    "$system/libyaml.a" "$system/libsqlite3.a" "$system/libz.a" "$system/libzstd.a" -lre2 -ldl -lpthread -lm \
    -static-libgcc -Wl,--as-needed,--gc-sections,--strip-all,-Bsymbolic,--no-undefined \
    -Wl,--version-script="$sources/native/exports.map" -Wl,-rpath=\$ORIGIN,-soname=libassay.so
cp -L "$system/libre2.so.9" "$place/"
javac -nowarn -Xlint:-options --release 11 -d "$made/classes" -cp "$flink/lib/*" \
    "$sources"/java/assay/flink/*.java
printf 'Main-Class: assay.flink.Job\n' > "$made/manifest"
jar --create --file "$jar" --manifest "$made/manifest" -C "$made/classes" .
