import AssayCore
import StateStore

/// A kind of channel that files can name.
package protocol ChannelKind: Sendable {
    /// The member that a channel of this kind has with its settings: `slack`.
    var key: String { get }

    /// The syntax in a file: `{slack: {url_file: FILE}}`.
    var form: String { get }

    /// Reads a channel's settings.
    func read(_ settings: YAMLNode, _ name: String, path: String) throws(ConfigurationError) -> any AlertChannel
}

/// A way to tell people. It only says what is to be sent; a transport sends it.
package protocol AlertChannel: Sendable {
    /// For people, without anything secret: `Slack`.
    var title: String { get }

    /// The most alerts in one delivery.
    var mostTogether: Int { get }

    /// The least time between two deliveries.
    var secondsBetween: Double { get }

    /// What still fires is told again this often, for servers that otherwise take it for over; nil for others.
    var refreshSeconds: Double? { get }

    /// What tells of some alerts. Reads secrets anew each time: they may have changed, and nothing keeps them.
    func delivery(of alerts: [Alert], _ moment: AlertMoment) throws(ChannelFault) -> AlertDelivery

    /// What is wrong with it, as far as that can be seen without sending anything; secrets are read for that.
    func check() throws(ChannelFault)
}

extension AlertChannel {
    package var mostTogether: Int { 1 }
    package var secondsBetween: Double { 0 }
    package var refreshSeconds: Double? { nil }

    package func check() throws(ChannelFault) {
        _ = try delivery(
            of: [.trial(of: "check", at: 0)], AlertMoment(now: 0, page: nil, quietMilliseconds: { _ in 0 }))
    }
}

/// The circumstances of a delivery.
package struct AlertMoment {
    /// The time of day, in milliseconds.
    package let now: Int64
    /// The address of the page where people see more, if there is one.
    package let page: String?
    /// How long a rule keeps quiet after an alert.
    package let quietMilliseconds: (_ rule: String) -> Int64

    package init(now: Int64, page: String?, quietMilliseconds: @escaping (String) -> Int64) {
        (self.now, self.page, self.quietMilliseconds) = (now, page, quietMilliseconds)
    }
}

/// Why a channel cannot send.
package struct ChannelFault: Error, Equatable, Sendable {
    package let message: String

    package init(_ message: String) { self.message = message }
}

/// Something to send.
package enum AlertDelivery: Equatable, Sendable {
    case request(WebRequest)
    case mail(MailLetter)
    /// Lines for a file; nil for standard output.
    case lines([UInt8], file: String?)
}

/// A POST.
package struct WebRequest: Equatable, Sendable {
    package var address: String
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// Certificates to trust instead of the system's.
    package var authorities: String?
    package var seconds: Double
    /// What must not be in any message.
    package var secrets: [String]

    package init(
        address: String, headers: [(name: String, value: String)], body: [UInt8], authorities: String?,
        seconds: Double, secrets: [String]
    ) {
        (self.address, self.headers, self.body) = (address, headers, body)
        (self.authorities, self.seconds, self.secrets) = (authorities, seconds, secrets)
    }

    package static func == (left: WebRequest, right: WebRequest) -> Bool {
        left.address == right.address && left.body == right.body
            && left.headers.elementsEqual(right.headers) { $0 == $1 }
    }
}

/// A message and its envelope.
package struct MailLetter: Equatable, Sendable {
    package enum Encryption: String, CaseIterable, Sendable {
        /// Begins in the clear and must change over before anything else is said.
        case starttls
        case tls
        /// For servers on this machine.
        case none
    }

    /// Host and port.
    package var server: String
    package var encryption: Encryption
    package var from: String
    package var to: [String]
    package var user: String?
    package var password: String?
    package var text: [UInt8]
    package var authorities: String?
    package var seconds: Double

    package init(
        server: String, encryption: Encryption, from: String, to: [String], user: String?, password: String?,
        text: [UInt8], authorities: String?, seconds: Double
    ) {
        (self.server, self.encryption, self.from, self.to) = (server, encryption, from, to)
        (self.user, self.password, self.text) = (user, password, text)
        (self.authorities, self.seconds) = (authorities, seconds)
    }
}

/// What came of a delivery.
package enum AlertOutcome: Equatable, Sendable {
    case accepted
    /// It would not be taken another time either.
    case refused(String)
    /// It may be taken later; `after`: the server names the seconds.
    case unavailable(String, after: Double? = nil)
}

/// Sends what channels say. Used by the sending thread only, apart from `wake`.
package protocol AlertTransport: AnyObject {
    /// Begins to send; its outcome comes from `wait`.
    func begin(_ delivery: AlertDelivery, token: Int)

    /// Returns as soon as something has ended, somebody woke it, or so many seconds have passed.
    func wait(seconds: Double) -> [(token: Int, outcome: AlertOutcome)]

    /// May be called from any thread.
    var wake: @Sendable () -> Void { get }
}

extension Alert {
    /// An alert that only tries a channel.
    package static func trial(of channel: String, at now: Int64) -> Alert {
        var alert = Alert(
            id: "test-\(channel)-\(now)", rule: "test", severity: .info, matter: "test of channel \(channel)",
            message: "This is a test: nothing has happened.", time: now, made: now)
        alert.kind = .test
        return alert
    }
}
