import Assay
import Glibc
import Synchronization

/// The open connections, and how long each may take for what it is at. libmicrohttpd knows only how long a connection
/// was silent, so that somebody who sends a byte now and then would keep one for ever: a thread looks for those who are
/// too slow, and shuts them.
final class Connections: Sendable {
    /// What a connection is at.
    enum Phase: UInt8 {
        /// Just connected: the first headers have to come.
        case new
        /// Between two requests.
        case idle
        case headers, body
        /// The engine has the request.
        case working
        case answering
        /// Events, which have no end.
        case endless
    }

    /// Times in seconds.
    struct Limits: Sendable {
        var headerSeconds = 10.0
        var bodySeconds = 30.0
        var idleSeconds = 60.0
        var answerSeconds = 60.0
        /// A long answer may take longer: a second for so many bytes.
        var answerBytesPerSecond = 100_000.0
    }

    /// One connection. Its own thread writes it, the one that looks reads it.
    final class Connection: Sendable {
        fileprivate let descriptor: Int32
        /// The phase, and behind it the millisecond in which it has to be over.
        private let state: Atomic<UInt64>

        fileprivate init(_ descriptor: Int32, until end: Double) {
            self.descriptor = descriptor
            state = Atomic(Self.packed(.new, end))
        }

        private static func packed(_ phase: Phase, _ end: Double) -> UInt64 {
            UInt64(phase.rawValue) | UInt64(min(end, 1e9) * 1000) << 8
        }

        func enter(_ phase: Phase, until end: Double) { state.store(Self.packed(phase, end), ordering: .relaxed) }

        var phase: Phase {
            Phase(rawValue: UInt8(truncatingIfNeeded: state.load(ordering: .relaxed))) ?? .new
        }

        fileprivate var end: Double { Double(state.load(ordering: .relaxed) >> 8) / 1000 }
    }

    private struct State {
        var all: [ObjectIdentifier: Connection] = [:]
        var shut = 0
        var isOver = false
    }

    let limits: Limits
    private let state = Mutex(State())

    private static let microsecondsBetweenLooks: useconds_t = 200_000

    init(_ limits: Limits) {
        self.limits = limits
    }

    func open(_ descriptor: Int32) -> Connection {
        let connection = Connection(descriptor, until: MonotonicClock.seconds + limits.headerSeconds)
        state.withLock { $0.all[ObjectIdentifier(connection)] = connection }
        return connection
    }

    /// Called before its descriptor is closed, so that nobody else's is shut.
    func close(_ connection: Connection) { state.withLock { $0.all[ObjectIdentifier(connection)] = nil } }

    var count: Int { state.withLock { $0.all.count } }
    var shutCount: Int { state.withLock { $0.shut } }

    func enter(_ phase: Phase, _ connection: Connection, bytes: Int = 0) {
        let now = MonotonicClock.seconds
        switch phase {
        case .new, .headers: connection.enter(phase, until: now + limits.headerSeconds)
        case .idle: connection.enter(phase, until: now + limits.idleSeconds)
        case .body: connection.enter(phase, until: now + limits.bodySeconds)
        case .answering:
            connection.enter(
                phase, until: now + limits.answerSeconds + Double(bytes) / limits.answerBytesPerSecond)
        case .working, .endless: connection.enter(phase, until: .infinity)
        }
    }

    /// Shuts what is too slow, until `stop`.
    func watch() -> WorkerThread {
        WorkerThread { [self] in
            while !state.withLock({ $0.isOver }) {
                usleep(Self.microsecondsBetweenLooks)
                shutSlow(at: MonotonicClock.seconds)
            }
        }
    }

    private func shutSlow(at now: Double) {
        state.withLock { state in
            for connection in state.all.values where connection.end < now {
                shutdown(connection.descriptor, Int32(SHUT_RDWR))
                state.shut += 1
                connection.enter(.working, until: .infinity)
            }
        }
    }

    /// Shuts those that wait for a request of their client.
    func shutIdle() {
        state.withLock { state in
            for connection in state.all.values where [.idle, .new, .endless].contains(connection.phase) {
                shutdown(connection.descriptor, Int32(SHUT_RDWR))
            }
        }
    }

    func stop() { state.withLock { $0.isOver = true } }
}
