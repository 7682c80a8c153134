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
        \(PageParts.begin(title))
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
        \(learning)\(rules)
        \(PageParts.end)
        """
    }

    // MARK: Levels

    private var levels: String {
        let (new, old) = (report.newSide, report.oldSide)
        var rows = RiskLevel.allCases.reversed().map { level in
            [
                level.label, PageParts.count(new.levels[Int(level.rawValue)]),
                PageParts.count(old.levels[Int(level.rawValue)]),
            ]
        }
        for decision in [Decision.block, .review, .allow] {
            let index = Int(decision.rawValue)
            rows.append([decision.label, PageParts.count(new.decisions[index]), PageParts.count(old.decisions[index])])
        }
        rows.append(["rejected", PageParts.count(new.rejected), PageParts.count(old.rejected)])
        if report.hasLabels {
            for level in [RiskLevel.critical, .high, .medium] {
                let (now, before) = (new.quality(from: level), old.quality(from: level))
                let name = level == .critical ? level.label : "\(level.label) and above"
                rows.append([
                    "precision, \(name)", PageParts.percent(now.precision), PageParts.percent(before.precision),
                ])
                rows.append(["recall, \(name)", PageParts.percent(now.recall), PageParts.percent(before.recall)])
            }
        }
        return PageParts.table(["", "new", "old"], rows)
    }

    // MARK: Plots

    private var histogram: String {
        let (new, old) = (report.newSide.scores, report.oldSide.scores)
        let greatest = (new + old).map(\.transactions).max() ?? 0
        let decades = Double(String(greatest).count)
        func height(_ count: UInt64) -> Double { count == 0 ? 0 : (log10(Double(count)) + 0.15) / (decades + 0.15) }
        var content = ""
        var power: UInt64 = 1
        for _ in 0..<Int(decades) {
            content += PageParts.gridLine(y: PageParts.height * (1 - height(power)), label: Figures.grouped(power))
            power *= 10
        }
        let slot = (PageParts.width - PageParts.margin) / Double(new.count)
        for (index, (now, before)) in zip(new, old).enumerated() {
            let x = PageParts.margin + Double(index) * slot
            let (from, to) = (Double(index) / Double(new.count), Double(index + 1) / Double(new.count))
            let range = "\(Figures.decimal(from, digits: 2)) to \(Figures.decimal(to, digits: 2))"
            for (side, bar, offset) in [("new", now, 0.08), ("old", before, 0.5)] {
                let frauds = report.hasLabels ? ", \(Figures.grouped(bar.frauds)) of them fraud" : ""
                content += PageParts.bar(
                    side, x: x + slot * offset, width: slot * 0.42, height: PageParts.height * height(bar.transactions),
                    hint: "\(side), \(range): \(Figures.grouped(bar.transactions))\(frauds)")
            }
            content += PageParts.text(Figures.decimal(from, digits: 2), x: x, y: PageParts.height + 16)
        }
        return PageParts.svg("Transactions by score", content)
    }

    private var curve: String {
        guard report.hasLabels, report.frauds > 0 else { return "" }
        func line(_ side: String, _ points: [BacktestReport.CurvePoint]) -> String {
            let places = points.map { point in
                let x = PageParts.margin + point.recall * (PageParts.width - PageParts.margin)
                return "\(PageParts.number(x)),\(PageParts.number(PageParts.height * (1 - point.precision)))"
            }
            return "<polyline class=\"\(side)\" points=\"\(places.joined(separator: " "))\"/>\n"
        }
        var content = ""
        for step in 0...4 {
            let part = Double(step) / 4
            content += PageParts.gridLine(y: PageParts.height * (1 - part), label: Figures.decimal(part, digits: 2))
            content += PageParts.text(
                Figures.decimal(part, digits: 2), x: PageParts.margin + part * (PageParts.width - PageParts.margin),
                y: PageParts.height + 16)
        }
        content += line("old", report.oldSide.curve) + line("new", report.newSide.curve)
        let precisions = [report.newSide, report.oldSide].map {
            $0.averagePrecision.map { Figures.decimal($0, digits: 4) } ?? "-"
        }
        return "<h2>Precision and recall</h2>\n<p>Precision (upward) at each recall; average precision "
            + "\(precisions[0]) new, \(precisions[1]) old.</p>\n" + PageParts.svg("Precision by recall", content)
    }

    private var alerts: String {
        let days = report.days.sorted { $0.key < $1.key }
        guard let first = days.first?.key, let last = days.last?.key else { return "<p>None.</p>" }
        let most = days.map { max($0.value.new, $0.value.old) }.max() ?? 1
        // Days without any alert are there too, but not more of them than can be drawn.
        let span = min(Int(last - first) + 1, Self.mostDays)
        let slot = (PageParts.width - PageParts.margin) / Double(span)
        var content =
            PageParts.gridLine(y: 0, label: Figures.grouped(most)) + PageParts.gridLine(y: PageParts.height, label: "0")
        for (day, count) in days where Int(last - day) < span {
            let x = PageParts.margin + Double(span - 1 - Int(last - day)) * slot
            for (side, number, offset) in [("new", count.new, 0.08), ("old", count.old, 0.5)] {
                content += PageParts.bar(
                    side, x: x + slot * offset, width: slot * 0.42,
                    height: PageParts.height * Double(number) / Double(most),
                    hint: "\(Self.date(day)), \(side): \(Figures.grouped(number))")
            }
        }
        for place in Set([0, span / 2, span - 1]).sorted() {
            content += PageParts.text(
                Self.date(last - Int64(span - 1 - place)), x: PageParts.margin + (Double(place) + 0.5) * slot,
                y: PageParts.height + 16)
        }
        let note = Int(last - first) >= span ? "<p>The last \(span) days.</p>\n" : ""
        return note + PageParts.svg("Alerts a day", content)
    }

    private static let mostDays = 400

    private static func date(_ day: Int64) -> String {
        String(TimeText(.utc).text(day * 86_400_000).prefix(10))
    }

    // MARK: Learning

    private var learning: String {
        guard report.learns else { return "" }
        let sides = [report.newSide, report.oldSide]
        func row(_ name: String, _ cell: (LearningCounts, BacktestReport.Side) -> String) -> [String] {
            [name] + sides.map { side in side.learning.map { cell($0, side) } ?? "-" }
        }
        let rows = [
            row("model") { counts, _ in counts.isReady ? "ready" : "warming up" },
            row("labels") { counts, _ in PageParts.count(counts.labels) },
            row("transactions learned from") { counts, _ in PageParts.count(counts.examples) },
            row("of them fraud") { counts, _ in PageParts.count(counts.frauds) },
            row("corrections after maturity") { counts, _ in PageParts.count(counts.corrections) },
            row("labels of unknown transactions") { counts, _ in PageParts.count(counts.unknown) },
            row("transactions before the model was ready") { _, side in PageParts.count(side.unready) },
        ]
        return "<h2>Learning</h2>\n<p>Labels came when they were known; \(Figures.grouped(report.labelsToCome)) "
            + "had not come at the end of the stream.</p>\n" + PageParts.table(["", "new", "old"], rows) + "\n"
    }

    // MARK: Rules

    private var rules: String {
        guard !report.rules.isEmpty else { return "" }
        let header = ["rule", "new", "old", "both"] + (report.hasLabels ? ["fraud, new"] : [])
        let rows = report.rules.map { rule in
            [rule.name, PageParts.count(rule.new), PageParts.count(rule.old), PageParts.count(rule.both)]
                + (report.hasLabels
                    ? [PageParts.percent(rule.new == 0 ? nil : Double(rule.newFrauds) / Double(rule.new))] : [])
        }
        let shown = report.rules.indices.prefix(Self.mostOverlapping)
        let overlap = shown.map { row in
            [report.rules[row].name]
                + shown.map { column in
                    row == column
                        ? PageParts.count(report.rules[row].new)
                        : PageParts.count(report.overlaps[BacktestReport.Pair(row, column), default: 0])
                }
        }
        return "<h2>Rules</h2>\n" + PageParts.table(header, rows)
            + "\n<h2>Rules that hold together</h2>\n"
            + "<p>Transactions for which both rules of the new configuration hold.</p>\n"
            + PageParts.table([""] + shown.map { report.rules[$0].name }, Array(overlap))
    }

    private static let mostOverlapping = 40
}
