import Foundation
import TestSupport
import Testing

/// What is learned survives whatever happens to the process.
@Suite(.serialized) struct LearningKillTests {
    private static let prepare = """
        cat > c.yaml <<'END'
        learning:
          enabled: true
          maturity: 3d
          retention: 6d
          risk_keys: [merchant_id, user_id]
          max_keys: 150
          max_pending: 14000
        END
        $ASSAY generate -n 60000 --users 600 --seed SEED --fraud 0.1 --labels labels --label-delay 2d -o plain
        python3 - <<'END'
        import csv, json
        rows = enumerate(csv.DictReader(open("labels")))
        labels = sorted((float(row["timestamp"]), number, row) for number, row in rows)
        place = 0
        with open("in", "w") as output:
            for number, line in enumerate(open("plain")):
                time = json.loads(line)["timestamp"]
                while place < len(labels) and labels[place][0] <= time:
                    row = labels[place][2]
                    label = {"transaction_id": row["transaction_id"], "fraud": place % 7 != 0}
                    output.write(json.dumps({"label": label}) + "\\n")
                    if place % 5 == 0:
                        label["fraud"] = place % 2 == 0
                        output.write(json.dumps({"label": label}) + "\\n")
                    place += 1
                output.write(line)
        END
        $ASSAY score in -c c.yaml -q --state once -o expected --rejects expected-rejects 2> notices
        $ASSAYCTL model --state once --json > expected-model
        grep -c model_probability expected

        """

    @Test(
        "Killed at any moment, again and again, a model has learned what it learns without that",
        arguments: [
            (false, ["--checkpoint-interval", "5ms"]), (true, ["--checkpoint-interval", "5ms"]),
            (false, ["--checkpoint-every", "700", "--checkpoint-interval", "1h"]),
        ] as [(Bool, [String])])
    func killed(_ throughPipe: Bool, _ options: [String]) throws {
        var kills = 0
        for round in 0..<UInt64(Scenario.rounds) {
            let seed = Scenario.seed &+ round
            var random = Random(state: seed)
            let folder = try TemporaryFolder()
            let made = try Binary.shell(
                Self.prepare.replacing("SEED", with: "\(seed % 1_000_000)"), in: folder)
            try #require(made.code == 0 && (Int(made.lines.last ?? "") ?? 0) > 20_000, "\(made.errors)")
            let arguments =
                ["score", throughPipe ? "-" : "in", "-c", "c.yaml", "-o", "out", "--rejects", "rejects"] + options
            var longest: UInt64 = 60
            while true {
                let code = try TimedRun.run(
                    arguments, in: folder, fed: throughPipe ? "in" : nil,
                    killedAfter: 1000 + random.below(longest * 1000))
                if let code {
                    try #require(code == 0)
                    break
                }
                kills += 1
                longest += longest / 20 + 1
            }
            let compared = try Binary.shell(
                """
                cmp out expected; cmp rejects expected-rejects
                $ASSAYCTL model --json | cmp - expected-model
                $ASSAYCTL verify --deep > /dev/null
                """, in: folder)
            #expect(
                compared.code == 0,
                "ASSAY_TEST_SEED=\(seed) \(String(decoding: compared.output, as: UTF8.self)) \(compared.errors)")
        }
        print(
            "killed \(kills) times while learning (\(throughPipe ? "pipe" : "file"), \(options.joined(separator: " ")))"
        )
        #expect(kills >= 5)
    }
}
