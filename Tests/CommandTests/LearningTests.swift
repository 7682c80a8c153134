import Foundation
import TestSupport
import Testing

/// What is learned from labels, as people see it.
@Suite struct LearningTests {
    private static let input = Repository.golden("learning.jsonl")
    private static let merged = Repository.golden("learning-merged.jsonl")

    /// The golden stream, scored.
    private static let score = """
        cp \(Repository.golden("learning.yaml")) learning.yaml
        $ASSAY score \(input) -c learning.yaml -q -o out --rejects rejects --checkpoint-every 300

        """

    private static func run(_ script: String) throws -> Binary.Result {
        try Binary.shell(script, in: TemporaryFolder())
    }

    @Test("The model counts what the golden stream says", arguments: ["learning", "learning-merged"])
    func counts(_ stream: String) throws {
        let labels = stream == "learning" ? "" : "--labels \(Repository.golden("learning-merged.labels.csv"))"
        let run = try Self.run(
            """
            $ASSAY score \(Repository.golden("\(stream).jsonl")) -c \(Repository.golden("\(stream).yaml")) \(labels) \\
                -q -o out --rejects rejects
            $ASSAYCTL model --json > model
            python3 -c '
            import json
            actual = json.load(open("model"))
            for name, expected in json.load(open("\(Repository.golden("\(stream).model.json"))")).items():
                assert actual[name] == expected or abs(actual[name] - expected) < 1e-9, (name, actual[name], expected)
            print(len(actual["weights"]))'
            """)
        #expect(run.code == 0 && run.lines == ["20"], "\(run.lines) \(run.errors)")
    }

    @Test("Without learning a line with a label is a line like any other")
    func off() throws {
        let run = try Self.run(
            """
            grep '"label":{' \(Self.input) > labels
            $ASSAY score labels --no-checkpoints -q --rejects rejects
            grep -vc unknown_transaction rejects
            wc -l < labels
            """)
        #expect(run.code == 0 && run.lines.count == 2 && run.lines[0] == run.lines[1], "\(run.lines) \(run.errors)")
    }

    @Test("Whatever a member named label has that is no object belongs to its transaction")
    func otherLabels() throws {
        let run = try Self.run(
            """
            cp \(Repository.golden("learning.yaml")) learning.yaml
            head -n 400 \(Self.input) | grep -v '"label":' > plain
            sed 's/}$/,"label":"x"}/; n; s/}$/,"label":[{}]}/; n; s/^{/{"label":{},"label":null,/' plain > labelled
            $ASSAY score plain -c learning.yaml --no-checkpoints -q > expected
            $ASSAY score labelled -c learning.yaml --no-checkpoints -q | cmp - expected
            wc -l < expected
            """)
        #expect(run.code == 0 && (Int(run.lines.first ?? "") ?? 0) > 100, "\(run.lines) \(run.errors)")
    }

    @Test("Labels of a file that grows come when they are due, and at once when that was before")
    func growingFile() throws {
        let run = try Self.run(
            """
            cp \(Repository.golden("learning-merged.yaml")) c.yaml
            sort -t , -k 3 -n \(Repository.golden("learning-merged.labels.csv")) > all
            $ASSAY score \(Self.merged) -c c.yaml --labels all --no-checkpoints -q > expected
            head -n 60 all > labels; head -n 700 \(Self.merged) > first; tail -n +701 \(Self.merged) > second
            $ASSAY score first -c c.yaml --labels labels -q > out
            cp all labels
            $ASSAY score second -c c.yaml --labels labels -q >> out
            head -n 600 out > start; head -n 600 expected | cmp - start
            $ASSAYCTL model --json | tr ',' '\\n' | grep -E '"(labels|unknown)":'
            sed -i '2s/,.*,/,changed,/' labels
            $ASSAY score second -c c.yaml --labels labels -q || echo $?
            """)
        #expect(run.code == 0, "\(run.lines) \(run.errors)")
        #expect(run.lines.last == "65" && run.errors.contains("does not begin with the labels"), "\(run.errors)")
    }

