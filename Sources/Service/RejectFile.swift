import Assay
import AssayCore
import Glibc

/// Rejected lines as they came, appended as well as it goes: they are in no journal, and come again from nowhere.
final class RejectFile {
    private let descriptor: Int32
    private var buffer: [UInt8] = []

    init(_ path: String) throws(RunFailure) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw RunFailure(.cannotCreate, "cannot open '\(path)'", errorNumber: errno) }
    }

    deinit { close(descriptor) }

    /// `line` and `offset` are those in the request.
    func append(_ reject: Reject, _ text: borrowing InputText, line: Int, offset: Int) {
        let quoted = text.view.bytes(reject.line).prefix(Reject.quotedBytes)
        let document = JSON.object([
            ("line", .unsigned(UInt64(line))), ("offset", .unsigned(UInt64(offset))),
            ("reason", .string("\(reject.reason.code)")), ("message", .string(reject.sentence)),
            ("input", .string(String(decoding: quoted, as: UTF8.self))),
        ])
        buffer += Array((document.text + "\n").utf8)
    }

    func flush() {
        guard !buffer.isEmpty else { return }
        // Best effort: a full disk must not stop answers.
        _ = buffer.withUnsafeBytes { SegmentFolder.write($0, to: descriptor) }
        buffer.removeAll(keepingCapacity: true)
    }
}
