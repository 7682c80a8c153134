/// Writes assessments as JSON lines.
package struct AssessmentEncoder {
    /// JSON strings with everything up to the end of the line, one after the other.
    private let recommendations: [UInt8]
    /// By level, the range of its recommendation.
    private let recommendationRanges: [Range<Int>]
    /// By level, how the line of an assessment ends that has neither a factor nor a score.
    private let quietEnds: [[UInt8]]
    private let defaultType: [UInt8]
    private let numbering: FraudDetection.Numbering

    /// The constant texts of a line, and its numbers.
    private static let longestFrame = 256 + 3 * OutputBuffer.longestNumber
    /// A factor without the type names in it.
    private static let longestFactor = 128 + 24 * 3 + 5 * OutputBuffer.longestNumber
    private static let longestTypeName = 3 + OutputBuffer.longestEscaped(Transaction.typeLengths.upperBound)

    package init(_ settings: ScoringSettings, numbering: FraudDetection.Numbering = .stream) {
        self.numbering = numbering
        let recommendations = settings.recommendations
        defaultType = Array(settings.defaultType.utf8)
        var buffer = OutputBuffer(capacity: 256)
        var ends = [0]
        for level in RiskLevel.allCases {
            let text = recommendations.text(of: level)
            buffer.reserve(OutputBuffer.longestEscaped(text.utf8.count) + 64)
            buffer.write("],\"recommendation\":\"")
            buffer.write(escaping: text)
            buffer.write("\"}\n")
            ends.append(buffer.count)
        }
        self.recommendations = Array(buffer.bytes)
        recommendationRanges = zip(ends, ends.dropFirst()).map { $0..<$1 }
        quietEnds = zip(RiskLevel.allCases, recommendationRanges).map { level, range in
            Array(",\"risk_level\":\"\(level.name)\",\"risk_score\":0,\"risk_factors\":[".utf8)
                + buffer.bytes[range]
        }
    }

    /// Writes one line per accepted transaction.
    package func encode(
        _ transactions: [Transaction], text: BatchText, scored: borrowing FraudDetection.Output,
        into buffer: inout OutputBuffer
    ) {
        let rules = scored.rules.map(RuleTexts.init)
        var place = FraudDetection.Output.Place()
        var upper = Upper()
        for index in transactions.indices {
            encode(transactions[index], text, scored, at: &place, rules, &upper, into: &buffer)
        }
    }

    /// What numbers of the lines have in common.
    private struct Upper {
        var sequence = UpperDigits()
        var seconds = UpperDigits()
    }

    /// Writes the line of one transaction if it was accepted, and moves to the place of the next one.
    func encode(
        _ transaction: Transaction, _ text: BatchText, _ scored: borrowing FraudDetection.Output,
        at place: inout FraudDetection.Output.Place, _ rules: RuleTexts?, into buffer: inout OutputBuffer
    ) {
        var upper = Upper()
        encode(transaction, text, scored, at: &place, rules, &upper, into: &buffer)
    }

    @inline(__always)
    private func encode(
        _ transaction: Transaction, _ text: BatchText, _ scored: borrowing FraudDetection.Output,
        at place: inout FraudDetection.Output.Place, _ rules: RuleTexts?, _ upper: inout Upper,
        into buffer: inout OutputBuffer
    ) {
        let assessment = scored.assessments[place.assessment]
        place.assessment += 1
        guard assessment.sequence > 0 else { return }
        encode(transaction, text, assessment, &upper, into: &buffer)
        if assessment.factorCount == 0, assessment.score == 0 {
            quietEnds[Int(assessment.level.rawValue)].withUnsafeBufferPointer { end in
                buffer.reserve(end.count)
                buffer.write(end)
            }
        } else {
            encodeScore(assessment, scored.factors, at: &place, transaction, text, rules, into: &buffer)
        }
        if let probability = assessment.probability {
            buffer.removeLast(2)
            buffer.reserve(Self.longestFrame)
            buffer.write(",\"model_probability\":")
            buffer.write(real: probability)
            buffer.write("}\n")
        }
        guard let rules else { return }
        // The line's end comes later.
        buffer.removeLast(2)
        rules.encode(assessment, scored.factors, firstShadow: place.shadow, into: &buffer)
        place.shadow += Int(assessment.shadowCount)
    }

    @inline(never)
    private func encodeScore(
        _ assessment: RiskAssessment, _ factors: borrowing FactorList, at place: inout FraudDetection.Output.Place,
        _ transaction: Transaction, _ text: BatchText, _ rules: RuleTexts?, into buffer: inout OutputBuffer
    ) {
        buffer.reserve(Self.longestFrame)
        buffer.write(",\"risk_level\":\"")
        buffer.write(assessment.level.name)
        buffer.write("\",\"risk_score\":")
        buffer.write(real: assessment.score)
        buffer.write(",\"risk_factors\":[")
        for _ in 0..<assessment.factorCount {
            encode(factors, at: place.factor, transaction, text, rules, into: &buffer)
            place.factor += 1
        }
        // Each factor ends in a comma; the last one gives way to the bracket.
        if assessment.factorCount > 0 { buffer.removeLast() }
        let range = recommendationRanges[Int(assessment.level.rawValue)]
        buffer.reserve(range.count)
        recommendations.withUnsafeBufferPointer { buffer.write(UnsafeBufferPointer(rebasing: $0[range])) }
    }

    @inline(__always)
    private func encode(
        _ transaction: Transaction, _ text: BatchText, _ assessment: RiskAssessment, _ upper: inout Upper,
        into buffer: inout OutputBuffer
    ) {
        let id = text.bytes(transaction.id)
        let user = text.bytes(transaction.userID)
        buffer.reserve(Self.longestFrame + OutputBuffer.longestEscaped(id.count + user.count))
        buffer.write("{\"transaction_id\":\"")
        buffer.write(id, needsEscaping: transaction.traits.contains(.idNeedsEscaping))
        buffer.write("\",\"user_id\":\"")
        buffer.write(user, needsEscaping: transaction.traits.contains(.userIDNeedsEscaping))
        if numbering == .stream { buffer.write("\",\"sequence\":") } else { buffer.write("\",\"user_sequence\":") }
        buffer.write(integer: assessment.sequence, &upper.sequence)
        buffer.write(",\"timestamp\":")
        buffer.write(seconds: transaction.time, &upper.seconds)
    }

    private func encodeModel(
        _ list: borrowing FactorList, _ top: FactorList.Reason, _ risk: Double, into buffer: inout OutputBuffer
    ) {
        buffer.write("{\"type\":\"model\",\"risk_score\":")
        buffer.write(real: risk)
        buffer.write(",\"top\":[")
        list.withText(top) { top in
            buffer.reserve(top.count + Self.longestFactor)
            buffer.write(top)
        }
        buffer.write("]},")
    }

    private func encode(
        _ list: borrowing FactorList, at index: Int, _ transaction: Transaction, _ text: BatchText,
        _ rules: RuleTexts?, into buffer: inout OutputBuffer
    ) {
        buffer.reserve(Self.longestFactor)
        switch list.factors[index] {
        case .highVelocity(let window, let count, let threshold, _):
            buffer.write("{\"type\":\"high_velocity\",\"window\":")
            buffer.write(integer: UInt64(window))
            buffer.write(",\"count\":")
            buffer.write(integer: UInt64(count))
            buffer.write(",\"threshold\":")
            buffer.write(integer: UInt64(threshold))
        case .unusualLocation(let kilometers, _):
            buffer.write("{\"type\":\"unusual_location\",\"distance_km\":")
            buffer.write(real: kilometers)
        case .unusualAmount(let amount, let average, let zScore, _):
            buffer.write("{\"type\":\"unusual_amount\",\"amount\":")
            buffer.write(real: amount)
            buffer.write(",\"average_amount\":")
            buffer.write(real: average)
            buffer.write(",\"z_score\":")
            buffer.write(real: zScore)
        case .unusualTime(let hour, let typicalHours, _):
            buffer.write("{\"type\":\"unusual_time\",\"hour\":")
            buffer.write(integer: UInt64(hour))
            buffer.write(",\"typical_hours\":[")
            for typical in UInt8(0)..<24 where typicalHours.contains(typical) {
                buffer.write(integer: UInt64(typical))
                buffer.write(UInt8(ascii: ","))
            }
            buffer.closeList(isEmpty: typicalHours.bits == 0)
        case .unusualType(let first, let count, _):
            buffer.reserve(Self.longestFactor + Self.longestTypeName * (Int(count) + 1))
            buffer.write("{\"type\":\"unusual_transaction_type\",\"transaction_type\":\"")
            let type = text.bytes(transaction.type)
            defaultType.withUnsafeBufferPointer { buffer.write(escaping: type.isEmpty ? $0 : type) }
            buffer.write("\",\"typical_types\":[")
            list.forEachName(first, count: count) { name in
                buffer.write(UInt8(ascii: "\""))
                name.withUnsafeBufferPointer { buffer.write(escaping: $0) }
                buffer.write("\",")
            }
            buffer.closeList(isEmpty: count == 0)
        case .lateNight(let hour, _):
            buffer.write("{\"type\":\"late_night_transaction\",\"hour\":")
            buffer.write(integer: UInt64(hour))
        case .futureTimestamp(let aheadMilliseconds, _):
            buffer.write("{\"type\":\"future_timestamp\",\"ahead_seconds\":")
            buffer.write(real: Double(aheadMilliseconds) / 1000)
        case .unusualWeekend(let weekday, _):
            buffer.write("{\"type\":\"weekend_unusual_activity\",\"weekday\":")
            buffer.write(integer: UInt64(weekday))
        case .rule(let rule, let reason, let risk):
            buffer.write("{\"type\":\"rule\",")
            rules?.encode(rule, list, reason, risk, into: &buffer)
            buffer.write("},")
            return
        case .sequence(let pattern, let transactions, _):
            buffer.write("{\"type\":\"pattern\",")
            rules?.encode(pattern: pattern, list, transactions, into: &buffer)
        case .model(let top, let risk): return encodeModel(list, top, risk, into: &buffer)
        }
        buffer.reserve(Self.longestFactor)
        buffer.write(",\"risk_score\":")
        buffer.write(real: list.factors[index].risk)
        buffer.write("},")
    }
}

extension OutputBuffer {
    @inline(__always)
    fileprivate mutating func write(_ bytes: UnsafeBufferPointer<UInt8>, needsEscaping: Bool) {
        if needsEscaping { write(escaping: bytes) } else { write(bytes) }
    }

    package mutating func write(escaping text: String) {
        var text = text
        text.withUTF8 { write(escaping: $0) }
    }

    /// Every element was written with a comma after it.
    fileprivate mutating func closeList(isEmpty: Bool) {
        if !isEmpty { removeLast() }
        write(UInt8(ascii: "]"))
    }
}
