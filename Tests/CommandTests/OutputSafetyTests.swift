import Foundation
import TestSupport
import Testing

/// What commands must not write over, and what happens where they cannot write.
@Suite struct OutputSafetyTests {
    private static func run(_ script: String) throws -> Binary.Result {
        try Binary.shell("$ASSAY generate -n 3000 --users 50 > in\n" + script, in: TemporaryFolder())
    }

    @Test(
        "Files that hold something are not written over unasked",
        arguments: [
            "generate -n 10 -o there", "backtest in -c c.yaml --changes there", "run p.yaml --explain --svg there",
        ])
    func overwriting(_ command: String) throws {
        let run = try Self.run(
            """
            echo x > there; echo 'combine: max' > c.yaml
            echo 'streams: {all: {}}' > p.yaml
            code=0; $ASSAY \(command) > log || code=$?; echo $code; cat there
            $ASSAY \(command) --overwrite > log; grep -c '^x$' there || true
            """)
        #expect(run.lines == ["73", "x", "0"], "\(run)")
    }

    @Test("An output that is the configuration or one of its lists is refused")
    func ownFiles() throws {
        let run = try Self.run(
            """
            echo u0000001 > list.txt; ln list.txt linked
            echo 'lists: {l: {file: list.txt}}' > c.yaml
            for target in c.yaml linked in Checkpoints/state.db; do
                code=0; $ASSAY score in -c c.yaml -o $target --overwrite -q || code=$?; echo $code
            done
            cat list.txt
            """)
        #expect(run.lines == ["64", "64", "64", "64", "u0000001"], "\(run)")
    }

    @Test(
        "Standard output that can't be written is an error",
        arguments: [
            "--version", "--help", "check-config --print-defaults", "eval 1+1", "backtest in -c c.yaml",
            "generate -n 10",
            "run p.yaml --explain", "patterns q.yaml", "test-rules c.yaml cases.yaml",
        ])
    func fullDevice(_ command: String) throws {
        let run = try Self.run(
            """
            echo 'rules: [{name: all, when: "true", risk: 0.5}]' > c.yaml; echo 'streams: {all: {}}' > p.yaml
            echo '[{name: a, transaction: {}, expect: {level: low}}]' > cases.yaml
            printf 'streams: {s: {key: k, pattern: {stages: [{name: a, where: "true"}]}}}' > q.yaml
            code=0; $ASSAY \(command) > /dev/full 2> log || code=$?; echo $code
            """)
        #expect(run.lines == ["74"], "\(run)")
    }
}
