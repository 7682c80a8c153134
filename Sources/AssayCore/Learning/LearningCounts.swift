/// What was learned so far, in all runs.
package struct LearningCounts: Equatable, Sendable {
    package var isReady = false
    /// Transactions that the model has learned, corrections among them.
    package var examples: UInt64 = 0
    package var frauds: UInt64 = 0
    /// Learned again because a label came after its transaction had matured.
    package var corrections: UInt64 = 0
    /// Left before they matured, and were never learned.
    package var dropped: UInt64 = 0
    /// First labels of their transactions.
    package var labels: UInt64 = 0
    /// Labels that said what was known.
    package var repeated: UInt64 = 0
    /// Labels that said the opposite of an earlier one.
    package var changed: UInt64 = 0
    /// Labels of transactions that are not remembered.
    package var unknown: UInt64 = 0
    /// Of first labels and changed ones, those that say fraud.
    package var fraudLabels: UInt64 = 0
    /// The longest time between a transaction and its first label.
    package var longestWaitMilliseconds: Int64 = 0
    package var recent = RecentLabels()

    package init() {}

    /// As they are published.
    package var members: [(String, JSON)] {
        [
            ("ready", .bool(isReady)), ("examples", .unsigned(examples)), ("frauds", .unsigned(frauds)),
            ("corrections", .unsigned(corrections)), ("dropped", .unsigned(dropped)), ("labels", .unsigned(labels)),
            ("repeated", .unsigned(repeated)), ("changed", .unsigned(changed)), ("unknown", .unsigned(unknown)),
        ]
    }

    /// What the weights come from.
    mutating func forgetModel() { (isReady, examples, frauds) = (false, 0, 0) }

    func encode(into bytes: inout OutputBuffer) {
        bytes.append(byte: isReady ? 1 : 0)
        for count in [
            examples, frauds, corrections, dropped, labels, repeated, changed, unknown, fraudLabels,
            UInt64(longestWaitMilliseconds),
        ] { bytes.append(varint: count) }
        recent.encode(into: &bytes)
    }

    init(_ reader: inout StateByteReader) throws(StateDecodingError) {
        isReady = try reader.byte(atMost: 1) == 1
        examples = try reader.varint()
        frauds = try reader.varint()
        corrections = try reader.varint()
        dropped = try reader.varint()
        labels = try reader.varint()
        repeated = try reader.varint()
        changed = try reader.varint()
        unknown = try reader.varint()
        fraudLabels = try reader.varint()
        longestWaitMilliseconds = Int64(clamping: try reader.varint())
        recent = try RecentLabels(&reader)
    }
}

/// The labels of the last day, by hours of the stream's clock.
package struct RecentLabels: Equatable, Sendable {
    private static let hours = 24
    private static let hourMilliseconds: Int64 = 3_600_000
    /// By hour of the day; each is of one hour since 1970.
    private var all = [UInt64](repeating: 0, count: hours)
    private var frauds = [UInt64](repeating: 0, count: hours)
    private var hour: Int64 = 0

    init() {}

    mutating func add(isFraud: Bool, at clock: Int64) {
        advance(to: clock / Self.hourMilliseconds)
        let place = Int(hour % Int64(Self.hours))
        all[place] += 1
        if isFraud { frauds[place] += 1 }
    }

    private mutating func advance(to hour: Int64) {
        guard hour > self.hour else { return }
        for passed in 0..<min(hour - self.hour, Int64(Self.hours)) {
            let place = Int((hour - passed) % Int64(Self.hours))
            (all[place], frauds[place]) = (0, 0)
        }
        self.hour = hour
    }

    /// Of the day before this clock.
    package func total(at clock: Int64) -> (labels: UInt64, frauds: UInt64) {
        var copy = self
        copy.advance(to: clock / Self.hourMilliseconds)
        return (copy.all.reduce(0, +), copy.frauds.reduce(0, +))
    }

    func encode(into bytes: inout OutputBuffer) {
        bytes.append(varint: UInt64(hour))
        for place in 0..<Self.hours {
            bytes.append(varint: all[place])
            bytes.append(varint: frauds[place])
        }
    }

    init(_ reader: inout StateByteReader) throws(StateDecodingError) {
        hour = try Int64(clamping: reader.varint())
        for place in 0..<Self.hours {
            all[place] = try reader.varint()
            frauds[place] = try reader.varint()
        }
    }
}
