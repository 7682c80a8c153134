import AssayCore

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
        408: "Request Timeout", 409: "Conflict", 411: "Length Required", 413: "Content Too Large",
        415: "Unsupported Media Type",
        422: "Unprocessable Content", 500: "Internal Server Error", 501: "Not Implemented",
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
