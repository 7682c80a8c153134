import AssayCore
import Glibc
import StateStore

/// Why rows could not be written.
package struct SinkFault: Error, Equatable, Sendable {
    package enum Reason: Equatable, Sendable {
        /// Nobody reads any more.
        case closed
        case failed(errorNumber: Int32)
        case store(String)
    }

    /// The sink's name for people.
    package let sink: String
    package let reason: Reason

    package init(sink: String, reason: Reason) {
        self.sink = sink
        self.reason = reason
    }

    package var message: String {
        switch reason {
        case .closed: "nobody reads \(sink) any more"
        case .failed(let number): "cannot write \(sink): \(String(cString: strerror(number)))"
        case .store(let description): "cannot write \(sink): \(description)"
        }
    }

    var failure: RunFailure { RunFailure(reason == .closed ? .closed : .inputOutput, message) }
}

/// What a checkpoint has to record of a sink, and what has to happen before it may.
package struct SettledSink: Sendable {
    package var output: CheckpointRecord.Output
    /// A file that has to be synced before the checkpoint is committed.
    package var unsynced: Int32?

    package init(_ output: CheckpointRecord.Output, unsynced: Int32? = nil) {
        self.output = output
        self.unsynced = unsynced
    }
}

/// Where rows go. Used by the writing thread only.
///
/// After a crash the same rows come again from the last checkpoint on, in the same order: a sink counts what it has,
/// and cuts off or skips what comes twice.
package protocol RowSink: AnyObject {
    /// Takes the rows that `fill` appends; `fill` returns their number.
    func write(_ fill: (inout OutputBuffer) -> UInt64) throws(SinkFault)

    /// When something has to be done even if no rows come, on the monotonic clock.
    var due: Double { get }

    /// Whether rows are to be visible as soon as no more are coming; otherwise they wait until they are due.
    var isImmediate: Bool { get }

    /// Makes everything written so far visible.
    func flush() throws(SinkFault)

    /// Settles everything written so far, and returns what a checkpoint needs to resume from here.
    func settle(isLast: Bool) throws(SinkFault) -> SettledSink

    /// The checkpoint of everything settled last is durable.
    func release() throws(SinkFault)

    /// How it gets on, for people.
    var condition: SinkCondition { get }
}

extension RowSink {
    package var condition: SinkCondition { SinkCondition() }
}

/// How an output gets on with its server.
package struct SinkCondition: Equatable, Sendable {
    /// Rows that it holds and that are not confirmed yet.
    package var waiting = 0
    /// Attempts that failed and were made again.
    package var failures: UInt64 = 0

    package init(waiting: Int = 0, failures: UInt64 = 0) {
        (self.waiting, self.failures) = (waiting, failures)
    }
}