    @Test(
        "Labels that cannot be used are refused with their line",
        arguments: [
            (
                "transaction_id,label,timestamp\\nt1,fraud,1757000000\\nt2,fraud\\n",
                "labels:3: the label has no timestamp"
            ),
            ("transaction_id,label,timestamp\\nt1,fraud,soon\\n", "labels:2: timestamp must be"),
            ("{\"label\":{\"transaction_id\":\"t1\"}}\\n", "labels:1: label.fraud is missing"),
            ("{\"transaction_id\":\"t1\"}\\n", "labels:1: user_id is missing"),
        ])
    func unusable(_ text: String, _ message: String) throws {
        let run = try Self.run(
            """
            printf '\(text)' > labels
            $ASSAY score \(Self.merged) -c \(Repository.golden("learning-merged.yaml")) --labels labels -q || echo $?
            """)
        #expect(run.lines == ["65"] && run.errors.contains(message), "\(run.lines) \(run.errors)")
    }

    @Test("A backtest gives what a live run gives with the same labels in the same places")
    func backtest() throws {
        let run = try Self.run(
            """
            $ASSAY generate -n 60000 --users 400 --days 60 --fraud 0.05 --labels labels --label-delay 7d -o in
            printf 'learning: {enabled: true}\\n' > c.yaml
            $ASSAY score in -c c.yaml --labels labels -q --no-checkpoints > live
            $ASSAY backtest in -c c.yaml --labels labels --json > tried
            cut -d , -f 1,2 labels > untimed
            $ASSAY backtest in -c c.yaml --labels untimed --label-delay 7d --json > again
            $ASSAY backtest in -c c.yaml --labels labels --from 2025-02-01 --json > later
            python3 -c '
            import json
            levels = {"low": 0, "medium": 0, "high": 0, "critical": 0}
            for line in open("live"): levels[json.loads(line)["risk_level"]] += 1
            tried, again, later = [json.load(open(name)) for name in ("tried", "again", "later")]
            assert tried["new"]["levels"] == levels, (tried["new"]["levels"], levels)
            # The clock may be ahead of a transaction: then a label that has only a delay comes a little later.
            assert again["learning"]["new"]["labels"] == tried["learning"]["new"]["labels"]
            assert abs(again["new"]["average_precision"] - tried["new"]["average_precision"]) < 0.02
            assert later["transactions"] < tried["transactions"]
            assert later["learning"]["new"]["scored_before_ready"] == 0
            assert tried["learning"]["new"]["ready"] and tried["learning"]["old"] is None
            assert later["new"]["average_precision"] > 1.2 * later["old"]["average_precision"], later
            print("ahead")'
            """)
        #expect(run.code == 0 && run.lines == ["ahead"], "\(run.lines) \(run.errors)")
    }

    @Test("A model that is exported and imported goes on as if nothing had happened", arguments: ["jsonl", "csv"])
    func transfer(_ format: String) throws {
        let run = try Self.run(
            """
            cp \(Repository.golden("learning.yaml")) learning.yaml
            head -n 2000 \(Self.input) > first; tail -n +2001 \(Self.input) > second
            $ASSAY score \(Self.input) -c learning.yaml --no-checkpoints -q | tail -n 700 > expected
            $ASSAY score first -c learning.yaml -q > /dev/null
            $ASSAYCTL export --format \(format) > exported
            $ASSAYCTL import exported --format \(format) --state other > /dev/null
            $ASSAYCTL export --format \(format) --state other | cmp - exported
            $ASSAYCTL verify --deep --state other > /dev/null
            $ASSAY score second -c learning.yaml -q --state other | tail -n 700 | cmp - expected
            echo same
            """)
        #expect(run.code == 0 && run.lines == ["same"], "\(run.lines) \(run.errors)")
    }

