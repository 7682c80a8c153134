import Foundation
import TestSupport
import Testing

/// What people are told of files with mistakes.
@Suite struct MistakeTests {
    private static func check(_ yaml: String) throws -> Binary.Result {
        let folder = try TemporaryFolder()
        _ = try folder.write("f.yaml", yaml)
        return try Binary.shell("code=0; $ASSAY check-config f.yaml || code=$?; echo $code", in: folder)
    }

    @Test(
        "All mistakes of a file are told at once, in its order",
        arguments: [
            (
                """
                timezon: UTC
                velocity: {windows: [5m, 1m], risk_at_threshold: 7}
                rules:
                  - {name: a, when: amount > 1, risk: 2}
                  - {name: b, wehn: amount > 1, colour: x}
                fields: {x: nothing}
                """, ["1:1", "2:50", "4:39", "5:15", "5:33", "6:13"]
            ),
            (
                """
                rules:
                  - {name: a, when: amount > "x", risk: 0.1}
                  - {name: b, when: amount > 1, risk: 0.5}
                  - {name: c, when: amuont > 1, risk: 0.5}
                patterns:
                  - {name: p, risk: 0.5, stages: [{name: s, where: amount > "x"}]}
                """, ["2:28", "4:21", "6:59"]
            ),
            (
                """
                input: {time: t, formt: csv}
                patterns: {p: {stages: []}}
                streams:
                  b: {window: 3}
                  c: {key: x, window: {tumbling: 1m}, late: l}
                outputs: {b: {jsnl: x}}
                """, ["1:18", "2:24", "4:15", "5:6", "6:14"]
            ),
            (
                // What reads a stream with a mistake is not checked.
                """
                input: {time: t}
                streams:
                  a: {where: x > "a" &&, select: {y: 3}}
                  b: {from: a, where: y > "none"}
                  c: {where: 1 + "a" == 2}
                """, ["3:24", "5:16"]
            ),
        ])
    func all(_ yaml: String, _ places: [String]) throws {
        let run = try Self.check(yaml)
        let told = run.errors.split(separator: "\n").filter { $0.contains("error: f.yaml:") }
        let found = told.map { $0.split(separator: ":")[3...4].joined(separator: ":") }
        #expect(run.lines == ["78"] && found == places, "\(run.errors)")
    }

    @Test("Far more mistakes than anybody reads are counted")
    func many() throws {
        let run = try Self.check((0..<30).map { "wrong\($0): 1" }.joined(separator: "\n"))
        #expect(run.errors.contains("(and 10 more)") && run.errors.split(separator: "\n").count == 20, "\(run.errors)")
    }

    @Test("Rules in flow style hold expressions as they are")
    func flow() throws {
        let run = try Self.check(
            #"""
            rules:
              - {name: a, when: amount > 10 && velocity("payment", "5m") > 3, risk: 0.5}
              - {name: b, when: user_id in ["a", "b"] && event.x == {"a": 1}.a, risk: 0.5}
            outputs: {assessments: {csv: out, where: risk_level in ["high", "critical"], columns: {n: size([1, 2])}}}
            """#)
        #expect(run.lines.last == "0", "\(run)")
    }

    @Test(
        "A hint says what to do",
        arguments: [
            ("rules:\n  - name: a\n    when: amount > 3 ? \"x: y\" == \"z\" : false\n", "in quotes: '…'"),
            ("rules: [{name: a, wen: x: y}\n", "in quotes: '…'"),
            ("rules: [{name: a, decision: x}]\n", "it has name, when, risk, decide, reason, shadow"),
        ])
    func hints(_ yaml: String, _ hint: String) throws {
        let run = try Self.check(yaml)
        #expect(run.errors.contains(hint), "\(run)")
    }

    @Test("A pipeline given to score and a configuration given to run are named as such")
    func confused() throws {
        let run = try Binary.shell(
            """
            echo 'streams: {all: {}}' > p.yaml; echo 'rules: []' > c.yaml
            code=0; $ASSAY score -c p.yaml < /dev/null || code=$?; echo $code
            code=0; $ASSAY run c.yaml < /dev/null || code=$?; echo $code
            """, in: TemporaryFolder())
        #expect(run.lines == ["78", "78"], "\(run)")
        #expect(run.errors.contains("this is a pipeline; 'assay run' runs it"))
        #expect(run.errors.contains("'assay score --config c.yaml' takes it"))
    }
}
