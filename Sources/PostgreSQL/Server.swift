import Arguments
import Assay
import Glibc

/// A server, connected to again whenever the connection is lost. All outputs of one server share it, on the thread that
/// writes.
///
/// @unchecked Sendable: made by the thread that prepares a run, and from then on used by the writing thread alone.
final class Server: @unchecked Sendable {
    /// Without a password.
    let label: String
    let settings: String
    private let interruption: Int32
    /// When waiting ends at the latest, on the monotonic clock.
    private let deadline: Double
    private var connection: Connection?
    /// Attempts that failed.
    private(set) var failures: UInt64 = 0

    private static let firstWaitMilliseconds: Int32 = 50
    private static let longestWaitMilliseconds: Int32 = 5000

    /// `interruption` becomes readable when waiting has to end.
    init(_ settings: String, label: String, interruption: Int32, deadline: Double = .infinity) {
        (self.settings, self.label, self.interruption) = (settings, label, interruption)
        self.deadline = deadline
    }

    enum Failure: Error {
        case fault(DatabaseFault)
        /// A stop was requested while waiting.
        case interrupted
    }

    /// Carries out `body` once with a connection that works. What fails in passing is tried again from the beginning,
    /// after a wait that doubles; the first wait is told.
    func attempt<Result>(_ body: (Connection) throws(DatabaseFault) -> Result) throws(Failure) -> Result {
        var wait = Self.firstWaitMilliseconds
        var isTold = false
        while true {
            do throws(DatabaseFault) {
                let present: Connection
                if let connection { present = connection } else { present = try Connection(settings) }
                connection = present
                let result = try body(present)
                if isTold { Diagnostics.say("PostgreSQL at \(label) is back") }
                return result
            } catch {
                connection = nil
                failures += 1
                guard error.isPassing, MonotonicClock.seconds < deadline else { throw .fault(error) }
                if !isTold { Diagnostics.warning("waiting for PostgreSQL at \(label): \(error.message)") }
                isTold = true
            }
            if isInterrupted(within: wait + Int32.random(in: 0...wait / 4)) { throw .interrupted }
            wait = min(2 * wait, Self.longestWaitMilliseconds)
        }
    }

    private func isInterrupted(within milliseconds: Int32) -> Bool {
        var event = pollfd(fd: interruption, events: Int16(POLLIN), revents: 0)
        return poll(&event, 1, milliseconds) > 0
    }
}
