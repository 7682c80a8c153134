import AssayCore

/// An answer to a request.
struct HTTPReply: Sendable {
    /// What is sent.
    enum Body: Sendable {
        case bytes([UInt8])
        /// Whatever comes until the client goes away.
        case events(EventStream)
    }

    var status: UInt32 = 200
    var contentType = "application/json"
    var headers: [(name: String, value: String)] = []
    var body: Body
    /// The connection ends with it.
    var closes = false

    init(_ bytes: [UInt8], contentType: String = "application/json") {
        body = .bytes(bytes)
        self.contentType = contentType
    }

    init(_ json: JSON) {
        self.init(Array((json.text + "\n").utf8))
    }

    init(_ events: EventStream) {
        body = .events(events)
        contentType = "text/event-stream"
        headers = [("Cache-Control", "no-store")]
    }
}

/// Why a request is not answered as it wishes, for programs and for people.
struct Problem: Error {
    let status: UInt32
    let detail: String
    /// Why a line is rejected.
    var reason: String?
    var headers: [(name: String, value: String)] = []
    var closes = false

    init(
        _ status: UInt32, _ detail: String, reason: String? = nil, headers: [(name: String, value: String)] = [],
        closes: Bool = false
    ) {
        (self.status, self.detail, self.reason, self.headers, self.closes) = (status, detail, reason, headers, closes)
    }

    /// It may be asked again after so many seconds.
    static func later(_ status: UInt32, _ detail: String, seconds: Int = 1) -> Problem {
        Problem(status, detail, headers: [("Retry-After", "\(seconds)")])
    }

    static let contentType = "application/problem+json"

    static let titles: [UInt32: String] = [
        400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
        409: "Conflict", 411: "Length Required", 413: "Content Too Large", 415: "Unsupported Media Type",
        422: "Unprocessable Content", 429: "Too Many Requests", 500: "Internal Server Error",
        503: "Service Unavailable",
    ]

    var reply: HTTPReply {
        var members: [(String, JSON)] = [
            ("type", .string("about:blank")), ("title", .string(Self.titles[status] ?? "Error")),
            ("status", .unsigned(UInt64(status))), ("detail", .string(detail)),
        ]
        if let reason { members.append(("reason", .string(reason))) }
        var reply = HTTPReply(.object(members))
        reply.status = status
        reply.contentType = Self.contentType
        reply.headers = headers
        reply.closes = closes
        return reply
    }
}
