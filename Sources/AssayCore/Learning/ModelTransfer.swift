/// A model as documents, without loss, and back.
extension LearnedModel {
    /// Why documents are no model.
    package struct TransferFault: Error {
        package let message: String
    }

    /// What each document says it is.
    package static let kindName = "learned"

    private enum Kind: String {
        case summary, norms, weight, value, entry
    }

    private static func document(_ kind: Kind, _ members: [(String, JSON)]) -> JSON {
        .object([(kindName, .string(kind.rawValue))] + members)
    }

    /// Calls `body` with each of them, the summary first.
    package func forEachDocument(_ body: (JSON) -> Void) {
        var room = OutputBuffer(capacity: 1 << 10)
        func hex(_ write: (inout OutputBuffer) -> Void) -> JSON {
            room.removeAll()
            write(&room)
            return .string(room.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
        }
        body(
            Self.document(
                .summary,
                [
                    ("category", .string(settings.category)),
                    ("risk_keys", .array(settings.riskKeys.map { .string($0) })),
                    ("examples", .unsigned(counts.examples)), ("frauds", .unsigned(counts.frauds)),
                    ("labels", .unsigned(counts.labels)), ("probability_of_fraud", .real(shareOfAll)),
                    ("state", hex { summary.encode(into: &$0) }),
                ]))
        body(
            Self.document(
                .norms,
                [
                    (
                        "categories",
                        .array(norms.categoryTexts.map { .string(String(decoding: $0, as: UTF8.self)) })
                    ),
                    (
                        "currencies",
                        .array(
                            norms.currencies.map {
                                .object([
                                    ("currency", .string(String(decoding: $0.currency.bytes, as: UTF8.self))),
                                    ("count", .unsigned($0.count)), ("mean", .real($0.mean)),
                                ])
                            })
                    ), ("state", hex { norms.encode(into: &$0) }),
                ]))
        for weight in slotWeights {
            body(
                Self.document(
                    .weight,
                    [
                        ("slot", .integer(Int64(weight.slot))), ("input", .string(weight.input)),
                        ("range", .string(weight.range)), ("z", .real(weight.slotState.gradients)),
                        ("n", .real(weight.slotState.squares)),
                    ]))
        }
        for value in 0..<values.end where values.isInUse(value) { body(valueDocument(value)) }
        for run in entries.runs {
            for entry in run.first..<run.end { body(entryDocument(entry)) }
        }
    }

    private func valueDocument(_ value: Int) -> JSON {
        var members: [(String, JSON)] = [
            ("number", .integer(Int64(value))), ("key", .string(layout.riskKeys[values.key(of: value)])),
            ("value", values.withText(value) { .string(String(decoding: $0, as: UTF8.self)) }),
        ]
        if let memory = values.memory(value) {
            members += [
                ("order", .unsigned(values.order(value))), ("last_ms", .integer(memory.last)),
                ("recent", .real(memory.recent)), ("frauds", .array((0..<3).map { .real(memory.frauds[$0]) })),
                ("labels", .array((0..<3).map { .real(memory.labels[$0]) })),
            ]
        }
        return Self.document(.value, members)
    }

    private func entryDocument(_ entry: UInt64) -> JSON {
        let status = entries.status(entry)
        entries.bins(entry, into: bins)
        return Self.document(
            .entry,
            [
                ("number", .unsigned(entry)), ("id_hash", .string(String(entries.idHash(entry), radix: 16))),
                ("clock_ms", .integer(entries.clock(entry))),
                ("label", status.label.map { .bool($0) } ?? .null), ("known", status.held.map { .bool($0) } ?? .null),
                ("matured", .bool(status.hasMatured)), ("doubtful", .bool(status.isDoubtful)),
                (
                    "values",
                    .array(
                        layout.riskKeys.indices.map { key in
                            entries.value(entry, ofKey: key).map { .integer(Int64($0)) } ?? .null
                        })
                ), ("bins", .array(bins.map { .integer(Int64($0)) })),
            ])
    }

    // MARK: Back

    /// A model from its documents. `settings`: of the checkpoint that they belong to.
    package convenience init(
        documents: [JSON], _ settings: ScoringSettings.Learning
    ) throws(TransferFault) {
        self.init(settings)
        guard let first = documents.first, let bytes = first["state"]?.string.flatMap(Self.bytes),
            first[Self.kindName]?.string == Kind.summary.rawValue
        else { throw TransferFault(message: "what was learned does not begin with its summary") }
        let summary = try Self.decoding(bytes) { raw throws(StateDecodingError) in try LearningSummary(raw) }
        guard summary.riskKeys == settings.riskKeys, summary.category == settings.category else {
            throw TransferFault(message: "what was learned is of other settings than the configuration's")
        }
        var statuses: [UInt64: [UInt8]] = [:]
        for document in documents.dropFirst() { try take(document, &statuses) }
        (counts, clock, generation) = (summary.counts, summary.clock, summary.generation)
        (fraudOfAll, all) = (summary.fraudOfAll, summary.all)
        do throws(StateDecodingError) {
            try settle(summary, statuses.map { ($0.key, $0.value) })
        } catch {
            throw TransferFault(message: "what was learned is \(error.problem)")
        }
    }

    private static func decoding<Value>(
        _ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws(StateDecodingError) -> Value
    ) throws(TransferFault) -> Value {
        do throws(StateDecodingError) {
            return try bytes.withUnsafeBufferPointer { bytes throws(StateDecodingError) in
                try body(UnsafeRawBufferPointer(bytes))
            }
        } catch {
            throw TransferFault(message: "what was learned is \(error.problem)")
        }
    }

    private func take(_ document: JSON, _ statuses: inout [UInt64: [UInt8]]) throws(TransferFault) {
        switch document[Self.kindName]?.string.flatMap({ Kind(rawValue: $0) }) {
        case .norms:
            guard let bytes = document["state"]?.string.flatMap(Self.bytes) else { throw Self.fault("norms") }
            try Self.decoding(bytes) { raw throws(StateDecodingError) in
                var reader = StateByteReader(raw)
                norms = try Norms(&reader)
                try reader.finish()
            }
        case .weight:
            guard let slot = document["slot"]?.integer, let z = document["z"]?.real, let n = document["n"]?.real,
                (0..<Int64(layout.slotCount)).contains(slot), z.isFinite, n.isFinite, n >= 0
            else { throw Self.fault("weight") }
            weights.set(Int(slot), Weights.Slot(gradients: z, squares: n))
        case .value: try takeValue(document)
        case .entry: try takeEntry(document, &statuses)
        case .summary, nil: throw Self.fault("kind")
        }
    }

    private static func fault(_ what: String) -> TransferFault {
        TransferFault(message: "a \(what) of what was learned is not what it should be")
    }

    private func takeValue(_ document: JSON) throws(TransferFault) {
        guard let number = document["number"]?.integer, (0..<1 << 28).contains(number),
            let key = document["key"]?.string.flatMap({ layout.riskKeys.firstIndex(of: $0) }),
            let text = document["value"]?.string.map({ Array($0.utf8) }), ShortValue.lengths.contains(text.count)
        else { throw Self.fault("value") }
        let isFree = Int(number) >= values.end || !values.isInUse(Int(number))
        guard isFree, text.withUnsafeBufferPointer({ values.find($0, key: key) }) == nil else {
            throw Self.fault("value")
        }
        let slot = text.withUnsafeBufferPointer { values.insert($0, key: key, at: Int(number)) }
        guard let order = document["order"]?.unsigned else { return }
        guard let last = document["last_ms"]?.integer, EventTime(checkedMilliseconds: last) != nil,
            let recent = document["recent"]?.real, let frauds = document["frauds"]?.elements?.compactMap(\.real),
            let labels = document["labels"]?.elements?.compactMap(\.real), frauds.count == 3, labels.count == 3
        else { throw Self.fault("value") }
        var memory = RiskMemory(last: last)
        memory.recent = recent
        for index in 0..<3 { (memory.frauds[index], memory.labels[index]) = (frauds[index], labels[index]) }
        values.set(memory, at: slot, order: order)
    }

    private func takeEntry(
        _ document: JSON, _ statuses: inout [UInt64: [UInt8]]
    ) throws(TransferFault) {
        guard let number = document["number"]?.unsigned, number > 0, number < 1 << 62,
            let hash = document["id_hash"]?.string.flatMap({ UInt64($0, radix: 16) }),
            let clock = document["clock_ms"]?.integer, EventTime(checkedMilliseconds: clock) != nil,
            let given = document["values"]?.elements, given.count == layout.riskKeys.count,
            let bins = document["bins"]?.elements?.compactMap(\.integer), bins.count == layout.inputCount,
            bins.allSatisfy({ (0..<Int64(InputLayout.binsOfInput)).contains($0) })
        else { throw Self.fault("entry") }
        var status = PendingEntries.Status()
        (status.label, status.held) = (document["label"]?.bool, document["known"]?.bool)
        status.hasMatured = document["matured"]?.bool ?? false
        status.isDoubtful = document["doubtful"]?.bool ?? false
        let cell = number / LearningSaving.statusesOfCell
        statuses[cell, default: Array(repeating: 0, count: Int(LearningSaving.statusesOfCell))][
            Int(number % LearningSaving.statusesOfCell)] = status.bits
        entries.put(
            number, hash, clock: clock,
            values: given.map { $0.integer.map { UInt32(clamping: $0) } ?? PendingEntries.noValue },
            bins: bins.map { UInt8($0) })
    }

    private static func bytes(_ hex: String) -> [UInt8]? {
        let digits = Array(hex.utf8)
        guard digits.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            let pair = String(decoding: digits[index..<index + 2], as: UTF8.self)
            guard let byte = UInt8(pair, radix: 16) else { return nil }
            bytes.append(byte)
        }
        return bytes
    }
}
