import Assay
import AssayCore
import CKafka

/// How a cluster is reached: what inputs and outputs of a file share.
struct KafkaSettings: Sendable {
    var brokers = ""
    var options: [Option] = []

    /// A setting of librdkafka.
    struct Option: Sendable {
        let name: String
        let value: String
        /// The value is the name of a file with the value, which is nobody else's.
        let isFile: Bool

        /// What is set. Read as late as possible, and kept nowhere.
        func resolved() throws(KafkaFault) -> String {
            guard isFile else { return value }
            do throws(FileError) {
                let bytes = try readFile(value, atMost: Self.largestFile)
                return String(decoding: bytes, as: UTF8.self).trimmingSuffix { $0.isNewline }
            } catch {
                throw KafkaFault("'\(name)' cannot be read from '\(value)': \(error.description)")
            }
        }

        private static let largestFile = 64 << 10
    }

    /// The brokers for people: no option can be among them.
    var label: String { brokers }

    /// What the connector decides itself, because exactness depends on it.
    private static let ours = [
        "enable.idempotence", "acks", "request.required.acks", "enable.auto.commit", "enable.auto.offset.store",
        "auto.offset.reset", "enable.partition.eof", "transactional.id", "bootstrap.servers", "metadata.broker.list",
        "message.timeout.ms", "delivery.timeout.ms", "group.id", "partitioner", "log.queue", "isolation.level",
        "enable.gapless.guarantee", "allow.auto.create.topics", "test.mock.num.brokers",
    ]

    /// Reads the name of a topic, which no broker would take otherwise.
    static func topic(_ members: inout YAMLMembers) throws(ConfigurationError) -> String {
        let text = try members.text(try members.require("topic"), "topic")
        let isName =
            (1...249).contains(text.text.utf8.count) && text.text != "." && text.text != ".."
            && text.text.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || ".-_".utf8.contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            }
        guard isName else {
            throw members.fault(
                "a topic's name has 1 to 249 letters, digits, points, hyphens and underscores, unlike '\(text.text)'",
                text.position)
        }
        return text.text
    }

    /// Whether a text is a list of hosts with their ports.
    private static func isBrokers(_ text: String) -> Bool {
        text.split(separator: ",", omittingEmptySubsequences: false).allSatisfy { broker in
            let host = broker.lastIndex(of: ":").map { broker[..<$0] } ?? broker
            let port = broker.lastIndex(of: ":").map { broker[broker.index(after: $0)...] } ?? "9092"
            return !host.isEmpty && !host.contains("/") && UInt16(port).map { $0 > 0 } ?? false
        }
    }

    private static let fileSuffix = "_file"

    /// Reads `brokers` and `options` out of an input's or output's settings.
    init(_ members: inout YAMLMembers) throws(ConfigurationError) {
        let list = try members.text(try members.require("brokers"), "brokers")
        guard Self.isBrokers(list.text) else {
            throw members.fault("'brokers' are hosts with ports, such as kafka1:9092,kafka2:9092", list.position)
        }
        brokers = list.text
        guard let node = members.take("options") else { return }
        for (name, position, value) in try members.entries(node, "options") {
            let isFile = name.hasSuffix(Self.fileSuffix)
            let option = Option(
                name: isFile ? String(name.dropLast(Self.fileSuffix.count)) : name,
                value: try members.text(value, name).text, isFile: isFile)
            guard !Self.ours.contains(option.name) else {
                throw members.fault("'\(option.name)' is decided by the connector, and is no option", position)
            }
            if let fault = Self.fault(of: option) { throw members.fault(fault, position) }
            options.append(option)
        }
    }

    /// What is wrong with an option, as far as the library is there to say. The value may be a secret.
    private static func fault(of option: Option) -> String? {
        guard let library = Library.ifThere else { return nil }
        let settings = library.pointee.conf_new()
        defer { library.pointee.conf_destroy(settings) }
        var text = [CChar](repeating: 0, count: 512)
        switch library.pointee.conf_set(settings, option.name, option.value, &text, text.count) {
        case RD_KAFKA_CONF_UNKNOWN: return "librdkafka has no option '\(option.name)'"
        case RD_KAFKA_CONF_INVALID where !option.isFile:
            return "the value of '\(option.name)' is none that librdkafka takes"
        default: return nil
        }
    }
}

extension StringProtocol {
    fileprivate func trimmingSuffix(_ isTrimmed: (Character) -> Bool) -> String {
        var rest = self[...]
        while let last = rest.last, isTrimmed(last) { rest.removeLast() }
        return String(rest)
    }
}