    @Test("A model is reset and restored, and both are recorded")
    func changed() throws {
        let run = try Self.run(
            Self.score + """
                model() {
                    $ASSAYCTL model --json | tr ',' '\\n' | grep -E '"(ready|examples|pending)"' | paste -sd ' '
                }
                model
                $ASSAYCTL snapshot create > /dev/null
                $ASSAYCTL model reset > /dev/null; model
                $ASSAYCTL model restore $(ls Checkpoints/snapshots | sed 's/.db//') > /dev/null; model
                $ASSAYCTL model reset --clock > /dev/null; model
                $ASSAYCTL verify --deep > /dev/null
                sqlite3 Checkpoints/state.db 'SELECT action FROM audit ORDER BY id' | paste -sd ' '
                head -n 30 \(Self.input) | sed 's/"t\\([0-9]\\)/"s\\1/' | $ASSAY score -c learning.yaml -q | wc -l
                """)
        #expect(
            run.lines == [
                "{\"ready\":true \"examples\":2371 \"pending\":221", "{\"ready\":false \"examples\":0 \"pending\":221",
                "{\"ready\":true \"examples\":2371 \"pending\":221", "{\"ready\":false \"examples\":0 \"pending\":0",
                "reset_model restore_model reset_model", "30",
            ], "\(run.lines) \(run.errors)")
    }

    @Test("An explanation of the past has the probability that the transaction got")
    func explained() throws {
        let run = try Self.run(
            Self.score + """
                $ASSAY explain \(Self.input) --id t1900 --json > told
                grep '"t1900"' out > got
                python3 -c '
                import json
                told = json.load(open("told"))["explanations"][0]
                assert told["assessment"] == json.load(open("got")), told["assessment"]
                model = told["model"]
                assert abs(sum(part["weight"] for part in model["inputs"]) - model["sum"]) < 1e-9
                assert abs(model["probability"] - told["assessment"]["model_probability"]) < 1e-6
                print(len(model["inputs"]))'
                """)
        // The bias, sixteen inputs and six pairs.
        #expect(run.code == 0 && run.lines == ["23"], "\(run.lines) \(run.errors)")
    }

    @Test("Queries, keys and differences show what was learned, and a user who is forgotten leaves no trace in it")
    func lookedInto() throws {
        let run = try Self.run(
            """
            sed 's/"user_id":"u1"/"user_id":"user-number-one"/' \(Self.input) > in
            sed 's/^  category/  risk_keys: [merchant_id, user_id]\\n  category/' \\
                \(Repository.golden("learning.yaml")) > learning.yaml
            $ASSAY score in -c learning.yaml -q -o out --rejects rejects --snapshot-interval 1ms \\
                --checkpoint-every 500
            $ASSAYCTL query 'SELECT count(*) FROM pending' --csv | tail -n 1
            $ASSAYCTL query "SELECT count(*) FROM keys WHERE key = 'user_id'" --csv | tail -n 1
            $ASSAYCTL query "SELECT input FROM weights WHERE slot = 0" --csv | tail -n 1
            $ASSAYCTL key user_id user-number-one --json | grep -c '"rates"'
            first=$(ls Checkpoints/snapshots | sort -n | head -n 1 | sed 's/.db//')
            $ASSAYCTL diff $first | grep -c '^model: examples'
            $ASSAYCTL snapshot prune --keep 0 > /dev/null
            $ASSAYCTL forget user-number-one > /dev/null
            $ASSAYCTL verify --deep > /dev/null
            $ASSAYCTL key user_id user-number-one || echo $?
            grep -c user-number-one Checkpoints/state.db || true
            $ASSAYCTL query "SELECT count(*) FROM pending WHERE key_values LIKE '%user-number-one%'" --csv | tail -n 1
            """)
        #expect(run.lines == ["221", "30", "bias", "1", "1", "1", "0", "0"], "\(run.lines) \(run.errors)")
    }

    @Test("Turning learning off forgets what was learned, and another category or other keys begin anew")
    func otherSettings() throws {
        let run = try Self.run(
            Self.score + """
                line() { echo '{"transaction_id":"'$1'","user_id":"u1","amount":5,"timestamp":1745777300}'; }
                sed 's/category: .*/category: currency/' learning.yaml > category.yaml
                line a | $ASSAY score -c category.yaml > /dev/null
                $ASSAYCTL model --json | tr ',' '\\n' | grep '"examples"'
                sed 's/^  category: .*/  category: currency\\n  risk_keys: [account_id]/' learning.yaml > keys.yaml
                line b | $ASSAY score -c keys.yaml > /dev/null
                line c | $ASSAY score > /dev/null
                $ASSAYCTL model || echo $?
                sqlite3 Checkpoints/state.db 'SELECT count(*) FROM state_page WHERE function = 3'
                $ASSAYCTL verify --deep > /dev/null
                line d | $ASSAY score -c learning.yaml -q > /dev/null
                $ASSAYCTL model --json | tr ',' '\\n' | grep '"pending"'
                """)
        #expect(
            run.lines == ["\"examples\":0", "1", "0", "\"pending\":1"], "\(run.lines) \(run.errors)")
        for notice in [
            "'learning.category' was 'metadata.category'", "'learning.risk_keys' were merchant_id", "is off",
        ] {
            #expect(run.errors.contains(notice), "\(run.errors)")
        }
    }

    @Test("Rules may name what the model says")
    func rules() throws {
        let run = try Self.run(
            """
            { cat \(Repository.golden("learning.yaml")); cat <<'END'
            rules:
              - {name: sure, when: model_ready && model_probability >= 0.5, decide: block}
            END
            } > c.yaml
            $ASSAY score \(Self.input) -c c.yaml --no-checkpoints -q > out
            python3 -c '
            import json
            fired = 0
            for line in open("out"):
                row = json.loads(line)
                p = row.get("model_probability", 0)
                if abs(p - 0.5) < 1e-6: continue
                assert (row["decided_by"] == "sure") == (p >= 0.5), row
                fired += p >= 0.5
                names = list(row)
                assert p == 0 or names.index("recommendation") + 1 == names.index("model_probability")
            print(fired > 50)'
            """)
        #expect(run.code == 0 && run.lines == ["True"], "\(run.lines) \(run.errors)")
    }

    @Test("What had a label that a restored model does not know teaches nothing without a new one")
    func doubtful() throws {
        let run = try Self.run(
            """
            echo 'learning: {enabled: true, maturity: 1d, retention: 20d}' > c.yaml
            payment() {
                echo "{\\"transaction_id\\":\\"$1\\",\\"user_id\\":\\"u$1\\",\\"amount\\":5,\\"currency\\":\\"EUR\\","\\
                    "\\"transaction_type\\":\\"payment\\",\\"timestamp\\":$2}"
            }
            label() { echo "{\\"label\\":{\\"transaction_id\\":\\"$1\\",\\"fraud\\":true}}"; }
            score() { $ASSAY score -c c.yaml -q --input-is new -o out$1; }
            { payment a 1000000; payment b 1000001; payment c 1000002; } | score 1
            $ASSAYCTL snapshot create > /dev/null
            { label a; label b; } | score 2
            $ASSAYCTL model restore $(ls Checkpoints/snapshots | sed 's/.db//') > /dev/null
            { label b; for i in $(seq 300); do payment d$i $((1200000 + i)); done; } | score 3
            model() {
                $ASSAYCTL model --json | tr ',' '\\n' | grep -E '"(examples|frauds)"' | head -n 2 | paste -sd ' '
            }
            model
            label a | score 4; model
            $ASSAYCTL verify --deep > /dev/null && echo whole
            """)
        // b, c, and the fifteen that came before the clock believed in the time of those after them.
        #expect(
            run.lines == [
                "\"examples\":17 \"frauds\":1", "\"examples\":18 \"frauds\":2", "whole",
            ], "\(run.lines) \(run.errors)")
    }

    @Test("Wrong labels leave the weights finite, and a restored model is as good as before")
    func wrongLabels() throws {
        let script = Repository.root.appending(path: "tools/bench/poison.py").path
        let run = try Self.run("\(script) $ASSAY 20000 30000")
        #expect(run.code == 0 && run.lines.count == 4, "\(run.lines) \(run.errors)")
    }

    @Test("Outputs may select by what the model says, and those that name no columns keep theirs")
    func outputs() throws {
        let run = try Self.run(
            """
            cp \(Repository.golden("learning.yaml")) c.yaml
            cat >> c.yaml <<'END'
            outputs:
              assessments:
                - {jsonl: all}
                - {jsonl: some, where: model_probability >= 0.5}
                - {csv: columns, where: model_probability >= 0.5, columns: {id: transaction_id, p: model_probability}}
                - {csv: plain}
            END
            $ASSAY score \(Self.input) -c c.yaml -q --no-checkpoints --rejects rejects
            python3 - <<'END'
            import json
            lines = [line for line in open("all") if json.loads(line).get("model_probability", 0) >= 0.5]
            assert len(lines) > 20 and open("some").read() == "".join(lines), len(lines)
            rows = [json.loads(line) for line in lines]
            expected = [["id", "p"]]
            expected += [[row["transaction_id"], str(row["model_probability"])] for row in rows]
            assert [line.rstrip("\\n").split(",") for line in open("columns")] == expected
            assert "model" not in open("plain").readline()
            END
            echo right
            """)
        #expect(run.code == 0 && run.lines == ["right"], "\(run.lines) \(run.errors)")
    }

    @Test("Pipelines refuse to learn, and say why")
    func pipelines() throws {
        let run = try Self.run(
            """
            cat > p.yaml <<'END'
            name: p
            learning: {enabled: true}
            input: {time: timestamp}
            streams:
              all: {from: input, select: [user_id]}
            END
            $ASSAY run p.yaml < /dev/null || echo $?
            """)
        #expect(run.lines == ["78"] && run.errors.contains("does not learn"), "\(run.lines) \(run.errors)")
    }
}
