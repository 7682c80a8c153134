import Assay
import CMicrohttpd

/// A request on its way, from its first line to its answer.
///
/// @unchecked Sendable: until it is handed over, the thread of the server alone uses it. From then on others read what
/// was received, which does not change any more, and give the answer, which is guarded.
final class HTTPRequest: @unchecked Sendable {
    let library: UnsafePointer<assay_http>
    private let driver: HTTPDriver
    let connection: OpaquePointer
    /// The path as it was sent, still encoded, and what follows a question mark.
    let path: Substring
    let query: Substring
    /// When its first line was there, on the monotonic clock.
    let began: Double
    var method = ""
    var route: Route?
    /// Who asks; nil where nobody was asked.
    var visitor: Visitor?
    /// The decoded part of the path that stands for something.
    var parameter: [UInt8] = []
    var body: [UInt8] = []
    /// The bytes of the body, as its header says.
    var length = 0
    /// Bytes of a body that count as long as the request is under way.
    var admittedBytes = 0
    /// The body is lines.
    var isStream = false
    /// All headers were there and nothing was wrong with them.
    var isAdmitted = false
    /// Somebody has it, and will give the answer.
    var isHandedOver = false
    /// It is read to its end only to be refused.
    var refusal: Problem?
    /// What has to be done once the answer was sent.
    var release: (() -> Void)?

    private enum Answer: Sendable {
        case none, given(HTTPReply)
        /// There was none when the library asked, and it asks again once it is woken.
        case awaited
    }

    private let answer = Locked(Answer.none)

    init(
        _ library: UnsafePointer<assay_http>, _ driver: HTTPDriver, _ connection: OpaquePointer, target: String,
        began: Double
    ) {
        (self.library, self.driver, self.connection, self.began) = (library, driver, connection, began)
        let end = target.utf8.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex
        path = target[..<end]
        query = target[end...].dropFirst()
    }

    func header(_ name: StaticString) -> String? {
        name.withUTF8Buffer { buffer in
            library.pointee.lookup_connection_value(
                connection, .HEADER_KIND,
                UnsafeRawPointer(buffer.baseAddress!).assumingMemoryBound(to: CChar.self))
        }.map { String(cString: $0) }
    }

    /// Gives the answer. Called once, by any thread, after it was handed over.
    func reply(_ reply: HTTPReply) {
        let isAwaited = answer.withLock { answer in
            defer { answer = .given(reply) }
            if case .awaited = answer { return true }
            return false
        }
        guard isAwaited else { return }
        library.pointee.resume_connection(connection)
        driver.noteWoken()
    }

    /// The answer. Without one the connection sleeps until there is one, or is asked for again in the next turn.
    func takeAnswer(orSleeps sleeps: Bool) -> HTTPReply? {
        answer.withLock { answer in
            if case .given(let reply) = answer {
                answer = .none
                return reply
            }
            guard sleeps else { return nil }
            // Within the lock: who gives the answer wakes what already sleeps.
            library.pointee.suspend_connection(connection)
            answer = .awaited
            return nil
        }
    }

    /// The value of a name in the query as forms write it, where a plus is a space; nil where it is empty or not there.
    func formValue(_ name: String) throws(Problem) -> String? {
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts[0] == name, parts.count > 1, !parts[1].isEmpty else { continue }
            guard let value = Percent.decoded(parts[1].replacing("+", with: " ")) else {
                throw Problem(400, "'\(name)' has a '%' that two hexadecimal digits don't follow")
            }
            return String(decoding: value, as: UTF8.self)
        }
        return nil
    }

    /// The value of a name in the query, decoded.
    func queryValue(_ name: String) -> [UInt8]? {
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if Percent.decoded(parts[0])?.elementsEqual(name.utf8) == true {
                return parts.count > 1 ? Percent.decoded(parts[1]) : []
            }
        }
        return nil
    }
}

/// The encoding of bytes in a target.
enum Percent {
    /// Nil where a sign is not followed by two digits.
    static func decoded(_ text: Substring) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
