/// Hands a unique value to the thread that owns it from then on.
///
/// @unchecked Sendable: it is filled before the thread begins and emptied only by that thread.
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
