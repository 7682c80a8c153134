import Arguments
import AssayCore
import CivilTime

/// A report as one page that needs nothing else.
package struct ReportPage {
    private let report: StateReport
    private let title: String
    private let clock = TimeText(.utc)

    /// `title`: of what, and of which period.
    package init(_ report: StateReport, title: String) {
        (self.report, self.title) = (report, title)
    }

    package var html: String {
        """
        \(PageParts.begin(title))
        \(summary)
        <h2>Volume</h2>
        \(volume)
        \(rules)
        \(users)
        \(quality)
        \(PageParts.end)
        """
    }

    private static let colours = ["#2e7d4f", "#b58900", "#c75b1a", "#b3132b"]

    private func time(_ milliseconds: Int64) -> String {
        milliseconds == 0 ? "-" : clock.text(milliseconds / 1000 * 1000)
    }

    // MARK: Parts

    private var summary: String {
        let stage = report.checkpoint.stage
        let counts = RunCounts(stage.tallies)
        var rows = [
            ["as of checkpoint", "\(report.checkpoint.id), \(time(report.checkpoint.takenAt))"],
            ["event time", time(stage.eventTime)], ["accepted", PageParts.count(counts.accepted)],
            ["users", Figures.grouped(stage.keys)],
        ]
        let total = max(1, counts.levels.reduce(0, +))
        for level in RiskLevel.allCases.reversed() where counts.streams.isEmpty {
            let count = counts.levels[Int(level.rawValue)]
            let part = PageParts.percent(Double(count) / Double(total))
            rows.append([level.label, "\(PageParts.count(count)) (\(part))"])
        }
        for reason in RejectReason.allCases where counts.rejects[Int(reason.rawValue)] > 0 {
            rows.append(["rejected, \(reason.code)", PageParts.count(counts.rejects[Int(reason.rawValue)])])
        }
        return PageParts.table(["in all", ""], rows)
    }

    private var volume: String {
        guard let most = report.volumes.map({ $0.levels.reduce(0, +) }).max(), most > 0 else {
            return "<p>No checkpoint lies in this period, so that nothing is known of it.</p>"
        }
        let shown = report.volumes.suffix(Self.mostBars)
        let slot = (PageParts.width - PageParts.margin) / Double(shown.count)
        var content = PageParts.gridLine(y: 0, label: Figures.grouped(most))
        content += PageParts.gridLine(y: PageParts.height, label: "0")
        for (index, volume) in shown.enumerated() {
            let x = PageParts.margin + Double(index) * slot
            var below = 0.0
            for level in RiskLevel.allCases {
                let count = volume.levels[Int(level.rawValue)]
                let height = PageParts.height * Double(count) / Double(most)
                content += PageParts.bar(
                    "level\(level.rawValue)", x: x + slot * 0.1, width: slot * 0.8, height: height, above: below,
                    hint: "\(name(of: volume.start)), \(level.label): \(Figures.grouped(count))")
                below += height
            }
            if index % max(1, shown.count / 6) == 0 {
                content += PageParts.text(name(of: volume.start), x: x + slot / 2, y: PageParts.height + 16)
            }
        }
        let unit = report.isHourly ? "hour" : "day"
        let colours = RiskLevel.allCases.map { level in
            "<i class=\"level\(level.rawValue)\"></i> \(level.label)"
        }
        return "<style>"
            + Self.colours.enumerated().map { ".level\($0) { fill: \($1); background: \($1) }" }.joined(separator: " ")
            + "</style>\n<p>Transactions by the \(unit) of event time in which a checkpoint saw them.</p>\n"
            + "<p class=\"key\">\(colours.joined(separator: " "))</p>\n"
            + PageParts.svg("Transactions by level and \(unit)", content)
    }

    private static let mostBars = 400

    private func name(of start: Int64) -> String {
        let text = clock.text(start)
        return String(report.isHourly ? text.prefix(13) : text.prefix(10)) + (report.isHourly ? ":00" : "")
    }

    private var rules: String {
        guard !report.rules.isEmpty else { return "" }
        let rows = report.rules.map { rule in
            let judged = rule.fraud + rule.legitimate
            let precision = judged > 0 ? Double(rule.fraud) / Double(judged) : nil
            return [rule.name, PageParts.count(rule.fired), Figures.grouped(judged), PageParts.percent(precision)]
        }
        return "<h2>Rules</h2>\n" + PageParts.table(["rule", "fired in all", "judged", "fraud among judged"], rows)
    }

    private var users: String {
        var text = ""
        if !report.reviewed.isEmpty {
            text += "<h2>Users with the most results in the queue</h2>\n"
            text += PageParts.table(
                ["user", "results", "greatest score", "judged to be fraud"],
                report.reviewed.map {
                    [
                        $0.user, Figures.grouped($0.entries), Figures.decimal($0.greatest, digits: 3),
                        Figures.grouped($0.frauds),
                    ]
                })
        }
        guard !report.users.isEmpty else { return text }
        return text + "\n<h2>Users with the most transactions</h2>\n"
            + PageParts.table(
                ["user", "transactions", "amounts together"],
                report.users.map {
                    [$0.id, PageParts.count($0.transactions), Figures.decimal($0.amount, digits: 2)]
                })
    }

    // MARK: Quality

    private var quality: String {
        var text = ""
        if let learned = report.learned {
            let counts = learned.counts
            text += "<h2>Model</h2>\n"
            text += PageParts.table(
                ["", ""],
                [
                    ["state", counts.isReady ? "ready" : "warming up"],
                    ["examples", PageParts.count(counts.examples)], ["of them fraud", PageParts.count(counts.frauds)],
                    ["labels", PageParts.count(counts.labels)], ["corrections", PageParts.count(counts.corrections)],
                ])
        }
        guard let judged = report.judged, judged.all.judged > 0 else { return text }
        text += "<h2>Judged results</h2>\n<p>Only results of the queue are judged: nothing is known here of fraud that "
        text += "scored too little to get there.</p>\n"
        var rows = [
            ["judged", PageParts.count(judged.all.judged)], ["fraud", PageParts.count(judged.all.frauds)],
            ["precision", PageParts.percent(judged.all.precision)],
            ["average precision", judged.averagePrecision.map { Figures.decimal($0, digits: 4) } ?? "-"],
        ]
        for level in RiskLevel.allCases.reversed() {
            let group = judged.levels[Int(level.rawValue)]
            if group.judged > 0 { rows.append(["precision, \(level.label)", PageParts.percent(group.precision)]) }
        }
        text += PageParts.table(["", ""], rows) + "\n<h3>Fraud among judged results, by score</h3>\n" + tenths(judged)
        guard judged.weeks.count > 1 else { return text }
        return text + "\n<h3>By week</h3>\n"
            + PageParts.table(
                ["week of", "judged", "fraud", "average precision"],
                judged.weeks.map {
                    [
                        String(clock.text($0.start).prefix(10)), PageParts.count($0.group.judged),
                        PageParts.count($0.group.frauds),
                        $0.averagePrecision.map { Figures.decimal($0, digits: 4) } ?? "-",
                    ]
                })
    }

    private func tenths(_ judged: JudgedResults) -> String {
        var content = ""
        for step in 0...4 {
            let part = Double(step) / 4
            content += PageParts.gridLine(y: PageParts.height * (1 - part), label: Figures.decimal(part, digits: 2))
        }
        let slot = (PageParts.width - PageParts.margin) / Double(judged.tenths.count)
        for (index, group) in judged.tenths.enumerated() {
            let x = PageParts.margin + Double(index) * slot
            let (from, to) = (Double(index) / 10, Double(index + 1) / 10)
            content += PageParts.bar(
                "new", x: x + slot * 0.1, width: slot * 0.8, height: PageParts.height * (group.precision ?? 0),
                hint: "\(Figures.decimal(from, digits: 1)) to \(Figures.decimal(to, digits: 1)): "
                    + "\(PageParts.percent(group.precision)) of \(PageParts.count(group.judged))")
            content += PageParts.text(Figures.decimal(from, digits: 1), x: x, y: PageParts.height + 16)
        }
        return PageParts.svg("Fraud among judged results, by tenths of the score", content)
    }
}
