import Assay
import CMicrohttpd

/// Events for whoever listens: the last ones are kept, so that who comes back after a break gets what was missed.
///
/// A listener that reads too slowly loses the oldest and holds nobody up.
///
/// @unchecked Sendable: the library is loaded once and stays, and everything else guards itself.
final class EventStream: @unchecked Sendable {
    private struct Event {
        let number: UInt64
        let bytes: [UInt8]
    }

    private struct State {
        var events: [Event] = []
        /// The index of the oldest event that is kept.
        var first = 0
        var next: UInt64 = 1
        var listeners: [ObjectIdentifier: Listener] = [:]
        var isOver = false
    }

    private let library: UnsafePointer<assay_http>
    private let driver: HTTPDriver
    private let state = Locked(State())

    static let mostKept = 1024
    static let mostListeners = 64

    /// @unchecked Sendable: its members are used while the stream's lock is held.
    final class Listener: @unchecked Sendable {
        fileprivate let connection: OpaquePointer
        let stream: EventStream
        fileprivate var next: UInt64
        /// What is left of an event that did not fit.
        fileprivate var rest: ArraySlice<UInt8> = []
        fileprivate var isAsleep = false

        fileprivate init(_ connection: OpaquePointer, _ stream: EventStream, next: UInt64) {
            (self.connection, self.stream, self.next) = (connection, stream, next)
        }
    }

    init(_ library: UnsafePointer<assay_http>, _ driver: HTTPDriver) {
        (self.library, self.driver) = (library, driver)
    }

    /// Adds an event, and wakes those who wait for one.
    func send(_ kind: String, _ data: String) {
        state.withLock { state in
            if state.isOver { return }
            let text = "id: \(state.next)\nevent: \(kind)\ndata: \(data)\n\n"
            state.events.append(Event(number: state.next, bytes: Array(text.utf8)))
            state.next += 1
            state.first = max(state.first, state.events.count - Self.mostKept)
            if state.first > Self.mostKept {
                state.events.removeFirst(state.first)
                state.first = 0
            }
            wake(&state)
        }
    }

    private func wake(_ state: inout State) {
        for listener in state.listeners.values where listener.isAsleep {
            listener.isAsleep = false
            library.pointee.resume_connection(listener.connection)
            driver.noteWoken()
        }
    }

    var hasRoom: Bool { state.withLock { $0.listeners.count < Self.mostListeners } }

    /// Whether anyone would see an event.
    var isHeard: Bool { state.withLock { !$0.listeners.isEmpty } }

    /// `last`: the number of the last event that the listener had.
    func listen(_ connection: OpaquePointer, after last: UInt64?) -> Listener {
        state.withLock { state in
            let listener = Listener(connection, self, next: last.map { min($0, state.next - 1) + 1 } ?? state.next)
            state.listeners[ObjectIdentifier(listener)] = listener
            return listener
        }
    }

    func leave(_ listener: Listener) {
        state.withLock { $0.listeners[ObjectIdentifier(listener)] = nil }
    }

    /// Copies what comes next; puts the connection to sleep where there is nothing. Nil after the end. Called by
    /// who drives the server.
    func read(_ listener: Listener, into room: UnsafeMutableBufferPointer<UInt8>) -> Int? {
        state.withLock { state in
            var count = 0
            while count < room.count {
                if listener.rest.isEmpty {
                    guard let event = Self.event(listener.next, state) else { break }
                    listener.next = event.number + 1
                    listener.rest = event.bytes[...]
                }
                let part = listener.rest.prefix(room.count - count)
                for byte in part {
                    room[count] = byte
                    count += 1
                }
                listener.rest = listener.rest.dropFirst(part.count)
            }
            if count > 0 { return count }
            if state.isOver { return nil }
            listener.isAsleep = true
            library.pointee.suspend_connection(listener.connection)
            return 0
        }
    }

    /// The event of a number, or the first one after it that is kept.
    private static func event(_ number: UInt64, _ state: State) -> Event? {
        guard state.first < state.events.count else { return nil }
        let oldest = state.events[state.first].number
        let index = state.first + Int(max(number, oldest) - oldest)
        return index < state.events.count ? state.events[index] : nil
    }

    /// There is nothing more: listeners are let go.
    func end() {
        state.withLock { state in
            state.isOver = true
            wake(&state)
        }
    }
}
