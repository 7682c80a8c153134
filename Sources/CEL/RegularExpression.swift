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

    /// How many instructions the pattern has.
    private let size: Int

    /// So many are tried at once for each byte at the cost of one step for sixteen bytes.
    private static let usualSize = 64

    private init(_ pattern: OpaquePointer) {
        self.pattern = pattern
        size = Int(cel_re2_size(pattern))
    }

    /// What a search costs at most.
    func steps(for bytes: Int) -> Int { bytes / Limits.bytesPerStep * (1 + size / Self.usualSize) + 1 }

    deinit { cel_re2_delete(pattern) }

    /// Whether it is found anywhere in the text.
    func isFound(in text: UnsafeBufferPointer<UInt8>) -> Bool {
        cel_re2_find(
            pattern, text.baseAddress.map { UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self) }, text.count)
    }
}
