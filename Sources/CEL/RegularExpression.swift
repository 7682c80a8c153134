import CRE2

/// A pattern of RE2: a search takes time in proportion to the text, whatever the pattern.
final class RegularExpression: Sendable {
    // RE2 guarantees that several threads may use a compiled pattern at once.
    nonisolated(unsafe) private let pattern: OpaquePointer

    static func compile(_ text: Text) -> Result<RegularExpression, EvaluationError> {
        guard text.string.utf8.count <= longestPattern else {
            return .failure(EvaluationError(.badPattern, "longer than \(longestPattern) bytes"))
        }
        var message: UnsafeMutablePointer<CChar>?
        let pattern = text.withBytes { bytes in
            cel_re2_new(
                bytes.baseAddress.map { UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self) },
                bytes.count, memoryBytes, &message)
        }
        defer { cel_re2_free_message(message) }
        guard let pattern else {
            return .failure(EvaluationError(.badPattern, message.map { String(cString: $0) } ?? "out of memory"))
        }
        return .success(RegularExpression(pattern))
    }

    static let longestPattern = 4096
    /// The memory for one pattern's automata; beyond it RE2 is slower.
    private static let memoryBytes: Int64 = 1 << 20

    /// The number of the pattern's instructions.
    private let size: Int

    /// At this size a search costs one step per sixteen bytes.
    private static let usualSize = 64

    private init(_ pattern: OpaquePointer) {
        self.pattern = pattern
        size = Int(cel_re2_size(pattern))
    }

    /// The greatest cost of a search.
    func steps(for bytes: Int) -> Int { bytes / Limits.bytesPerStep * (1 + size / Self.usualSize) + 1 }

    deinit { cel_re2_delete(pattern) }

    /// Whether the pattern occurs anywhere in the text.
    func isFound(in text: UnsafeBufferPointer<UInt8>) -> Bool {
        cel_re2_find(
            pattern, text.baseAddress.map { UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self) }, text.count)
    }
}
