import AssayCore
import StateStore

/// What a stored state has learned from labels.
package enum LearnedState {
    /// Its log in the last checkpoint; nil where nothing is learned.
    package static func log(of view: StateView) -> LogExtent? {
        view.checkpoint?.stage.logs.first { $0.function == ScoringStage.learningFunctionNumber && $0.pageCount > 0 }
    }

    /// How the model is, read without its entries and memories.
    package static func summary(of view: StateView) throws(StoreError) -> LearningSummary? {
        guard let log = log(of: view) else { return nil }
        var summary: LearningSummary?
        try LearnedModel.readCells(log, from: view) { kind, _, value throws(StateDecodingError) in
            if kind == .summary { summary = try LearningSummary(value) }
            return summary == nil
        }
        return summary
    }

    /// All of it; nil where nothing is learned. `settings`: those of the checkpoint.
    package static func model(
        of view: StateView, _ settings: ScoringSettings.Learning
    ) throws(StoreError) -> LearnedModel? {
        guard settings.isEnabled, let log = log(of: view), let sequence = view.checkpoint?.stage.sequence else {
            return nil
        }
        return try LearnedModel.load(settings, nextGeneration: sequence + 1, log, from: view).model
    }
}

extension StateRewriting {
    /// Goes on with all of a model; the keys are complete.
    package func add(_ model: LearnedModel) throws(StoreError) {
        try turn(to: ScoringStage.learningFunctionNumber)
        for cell in model.allCells() {
            try cell.key.withUnsafeBufferPointer { key throws(StoreError) in
                try cell.value.withUnsafeBufferPointer { value throws(StoreError) in
                    try add(key: UnsafeRawBufferPointer(key), value: UnsafeRawBufferPointer(value))
                }
            }
        }
    }
}

/// A model as a document.
package enum ModelDocument {
    /// `weights`: those that are shown.
    package static func json(_ summary: LearningSummary, weights: [LearnedModel.SlotWeight]?) -> JSON {
        var members: [(String, JSON)] = [
            ("ready", .bool(summary.counts.isReady)), ("probability_of_fraud", .real(summary.shareOfAll)),
            ("clock", .real(Double(summary.clock) / 1000)),
        ]
        members += summary.counts.members.dropFirst()
        let recent = summary.counts.recent.total(at: summary.clock)
        members += [
            ("pending", .unsigned(summary.pending)), ("waiting", .unsigned(summary.waiting)),
            ("keys", .object(zip(summary.riskKeys, summary.memories).map { ($0, .unsigned($1)) })),
            (
                "last_day",
                .object([("labels", .unsigned(recent.labels)), ("frauds", .unsigned(recent.frauds))])
            ), ("longest_wait_seconds", .real(Double(summary.counts.longestWaitMilliseconds) / 1000)),
        ]
        if let weights { members.append(("weights", .array(weights.map(json)))) }
        return .object(members)
    }

    private static func json(_ weight: LearnedModel.SlotWeight) -> JSON {
        .object([
            ("slot", .integer(Int64(weight.slot))), ("input", .string(weight.input)),
            ("range", .string(weight.range)), ("weight", .real(weight.weight)), ("n", .real(weight.slotState.squares)),
        ])
    }

    package static func json(_ memory: LearnedModel.KeyMemory) -> JSON {
        func triple(_ values: SIMD4<Double>) -> JSON {
            .object([("1d", .real(values.x)), ("5d", .real(values.y)), ("20d", .real(values.z))])
        }
        return .object([
            ("key", .string(memory.key)), ("value", .string(String(decoding: memory.value, as: UTF8.self))),
            ("last", .real(Double(memory.memory.last) / 1000)), ("recent", .real(memory.memory.recent)),
            ("frauds", triple(memory.memory.frauds)), ("labels", triple(memory.memory.labels)),
            (
                "rates",
                .object([
                    ("1d", .real(memory.rates[0])), ("5d", .real(memory.rates[1])), ("20d", .real(memory.rates[2])),
                ])
            ),
        ])
    }
}
