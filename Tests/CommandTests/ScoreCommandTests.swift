import Foundation
import TestSupport
import Testing

@Suite struct ScoreCommandTests {
    private static let good = #"{"transaction_id":"a","user_id":"u","amount":1,"timestamp":1767225600}"#

    @Test(
        "Every mistake ends with one clear line and the documented code",
        arguments: [
            ("$ASSAY score --bogus", 64, "unknown option '--bogus'"),
            ("$ASSAY scroe", 64, "did you mean 'score'?"),
            ("$ASSAY score in --follow=1", 64, "--follow takes no value"),
            ("$ASSAY score --follow", 64, "--follow needs a file"),
            ("$ASSAY score in --rejects -", 64, "--rejects needs a file"),
            ("$ASSAY score in -o in --overwrite", 64, "'in' is also the input"),
            ("$ASSAY score in -o out --rejects out", 64, "'out' is also the output"),
            ("$ASSAY score missing", 66, "cannot open 'missing': No such file or directory"),
            ("$ASSAY score .", 66, "'.' is a folder"),
            ("$ASSAY score < .", 66, "'-' is a folder"),
            ("$ASSAY score in -o no/such/folder", 73, "cannot create 'no/such/folder'"),
            ("$ASSAY score in -o full", 73, "'full' is not empty"),
            ("$ASSAY score in -o /dev/full", 74, "cannot write '/dev/full': No space left on device"),
            ("$ASSAY score in > /dev/full", 74, "cannot write standard output: No space left on device"),
            ("$ASSAY score bad --rejects /dev/full", 74, "cannot write '/dev/full'"),
            ("$ASSAY score in --config missing.yaml", 78, "missing.yaml: No such file or directory"),
            (
                "$ASSAY score in --config bad.yaml", 78,
                "bad.yaml:2:3: unknown key 'amount.zscore'; did you mean 'amount.z_score'?"
            ),
            ("$ASSAY score bad --strict", 65, "line 2 at byte 71, malformed_json"),
            ("$ASSAY check-config bad.yaml", 78, "bad.yaml:2:3"),
            ("$ASSAY check-config", 64, "name a file to check"),
            ("$ASSAY generate --users 0", 64, "--users takes a whole number"),
        ] as [(String, Int32, String)])
    func mistakes(_ command: String, _ code: Int32, _ message: String) throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("in", Self.good + "\n")
        _ = try folder.write("bad", Self.good + "\n{\n" + Self.good.replacing("\"a\"", with: "\"b\"") + "\n")
        _ = try folder.write("full", "something")
        _ = try folder.write("bad.yaml", "amount:\n  zscore: 3\n")
        let run = try Binary.shell(command, in: folder)
        #expect(run.code == code, "\(run.errors)")
        let errors = run.errors.split(separator: "\n").filter { $0.hasPrefix("assay: error:") }
        #expect(errors.count == 1 && run.errors.contains(message), "\(run.errors)")
        #expect(try String(contentsOfFile: folder.path("in"), encoding: .utf8) == Self.good + "\n")
        #expect(try String(contentsOfFile: folder.path("full"), encoding: .utf8) == "something")
    }

    @Test("A file that may not be read is no input")
    func unreadable() throws {
        // Root may read everything, so another user tries.
        let folder = try TemporaryFolder()
        _ = try folder.write("in", Self.good)
        let run = try Binary.shell(
            """
            chmod 755 . && chmod 000 in
            if [ "$(id -u)" = 0 ]; then
                cp $ASSAY assay && chmod 755 assay
                setpriv --reuid=65534 --regid=65534 --clear-groups ./assay score in
            else
                $ASSAY score in
            fi
            """, in: folder)
        #expect(run.code == 66 && run.errors.contains("cannot open 'in': Permission denied"), "\(run.errors)")
    }

    @Test("Strict runs write everything before the first bad line and nothing behind it")
    func strict() throws {
        let folder = try TemporaryFolder()
        _ = try folder.write(
            "in", [Self.good, Self.good.replacing("\"a\"", with: "\"b\""), Self.good, "x"].joined(separator: "\n"))
        let run = try Binary.shell("$ASSAY score in --strict", in: folder)
        #expect(run.code == 65 && run.lines.count == 2 && run.errors.contains("line 3 at byte 142, duplicate"))
    }

    @Test("The summary counts, the first ten rejected lines are named, and quiet says nothing")
    func summary() throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("in", Self.good + String(repeating: "\nbad", count: 12) + "\n\n[]\n")
        let run = try Binary.shell("$ASSAY score in", in: folder)
        #expect(run.code == 0 && run.lines.count == 1)
        #expect(run.errors.contains("accepted 1, rejected 13 (malformed_json 12, not_an_object 1)"))
        #expect(run.errors.split(separator: "\n").filter { $0.contains("warning: line") }.count == 10)
        #expect(try Binary.shell("$ASSAY score in -q --no-checkpoints", in: folder).errors.isEmpty)
        let shown = try Binary.shell("$ASSAY score in --progress always --rejects r --no-checkpoints", in: folder)
        #expect(shown.errors.contains("accepted 1") && !shown.errors.contains("warning: line"))
    }

    @Test("A live stream is answered line by line")
    func live() throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            """
            mkfifo in out
            $ASSAY score -q < in > out &
            exec 3> in 4< out
            for id in 1 2 3; do
                echo '{"transaction_id":"'$id'","user_id":"u","amount":1,"timestamp":1767225600}' >&3
                read -t 5 -u 4 answer && echo "$answer" | grep -c "\\"sequence\\":$id,"
            done
            printf '{"transaction_id":"4","user_id":"u",' >&3
            read -t 0.2 -u 4 answer && echo "answered half a line"
            exec 3>&-
            wait
            """.replacing("read -t 0.2 -u 4 answer &&", with: "! read -t 0.2 -u 4 answer ||"), in: folder)
        #expect(run.code == 0 && run.lines == ["1", "1", "1"], "\(run.errors)")
    }

    @Test("The number of threads changes nothing", arguments: [1, 2, 3, 64])
    func threads(_ count: Int) throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            """
            $ASSAY generate -n 20000 --users 500 > in
            $ASSAY score in -q --no-checkpoints > expected
            $ASSAY score in -q --checkpoint-interval 20ms --threads \(count) -o out
            cat in | $ASSAY score -q --state piped --threads \(count) | cmp - expected
            cmp out expected && wc -l < out
            """, in: folder)
        #expect(run.code == 0 && run.lines == ["20000"], "\(run.errors)")
    }

    @Test("Lines are in the output file as soon as the input pauses, even in the middle of one")
    func liveFile() throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            """
            mkfifo in
            $ASSAY score -q -o out < in &
            exec 3> in
            $ASSAY generate -n 5000 --users 10 >&3
            printf '{"transaction_id":"half",' >&3
            for round in $(seq 900); do [ "$(wc -l < out)" = 5000 ] && break; sleep 0.05; done
            wc -l < out
            exec 3>&-
            wait
            """, in: folder)
        #expect(run.code == 0 && run.lines == ["5000"], "\(run.errors)")
    }

    @Test("A followed file is scored as it grows, until a signal ends the run")
    func follow() throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            """
            echo '\(Self.good)' > in
            $ASSAY score in --follow -o out 2> log &
            for round in $(seq 900); do [ -s out ] && break; sleep 0.05; done
            echo '\(Self.good.replacing("\"a\"", with: "\"b\""))' >> in
            for round in $(seq 900); do [ "$(wc -l < out)" = 2 ] && break; sleep 0.05; done
            kill -TERM $!
            wait $!
            wc -l < out
            """, in: folder)
        #expect(run.code == 0 && run.lines == ["2"], "\(run.errors)")
        #expect(try String(contentsOfFile: folder.path("log"), encoding: .utf8).contains("accepted 2"))
    }

    @Test("SIGINT finishes what was read, also while waiting for input")
    func interrupt() throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            """
            mkfifo in
            $ASSAY score in -o out 2> log &
            exec 3> in
            echo '\(Self.good)' >&3
            for round in $(seq 900); do [ -s out ] && break; sleep 0.05; done
            kill -INT $!
            wait $!
            """, in: folder)
        #expect(run.code == 0, "\(run.errors)")
        #expect(try String(contentsOfFile: folder.path("log"), encoding: .utf8).contains("accepted 1"))
    }

    @Test("A reader that goes away ends the run quietly")
    func closedOutput() throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            "set +e; $ASSAY generate -n 200000 | $ASSAY score -q | head -n 2; echo ${PIPESTATUS[@]}", in: folder)
        #expect(run.lines.count == 3 && run.lines[2] == "141 141 0" && run.errors.isEmpty, "\(run)")
    }

    @Test("Help and defaults are printed, and the defaults are a good configuration")
    func help() throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            """
            $ASSAY check-config --print-defaults > defaults.yaml
            $ASSAY check-config defaults.yaml
            for command in "" score check-config generate; do $ASSAY $command --help | grep -c Usage; done
            $ASSAY --generate-completion bash | bash -n
            """, in: folder)
        #expect(run.code == 0 && run.lines == ["defaults.yaml: good", "1", "1", "1", "1"])
    }

    @Test("Hostile ids come out as they came in")
    func hostileIDs() throws {
        let folder = try TemporaryFolder()
        let ids = [
            #"\"; drop table users; --"#, #"\u0000\u001b[31m"#, #"a\/b\\c\td"#, "\u{202E}\u{1F469}\u{200D}\u{1F680}",
        ]
        let text = ids.map { #"{"transaction_id":"\#($0)","user_id":"\#($0)","amount":1,"timestamp":1}"# }
        _ = try folder.write("in", text.joined(separator: "\n"))
        let run = try Binary.shell("$ASSAY score in -q", in: folder)
        for (line, source) in zip(run.lines, text) {
            let scored = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            let given = try #require(try JSONSerialization.jsonObject(with: Data(source.utf8)) as? [String: Any])
            #expect(scored["user_id"] as? String == given["user_id"] as? String)
        }
        #expect(run.lines.count == ids.count)
    }
}
