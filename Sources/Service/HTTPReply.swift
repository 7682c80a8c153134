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
