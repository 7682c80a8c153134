#if canImport(Notifiers)
    import Assay
    import AssayCore
    import Foundation
    import StateStore
    import Testing

    @testable import Notifiers

    /// What is sent, byte for byte, without sending it.
    @Suite struct PayloadTests {
        private static func hexadecimal(_ bytes: [UInt8]) -> String {
            bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }

        @Test("Signatures are those of the standard's examples")
        func signatures() {
            let short = SHA256.code(of: Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
            #expect(
                Self.hexadecimal(short) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
            let long = SHA256.code(
                of: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
                key: [UInt8](repeating: 0xAA, count: 131))
            #expect(
                Self.hexadecimal(long) == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
        }

        @Test(
            "A header is plain where it can be, and one line of encoded words where not",
            arguments: [
                ("plain", "plain"), ("a =?utf-8?", "=?utf-8?B?YSA9P3V0Zi04Pw==?="),
                ("naïve", "=?utf-8?B?bmHDr3Zl?="), ("a\r\nBcc: x", "=?utf-8?B?YQ0KQmNjOiB4?="),
            ])
        func headers(_ text: String, _ header: String) {
            #expect(MailMessage.header(text) == header)
        }

        @Test("Long headers are folded between whole characters")
        func longHeaders() throws {
            let text = String(repeating: "ünïcödé ", count: 30)
            let lines = MailMessage.header(text).components(separatedBy: "\r\n ")
            #expect(lines.count > 3 && lines.allSatisfy { $0.utf8.count <= 75 })
            let bytes = try lines.flatMap { line in
                try #require(Base64.decode(String(line.dropFirst("=?utf-8?B?".count).dropLast(2))))
            }
            #expect(String(decoding: bytes, as: UTF8.self) == text)
        }

        @Test(
            "Dates are those of mail",
            arguments: [
                (1_796_050_953_704, "Mon, 30 Nov 2026 15:02:33 +0000"), (0, "Thu, 01 Jan 1970 00:00:00 +0000"),
                (-1, "Wed, 31 Dec 1969 23:59:59 +0000"), (951_782_400_000, "Tue, 29 Feb 2000 00:00:00 +0000"),
            ] as [(Int64, String)])
        func dates(_ milliseconds: Int64, _ text: String) {
            #expect(MailMessage.date(milliseconds) == text)
        }

        private static func hostile(_ text: String) -> Alert {
            var alert = Alert(
                id: "r-1", rule: "r", severity: .critical, matter: "user_id=\(text)", message: "\(text) did it",
                time: 1000, made: 2000)
            alert.keys = JSON.object([("user_id", .string(text))]).text
            return alert
        }

        private let moment = AlertMoment(now: 5000, page: "https://desk.example.com/?a=1&b=2") { _ in 0 }

        @Test(
            "Ids from outside break out of no message",
            arguments: [
                "<!channel>", "</td><script>alert(1)</script>", "a\r\n.\r\nMAIL FROM:<x@y.z>", "\"},{\"", "\u{202E}",
                String(repeating: "é", count: 5000),
            ])
        func hostileIDs(_ text: String) throws {
            let alert = Self.hostile(text)
            let mail = MailMessage(from: "a@b.c", to: ["d@e.f"], alerts: [alert], moment: moment).text
            #expect(mail.split(separator: "\r\n", omittingEmptySubsequences: false).allSatisfy { $0.utf8.count < 998 })
            let head = mail.components(separatedBy: "\r\n\r\n")[0]
            let names = [
                "Date:", "From:", "To:", "Subject:", "Message-ID:", "Auto-Submitted:", "X-Assay-Alert-Id:",
                "MIME-Version:", "Content-Type:", " ",
            ]
            #expect(head.components(separatedBy: "\r\n").allSatisfy { line in names.contains { line.hasPrefix($0) } })
            let parts = mail.components(separatedBy: "\r\n\r\n").dropFirst(2)
            let html = try #require(parts.last?.components(separatedBy: "\r\n--").first)
            let decoded = String(
                decoding: try #require(Base64.decode(html.components(separatedBy: "\r\n").joined())), as: UTF8.self)
            #expect(!decoded.contains("<script") && decoded.contains("href=\"https://desk.example.com/?a=1&amp;b=2\""))
            #expect(!SlackChannel.escaped(text).contains("<"))
        }

        @Test("An answer is shown on one line, without secrets, and not too much of it")
        func answers() {
            let long = String(repeating: "x", count: 999)
            let reply = ServerReply(status: 400, isWhole: true, problem: "", text: "no\r\n\u{1B}[2J s3cret \(long)")
            guard case .refused(let words) = reply.webOutcome(hiding: ["s3cret", ""]) else {
                Issue.record("it is refused")
                return
            }
            #expect(words.hasPrefix("HTTP 400: no [2J *** xxx") && words.count < 230)
        }

        @Test(
            "What a server says decides whether it is asked again",
            arguments: [
                (200, true, "accepted"), (204, true, "accepted"), (301, true, "refused"), (400, true, "refused"),
                (404, true, "refused"), (408, true, "unavailable"), (410, true, "refused"), (429, true, "unavailable"),
                (500, true, "unavailable"), (599, true, "unavailable"), (0, true, "refused"),
                (200, false, "unavailable"),
            ])
        func outcomes(_ status: Int, _ isWhole: Bool, _ kind: String) {
            let reply = ServerReply(status: status, isWhole: isWhole, problem: "broken", text: "")
            #expect("\(reply.webOutcome(hiding: []))".hasPrefix(kind))
        }

        @Test("The body of a webhook stays short enough for whoever refuses long ones")
        func longBodies() throws {
            var alert = Self.hostile("u1")
            alert.details = JSON.object([("text", .string(String(repeating: "é", count: 9000)))]).text
            let channel = WebhookChannel(target: .plain("http://x/"), secret: nil, network: NetworkSettings())
            guard case .request(let request) = try channel.delivery(of: [alert], moment) else {
                Issue.record("it is a request")
                return
            }
            #expect(request.body.count < 20_000)
            // A repetition is byte for byte the same.
            let later = AlertMoment(now: 900_000, page: nil) { _ in 0 }
            guard case .request(let again) = try channel.delivery(of: [alert], later) else { return }
            #expect(again.body == request.body)
        }
    }
#endif
