/// Where a transaction is that is scored by itself.
package final class TransactionPlace {
    private let place = UnsafeMutablePointer<Transaction>.allocate(capacity: 1)

    package init() { place.initialize(to: Transaction()) }

    deinit { place.deallocate() }

    /// Valid until the next one is taken, and as long as the place is there.
    package func take(_ transaction: Transaction, text: BatchText) -> FraudDetection.Input {
        place.pointee = transaction
        return FraudDetection.Input(place, text: text)
    }
}
