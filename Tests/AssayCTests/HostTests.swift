import Foundation
import TestSupport
import Testing

/// The core inside another engine: a host written in C routes lines to cores, and moves their users to other cores.
@Suite struct HostTests {
    private static let tool = URL(filePath: Binary.path).deletingLastPathComponent().appending(path: "CoreTool").path
    private static let rules = Repository.root.appending(path: "Examples/rules/rules.yaml").path
    /// What numbers an assessment is another thing in a core.
    private static let unnumbered = #"sed -E 's/"(user_)?sequence":[0-9]+,//'"#

    private static func run(_ script: String) throws -> Binary.Result {
        try Binary.shell(
            "HOST=\(tool)\nRULES=\(rules)\nunnumbered() { \(unnumbered); }\n" + script, in: TemporaryFolder())
    }

    @Test(
        "A host gets what the engine gives, however its blocks are cut and its users moved",
        arguments: ["65536 0 1", "1 0 1", "100 7 1", "5000 5 3", "3000000 0 2", "20000 1 8"])
    func sameAssessments(_ cut: String) throws {
        let run = try Self.run(
            """
            $ASSAY generate -n 5000 --users 100 --seed 7 > in
            $ASSAY score in --config $RULES --no-checkpoints -q | unnumbered | LC_ALL=C sort > expected
            $HOST $RULES \(cut) < in 2> rejects | unnumbered | LC_ALL=C sort | cmp - expected
            wc -l < expected; wc -c < rejects
            """)
        #expect(run.code == 0 && run.lines == ["5000", "0"], "\(run)")
    }

    @Test(
        "Streams of all kinds come out in the same order with one core",
        arguments: ["ordinary", "edges", "clocks"])
    func goldenStreams(_ name: String) throws {
        let run = try Self.run(
            """
            $HOST "" 3000 0 1 < \(Repository.golden("\(name).jsonl")) 2> rejects > all
            unnumbered < all > assessments
            $ASSAY score \(Repository.golden("\(name).jsonl")) --no-checkpoints -q --rejects expected \
              | unnumbered | cmp - assessments
            touch expected
            wc -l < rejects | cmp - <(wc -l < expected) && echo same
            """)
        #expect(run.code == 0 && run.lines == ["same"], "\(run)")
    }

    @Test("Rejects have reason, message and input, and no place")
    func rejects() throws {
        let run = try Self.run(
            """
            { echo '{"user_id": 1}'; head -c 2000000 /dev/zero | tr '\\0' x; echo; printf '\\377\\n{"a":'; } > in
            $HOST "" 1000 0 2 < in 2>&1 | cut -c 1-60
            """)
        #expect(run.code == 0 && run.lines.count == 4, "\(run)")
        #expect(run.lines[0].hasPrefix(#"{"reason":"missing_field","message":"#), "\(run)")
        #expect(run.lines[1].hasPrefix(#"{"reason":"line_too_long","message":"#), "\(run)")
        #expect(run.lines[2].hasPrefix(#"{"reason":"invalid_utf8","message":"#), "\(run)")
        #expect(run.lines[3].hasPrefix(#"{"reason":"malformed_json","message":"#), "\(run)")
    }

    @Test("A host goes on from what another machine has exported")
    func imported() throws {
        let run = try Self.run(
            """
            $ASSAY generate -n 4000 --users 80 --seed 11 > in
            head -n 2500 in > first; tail -n +2501 in > second
            $ASSAY score in --no-checkpoints -q | tail -n +2501 | unnumbered > expected
            $ASSAY score first --state state -q > /dev/null
            $ASSAYCTL export --state state > exported
            $HOST --import exported "" < second | unnumbered | cmp - expected && echo same
            head -n 1 exported | sed 's/"assay_state":1/"assay_state":2/' > newer
            $HOST --import newer "" < second 2>&1 | grep -o 'entry: .*' || true
            """)
        #expect(
            run.code == 0 && run.lines == ["same", "entry: it does not begin with a state of version 1"], "\(run)")
    }

    @Test("An assessment has its place among those of its user")
    func numbers() throws {
        let run = try Self.run(
            """
            $ASSAY generate -n 2000 --users 30 --seed 9 > in
            $HOST "" 5000 3 2 < in | \(Repository.python) -c '
            import collections, json, sys
            counts = collections.Counter()
            for line in map(json.loads, sys.stdin):
                counts[line["user_id"]] += 1
                assert line["user_sequence"] == counts[line["user_id"]], line
            print(sum(counts.values()))'
            """)
        #expect(run.code == 0 && run.lines == ["2000"], "\(run)")
    }

    @Test("Faults are results, and nothing that comes in ends the process")
    func contract() throws {
        let run = try Self.run("$HOST --contract $RULES $RULES")
        #expect(run.code == 0 && run.lines.isEmpty, "\(run)")
    }

    @Test("Damaged lines end no host")
    func damagedLines() throws {
        let run = try Self.run(
            """
            \(Repository.python) - \(Repository.golden("ordinary.jsonl")) > in <<'END'
            import random, sys
            choose = random.Random(5)
            for line in open(sys.argv[1], "rb"):
                line = bytearray(line)
                for _ in range(choose.randrange(4)):
                    line[choose.randrange(len(line))] = choose.randrange(256)
                sys.stdout.buffer.write(line)
            END
            $HOST $RULES 4000 3 3 < in 2> rejects | wc -l
            $ASSAY score in --config $RULES --no-checkpoints -q --rejects expected | wc -l
            cut -d, -f3- expected | LC_ALL=C sort > one; sed 's/^.//' rejects | LC_ALL=C sort | cmp - one
            [ $(wc -l < rejects) -gt 20 ] && echo many
            """)
        #expect(run.code == 0 && run.lines.count == 3 && run.lines[0] == run.lines[1], "\(run)")
        #expect(run.lines.last == "many", "\(run)")
    }
}
