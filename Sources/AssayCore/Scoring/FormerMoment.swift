/// What a transaction was judged by: its user's state just before it, and where the stream was. Kept of results that
/// people look at later, when that state is long gone.
package struct FormerMoment: Equatable, Sendable {
    /// The number of transactions accepted before.
    package var sequence: UInt64
    /// How far event time had come.
    package var clock: [StageRecord.Field]
    package var state: [UInt8]

    package init(sequence: UInt64, clock: [StageRecord.Field], state: [UInt8]) {
        (self.sequence, self.clock, self.state) = (sequence, clock, state)
    }

    /// The position that states were of.
    package var record: StageRecord {
        var record = StageRecord()
        record.sequence = sequence
        record.fields = clock
        return record
    }

    // MARK: Coding

    private static let format: UInt8 = 1

    package var bytes: [UInt8] {
        var bytes = OutputBuffer(capacity: state.count + 256)
        bytes.append(byte: Self.format)
        bytes.append(fixed: sequence)
        bytes.append(byte: UInt8(clock.count))
        for field in clock {
            bytes.append(byte: UInt8(field.name.utf8.count))
            bytes.write(field.name.utf8)
            bytes.append(fixed: UInt64(bitPattern: field.value))
        }
        bytes.write(state)
        return Array(bytes.bytes)
    }

    package init(_ bytes: [UInt8]) throws(StateDecodingError) {
        var rest = bytes[...]
        func take(_ count: Int) throws(StateDecodingError) -> ArraySlice<UInt8> {
            guard rest.count >= count else { throw StateDecodingError(.truncated) }
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count)
        }
        func number() throws(StateDecodingError) -> UInt64 {
            try take(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        let format = try take(1).first ?? 0
        guard format == Self.format else { throw StateDecodingError(.unknownVersion(format)) }
        sequence = try number()
        clock = []
        for _ in 0..<(try take(1).first ?? 0) {
            let length = Int(try take(1).first ?? 0)
            let name = String(decoding: try take(length), as: UTF8.self)
            clock.append(StageRecord.Field(name: name, value: Int64(bitPattern: try number())))
        }
        state = Array(rest)
    }
}

/// What is gathered of a transaction on its way, for the moment that may be kept.
struct FormerMoments {
    /// Of one transaction of a batch.
    struct Entry: Sendable {
        /// Its number among the assessments of the batch.
        let assessment: Int
        let moment: FormerMoment
    }

    var clock: StreamClock
    /// From before patterns took the transaction in; nil where the present state still is as it was.
    var state: [UInt8]?

    /// Fraud that is less likely is nothing to explain.
    static let leastProbability = 0.1
}

extension FraudDetection {
    private func bytes(of state: borrowing UserState) -> [UInt8] {
        var bytes = OutputBuffer(capacity: 1 << 9)
        encode(state, into: &bytes)
        return Array(bytes.bytes)
    }

    /// Patterns change what is kept of a user before anything else does.
    @inline(never)
    mutating func noteFormer(_ state: borrowing UserState) {
        former.state = ruleEvaluator?.hasPatterns == true ? bytes(of: state) : nil
    }

    /// Keeps the moment of a transaction where there is something to explain: a factor, a rule, a probability.
    @inline(never)
    mutating func keepFormer(
        _ state: borrowing UserState, hasFactors: Bool, _ probability: Double?, _ output: inout Output
    ) {
        let isTelling =
            hasFactors || ruleEvaluator?.hasHeld == true || (probability ?? 0) >= FormerMoments.leastProbability
        guard isTelling else { return }
        output.former.append(
            FormerMoments.Entry(
                assessment: output.assessments.count,
                moment: FormerMoment(
                    sequence: sequence,
                    clock: former.clock.fields.map { StageRecord.Field(name: $0.0, value: $0.1) },
                    state: former.state.take() ?? bytes(of: state))))
    }
}
