import AssayCore
import Glibc
import StateStore

/// Alerts as lines of JSON: in a file, or on standard output.
package struct LineChannel: AlertChannel {
    /// Nil for standard output.
    fileprivate let file: String?

    package var isStandardOutput: Bool { file == nil }

    package var title: String { file.map { "file \($0)" } ?? "standard output" }
    package var mostTogether: Int { 100 }

    package func delivery(of alerts: [Alert], _ moment: AlertMoment) throws(ChannelFault) -> AlertDelivery {
        .lines(Array(alerts.map { AlertRecord.json($0).text + "\n" }.joined().utf8), file: file)
    }

    /// Appends lines, and what is in the file then is durable.
    static func write(_ bytes: [UInt8], to file: String?) -> AlertOutcome {
        guard let file else { return append(bytes, to: STDOUT_FILENO) }
        let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { return .unavailable("'\(file)': \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        dropUnfinishedLine(descriptor)
        let outcome = append(bytes, to: descriptor)
        // A pipe has nothing to sync.
        guard outcome == .accepted, fdatasync(descriptor) != 0, errno != EINVAL, errno != EROFS else { return outcome }
        return .unavailable("'\(file)': \(String(cString: strerror(errno)))")
    }

    /// A process that was killed may have left half a line: its alert is sent again, whole.
    private static func dropUnfinishedLine(_ descriptor: Int32) {
        var end = lseek(descriptor, 0, SEEK_END)
        guard end > 0 else { return }
        var byte: UInt8 = 0
        let whole = end
        while end > 0, pread(descriptor, &byte, 1, end - 1) == 1, byte != UInt8(ascii: "\n") { end -= 1 }
        guard end < whole, ftruncate(descriptor, end) == 0 else { return }
        lseek(descriptor, end, SEEK_SET)
    }

    /// What a pipe with room takes at once.
    private static let pieceBytes = 4096
    /// In the middle of a delivery a reader is waited for this long, and before it not at all: a reader that hangs must
    /// not hold up other channels.
    private static let patienceMilliseconds: Int32 = 1000

    private static func append(_ bytes: [UInt8], to descriptor: Int32) -> AlertOutcome {
        var status = stat()
        let isFile = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        var rest = bytes[...]
        while !rest.isEmpty {
            var event = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            let patience = rest.count == bytes.count ? 0 : patienceMilliseconds
            guard isFile || poll(&event, 1, patience) > 0 else { return .unavailable("its reader takes nothing") }
            let piece = isFile ? rest : rest.prefix(pieceBytes)
            let count = piece.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return .unavailable(String(cString: strerror(errno))) }
            rest = rest.dropFirst(count)
        }
        return .accepted
    }
}

/// `{file: PATH}` and `stdout: {}`.
package struct LineChannelKind: ChannelKind {
    private let isFile: Bool

    package static let file = LineChannelKind(isFile: true)
    package static let standardOutput = LineChannelKind(isFile: false)

    package var key: String { isFile ? "file" : "stdout" }
    package var form: String { isFile ? "{file: PATH}" : "{stdout: {}}" }

    package func read(
        _ settings: YAMLNode, _ name: String, path: String
    ) throws(ConfigurationError) -> any AlertChannel {
        guard isFile else {
            try YAMLMembers(settings, "channel '\(name)'", path: path).finish()
            return LineChannel(file: nil)
        }
        guard case .scalar(let text, _) = settings.content, !text.isEmpty else {
            throw ConfigurationError(
                path: path, position: settings.position, message: "channel '\(name)': 'file' is the path of a file")
        }
        return LineChannel(file: text)
    }
}
