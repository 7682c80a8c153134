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
    private let isEncrypted: Bool
    private let state = Locked(State())

    private static let microsecondsBetweenLooks: useconds_t = 200_000

    init(_ limits: Limits, isEncrypted: Bool) {
        (self.limits, self.isEncrypted) = (limits, isEncrypted)
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

    /// Nobody else writes to a connection whose request is not whole, so that this thread can say why it ends. An
    /// encrypted one ends without a word.
    private func tellTooSlow(_ connection: Connection) {
        guard !isEncrypted, [.new, .headers, .body].contains(connection.phase) else { return }
        _ = Self.tooSlow.withUnsafeBytes {
            send(connection.descriptor, $0.baseAddress, $0.count, Self.withoutWaiting)
        }
    }

    private static let withoutWaiting = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)

    private static let tooSlow: [UInt8] = {
        let reply = Problem(408, "the request takes too long to come").reply
        guard case .bytes(let body) = reply.body else { preconditionFailure("a problem is bytes") }
        let head =
            "HTTP/1.1 408 Request Timeout\r\nContent-Type: \(reply.contentType)\r\nConnection: close\r\n"
            + "Content-Length: \(body.count)\r\n\r\n"
        return Array(head.utf8) + body
    }()

    private func shutSlow(at now: Double) {
        state.withLock { state in
            for connection in state.all.values where connection.end < now {
                tellTooSlow(connection)
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
