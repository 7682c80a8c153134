/// What a checkpoint says of a model beside its entries, memories, norms and weights: enough to show how it is.
package struct LearningSummary: Equatable, Sendable {
    package var category: String
    package var riskKeys: [String]
    package var counts: LearningCounts
    package var fraudOfAll: Double
    package var all: Double
    package var clock: Int64
    package var generation: UInt64
    var runs: [PendingEntries.Run]
    var end: UInt64
    package var pending: UInt64
    package var waiting: UInt64
    /// By risk key.
    package var memories: [UInt64]

    package var shareOfAll: Double { fraudOfAll / all }

    private static let form: UInt8 = 1

    init(_ model: LearnedModel) {
        (category, riskKeys) = (model.settings.category, model.settings.riskKeys)
        counts = model.counts
        (fraudOfAll, all, clock) = (model.fraudOfAll, model.all, model.clock)
        generation = model.generation
        (runs, end) = (model.entries.runs, model.entries.end)
        (pending, waiting) = (UInt64(model.entries.count), UInt64(model.entries.waiting))
        memories = model.values.memoryCounts.map { UInt64($0) }
    }

    func encode(into bytes: inout OutputBuffer) {
        bytes.append(byte: Self.form)
        bytes.append(content: Array(category.utf8))
        bytes.append(byte: UInt8(riskKeys.count))
        for key in riskKeys { bytes.append(content: Array(key.utf8)) }
        counts.encode(into: &bytes)
        bytes.append(double: fraudOfAll)
        bytes.append(double: all)
        bytes.append(varint: UInt64(clock))
        bytes.append(varint: generation)
        bytes.append(varint: end)
        bytes.append(varint: UInt64(runs.count))
        for run in runs {
            bytes.append(varint: run.first)
            bytes.append(varint: run.ripe)
            bytes.append(varint: run.end)
            bytes.append(varint: UInt64(run.clock))
        }
        for count in [pending, waiting] + memories { bytes.append(varint: count) }
    }

    package init(_ bytes: UnsafeRawBufferPointer) throws(StateDecodingError) {
        var reader = StateByteReader(bytes)
        let form = try reader.byte()
        guard form == Self.form else { throw StateDecodingError(.unknownVersion(form)) }
        category = String(decoding: try reader.content(), as: UTF8.self)
        riskKeys = []
        for _ in 0..<(try reader.byte(atMost: ScoringSettings.Learning.mostRiskKeys)) {
            riskKeys.append(String(decoding: try reader.content(), as: UTF8.self))
        }
        counts = try LearningCounts(&reader)
        fraudOfAll = try reader.double()
        all = try reader.double()
        clock = try reader.time().milliseconds
        generation = try reader.varint()
        end = try reader.varint()
        runs = []
        var previous: UInt64 = 1
        for _ in 0..<(try reader.count(atMost: reader.remaining)) {
            let run = PendingEntries.Run(
                first: try reader.varint(), ripe: try reader.varint(), end: try reader.varint(),
                clock: try reader.time().milliseconds)
            guard run.first >= previous, run.first <= run.ripe, run.ripe <= run.end, run.first < run.end,
                run.end <= end
            else { throw StateDecodingError(.outOfBounds) }
            previous = run.end
            runs.append(run)
        }
        pending = try reader.varint()
        waiting = try reader.varint()
        memories = []
        for _ in riskKeys { memories.append(try reader.varint()) }
        try reader.finish()
    }
}
