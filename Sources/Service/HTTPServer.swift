import Assay
import AssayCore
import CMicrohttpd
import Glibc
import Synchronization

/// What answers the requests of a server.
protocol Responder: AnyObject, Sendable {
    /// All headers are there; throws what is wrong with them. Called by who drives the server.
    func admit(_ request: HTTPRequest) throws(Problem)

    /// Whether the answer takes longer than who drives the server may be held up.
    func isSlow(_ request: HTTPRequest) -> Bool

    /// The request is whole, and its answer is not slow. Called by who drives the server.
    func answer(_ request: HTTPRequest) -> HTTPReply

    /// The request is whole, and its answer is given later, by `reply`.
    func take(_ request: HTTPRequest)

    /// The answer was sent, or nobody waits for it any more.
    func finished(_ request: HTTPRequest)

    /// An answer is on its way.
    func answered(_ request: HTTPRequest, status: UInt32)
}

/// The server: libmicrohttpd, which one thread at a time makes read and write all connections, and a thread that shuts
/// those that are too slow.
///
/// @unchecked Sendable: the daemon is set once before anyone else has the server, and ended by `stop` alone.
final class HTTPServer: @unchecked Sendable {
    fileprivate let library: UnsafePointer<assay_http>
    fileprivate let responder: any Responder
    let connections: Connections
    private var daemon: OpaquePointer?
    private let driver: HTTPDriver
    private var watcher: WorkerThread?
    private let listening: Int32
    let place: String
    /// Requests whose first line was there and whose answer was not sent yet.
    fileprivate let underWay = Atomic<Int>(0)
    private let draining = Atomic(false)

    /// A request that is refused is read to its end if it is no longer: who still sends may not see an answer.
    fileprivate static let mostDiscarded = 64 << 10
    private static let mostCopied = 64 << 10

    struct TLS {
        /// As PEM.
        let certificate: String
        let key: String
    }

    /// `listening`: a socket that listens, and is the server's from now on.
    init(
        _ library: UnsafePointer<assay_http>, listening: Int32, limits: Connections.Limits, mostConnections: Int,
        tls: TLS?, driver: HTTPDriver, _ responder: any Responder
    ) throws(RunFailure) {
        (self.library, self.responder, self.driver, self.listening) = (library, responder, driver, listening)
        connections = Connections(limits, isEncrypted: tls != nil)
        place = ListenAddress.place(of: listening, isEncrypted: tls != nil)
        var settings = assay_http_settings()
        settings.socket = listening
        settings.mostConnections = UInt32(mostConnections)
        settings.idleSeconds = UInt32(limits.idleSeconds.rounded(.up))
        settings.context = Unmanaged.passUnretained(self).toOpaque()
        settings.began = { context, target, connection in
            guard let target, let connection else { return nil }
            return server(context).begin(String(cString: target), connection)
        }
        settings.received = { context, connection, _, method, _, data, count, place in
            guard let connection, let method, let count, let request = place?.pointee else { return .NO }
            let piece = UnsafeRawBufferPointer(start: data, count: count.pointee)
            count.pointee = 0
            return server(context).receive(of(request), method, piece, connection)
        }
        settings.completed = { context, connection, place, _ in
            guard let connection, let request = place?.pointee else { return }
            place?.pointee = nil
            server(context).complete(Unmanaged<HTTPRequest>.fromOpaque(request).takeRetainedValue(), connection)
        }
        settings.connected = { context, connection, place, event in
            guard let connection, let place else { return }
            server(context).note(connection, place, isOpen: event == .CONNECTION_NOTIFY_STARTED)
        }
        let started: OpaquePointer? =
            if let tls {
                tls.certificate.withCString { certificate in
                    tls.key.withCString { key in
                        (settings.certificate, settings.key) = (certificate, key)
                        return assay_http_start(library, &settings)
                    }
                }
            } else {
                assay_http_start(library, &settings)
            }
        guard let started else {
            close(listening)
            throw RunFailure(
                .usage,
                tls == nil
                    ? "libmicrohttpd cannot listen at \(place)"
                    : "libmicrohttpd cannot listen at \(place); see whether certificate and key are PEM and fit")
        }
        daemon = started
        driver.begin(library, started)
        watcher = connections.watch()
    }

