import AssayCore
import CEL
import Glibc

/// The figures of the run itself that alerts can be about.
package enum EngineFigure: String, CaseIterable, Sendable {
    case latencyP99 = "latency_p99_ms"
    case rate = "transactions_per_second"
    case rejectShare = "reject_share"
    case memoryShare = "memory_share"
    case residentBytes = "resident_bytes"
    case transactions = "transactions_total"
    case rejected = "rejected_total"
    case checkpoints = "checkpoints_total"
    case checkpointFailures = "checkpoint_failures_total"
    case checkpointAge = "checkpoint_age_seconds"
    case eventTimeLag = "event_time_lag_seconds"
    case inputLag = "input_lag"
    case sinkFailures = "sink_failures_total"
    case sinkWaiting = "sink_waiting_rows"
    case users
    case stateBytes = "state_bytes"
    case unsavedBytes = "unsaved_bytes"
    case alertsWaiting = "alerts_waiting"
    case alertsFailed = "alerts_failed_total"

    package var help: String {
        switch self {
        case .latencyP99: "of lines between two looks: from reading one to writing what came of it"
        case .rate: "transactions or events taken between two looks"
        case .rejectShare: "of the lines between two looks; unknown where none came"
        case .memoryShare: "of --memory, or else of the machine's"
        case .residentBytes: "memory of the process"
        case .transactions: "taken by this process"
        case .rejected: "lines rejected by this process"
        case .checkpoints: "made by this process"
        case .checkpointFailures: "that this process could not make"
        case .checkpointAge: "since the last one was made"
        case .eventTimeLag: "the time of day less the greatest event time"
        case .inputLag: "lines that wait to be read, where that is known"
        case .sinkFailures: "attempts of outputs that failed"
        case .sinkWaiting: "rows that servers have not confirmed yet"
        case .users: "users, or keys of a pipeline, that are remembered"
        case .stateBytes: "memory of the states"
        case .unsavedBytes: "changes that are in no checkpoint yet"
        case .alertsWaiting: "deliveries that wait"
        case .alertsFailed: "deliveries that failed"
        }
    }
}

/// The figures of one look.
package struct EngineFigures: Sendable {
    package var values: [EngineFigure: Double] = [:]

    package init() {}
}

/// Takes the figures now and then. What is a rate is that since the look before.
struct EngineWatch {
    private let metrics: RunMetrics
    private let memoryBytes: Int
    private var last: (time: Double, transactions: Double, rejected: Double, latency: Histogram)?

    /// `memoryBytes`: the limit of the process; `Int.max` where it has none.
    init(_ metrics: RunMetrics, memoryBytes: Int) {
        self.metrics = metrics
        let pages = Int(sysconf(Int32(_SC_PHYS_PAGES))) * Int(sysconf(Int32(_SC_PAGESIZE)))
        self.memoryBytes = memoryBytes == .max ? pages : memoryBytes
    }

    /// `time`: of the monotonic clock; `now`: the time of day, in milliseconds.
    mutating func look(_ time: Double, now: Int64) -> EngineFigures {
        let snapshot = metrics.snapshot
        var figures = EngineFigures()
        figures.values[.alertsWaiting] = Double(metrics.alerts.waiting)
        figures.values[.alertsFailed] = Double(metrics.alerts.total(.failed))
        figures.values[.sinkFailures] = snapshot.sinks.reduce(0) { $0 + Double($1.condition.failures) }
        figures.values[.sinkWaiting] = snapshot.sinks.reduce(0) { $0 + Double($1.condition.waiting) }
        if let resident = ProcessMetrics.residentBytes {
            figures.values[.residentBytes] = resident
            figures.values[.memoryShare] = resident / Double(max(1, memoryBytes))
        }
        guard let owner = snapshot.owner else { return figures }
        let counts = RunCounts(RunMetrics.done(owner.record, since: snapshot.earlier))
        let (transactions, rejected) = (Double(counts.accepted), Double(counts.rejected))
        figures.values[.transactions] = transactions
        figures.values[.rejected] = rejected
        figures.values[.users] = Double(owner.keys)
        figures.values[.stateBytes] = Double(owner.memoryBytes)
        figures.values[.unsavedBytes] = Double(owner.unsavedBytes)
        figures.values[.checkpoints] = Double(owner.checkpoints)
        figures.values[.checkpointFailures] = Double(snapshot.formerFailures + owner.checkpointFailures)
        if let checkpoint = owner.last { figures.values[.checkpointAge] = Double(now - checkpoint.takenAt) / 1000 }
        if owner.record.eventTime != 0 {
            figures.values[.eventTimeLag] = Double(now - owner.record.eventTime) / 1000
        }
        if let lag = owner.lag { figures.values[.inputLag] = Double(lag) }
        if let last, time > last.time {
            let (more, bad) = (transactions - last.transactions, rejected - last.rejected)
            figures.values[.rate] = more / (time - last.time)
            if more + bad > 0 { figures.values[.rejectShare] = bad / (more + bad) }
            if let seconds = snapshot.latency.since(last.latency).quantile(0.99) {
                figures.values[.latencyP99] = seconds * 1000
            }
        }
        last = (time, transactions, rejected, snapshot.latency)
        return figures
    }
}

/// The figures as expressions see them.
final class EngineHost: Host {
    var figures = EngineFigures()

    static var names: StreamEnvironment {
        var names = StreamEnvironment(lists: [])
        for (slot, figure) in EngineFigure.allCases.enumerated() {
            names.declare(figure.rawValue, .double, slot: slot)
        }
        return names
    }

    func double(_ slot: Int) throws(EvaluationError) -> Double {
        let figure = EngineFigure.allCases[slot]
        guard let value = figures.values[figure] else {
            throw EvaluationError(.noSuchKey, "'\(figure.rawValue)' is not known yet")
        }
        return value
    }

    func value(_ slot: Int) throws(EvaluationError) -> Value { .double(try double(slot)) }

    func text(_ slot: Int) throws(EvaluationError) -> UnsafeBufferPointer<UInt8> {
        preconditionFailure("all figures are doubles")
    }
}
