import CRE2

/// A pattern of RE2: searching takes time in proportion to the text, whatever the pattern.
final class RegularExpression: Sendable {
    // The library promises that a compiled pattern may be used by several threads at once.
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
    /// What one pattern's automata may take; past it RE2 goes on more slowly.
    private static let memoryBytes: Int64 = 1 << 20

    private init(_ pattern: OpaquePointer) {
        self.pattern = pattern
    }

    deinit { cel_re2_delete(pattern) }

    /// Whether it is found anywhere in the text.
    func isFound(in text: UnsafeBufferPointer<UInt8>) -> Bool {
        cel_re2_find(
            pattern, text.baseAddress.map { UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self) }, text.count)
    }
}
