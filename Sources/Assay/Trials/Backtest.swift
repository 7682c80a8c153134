import AssayCore
import CivilTime
import Glibc

/// Runs two configurations over the same history.
package struct Backtest: ~Copyable {
    private var new: TrialLane
    private var old: TrialLane
    /// The ids of fraudulent transactions.
    private let frauds: Set<[UInt8]>?
    /// Those that were not met yet.
    private var unmatched: Set<[UInt8]>
    private let zone: TimeZoneRules
    private let from: EventTime?
    private let format: InputFormat
    private let change: (BacktestChange) -> Void
    private var report: BacktestReport
    private var newCurve = RankingCurve()
    private var oldCurve = RankingCurve()

    /// What is compared with.
    package struct Truth {
        package let labels: LabelFile?
        /// From a transaction to a label without a time; nil for the maturity.
        package let delayMilliseconds: Int64?
        /// Earlier transactions are in no figure.
        package let from: EventTime?

        package init(labels: LabelFile?, delayMilliseconds: Int64? = nil, from: EventTime? = nil) {
            (self.labels, self.delayMilliseconds, self.from) = (labels, delayMilliseconds, from)
        }
    }

    /// `change` gets each transaction whose level or decision differs.
    package init(
        new: Configuration.Resolved, old: Configuration.Resolved, format: InputFormat, dialect: CSVDialect,
        _ truth: Truth, change: @escaping (BacktestChange) -> Void
    ) {
        self.new = TrialLane(new, format: format, dialect: dialect)
        self.old = TrialLane(old, format: format, dialect: dialect)
        if let labels = truth.labels {
            self.new.deliver(labels, delayMilliseconds: truth.delayMilliseconds)
            self.old.deliver(labels, delayMilliseconds: truth.delayMilliseconds)
        }
        frauds = truth.labels?.table.frauds
        from = truth.from
        unmatched = frauds ?? []
        zone = new.zone
        self.format = format
        self.change = change
        report = BacktestReport(
            rules: Self.names(new.rules, old.rules).map { BacktestReport.Rule(name: $0) }, hasLabels: frauds != nil,
            isFromBeginning: truth.from == nil)
    }

    /// The rules of the new configuration in order, then those that were removed.
    private static func names(_ new: RuleSet?, _ old: RuleSet?) -> [String] {
        let present = new?.rules.map(\.name) ?? []
        return present + (old?.rules.map(\.name) ?? []).filter { !present.contains($0) }
    }

    package consuming func run(input: Int32) throws(InputError) -> BacktestReport {
        var reader = LineReader(
            descriptor: input, format: format, isDigested: false, start: LineReader.Start())
        while true {
            new.batch.reset()
            old.batch.reset()
            guard try reader.fill(&new.batch.text) == .lines else { break }
            old.batch.text.copy(new.batch.text)
            let (newVerdicts, oldVerdicts) = (new.score(), old.score())
            if let fault = new.headerFault ?? old.headerFault { throw .header(fault) }
            reader.advance(past: new.batch.text, lines: new.batch.decoded.lineCount)
            report.newSide.rejected += UInt64(new.batch.decoded.rejects.count)
            report.oldSide.rejected += UInt64(old.batch.decoded.rejects.count)
            compare(newVerdicts, oldVerdicts)
        }
        report.newSide.frauds = report.frauds
        report.oldSide.frauds = report.frauds
        report.unmatchedLabels = UInt64(unmatched.count)
        (report.newSide.learning, report.oldSide.learning) = (new.learning, old.learning)
        report.labelsToCome = UInt64(max(new.labelsToCome, old.labelsToCome))
        report.newSide.scores = newCurve.histogram(parts: Self.scoreParts)
        report.oldSide.scores = oldCurve.histogram(parts: Self.scoreParts)
        if frauds != nil {
            report.newSide.curve = newCurve.points(of: report.frauds, most: Self.curvePoints)
            report.oldSide.curve = oldCurve.points(of: report.frauds, most: Self.curvePoints)
            report.newSide.averagePrecision = newCurve.averagePrecision(of: report.frauds)
            report.oldSide.averagePrecision = oldCurve.averagePrecision(of: report.frauds)
        }
        return report
    }

    private static let scoreParts = 20
    private static let curvePoints = 500

    /// Both are in order of their lines; a line may be accepted by only one.
    private mutating func compare(_ newVerdicts: [TrialLane.Verdict], _ oldVerdicts: [TrialLane.Verdict]) {
        let numbers = Dictionary(uniqueKeysWithValues: report.rules.enumerated().map { ($1.name, $0) })
        var others = oldVerdicts[...]
        for verdict in newVerdicts {
            while let other = others.first, other.transaction.lineIndex < verdict.transaction.lineIndex {
                count(nil, others.removeFirst(), numbers)
            }
            let isShared = others.first?.transaction.lineIndex == verdict.transaction.lineIndex
            count(verdict, isShared ? others.removeFirst() : nil, numbers)
        }
        for other in others { count(nil, other, numbers) }
    }

    private mutating func count(
        _ new: TrialLane.Verdict?, _ old: TrialLane.Verdict?, _ numbers: [String: Int]
    ) {
        let isFraud = isFraud(new, old)
        if let from, let time = (new ?? old)?.transaction.time, time < from { return }
        report.transactions += 1
        countAlerts(new, old)
        if isFraud { report.frauds += 1 }
        if let new {
            report.newSide.count(new.assessment, isFraud: isFraud)
            newCurve.add(new.assessment.score, isFraud: isFraud)
        }
        if let old {
            report.oldSide.count(old.assessment, isFraud: isFraud)
            oldCurve.add(old.assessment.score, isFraud: isFraud)
        }
        let newRules = Set((new?.fired ?? []).compactMap { numbers[self.new.name($0)] })
        let oldRules = Set((old?.fired ?? []).compactMap { numbers[self.old.name($0)] })
        for (place, rule) in newRules.sorted().enumerated() {
            for other in newRules.sorted().dropFirst(place + 1) {
                report.overlaps[BacktestReport.Pair(rule, other), default: 0] += 1
            }
        }
        for rule in newRules.union(oldRules) {
            report.rules[rule].count(isNew: newRules.contains(rule), isOld: oldRules.contains(rule), isFraud: isFraud)
        }
        guard let new, let old else { return }
        let levelChanged = new.assessment.level != old.assessment.level
        let decisionChanged = new.assessment.decision != old.assessment.decision
        if levelChanged { report.changedLevels += 1 }
        if decisionChanged { report.changedDecisions += 1 }
        if levelChanged || decisionChanged {
            report.changed += 1
            let text = self.new.batch.text.view
            change(
                BacktestChange(
                    transactionID: text.string(new.transaction.id), userID: text.string(new.transaction.userID),
                    old: side(old.assessment, self.old.rules), new: side(new.assessment, self.new.rules),
                    fired: newRules.subtracting(oldRules).sorted().map { report.rules[$0].name },
                    noLongerFired: oldRules.subtracting(newRules).sorted().map { report.rules[$0].name },
                    isFraud: frauds == nil ? nil : isFraud))
        }
    }

    private mutating func countAlerts(_ new: TrialLane.Verdict?, _ old: TrialLane.Verdict?) {
        func isAlert(_ verdict: TrialLane.Verdict?) -> Bool {
            verdict.map { $0.assessment.level >= .high || $0.assessment.decision != .allow } ?? false
        }
        let (isNew, isOld) = (isAlert(new), isAlert(old))
        guard isNew || isOld, let time = (new ?? old)?.transaction.time else { return }
        let second = time.milliseconds / 1000
        let day = (second + zone.offset(at: second).seconds) / 86_400
        report.days[day, default: BacktestReport.Day()].count(isNew: isNew, isOld: isOld)
    }

    private func side(_ assessment: RiskAssessment, _ rules: RuleSet?) -> BacktestChange.Side {
        BacktestChange.Side(
            level: assessment.level, score: assessment.score, decision: assessment.decision,
            decidedBy: assessment.decidedBy == RiskAssessment.byLevel
                ? "level" : rules?.rules[Int(assessment.decidedBy)].name ?? "level")
    }

    private mutating func isFraud(_ new: TrialLane.Verdict?, _ old: TrialLane.Verdict?) -> Bool {
        guard let frauds else { return false }
        let id: [UInt8]
        if let new {
            id = Array(self.new.batch.text.view.bytes(new.transaction.id))
        } else if let old {
            id = Array(self.old.batch.text.view.bytes(old.transaction.id))
        } else {
            return false
        }
        guard frauds.contains(id) else { return false }
        unmatched.remove(id)
        return true
    }
}

/// A transaction that the new configuration judges differently.
package struct BacktestChange {
    package struct Side {
        package let level: RiskLevel
        package let score: Double
        package let decision: Decision
        package let decidedBy: String
    }

    package let transactionID: String
    package let userID: String
    package let old: Side
    package let new: Side
    /// Rules that hold only now, and those that held only before.
    package let fired: [String]
    package let noLongerFired: [String]
    package let isFraud: Bool?
}
