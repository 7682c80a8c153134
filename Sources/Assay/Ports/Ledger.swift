import AssayCore
import StateStore

/// What a run writes down of what it takes, so that a run that resumes takes the same again. Used by the writing thread
/// only: nothing of a batch becomes visible before its place in the ledger is as durable as the ledger promises.
package protocol Ledger: AnyObject {
    /// Takes what was accepted of a batch.
    func append(_ batch: LineBatch)

    /// Makes everything that was appended durable.
    func sync() throws(SinkFault)

    /// Makes everything durable whatever is promised, and returns what a checkpoint needs to resume from here.
    func settle() throws(SinkFault) -> CheckpointRecord.Output

    /// The checkpoint of everything settled last is durable.
    func release()
}

/// A ledger that a run was asked for.
package protocol LedgerDefinition: Sendable {
    /// Opens it, with what the last checkpoint records of it.
    func open(_ recorded: CheckpointRecord.Output?) throws(RunFailure) -> any Ledger

    /// Its name in checkpoints.
    var name: String { get }
}

/// A sink that answers whoever sent the lines: it sees each batch before it gets the rows of it.
package protocol AnsweringSink: RowSink {
    func begin(_ batch: LineBatch)
}
