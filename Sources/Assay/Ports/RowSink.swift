import AssayCore
import Glibc
import StateStore

/// Why rows could not be put where they go.
package struct SinkFault: Error, Equatable, Sendable {
    package enum Reason: Equatable, Sendable {
        /// Nobody reads any more.
        case closed
        case failed(errorNumber: Int32)
        case store(String)
    }

    /// For people.
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

/// What a checkpoint has to know of a sink, and what has to be done before it may say so.
package struct SettledSink: Sendable {
    package var output: CheckpointRecord.Output
    /// A file that has to be synced before the checkpoint is committed.
    package var unsynced: Int32?

    package init(_ output: CheckpointRecord.Output, unsynced: Int32? = nil) {
        self.output = output
        self.unsynced = unsynced
    }
}

/// Where rows go. It belongs to the thread that writes.
///
/// After a crash the same rows come again from the last checkpoint on, in the same order: a sink counts what it has,
/// and cuts off or skips what came twice.
package protocol RowSink: AnyObject {
    /// Takes the rows that `fill` appends; it returns how many they are.
    func write(_ fill: (inout OutputBuffer) -> UInt64) throws(SinkFault)

    /// When something is to be done although no rows came, of the monotonic clock.
    var due: Double { get }

    /// Rows are to be seen as soon as no more are coming; others wait until they are due.
    var isImmediate: Bool { get }

    /// Holds nothing back: what was written can be seen.
    func flush() throws(SinkFault)

    /// Brings everything written so far on its way, and says what a checkpoint has to know to go on from here.
    func settle(isLast: Bool) throws(SinkFault) -> SettledSink

    /// The checkpoint that everything settled last belongs to is durable.
    func release() throws(SinkFault)
}
