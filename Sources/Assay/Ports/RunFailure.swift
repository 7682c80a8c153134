import AssayCore
import Glibc

/// Why a run cannot begin, or had to end.
package struct RunFailure: Error, Equatable {
    package enum Kind: Equatable, Sendable {
        case usage
        /// The state or the replayed input has changed, or a bad line came where none is allowed.
        case badData
        case noInput
        case cannotCreate
        case inputOutput
        case inUse
        /// Nobody reads the output any more.
        case closed
        /// A stop was requested before the run began.
        case stopped
    }
    package let kind: Kind
    /// One line for people that says what to do next.
    package let message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// Adds the system's text for an error number.
    package init(_ kind: Kind, _ message: String, errorNumber: Int32) {
        self.init(kind, "\(message): \(String(cString: strerror(errorNumber)))")
    }

    /// Describes a fault of the store in a folder to the person who started the run.
    package init(_ error: StoreError, folder: String) {
        switch error.kind {
        case .damaged:
            self.init(
                .badData,
                "the state in '\(folder)' is damaged, \(error.description); restore a snapshot with 'assayctl restore' "
                    + "from '\(folder)/snapshots', or start over with --fresh")
        case .newerFormat:
            self.init(.badData, "\(error.message); use a newer assay, or another folder with --state")
        case .inUse(let pid):
            let owner = pid.map { "process \($0)" } ?? "another process"
            self.init(
                .inUse, "the state in '\(folder)' is in use by \(owner); wait for it, or name another with --state")
        case .inputOutput, .cannotOpen:
            self.init(.inputOutput, "the state in '\(folder)' cannot be used, \(error.description)")
        }
    }
}
