import Arguments
import Assay
import AssayCore
import CMicrohttpd
import Synchronization

/// Answers over HTTP for a run.
///
/// @unchecked Sendable: everything is set before it listens, and guards itself.
package final class Listener: @unchecked Sendable {
    package struct Options: Sendable {
        package var address: ListenAddress
        package var mostConnections = 1024
        package var headerSeconds = 10.0
        package var bodySeconds = 30.0
        package var idleSeconds = 60.0

        package init(_ address: ListenAddress) {
            self.address = address
        }
    }

    private let pages: RunPages
    private let router: Router
    private let routes: [Route]
    private let events: EventStream
    private let traffic = Traffic()
    /// What waits for the thread that looks things up.
    private let waiting = Mailbox<HTTPRequest>()
    private let waitingCount = Atomic<Int>(0)
    private var server: HTTPServer?
    private var worker: WorkerThread?

    /// Looking things up takes a few milliseconds each.
    private static let mostWaiting = 256
    private static let longestBody = 64 << 20

    /// Begins to listen.
    package init(_ options: Options, _ pages: RunPages) throws(RunFailure) {
        self.pages = pages
        let library = try Library.load()
        routes = Route.ofRuns
        router = Router(routes)
        events = EventStream(library)
        let listening = try options.address.listen()
        var limits = Connections.Limits()
        (limits.headerSeconds, limits.bodySeconds) = (options.headerSeconds, options.bodySeconds)
        limits.idleSeconds = options.idleSeconds
        server = try HTTPServer(
            library, listening: listening, limits: limits, mostConnections: options.mostConnections, tls: nil, self)
        worker = WorkerThread { [self] in lookUp() }
    }

    package var place: String { server?.place ?? "" }

    /// Answers what is under way, and ends.
    package func stop(drainSeconds: Double = 1) {
        events.end()
        _ = server?.drain(seconds: drainSeconds)
        waiting.close()
        worker.take()?.join()
        server?.stop()
    }

    // MARK: Looking up

    private static let secondsBetweenCounts = 1.0

    private func lookUp() {
        var nextCounts = MonotonicClock.seconds + Self.secondsBetweenCounts
        while !waiting.isClosed {
            if let request = waiting.receive(until: nextCounts) {
                waitingCount.wrappingSubtract(1, ordering: .relaxed)
                request.reply(look(request))
            }
            guard MonotonicClock.seconds >= nextCounts else { continue }
            nextCounts = MonotonicClock.seconds + Self.secondsBetweenCounts
            if events.isHeard { events.send("counts", pages.metrics.counts(at: WallClock.milliseconds).text) }
        }
        // What came in between is answered: nobody may be left asleep.
        for request in waiting.drain() {
            request.reply(Problem(503, "the engine is being stopped", closes: true).reply)
        }
    }

    private func look(_ request: HTTPRequest) -> HTTPReply {
        do throws(Problem) {
            switch request.route?.endpoint {
            case .metrics:
                let text = pages.metricsText { page in
                    traffic.write(into: &page)
                    page.write(.connections, Double(server?.connections.count ?? 0))
                    page.write(.shutConnections, Double(server?.connections.shutCount ?? 0))
                }
                return HTTPReply(Array(text.utf8), contentType: MetricsPage.contentType)
            case .status: return HTTPReply(try pages.status())
            default: throw Problem(404, "nothing is there")
            }
        } catch {
            return error.reply
        }
    }
}

extension Listener: Responder {
    func admit(_ request: HTTPRequest) throws(Problem) {
        switch router.find(request.method, request.path) {
        case .notFound: throw Problem(404, "there is no such path")
        case .malformed: throw Problem(400, "the path has a '%' that two hexadecimal digits don't follow")
        case .otherMethod(let allowed):
            throw Problem(
                405, "this path has other methods", headers: [("Allow", allowed.joined(separator: ", "))])
        case .found(let route, let parameter): (request.route, request.parameter) = (route, parameter)
        }
        if let text = request.header("Content-Length") {
            guard let length = Int(text), length <= Self.longestBody else {
                request.length = .max
                throw Problem(413, "a body has at most \(Self.longestBody) bytes", closes: true)
            }
            request.length = length
        } else if request.header("Transfer-Encoding") != nil {
            request.length = .max
            throw Problem(411, "a body needs its Content-Length", closes: true)
        }
    }

    func isSlow(_ request: HTTPRequest) -> Bool {
        switch request.route?.endpoint {
        case .metrics, .status: true
        default: false
        }
    }

    func answer(_ request: HTTPRequest) -> HTTPReply {
        switch request.route?.endpoint {
        case .health: return HTTPReply(Array("alive\n".utf8), contentType: "text/plain")
        case .readiness:
            let isReady = pages.metrics.isReady
            var reply = HTTPReply(Array((isReady ? "ready\n" : "not ready\n").utf8), contentType: "text/plain")
            if !isReady { (reply.status, reply.headers) = (503, [("Retry-After", "1")]) }
            return reply
        case .description: return HTTPReply(OpenAPI(routes, version: pages.version).document)
        case .events:
            guard events.hasRoom else { return Problem.later(503, "too many listen already").reply }
            return HTTPReply(events)
        default: return Problem(404, "nothing is there").reply
        }
    }

    func take(_ request: HTTPRequest) {
        if waitingCount.wrappingAdd(1, ordering: .relaxed).newValue > Self.mostWaiting {
            waitingCount.wrappingSubtract(1, ordering: .relaxed)
            return request.reply(Problem.later(503, "too many requests wait already").reply)
        }
        waiting.send(request)
    }

    func answered(_ request: HTTPRequest, status: UInt32) {
        traffic.note(request.route?.name ?? "none", status, seconds: MonotonicClock.seconds - request.began)
    }
}

/// How many requests were answered, and how fast.
final class Traffic: Sendable {
    private struct Route {
        var codes: [UInt32: UInt64] = [:]
        var seconds = Histogram()
    }

    private let routes = Mutex<[String: Route]>([:])

    func note(_ route: String, _ status: UInt32, seconds: Double) {
        routes.withLock { routes in
            routes[route, default: Route()].codes[status, default: 0] += 1
            routes[route]?.seconds.note(seconds)
        }
    }

    func write(into page: inout MetricsPage) {
        let routes = routes.withLock { $0 }.sorted { $0.key < $1.key }
        page.write(
            .requests,
            routes.flatMap { name, route in
                route.codes.sorted { $0.key < $1.key }.map { ([name, "\($0.key)"], Double($0.value)) }
            })
        page.write(.requestSeconds, routes.map { ([$0.key], $0.value.seconds) })
    }
}
