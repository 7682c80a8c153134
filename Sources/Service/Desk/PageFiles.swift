import CPage

/// The files of the page. They are in the binary, and ask for nothing from anywhere else.
enum PageFiles {
    /// Nil where there is none of that name.
    static func reply(_ name: String) -> HTTPReply? {
        let files = (0..<assay_page_count()).lazy.map(assay_page_file)
        guard let file = files.first(where: { String(cString: $0.name) == name }) else { return nil }
        let bytes = UnsafeBufferPointer(start: file.start, count: Int(file.end - file.start))
        var reply = HTTPReply(Array(bytes), contentType: String(cString: file.type))
        reply.headers = headers
        return reply
    }

    static let start = "index.html"

    /// Nothing but what the page itself consists of is loaded, run or sent anywhere.
    private static let headers: [(name: String, value: String)] = [
        (
            "Content-Security-Policy",
            "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
        ), ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"), ("Cache-Control", "no-cache"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
    ]
}
