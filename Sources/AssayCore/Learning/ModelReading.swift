import Glibc

/// A model as people and other programs look at it.
extension LearnedModel {
    package var summary: LearningSummary { LearningSummary(self) }

    /// A value of a risk key that has a memory.
    package struct KeyMemory: Sendable {
        package let key: String
        package let value: [UInt8]
        package let memory: RiskMemory
        /// The share of fraud by the stream's clock, for each of the half-lives.
        package let rates: [Double]
    }

    package func memory(ofKey name: String, _ value: [UInt8]) -> KeyMemory? {
        guard let key = layout.riskKeys.firstIndex(of: name),
            let slot = value.withUnsafeBufferPointer({ values.find($0, key: key) })
        else { return nil }
        return keyMemory(slot)
    }

    private func keyMemory(_ slot: Int) -> KeyMemory? {
        guard let memory = values.memory(slot) else { return nil }
        let rates = memory.rates(
            after: max(clock - settings.maturityMilliseconds - memory.last, 0), shareOfAll: shareOfAll)
        return KeyMemory(
            key: layout.riskKeys[values.key(of: slot)], value: values.withText(slot) { Array($0) }, memory: memory,
            rates: [rates.x, rates.y, rates.z])
    }

    /// Visits all memories, by no order.
    package func forEachMemory(_ body: (KeyMemory) -> Void) {
        for slot in 0..<values.end where values.isInUse(slot) {
            if let memory = keyMemory(slot) { body(memory) }
        }
    }

    /// A transaction that waits for its label.
    package struct PendingEntry: Sendable {
        package let number: UInt64
        package let idHash: UInt64
        package let clock: Int64
        package let label: Bool?
        package let hasMatured: Bool
        /// By risk key.
        package let values: [[UInt8]?]
    }

    package func forEachEntry(_ body: (PendingEntry) -> Void) {
        for run in entries.runs {
            for entry in run.first..<run.end {
                let status = entries.status(entry)
                let texts = layout.riskKeys.indices.map { key in
                    entries.value(entry, ofKey: key).map { values.withText($0) { Array($0) } }
                }
                body(
                    PendingEntry(
                        number: entry, idHash: entries.idHash(entry), clock: entries.clock(entry), label: status.label,
                        hasMatured: status.hasMatured, values: texts))
            }
        }
    }

    /// What one slot weighs.
    package struct SlotWeight: Sendable {
        package let slot: Int
        /// The name of the input, or both of a pair with a star between them.
        package let input: String
        /// The bins, in words.
        package let range: String
        package let weight: Double
        package let slotState: Weights.Slot
    }

    /// The slots that any example had, by number.
    package var slotWeights: [SlotWeight] {
        weights.slotNumbers.filter { weights[$0] != Weights.Slot() }.map { slot in
            let (input, range) = words(of: slot)
            return SlotWeight(
                slot: slot, input: input, range: range, weight: weights.weight(at: slot),
                slotState: weights[slot])
        }
    }

    /// The name and the range of a slot.
    package func words(of slot: Int) -> (input: String, range: String) {
        switch layout.meaning(of: slot) {
        case .bias: return ("bias", "always")
        case .input(let input, let bin): return (layout.names[input], range(of: input, bin))
        case .pair(let pair, let one, let other):
            let (first, second) = layout.pairs[pair]
            return (
                "\(layout.names[first])*\(layout.names[second])",
                "\(range(of: first, one)); \(range(of: second, other))"
            )
        }
    }

    private func range(of input: Int, _ bin: UInt8) -> String {
        guard let fixed = InputLayout.Fixed(rawValue: input) else {
            if bin == Self.noValueBin { return "no value" }
            return BinWords.between(BinEdges.rate.values, bin)
        }
        if bin == 0, [.amount, .ratio, .burst, .categoryDeviation, .amountFine].contains(fixed) { return "unknown" }
        switch fixed {
        case .amount: return BinWords.quarters(Double(bin) - 1 - 24, base: 2, unit: " times the usual")
        case .amountFine: return BinWords.quarters((Double(bin) - 1 - 10) / 4, base: 2, unit: " times the usual")
        case .ratio: return BinWords.quarters(Double(bin) - 1 - 10, base: 2.718281828459045, unit: " times the mean")
        case .burst: return BinWords.quarters(Double(bin) - 1 - 10, base: 2.718281828459045, unit: " times the usual")
        case .sinceOutlier:
            if bin == UInt8(BinEdges.age.values.count) { return "never, or long ago" }
            return BinWords.between(BinEdges.age.values, bin) + " days"
        case .category:
            if Int(bin) >= Norms.mostCategories { return "any other" }
            guard Int(bin) < norms.categoryTexts.count else { return "unknown" }
            let text = String(decoding: norms.categoryTexts[Int(bin)], as: UTF8.self)
            return text.isEmpty ? "none" : text
        case .hour: return "\(bin):00"
        case .categoryDeviation: return BinWords.between(BinEdges.deviation.values, bin - 1) + " deviations"
        case .outliers: return BinWords.between(BinEdges.count.values, bin)
        case .gap: return bin == 0 ? "the first" : BinWords.between(BinEdges.gap.values, bin - 1) + " s"
        case .count: return bin >= 60 ? "60 and more" : "\(bin)"
        case .checks: return BinWords.between(BinEdges.score.values, bin)
        }
    }

    // MARK: One transaction

    /// What the model makes of a transaction.
    package struct Report: Sendable {
        package struct Part: Sendable {
            package let input: String
            package let values: [InputValue]
            package let range: String
            package let weight: Double
        }

        package let isReady: Bool
        /// The bias first, then inputs and pairs.
        package let parts: [Part]
        package let sum: Double
        package let probability: Double
    }

    /// Of the transaction that was looked at last.
    func makeReport(_ active: UnsafeBufferPointer<Int32>) -> Report {
        let parts = active.map { slot in
            let (input, range) = words(of: Int(slot))
            let values: [InputValue] =
                switch layout.meaning(of: Int(slot)) {
                case .bias: []
                case .input(let input, _): [value(of: input)]
                case .pair(let pair, _, _): [value(of: layout.pairs[pair].0), value(of: layout.pairs[pair].1)]
                }
            return Report.Part(input: input, values: values, range: range, weight: weights.weight(at: Int(slot)))
        }
        return Report(
            isReady: counts.isReady, parts: parts, sum: parts.reduce(0) { $0 + $1.weight },
            probability: weights.probability(active))
    }
}

/// The bounds of bins in words.
enum BinWords {
    private static func number(_ value: Double) -> String {
        var buffer = OutputBuffer(capacity: OutputBuffer.longestNumber)
        buffer.reserve(OutputBuffer.longestNumber)
        let scale = abs(value) >= 100 ? 1.0 : abs(value) >= 1 ? 100 : 10_000
        buffer.write(real: (value * scale).rounded() / scale)
        return String(decoding: buffer.bytes, as: UTF8.self)
    }

    static func between(_ edges: [Double], _ bin: UInt8) -> String {
        let index = Int(bin)
        if index == 0 { return "up to \(number(edges[0]))" }
        if index >= edges.count { return "above \(number(edges[edges.count - 1]))" }
        return "\(number(edges[index - 1])) to \(number(edges[index]))"
    }

    /// A quarter of a power, around its middle.
    static func quarters(_ step: Double, base: Double, unit: String) -> String {
        "about \(number(exp(step / 4 * log(base))))\(unit)"
    }
}