    // MARK: The way of a request

    fileprivate func begin(_ target: String, _ connection: OpaquePointer) -> UnsafeMutableRawPointer {
        underWay.wrappingAdd(1, ordering: .relaxed)
        if let open = open(connection) { connections.enter(.headers, open) }
        let request = HTTPRequest(library, driver, connection, target: target, began: MonotonicClock.seconds)
        return Unmanaged.passRetained(request).toOpaque()
    }

    fileprivate func receive(
        _ request: HTTPRequest, _ method: UnsafePointer<CChar>, _ piece: UnsafeRawBufferPointer,
        _ connection: OpaquePointer
    ) -> MHD_Result {
        guard request.isAdmitted else {
            request.isAdmitted = true
            request.method = String(cString: method)
            do throws(Problem) {
                if draining.load(ordering: .relaxed), request.path != "/healthz", request.path != "/readyz" {
                    throw Problem(
                        503, "the engine is being stopped", headers: [("Retry-After", "1")], closes: true)
                }
                try responder.admit(request)
            } catch {
                request.refusal = error
                if request.length > Self.mostDiscarded { return queue(error.reply, request, connection) }
            }
            // Its length is known, so that it need not move while it grows.
            if request.refusal == nil { request.body.reserveCapacity(request.admittedBytes) }
            if let open = open(connection) { connections.enter(.body, open) }
            return .YES
        }
        if !piece.isEmpty {
            if request.refusal == nil { request.body.append(contentsOf: piece) }
            return .YES
        }
        if let refusal = request.refusal { return queue(refusal.reply, request, connection) }
        if request.isHandedOver {
            // The library asks again in its next turn, by which the answer is often there.
            guard let reply = request.takeAnswer(orSleeps: driver.isPatient) else { return .YES }
            return queue(reply, request, connection)
        }
        guard responder.isSlow(request) else { return queue(responder.answer(request), request, connection) }
        request.isHandedOver = true
        if let open = open(connection) { connections.enter(.working, open) }
        responder.take(request)
        return .YES
    }

    fileprivate func complete(_ request: HTTPRequest, _ connection: OpaquePointer) {
        underWay.wrappingSubtract(1, ordering: .relaxed)
        if let open = open(connection) { connections.enter(.idle, open) }
        request.release?()
        responder.finished(request)
    }

    fileprivate func note(
        _ connection: OpaquePointer, _ place: UnsafeMutablePointer<UnsafeMutableRawPointer?>, isOpen: Bool
    ) {
        if isOpen {
            let open = connections.open(assay_http_descriptor(library, connection))
            place.pointee = Unmanaged.passRetained(open).toOpaque()
        } else if let open = place.pointee {
            place.pointee = nil
            connections.close(Unmanaged<Connections.Connection>.fromOpaque(open).takeRetainedValue())
        }
    }

    private func open(_ connection: OpaquePointer) -> Connections.Connection? {
        assay_http_connection(library, connection).map {
            Unmanaged<Connections.Connection>.fromOpaque($0).takeUnretainedValue()
        }
    }

    // MARK: Answers

    private func queue(_ reply: HTTPReply, _ request: HTTPRequest, _ connection: OpaquePointer) -> MHD_Result {
        guard let response = response(of: reply, request, connection) else { return .NO }
        defer { library.pointee.destroy_response(response) }
        _ = library.pointee.add_response_header(response, "Content-Type", reply.contentType)
        for header in reply.headers { _ = library.pointee.add_response_header(response, header.name, header.value) }
        if reply.closes || draining.load(ordering: .relaxed) {
            _ = library.pointee.add_response_header(response, "Connection", "close")
        }
        responder.answered(request, status: reply.status)
        return library.pointee.queue_response(connection, reply.status, response)
    }

