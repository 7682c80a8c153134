/// What a stored state comes to, read without making anything of its lists: a million of them take well under a second.
package struct UserStateSummary: Sendable {
    package let transactions: UInt64
    package let lastTime: EventTime?
    package let hours: HourSet
    package let seenOnWeekend: Bool
    package private(set) var currencies = 0
    package private(set) var places = 0
    package private(set) var types = 0
    /// Of all currencies, each amount counted once.
    package private(set) var totalAmount = 0.0
}

extension UserStateSummary {
    package init(_ state: UnsafeRawBufferPointer) throws(StateDecodingError) {
        var reader = StateByteReader(state)
        let header = try UserStateCoding.header(&reader)
        (transactions, lastTime) = (header.transactions, header.lastTime)
        (hours, seenOnWeekend) = (header.hours, header.seenOnWeekend)
        currencies = try reader.byte(atMost: UserState.mostCurrencies)
        for _ in 0..<currencies {
            let amount = try UserStateCoding.amount(&reader)
            totalAmount += Double(amount.count) * amount.mean
        }
        places = try reader.byte(atMost: UserState.mostPlaces)
        for _ in 0..<places { _ = try UserStateCoding.place(&reader) }
        let recent = try reader.byte(atMost: UserState.recentCapacity)
        for _ in 0..<recent { _ = try reader.fixed() }
        types = try reader.byte(atMost: UserState.mostTypes)
    }
}
