import AssayCore
import Glibc
import StateStore

/// Explains a past transaction as of just before it: replays its input from the nearest checkpoint that was kept.
package struct Replay {
    /// What is known of the past: the state, or a snapshot of it.
    package struct Point {
        /// For people.
        package let name: String
        let view: StateView

        package init(name: String, view: StateView) {
            (self.name, self.view) = (name, view)
        }
    }

    /// The answer, and as of when it is.
    package struct Finding: Sendable {
        package let explanation: Explanation
        /// Of the transaction in the input.
        package let line: UInt64
        /// Where the replay began; nil for the start of the input, with nothing known before.
        package let point: String?
        package let checkpoint: Int64?
        /// Transactions that were replayed.
        package let replayed: UInt64
        /// Transactions accepted before this one.
        package let sequence: UInt64
        package let settings: ScoringSettings
    }

    package enum Problem: Error {
        case notThere
        case failed(RunFailure)
        case configuration(ConfigurationError)
    }

    private let input: FileInput
    private let points: [Point]
    private let configuration: Configuration?
    private let labels: LabelFile?

    /// The state in a folder and its snapshots. One that cannot be read is passed over, and named: another one, or the
    /// start, serves as well.
    package static func points(in folder: String) -> (points: [Point], problems: [String]) {
        let snapshots = SnapshotFiles.ids(in: "\(folder)/snapshots").map { id in
            (name: "snapshot \(id)", path: "\(folder)/snapshots/\(id).db")
        }
        var points: [Point] = []
        var problems: [String] = []
        for (name, path) in snapshots + [("the last checkpoint", "\(folder)/state.db")]
        where access(path, F_OK) == 0 {
            do throws(StoreError) {
                let view = try StateView(path: path)
                if try view.functionNames().contains(StoredFunction.scoring.name) {
                    points.append(Point(name: name, view: view))
                }
            } catch {
                problems.append("'\(path)' cannot be read, \(error.description)")
            }
        }
        return (points, problems)
    }

    /// `configuration`: in place of the one that the checkpoint recorded.
    package init(_ input: FileInput, from points: [Point], configuration: Configuration?, labels: LabelFile? = nil) {
        (self.input, self.points, self.configuration) = (input, points, configuration)
        self.labels = labels
    }

    package func explain(_ id: String) throws(Problem) -> Finding {
        let last = points.compactMap(\.view.checkpoint).max { $0.id < $1.id }
        let line = try line(of: Array(id.utf8), try resolved(last))
        let (point, found) = try start(before: line)
        let resolved = try resolved(point?.view.checkpoint ?? last)
        do throws(RunFailure) {
            return try replay(to: line, found, point, resolved)
        } catch {
            throw .failed(error)
        }
    }

    private func resolved(_ record: CheckpointRecord?) throws(Problem) -> Configuration.Resolved {
        do throws(ConfigurationError) {
            if let configuration { return try configuration.resolve(path: "the configuration") }
            let recorded = try Configuration.recorded(record?.configuration ?? "")
            return try recorded.resolve(path: "the checkpoint's configuration")
        } catch {
            throw .configuration(error)
        }
    }

    // MARK: Finding

    private static var reading: SourceReading {
        SourceReading(
            interruption: -1, isSaved: false, lingerSeconds: 0, leavesUnfinished: false, end: .max, willWait: {})
    }

    private func find(_ recorded: CheckpointRecord.Input?) throws(RunFailure) -> any FoundSource {
        try input.find(recorded, SourceOpening())
    }

    /// The number of the line that the first transaction of this id is on.
    private func line(of id: [UInt8], _ resolved: Configuration.Resolved) throws(Problem) -> UInt64 {
        do throws(RunFailure) {
            var line: UInt64?
            try forEachBatch(of: find(nil), resolved) { batch in
                let text = batch.text.view
                let found = batch.decoded.transactions.first { text.bytes($0.id).elementsEqual(id) }
                line = found.map { batch.text.firstLine + UInt64($0.lineIndex) }
                return line == nil
            }
            if let line { return line }
        } catch {
            throw .failed(error)
        }
        throw .notThere
    }

    /// The nearest checkpoint of this input that is not after a line.
    private func start(before line: UInt64) throws(Problem) -> (point: Point?, found: any FoundSource) {
        let kept = points.filter { point in
            guard let record = point.view.checkpoint, record.inputs.count == 1 else { return false }
            return record.inputs[0].line < line
        }
        let nearest = kept.sorted {
            ($0.view.checkpoint?.inputs[0].line ?? 0) > ($1.view.checkpoint?.inputs[0].line ?? 0)
        }
        do throws(RunFailure) {
            for point in nearest {
                guard let recorded = point.view.checkpoint?.inputs[0] else { continue }
                do throws(RunFailure) {
                    let found = try find(recorded)
                    if found.finding == .same { return (point, found) }
                } catch {
                    // The input has changed since, or is read differently: an earlier checkpoint may still fit.
                    if error.kind != .badData, error.kind != .usage { throw error }
                }
            }
            return (nil, try find(nil))
        } catch {
            throw .failed(error)
        }
    }

    // MARK: Replaying

    private func replay(
        to line: UInt64, _ found: any FoundSource, _ point: Point?, _ resolved: Configuration.Resolved
    ) throws(RunFailure) -> Finding {
        var stage = ScoringStage(settings: resolved.scoring, zone: resolved.zone, fields: resolved.fields)
        stage.install(resolved.rules)
        if let labels, resolved.scoring.learning.isEnabled { stage.deliver(labels.scheduled()) }
        do throws(StoreError) {
            if let point, let record = point.view.checkpoint { try stage.load(record.stage, from: point.view) }
        } catch {
            throw RunFailure(error, folder: point?.name ?? "")
        }
        let before = stage.sequence
        var explanation: Explanation?
        var fault: StoreError?
        try forEachBatch(of: found, resolved) { batch in
            let last = batch.decoded.transactions.first { batch.text.firstLine + UInt64($0.lineIndex) == line }
            if let last {
                batch.decoded.transactions.removeAll { $0.lineIndex >= last.lineIndex }
                batch.decoded.labels.removeAll { $0.lineIndex > last.lineIndex }
            }
            do throws(StoreError) {
                try stage.score(batch)
                guard let last else { return true }
                let explainer = Explainer(
                    settings: resolved.scoring, zone: resolved.zone, fields: resolved.fields, rules: resolved.rules,
                    stage: stage.record, model: { [model = stage.model] () throws(StoreError) in model })
                let user = Array(batch.text.view.bytes(last.userID))
                explanation = try explainer.explain(last, batch, try stage.state(of: user))
            } catch {
                fault = error
            }
            return false
        }
        if let fault { throw RunFailure(fault, folder: point?.name ?? "") }
        guard let explanation else {
            throw RunFailure(.badData, "the input has changed while it was read")
        }
        return Finding(
            explanation: explanation, line: line, point: point?.name, checkpoint: point?.view.checkpoint?.id,
            replayed: stage.sequence - before, sequence: stage.sequence, settings: resolved.scoring)
    }

    /// Reads and decodes an input, until `body` returns false.
    private func forEachBatch(
        of found: any FoundSource, _ resolved: Configuration.Resolved, _ body: (TransactionBatch) -> Bool
    ) throws(RunFailure) {
        let source = found.open(Self.reading)
        var decoder = TransactionDecoder(
            format: input.format, fields: resolved.fields, zone: resolved.zone, dialect: input.dialect,
            takesLabels: resolved.scoring.learning.isEnabled)
        decoder.resume(csvHeader: found.csvHeader)
        let batch = TransactionBatch()
        while true {
            batch.reset()
            guard try source.fill(&batch.text, upTo: .max) == .lines else { return }
            decoder.decode(&batch.text, into: &batch.decoded)
            if let fault = decoder.headerFault { throw RunFailure(.badData, "'\(input.path)': \(fault)") }
            let (lines, header) = (batch.lineCount, decoder.csvHeader)
            let goesOn = body(batch)
            _ = source.advance(past: batch.text, lines: lines, csvHeader: header)
            if !goesOn { return }
        }
    }
}
