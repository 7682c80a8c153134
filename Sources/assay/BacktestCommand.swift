import Arguments
import Assay
import AssayCore
import CivilTime
import Glibc

/// `assay backtest`.
enum BacktestCommand {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        guard let newPath = arguments.text("config") else {
            throw Failure(code: .usage, message: "name the configuration to try with --config")
        }
        let new = try Configurations.load(newPath).resolved
        let old = try Configurations.load(arguments.text("against")).resolved
        let inputPath = arguments.operands.first ?? "-"
        let input = try Files.openInput(inputPath)
        let truth = try truth(arguments, zone: new.zone)
        if let path = arguments.text("html"), path != "-", Files.isOpen(path, as: input) {
            throw Failure(code: .usage, message: "--html would write over the input")
        }
        let changes = try arguments.text("changes").map { path throws(Failure) in
            guard !Files.isOpen(path, as: input) else {
                throw Failure(code: .usage, message: "--changes would write over the input")
            }
            return ChangeFile(try Files.create(path, mayOverwrite: arguments.flag("overwrite")), path)
        }
        let backtest = Backtest(
            new: new, old: old, format: arguments.text("format").flatMap { InputFormat(rawValue: $0) } ?? .jsonl,
            dialect: RunOptions.dialect(arguments),
            truth, change: { changes?.add($0) })
        let report: BacktestReport
        do throws(InputError) {
            report = try backtest.run(input: input)
        } catch {
            throw Failure(error.failure(of: inputPath))
        }
        try changes?.end()
        if let path = arguments.text("html") {
            let title = "\(newPath) against \(arguments.text("against") ?? "the defaults")"
            try Files.write(
                BacktestPage(report, title: title).html, to: path, mayOverwrite: arguments.flag("overwrite"))
            if path == "-" { return }
        }
        if report.unmatchedLabels > 0 {
            let all = UInt64(truth.labels?.table.frauds.count ?? 0)
            Diagnostics.warning(
                "\(grouped(report.unmatchedLabels)) of \(grouped(all)) labels of fraud match no "
                    + "transaction of the input")
        }
        if arguments.flag("json") { print(report.json.text) } else { show(report) }
    }

    private static func truth(_ arguments: ParsedArguments, zone: TimeZoneRules) throws(Failure) -> Backtest.Truth {
        let labels = try arguments.text("labels").map { path throws(Failure) in try Files.labels(path, zone: zone) }
        if labels == nil, arguments.flag("label-delay") {
            throw Failure(code: .usage, message: "--label-delay needs --labels")
        }
        let from = try arguments.text("from").map { text throws(Failure) in
            guard let time = EventTime(shown: text, zone: zone) else {
                throw Failure(
                    code: .usage, message: "--from takes a time such as 2025-03-01, not '\(text)'")
            }
            return time
        }
        return Backtest.Truth(labels: labels, delayMilliseconds: arguments.integer("label-delay"), from: from)
    }

    /// Writes the lines of changed transactions in blocks.
    private final class ChangeFile {
        private let descriptor: Int32
        private let path: String
        private var text = ""
        private var failure: Int32?

        private static let blockBytes = 1 << 18

        init(_ descriptor: Int32, _ path: String) {
            self.descriptor = descriptor
            self.path = path
        }

        func add(_ change: BacktestChange) {
            text += change.json.text + "\n"
            if text.utf8.count > Self.blockBytes { write() }
        }

        private func write() {
            text.withUTF8 { bytes in
                var rest = UnsafeRawBufferPointer(bytes)[...]
                while !rest.isEmpty, failure == nil {
                    let count = Glibc.write(
                        descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                    if count >= 0 { rest = rest.dropFirst(count) } else if errno != EINTR { failure = errno }
                }
            }
            text = ""
        }

        func end() throws(Failure) {
            write()
            if let failure {
                throw Failure(
                    code: .inputOutput, message: "cannot write '\(path)': \(Diagnostics.explain(failure))")
            }
        }
    }

    // MARK: Text output

    private static func show(_ report: BacktestReport) {
        let (new, old) = (report.newSide, report.oldSide)
        print("\(grouped(report.transactions)) transactions\n")
        var rows = [["", "new", "old"]]
        for level in RiskLevel.allCases.reversed() {
            rows.append(
                [level.label, grouped(new.levels[Int(level.rawValue)]), grouped(old.levels[Int(level.rawValue)])])
        }
        for decision in [Decision.block, .review, .allow] {
            let index = Int(decision.rawValue)
            rows.append([decision.label, grouped(new.decisions[index]), grouped(old.decisions[index])])
        }
        rows.append(["rejected", grouped(new.rejected), grouped(old.rejected)])
        TextTable.show(rows)
        print(
            "\nchanged: \(grouped(report.changed)) transactions, \(grouped(report.changedLevels)) in level, "
                + "\(grouped(report.changedDecisions)) in decision")
        if !report.rules.isEmpty {
            print("")
            let labels = report.hasLabels ? ["fraud"] : []
            TextTable.show(
                [["rule", "new", "old", "both", "only new", "only old"] + labels]
                    + report.rules.map { rule in
                        [rule.name]
                            + [rule.new, rule.old, rule.both, rule.onlyNew, rule.onlyOld].map(grouped)
                            + (report.hasLabels ? [part(rule.newFrauds, of: rule.new)] : [])
                    })
        }
        if report.hasLabels { showQuality(report) }
        if report.learns { showLearning(report) }
    }

    private static func showLearning(_ report: BacktestReport) {
        print("")
        for (name, side) in [("new", report.newSide), ("old", report.oldSide)] {
            guard let learning = side.learning else { continue }
            print(
                "\(name) learned from \(grouped(learning.labels)) labels and "
                    + "\(grouped(learning.examples)) transactions, "
                    + "\(grouped(learning.frauds)) of them fraud")
            if !learning.isReady {
                print("its model is not ready: 'learning.warm_up' asks for more")
            } else if report.isFromBeginning {
                print(
                    "\(grouped(side.unready)) transactions came before its model was ready; --from leaves them out"
                )
            }
        }
        if report.labelsToCome > 0 {
            print("\(grouped(report.labelsToCome)) labels would have come after the last transaction")
        }
    }

    private static func showQuality(_ report: BacktestReport) {
        print("\n\(grouped(report.frauds)) frauds\n")
        var rows = [["", "precision new", "old", "recall new", "old"]]
        func add(_ name: String, _ new: BacktestReport.Quality, _ old: BacktestReport.Quality) {
            rows.append([
                name, percent(new.precision), percent(old.precision), percent(new.recall), percent(old.recall),
            ])
        }
        for level in [RiskLevel.critical, .high, .medium] {
            let name = level == .critical ? level.label : "\(level.label) and above"
            add(name, report.newSide.quality(from: level), report.oldSide.quality(from: level))
        }
        add("blocked", report.newSide.blocking, report.oldSide.blocking)
        TextTable.show(rows)
        let (new, old) = (report.newSide.averagePrecision, report.oldSide.averagePrecision)
        print("\naverage precision \(decimal(new)) new, \(decimal(old)) old")
    }

    private static func grouped(_ number: UInt64) -> String { Figures.grouped(number) }

    private static func percent(_ part: Double?) -> String {
        part.map { Figures.decimal($0 * 100, digits: 2) + " %" } ?? "-"
    }

    private static func part(_ count: UInt64, of all: UInt64) -> String {
        percent(all == 0 ? nil : Double(count) / Double(all))
    }

    private static func decimal(_ number: Double?) -> String { number.map { Figures.decimal($0, digits: 4) } ?? "-" }
}