    private func response(
        of reply: HTTPReply, _ request: HTTPRequest, _ connection: OpaquePointer
    ) -> OpaquePointer? {
        let open = open(connection)
        switch reply.body {
        case .bytes(let bytes):
            if let open { connections.enter(.answering, open, bytes: bytes.count) }
            if bytes.count <= Self.mostCopied {
                return bytes.withUnsafeBytes { bytes in
                    library.pointee.create_response_from_buffer(
                        bytes.count, UnsafeMutableRawPointer(mutating: bytes.baseAddress), .RESPMEM_MUST_COPY)
                }
            }
            let content = Unmanaged.passRetained(LongAnswer(bytes)).toOpaque()
            return library.pointee.create_response_from_callback(
                UInt64(bytes.count), Self.mostCopied,
                { content, place, room, count in
                    Unmanaged<LongAnswer>.fromOpaque(content!).takeUnretainedValue()
                        .copy(from: Int(place), into: UnsafeMutableRawBufferPointer(start: room, count: count))
                }, content, { Unmanaged<LongAnswer>.fromOpaque($0!).release() })
        case .events(let stream):
            if let open { connections.enter(.endless, open) }
            let after = request.queryValue("after").map { String(decoding: $0, as: UTF8.self) }
            let last = (request.header("Last-Event-ID") ?? after).flatMap { UInt64($0) }
            let listener = stream.listen(connection, after: last)
            request.release = { stream.leave(listener) }
            let content = Unmanaged.passRetained(listener).toOpaque()
            return library.pointee.create_response_from_callback(
                UInt64.max, Self.mostCopied,
                { content, _, room, count in
                    let listener = Unmanaged<EventStream.Listener>.fromOpaque(content!).takeUnretainedValue()
                    let read = room!.withMemoryRebound(to: UInt8.self, capacity: count) {
                        listener.stream.read(listener, into: UnsafeMutableBufferPointer(start: $0, count: count))
                    }
                    return read ?? HTTPServer.endOfContent
                }, content, { Unmanaged<EventStream.Listener>.fromOpaque($0!).release() })
        }
    }

    /// What the library takes for the end; its constants for that are macros.
    private static let endOfContent = -1

    // MARK: The end

    /// Takes no new connections, refuses what comes on open ones, and waits until everything under way is answered, for
    /// so many seconds at most. Returns whether it was.
    func drain(seconds: Double) -> Bool {
        draining.store(true, ordering: .relaxed)
        if library.pointee.quiesce_daemon(daemon) >= 0 { close(listening) }
        let end = MonotonicClock.seconds + seconds
        while underWay.load(ordering: .relaxed) > 0 {
            connections.shutIdle()
            if MonotonicClock.seconds > end { return false }
            usleep(Self.pauseMicroseconds)
        }
        return true
    }

    private static let pauseMicroseconds: useconds_t = 5000

    /// Ends what is left. Nobody may be asleep, and everything that was handed over is answered.
    func stop() {
        connections.stop()
        watcher.take()?.join()
        driver.stop()
        library.pointee.stop_daemon(daemon)
    }
}

private func server(_ context: UnsafeMutableRawPointer?) -> HTTPServer {
    Unmanaged<HTTPServer>.fromOpaque(context!).takeUnretainedValue()
}

private func of(_ request: UnsafeMutableRawPointer) -> HTTPRequest {
    Unmanaged<HTTPRequest>.fromOpaque(request).takeUnretainedValue()
}

/// The bytes of an answer that go out piece by piece.
private final class LongAnswer {
    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    func copy(from place: Int, into room: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(room.count, bytes.count - place)
        bytes.withUnsafeBytes { room.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[place..<place + count])) }
        return count
    }
}
