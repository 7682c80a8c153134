import Foundation
import FoundationXML
import TestSupport
import Testing

/// What `assay backtest` writes besides its figures.
@Suite struct BacktestPageTests {
    @Test("The page has the plots and tables of both sides, needs nothing else, and runs nothing of what it shows")
    func page() throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            """
            cat > '<b>&c.yaml' <<'END'
            rules:
              - {name: far, when: distance_km > 500 && user.seconds_since_last < 1800.0, decide: block}
              - {name: fast, when: 'velocity(transaction_type, "5m") >= 4', risk: 0.5}
              - {name: both, when: 'velocity(transaction_type, "5m") >= 5', risk: 0.5}
            END
            $ASSAY generate -n 30000 --users 300 --labels labels.csv > in
            $ASSAY backtest in -c '<b>&c.yaml' --labels labels.csv --html page.html --json > report.json
            $ASSAY backtest in -c '<b>&c.yaml' --html - | grep -c '<svg'
            code=0; $ASSAY backtest in -c '<b>&c.yaml' --html page.html > told || code=$?; echo $code
            code=0; $ASSAY backtest in -c '<b>&c.yaml' --html in --overwrite > told || code=$?; echo $code
            """, in: folder)
        #expect(run.lines == ["2", "73", "64"], "\(run)")
        let html = try String(contentsOfFile: folder.path("page.html"), encoding: .utf8)
        for plot in ["Transactions by score", "Precision by recall", "Alerts a day"] {
            #expect(html.contains("aria-label=\"\(plot)\""))
        }
        #expect(html.contains("<h1>&lt;b&gt;&amp;c.yaml against the defaults</h1>") && !html.contains("<b>"))
        #expect(!html.contains("<script") && !html.contains("http") && !html.contains("nan"))
        // It is well-formed but for its first line.
        let parser = XMLParser(
            data: Data(
                html.replacing("<!DOCTYPE html>", with: "").replacing(
                    "<meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">", with: ""
                ).utf8))
        #expect(parser.parse(), "\(String(describing: parser.parserError))")
        struct Report: Decodable {
            struct Rule: Decodable {
                let rule: String
                let new: Int
            }
            let rules: [Rule]
        }
        let report = try JSONDecoder().decode(
            Report.self, from: Data(contentsOf: folder.url.appending(path: "report.json")))
        let together = try #require(report.rules.first { $0.rule == "both" }?.new)
        // Where the narrower rule holds, the wider one does.
        #expect(
            together > 0 && html.contains("<tr><td>both</td><td>0</td><td>\(together)</td><td>\(together)</td></tr>"))
    }

    @Test("The page says what each side has learned, and nothing of it where nobody learns")
    func learning() throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            """
            echo 'learning: {enabled: true, maturity: 1d, retention: 2d, warm_up: {frauds: 1, examples: 100}}' > c.yaml
            echo 'rules: []' > plain.yaml
            $ASSAY generate -n 30000 --users 300 --labels labels.csv > in
            $ASSAY backtest in -c c.yaml --labels labels.csv --html page.html --json > report.json
            $ASSAY backtest in -c plain.yaml --labels labels.csv --html - | grep -c '<h2>Learning'
            """, in: folder)
        #expect(run.lines == ["0"], "\(run)")
        struct Report: Decodable {
            struct Learning: Decodable {
                struct Side: Decodable {
                    let examples: Int
                }
                let new: Side?
                let old: Side?
            }
            let learning: Learning
        }
        let report = try JSONDecoder().decode(
            Report.self, from: Data(contentsOf: folder.url.appending(path: "report.json")))
        let examples = try #require(report.learning.new?.examples)
        #expect(examples > 100 && report.learning.old == nil)
        let html = try String(contentsOfFile: folder.path("page.html"), encoding: .utf8).replacing(",", with: "")
        #expect(html.contains("<tr><td>model</td><td>ready</td><td>-</td></tr>"))
        #expect(html.contains("<tr><td>transactions learned from</td><td>\(examples)</td><td>-</td></tr>"))
    }

    @Test("Labels are separated by what their first line has, and those that match nothing are counted")
    func labels() throws {
        let run = try Binary.shell(
            """
            $ASSAY generate -n 5000 --users 50 --labels labels.csv > in; echo 'rules: []' > c.yaml
            head -n 9 labels.csv > a; tr ',' ';' < a > b; tr ',' '\\t' < a > c; cut -d, -f1 a > d
            for labels in a b c d; do
                $ASSAY backtest in -c c.yaml --labels $labels --json | grep -o '"frauds":[0-9]*'
            done
            (cat b; echo 'nobody;burst'; echo 'somebody;0') > e
            $ASSAY backtest in -c c.yaml --labels e --json | grep -o '"unmatched_labels":[0-9]*'
            """, in: TemporaryFolder())
        #expect(
            run.lines == Array(repeating: #""frauds":8"#, count: 4) + [#""unmatched_labels":1"#], "\(run)")
        #expect(run.errors.contains("1 of 9 labels of fraud match no transaction"), "\(run)")
    }
}
