import CBytes
import Glibc

/// Hands something that exists once to the thread that it belongs to from then on.
///
/// @unchecked Sendable: it is filled before the thread begins and emptied by that thread alone.
final class Handover<Value: ~Copyable>: @unchecked Sendable {
    private var value: Value?

    init(_ value: consuming Value) {
        self.value = consume value
    }

    func take() -> Value {
        guard let value = value.take() else { preconditionFailure("it was taken before") }
        return value
    }
}

enum BulkWork {
    /// When an input is a file, everything is there already and nobody waits for a single line. Then threads that are
    /// started from here on need not interrupt each other whenever one has something for the next: that takes a
    /// twentieth off. Where it is refused, nothing is lost.
    static func begin(reading input: Int32) {
        var status = stat()
        guard fstat(input, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return }
        _ = assay_schedule_in_batches()
    }
}
