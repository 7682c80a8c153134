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
        /// Nil lets everybody in.
        package var tokens: Tokens?
        /// As PEM; nil without TLS.
        package var certificate: String?
        package var key: String?

        package init(_ address: ListenAddress) {
            self.address = address
        }
    }

    private let pages: RunPages
    private let router: Router
    private let routes: [Route]
    private let events: EventStream
    private let traffic = Traffic()
    private let scoring: ScoringService?
    /// Bytes of bodies that were let in and are not done with.
    private let bodies = Atomic<Int>(0)
    private let isEnding = Atomic(false)
    /// What waits for the thread that looks things up.
    private let waiting = Mailbox<HTTPRequest>()
    private let waitingCount = Atomic<Int>(0)
    private let doors: Doors
    private let isLoopback: Bool
    private let desk: Desk
    private var server: HTTPServer?
    private var worker: WorkerThread?
    /// Systemd was told that it is ready. Used by the thread that looks things up.
    private var isTold = false

    /// Looking things up takes a few milliseconds each.
    private static let mostWaiting = 256
    private static let longestBody = 64 << 20
    /// Bodies wait in memory. More than this at once is refused for a moment.
    private static let mostBodies = 4 * longestBody

    /// Begins to listen.
    package init(_ options: Options, _ pages: RunPages, _ scoring: ScoringService? = nil) throws(RunFailure) {
        (self.pages, self.scoring) = (pages, scoring)
        let library = try Library.load()
        routes = (scoring == nil ? [] : Route.ofScoring + Route.ofModel) + Route.ofRuns + Route.ofDesk
        desk = Desk(pages, scoring.flatMap { $0.learns ? Teacher($0.intake) : nil })
        router = Router(routes)
        let driver = scoring?.driver ?? HTTPDriver()
        events = EventStream(library, driver)
        let listening: Int32
        if let given = Systemd.socketGiven { listening = given } else { listening = try options.address.listen() }
        let isEncrypted = options.certificate != nil
        isLoopback = options.address.isLoopback
        doors = Doors(
            options.tokens, place: ListenAddress.place(of: listening, isEncrypted: isEncrypted),
            isEncrypted: isEncrypted)
        var limits = Connections.Limits()
        (limits.headerSeconds, limits.bodySeconds) = (options.headerSeconds, options.bodySeconds)
        limits.idleSeconds = options.idleSeconds
        server = try HTTPServer(
            library, listening: listening, limits: limits, mostConnections: options.mostConnections,
            tls: options.certificate.map { HTTPServer.TLS(certificate: $0, key: options.key ?? "") },
            driver: driver, self)
        worker = WorkerThread { [self] in lookUp() }
        scoring?.review = { [events] assessment, row in
            guard assessment.decision == .review || assessment.level >= .high, events.isHeard else { return }
            events.send("review", String(decoding: row, as: UTF8.self))
        }
    }

    package var place: String { server?.place ?? "" }

    /// Answers what is under way, and takes nothing else; for so many seconds at most.
    package func drain(seconds: Double) {
        if !isEnding.load(ordering: .relaxed) { Systemd.notify("STOPPING=1") }
        isEnding.store(true, ordering: .relaxed)
        events.end()
        _ = server?.drain(seconds: seconds)
    }

    /// Ends, after the run has.
    package func stop() {
        scoring?.end()
        drain(seconds: 1)
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
            tellSystemd()
            // Also where nobody listens: who comes back is told what was missed.
            events.send("counts", desk.turn(now: WallClock.milliseconds).text)
        }
        // What came in between is answered: nobody may be left asleep.
        for request in waiting.drain() {
            request.reply(Problem(503, "the engine is being stopped", closes: true).reply)
        }
    }

    /// Ready once, and then regularly that the run still moves.
    private func tellSystemd() {
        if !isTold, isReady {
            isTold = true
            Systemd.notify("READY=1")
        }
        guard Systemd.hasWatchdog else { return }
        guard let scoring, isTold else { return Systemd.notify("WATCHDOG=1") }
        scoring.question { _ in Systemd.notify("WATCHDOG=1") }
    }

    private var isReady: Bool {
        pages.metrics.isReady && scoring?.intake.isLive ?? true && !isEnding.load(ordering: .relaxed)
    }

    private func look(_ request: HTTPRequest) -> HTTPReply {
        do throws(Problem) {
            switch request.route?.endpoint {
            case .metrics:
                let text = pages.metricsText { page in
                    traffic.write(into: &page)
                    scoring?.write(into: &page)
                    page.write(.connections, Double(server?.connections.count ?? 0))
                    page.write(.shutConnections, Double(server?.connections.shutCount ?? 0))
                }
                return HTTPReply(Array(text.utf8), contentType: MetricsPage.contentType)
            case .status: return HTTPReply(try pages.status())
            case .sequences: return HTTPReply(try pages.sequences(of: request.parameter))
            case .user where scoring == nil: return HTTPReply(try pages.user(request.parameter))
            case .explain, .user, .answer, .model:
                guard let scoring else { throw Problem(404, "nothing is there") }
                return try StateQuestion(scoring, then: desk.former(request)).answer(request)
            default:
                guard let reply = try desk.answer(request) else { throw Problem(404, "nothing is there") }
                return reply
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
        try doors.checkOrigin(request, isLoopback: isLoopback)
        if let route = request.route { request.visitor = try doors.admit(request, route) }
        if let text = request.header("Content-Length") {
            guard let length = Int(text), length <= Self.longestBody else {
                request.length = .max
                throw Problem(413, "a body has at most \(Self.longestBody) bytes", closes: true)
            }
            request.length = length
            try admitBody(request)
        } else if request.header("Transfer-Encoding") != nil {
            request.length = .max
            throw Problem(411, "a body needs its Content-Length", closes: true)
        }
    }

    /// There is room for a body of its length, and it is of a kind that is taken.
    private func admitBody(_ request: HTTPRequest) throws(Problem) {
        guard request.route?.takes != nil else { return }
        if request.header("Sec-Fetch-Site").map({ $0 == "cross-site" }) ?? false {
            throw Problem(403, "pages of other sites may not send anything here")
        }
        if request.route?.endpoint == .labels, scoring?.learns != true {
            throw Problem(404, "learning is off: no label is of use", reason: "learning_is_off")
        }
        request.isStream = try Self.isStream(request.header("Content-Type"))
        if [.assess, .labels].contains(request.route?.endpoint), scoring?.intake.isLive != true {
            throw .later(503, "the engine is not ready yet")
        }
        let length = request.length
        if bodies.wrappingAdd(length, ordering: .relaxed).newValue > Self.mostBodies {
            bodies.wrappingSubtract(length, ordering: .relaxed)
            throw .later(503, "too much waits already")
        }
        request.admittedBytes = length
    }

    /// Without a type a body is JSON.
    private static func isStream(_ type: String?) throws(Problem) -> Bool {
        guard let type, type != "application/json" else { return false }
        let name = type.prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" }
        if name == "application/json" { return false }
        guard ["application/x-ndjson", "application/ndjson", "application/jsonl"].contains(name) else {
            throw Problem(415, "a body is application/json or application/x-ndjson")
        }
        return true
    }

    func isSlow(_ request: HTTPRequest) -> Bool {
        switch request.route?.endpoint {
        case .health, .readiness, .description, .events, .page, .pageFile, .session, .beginSession, .endSession,
            .pipeline, .pattern, nil:
            false
        default: true
        }
    }

    func answer(_ request: HTTPRequest) -> HTTPReply {
        switch request.route?.endpoint {
        case .health: return HTTPReply(Array("alive\n".utf8), contentType: "text/plain")
        case .readiness:
            let isReady = isReady
            var reply = HTTPReply(Array((isReady ? "ready\n" : "not ready\n").utf8), contentType: "text/plain")
            if !isReady { (reply.status, reply.headers) = (503, [("Retry-After", "1")]) }
            return reply
        case .description:
            return HTTPReply(OpenAPI(routes, version: pages.version, isGuarded: doors.tokens != nil).document)
        case .events:
            guard events.hasRoom else { return Problem.later(503, "too many listen already").reply }
            return HTTPReply(events)
        case .page: return PageFiles.reply(PageFiles.start) ?? Problem(404, "there is no page").reply
        case .pageFile:
            let name = String(decoding: request.parameter, as: UTF8.self)
            return PageFiles.reply(name) ?? Problem(404, "the page has no such file").reply
        case .session: return doors.describe(request, about)
        case .beginSession:
            do throws(Problem) {
                return try doors.begin(request, about)
            } catch {
                return error.reply
            }
        case .endSession: return doors.end(request)
        case .pipeline:
            guard !pages.content.drawing.isEmpty else { return Problem(404, "this run is no pipeline").reply }
            return HTTPReply(Array(pages.content.drawing.utf8), contentType: "image/svg+xml")
        case .pattern:
            let name = String(decoding: request.parameter, as: UTF8.self)
            guard let pattern = pages.content.patterns.first(where: { $0.name == name }) else {
                return Problem(404, "there is no such pattern").reply
            }
            return HTTPReply(Array(pattern.drawing.utf8), contentType: "image/svg+xml")
        default: return Problem(404, "nothing is there").reply
        }
    }

    /// What the page can show of this run.
    private var about: [(String, JSON)] {
        [
            ("review", .bool(pages.content.hasReview)), ("learns", .bool(pages.content.learns)),
            ("serves", .bool(scoring != nil)), ("pipeline", .bool(!pages.content.drawing.isEmpty)),
            ("version", .string(pages.version)),
        ]
    }

    func take(_ request: HTTPRequest) {
        if request.route?.endpoint == .snapshot { return desk.copy(request) }
        if [.assess, .labels].contains(request.route?.endpoint), let scoring {
            let isOfLabels = request.route?.endpoint == .labels
            let submission = Submission(request.body, isStream: request.isStream, isOfLabels: isOfLabels) {
                [traffic] reply, seconds in
                if !isOfLabels { traffic.noteScore(seconds) }
                request.reply(reply)
            }
            if !scoring.intake.submit(submission) {
                request.reply(Problem.later(503, "the engine is not ready").reply)
            }
            return
        }
        if waitingCount.wrappingAdd(1, ordering: .relaxed).newValue > Self.mostWaiting {
            waitingCount.wrappingSubtract(1, ordering: .relaxed)
            return request.reply(Problem.later(503, "too many requests wait already").reply)
        }
        waiting.send(request)
    }

    func finished(_ request: HTTPRequest) {
        if request.admittedBytes > 0 { bodies.wrappingSubtract(request.admittedBytes, ordering: .relaxed) }
    }

    func answered(_ request: HTTPRequest, status: UInt32) {
        traffic.note(request.route?.endpoint, status, seconds: MonotonicClock.seconds - request.began)
    }
}
