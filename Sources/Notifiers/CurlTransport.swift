import Assay
import AssayCore
import CCurl

/// Sends over the network with libcurl: all deliveries side by side, on the thread that calls it.
///
/// @unchecked Sendable: only `wake` is called by other threads than its owner, and libcurl allows just that. Whoever
/// holds `wake` holds it.
package final class CurlTransport: AlertTransport, @unchecked Sendable {
    private let sender: OpaquePointer
    /// Those that could not even begin.
    private var ended: [(token: Int, outcome: AlertOutcome)] = []
    /// By token, what must not be in a message.
    private var secrets: [Int: [String]] = [:]
    private var mails: Set<Int> = []

    private static let connectMilliseconds = 10_000

    package init() throws(RunFailure) {
        var fault: UnsafePointer<CChar>?
        guard let sender = assay_sender_new(&fault) else {
            let reason = fault.map { String(cString: $0) } ?? "it cannot be loaded"
            throw RunFailure(.usage, "the library for alerts is missing (\(reason)); install libcurl4")
        }
        self.sender = sender
    }

    deinit { assay_sender_free(sender) }

    package var wake: @Sendable () -> Void { { [self] in assay_sender_wake(sender) } }

    package func wait(seconds: Double) -> [(token: Int, outcome: AlertOutcome)] {
        assay_sender_work(sender, ended.isEmpty ? Int32(min(max(seconds, 0), 60) * 1000) : 0)
        var outcomes = ended
        ended = []
        var result = assay_sending_result()
        while assay_sender_next(sender, &result) { outcomes.append((result.token, outcome(result))) }
        return outcomes
    }

    private func outcome(_ result: assay_sending_result) -> AlertOutcome {
        let hidden = secrets.removeValue(forKey: result.token) ?? []
        let isMail = mails.remove(result.token) != nil
        let bytes = withUnsafeBytes(of: result.answer) { Array($0.prefix(result.answerCount)) }
        let reply = ServerReply(
            status: result.status, isWhole: result.isAnswered, isDenied: result.isDenied,
            problem: result.problem.map { String(cString: $0) } ?? "", text: String(decoding: bytes, as: UTF8.self),
            retryAfter: result.retryAfter < 0 ? nil : result.retryAfter)
        return isMail ? reply.mailOutcome : reply.webOutcome(hiding: hidden)
    }

    // MARK: Beginning

    package func begin(_ delivery: AlertDelivery, token: Int) {
        var settings = assay_sending_settings()
        settings.connectMilliseconds = Self.connectMilliseconds
        let hasBegun: Bool
        switch delivery {
        case .lines: preconditionFailure("lines go into files")
        case .request(let request):
            secrets[token] = request.secrets
            settings.milliseconds = Int(request.seconds * 1000)
            let headers = request.headers.map { "\($0.name): \($0.value)" }
            hasBegun = request.address.withCString { address in
                settings.address = address
                return withOptional(request.authorities) { authorities in
                    settings.authorities = authorities
                    return withTexts(headers) { headers in
                        (settings.headers, settings.headerCount) = (headers.baseAddress, headers.count)
                        return begin(&settings, request.body, token)
                    }
                }
            }
        case .mail(let letter):
            mails.insert(token)
            settings.milliseconds = Int(letter.seconds * 1000)
            hasBegun = begin(letter, &settings, token)
        }
        guard !hasBegun else { return }
        secrets[token] = nil
        mails.remove(token)
        ended.append((token, .unavailable("it cannot be begun: no memory, or no such protocol")))
    }

    private func begin(_ letter: MailLetter, _ settings: inout assay_sending_settings, _ token: Int) -> Bool {
        settings.encryption = letter.encryption == .starttls ? ASSAY_STARTTLS : ASSAY_IN_THE_CLEAR
        let scheme = letter.encryption == .tls ? "smtps" : "smtp"
        var settings = settings
        return "\(scheme)://\(letter.server)".withCString { address in
            settings.address = address
            return withOptional(letter.authorities) { authorities in
                settings.authorities = authorities
                return "<\(letter.from)>".withCString { from in
                    settings.from = from
                    return withOptional(letter.user) { user in
                        settings.user = user
                        return withOptional(letter.password) { password in
                            settings.password = password
                            return withTexts(letter.to.map { "<\($0)>" }) { to in
                                (settings.to, settings.toCount) = (to.baseAddress, to.count)
                                return begin(&settings, letter.text, token)
                            }
                        }
                    }
                }
            }
        }
    }

    private func begin(_ settings: inout assay_sending_settings, _ body: [UInt8], _ token: Int) -> Bool {
        body.withUnsafeBytes { bytes in
            // An empty body has no address.
            let empty: StaticString = ""
            settings.body = bytes.baseAddress ?? UnsafeRawPointer(empty.utf8Start)
            settings.count = bytes.count
            return assay_sender_begin(sender, &settings, token)
        }
    }

    private func withOptional<Result>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Result) -> Result {
        guard let text else { return body(nil) }
        return text.withCString { body($0) }
    }

    private func withTexts<Result>(
        _ texts: [String], _ body: (UnsafeBufferPointer<UnsafePointer<CChar>?>) -> Result
    ) -> Result {
        func go(_ index: Int, _ pointers: [UnsafePointer<CChar>?]) -> Result {
            guard index < texts.count else { return pointers.withUnsafeBufferPointer(body) }
            return texts[index].withCString { go(index + 1, pointers + [$0]) }
        }
        return go(0, [])
    }
}
