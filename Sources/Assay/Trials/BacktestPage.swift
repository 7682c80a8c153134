import Arguments
import AssayCore
import CivilTime
import Glibc

/// A comparison of two configurations as one page that needs nothing else.
package struct BacktestPage {
    private let report: BacktestReport
    private let title: String

    /// `title`: what was compared.
    package init(_ report: BacktestReport, title: String) {
        (self.report, self.title) = (report, title)
    }

    package var html: String {
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
        <title>\(Self.escaped(title))</title>
        <style>\(Self.style)</style></head><body>
        <h1>\(Self.escaped(title))</h1>
        <p>\(Figures.grouped(report.transactions)) transactions; \(Figures.grouped(report.changed)) changed, \
        \(Figures.grouped(report.changedLevels)) in level, \(Figures.grouped(report.changedDecisions)) in decision.\
        \(report.hasLabels ? " \(Figures.grouped(report.frauds)) frauds." : "")</p>
        <p class="key"><i class="new"></i> new <i class="old"></i> old</p>
        \(levels)
        <h2>Scores</h2>
        <p>Transactions by score; each line of the grid is ten times the one below.</p>
        \(histogram)
        \(curve)
        <h2>Alerts a day</h2>
        <p>Transactions of level high and above, or that are to be reviewed or blocked.</p>
        \(alerts)
        \(rules)
        </body></html>

        """
    }

    private static let style = """
        :root { color-scheme: light dark; --ink: #1d2330; --paper: #fff; --line: #c9cfda; --new: #2563c9;
          --old: #b3611a }
        @media (prefers-color-scheme: dark) {
          :root { --ink: #e4e8f0; --paper: #14171d; --line: #3a4150; --new: #7aa8f5; --old: #e0a060 } }
        body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem;
          margin: 2rem auto; padding: 0 1rem }
        table { border-collapse: collapse }
        td, th { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid var(--line) }
        td:first-child, th:first-child { text-align: left }
        svg { width: 100%; height: auto; max-width: 56rem }
        svg text { fill: var(--ink); font-size: 11px }
        .grid { stroke: var(--line) }
        .new { fill: var(--new); background: var(--new) }
        .old { fill: var(--old); background: var(--old) }
        polyline.new, polyline.old { fill: none; stroke-width: 2; stroke: var(--new); background: none }
        polyline.old { stroke: var(--old); stroke-dasharray: 6 3 }
        .key i { display: inline-block; width: .8rem; height: .8rem }
        .wide { overflow-x: auto }
        """

    private static func escaped(_ text: String) -> String {
        SVGText.escaped(SafeText.shown(text)).replacing("'", with: "&#39;")
    }

    private static func table(_ header: [String], _ rows: [[String]]) -> String {
        func row(_ cells: [String], _ tag: String) -> String {
            "<tr>" + cells.map { "<\(tag)>\(escaped($0))</\(tag)>" }.joined() + "</tr>"
        }
        return "<div class=\"wide\"><table>\(row(header, "th"))\n\(rows.map { row($0, "td") }.joined(separator: "\n"))"
            + "</table></div>"
    }

    // MARK: Levels

    private var levels: String {
        let (new, old) = (report.newSide, report.oldSide)
        var rows = RiskLevel.allCases.reversed().map { level in
            [level.label, Self.count(new.levels[Int(level.rawValue)]), Self.count(old.levels[Int(level.rawValue)])]
        }
        for decision in [Decision.block, .review, .allow] {
            let index = Int(decision.rawValue)
            rows.append([decision.label, Self.count(new.decisions[index]), Self.count(old.decisions[index])])
        }
        rows.append(["rejected", Self.count(new.rejected), Self.count(old.rejected)])
        if report.hasLabels {
            for level in [RiskLevel.critical, .high, .medium] {
                let (now, before) = (new.quality(from: level), old.quality(from: level))
                let name = level == .critical ? level.label : "\(level.label) and above"
                rows.append(["precision, \(name)", Self.percent(now.precision), Self.percent(before.precision)])
                rows.append(["recall, \(name)", Self.percent(now.recall), Self.percent(before.recall)])
            }
        }
        return Self.table(["", "new", "old"], rows)
    }

    private static func count(_ number: UInt64) -> String { Figures.grouped(number) }

    private static func percent(_ part: Double?) -> String {
        part.map { Figures.decimal($0 * 100, digits: 2) + " %" } ?? "-"
    }

    // MARK: Plots

    private static let width = 720.0
    private static let height = 240.0
    private static let margin = 46.0

    private static func number(_ value: Double) -> String { Figures.decimal(value, digits: 1).filter { $0 != "," } }

    private static func svg(_ label: String, _ content: String) -> String {
        "<svg viewBox=\"0 -12 \(number(width + 40)) \(number(height + 42))\" role=\"img\" "
            + "aria-label=\"\(escaped(label))\">\n"
            + content + "</svg>"
    }

    private static func text(_ text: String, x: Double, y: Double, anchor: String = "middle") -> String {
        "<text x=\"\(number(x))\" y=\"\(number(y))\" text-anchor=\"\(anchor)\">\(escaped(text))</text>\n"
    }

    private static func gridLine(y: Double, label: String) -> String {
        "<line class=\"grid\" x1=\"\(number(margin))\" x2=\"\(number(width))\" "
            + "y1=\"\(number(y))\" y2=\"\(number(y))\"/>"
            + text(label, x: margin - 6, y: y + 4, anchor: "end")
    }

    private static func bar(_ side: String, x: Double, width: Double, height: Double, hint: String) -> String {
        "<rect class=\"\(side)\" x=\"\(number(x))\" y=\"\(number(Self.height - height))\" width=\"\(number(width))\" "
            + "height=\"\(number(height))\"><title>\(escaped(hint))</title></rect>\n"
    }

    private var histogram: String {
        let (new, old) = (report.newSide.scores, report.oldSide.scores)
        let greatest = (new + old).map(\.transactions).max() ?? 0
        let decades = Double(String(greatest).count)
        func height(_ count: UInt64) -> Double { count == 0 ? 0 : (log10(Double(count)) + 0.15) / (decades + 0.15) }
        var content = ""
        var power: UInt64 = 1
        for _ in 0..<Int(decades) {
            content += Self.gridLine(y: Self.height * (1 - height(power)), label: Figures.grouped(power))
            power *= 10
        }
        let slot = (Self.width - Self.margin) / Double(new.count)
        for (index, (now, before)) in zip(new, old).enumerated() {
            let x = Self.margin + Double(index) * slot
            let (from, to) = (Double(index) / Double(new.count), Double(index + 1) / Double(new.count))
            let range = "\(Figures.decimal(from, digits: 2)) to \(Figures.decimal(to, digits: 2))"
            for (side, bar, offset) in [("new", now, 0.08), ("old", before, 0.5)] {
                let frauds = report.hasLabels ? ", \(Figures.grouped(bar.frauds)) of them fraud" : ""
                content += Self.bar(
                    side, x: x + slot * offset, width: slot * 0.42, height: Self.height * height(bar.transactions),
                    hint: "\(side), \(range): \(Figures.grouped(bar.transactions))\(frauds)")
            }
            content += Self.text(Figures.decimal(from, digits: 2), x: x, y: Self.height + 16)
        }
        return Self.svg("Transactions by score", content)
    }

    private var curve: String {
        guard report.hasLabels, report.frauds > 0 else { return "" }
        func line(_ side: String, _ points: [BacktestReport.CurvePoint]) -> String {
            let places = points.map { point in
                let x = Self.margin + point.recall * (Self.width - Self.margin)
                return "\(Self.number(x)),\(Self.number(Self.height * (1 - point.precision)))"
            }
            return "<polyline class=\"\(side)\" points=\"\(places.joined(separator: " "))\"/>\n"
        }
        var content = ""
        for step in 0...4 {
            let part = Double(step) / 4
            content += Self.gridLine(y: Self.height * (1 - part), label: Figures.decimal(part, digits: 2))
            content += Self.text(
                Figures.decimal(part, digits: 2), x: Self.margin + part * (Self.width - Self.margin),
                y: Self.height + 16)
        }
        content += line("old", report.oldSide.curve) + line("new", report.newSide.curve)
        let precisions = [report.newSide, report.oldSide].map {
            $0.averagePrecision.map { Figures.decimal($0, digits: 4) } ?? "-"
        }
        return "<h2>Precision and recall</h2>\n<p>Precision (upward) at each recall; average precision "
            + "\(precisions[0]) new, \(precisions[1]) old.</p>\n" + Self.svg("Precision by recall", content)
    }

    private var alerts: String {
        let days = report.days.sorted { $0.key < $1.key }
        guard let first = days.first?.key, let last = days.last?.key else { return "<p>None.</p>" }
        let most = days.map { max($0.value.new, $0.value.old) }.max() ?? 1
        // Days without any alert are there too, but not more of them than can be drawn.
        let span = min(Int(last - first) + 1, Self.mostDays)
        let slot = (Self.width - Self.margin) / Double(span)
        var content = Self.gridLine(y: 0, label: Figures.grouped(most)) + Self.gridLine(y: Self.height, label: "0")
        for (day, count) in days where Int(last - day) < span {
            let x = Self.margin + Double(span - 1 - Int(last - day)) * slot
            for (side, number, offset) in [("new", count.new, 0.08), ("old", count.old, 0.5)] {
                content += Self.bar(
                    side, x: x + slot * offset, width: slot * 0.42,
                    height: Self.height * Double(number) / Double(most),
                    hint: "\(Self.date(day)), \(side): \(Figures.grouped(number))")
            }
        }
        for place in Set([0, span / 2, span - 1]).sorted() {
            content += Self.text(
                Self.date(last - Int64(span - 1 - place)), x: Self.margin + (Double(place) + 0.5) * slot,
                y: Self.height + 16)
        }
        let note = Int(last - first) >= span ? "<p>The last \(span) days.</p>\n" : ""
        return note + Self.svg("Alerts a day", content)
    }

    private static let mostDays = 400

    private static func date(_ day: Int64) -> String {
        String(TimeText(.utc).text(day * 86_400_000).prefix(10))
    }

    // MARK: Rules

    private var rules: String {
        guard !report.rules.isEmpty else { return "" }
        let header = ["rule", "new", "old", "both"] + (report.hasLabels ? ["fraud, new"] : [])
        let rows = report.rules.map { rule in
            [rule.name, Self.count(rule.new), Self.count(rule.old), Self.count(rule.both)]
                + (report.hasLabels
                    ? [Self.percent(rule.new == 0 ? nil : Double(rule.newFrauds) / Double(rule.new))] : [])
        }
        let shown = report.rules.indices.prefix(Self.mostOverlapping)
        let overlap = shown.map { row in
            [report.rules[row].name]
                + shown.map { column in
                    row == column
                        ? Self.count(report.rules[row].new)
                        : Self.count(report.overlaps[BacktestReport.Pair(row, column), default: 0])
                }
        }
        return "<h2>Rules</h2>\n" + Self.table(header, rows)
            + "\n<h2>Rules that hold together</h2>\n"
            + "<p>Transactions for which both rules of the new configuration hold.</p>\n"
            + Self.table([""] + shown.map { report.rules[$0].name }, Array(overlap))
    }

    private static let mostOverlapping = 40
}
