/// Reads a model back from the cells of its log.
extension LearnedModel {
    /// What had to be forgotten because the settings changed.
    package enum Forgotten: Equatable, Sendable {
        case everything(category: String)
        /// Nothing is learned any more.
        case all
        /// The model, its entries and their memories.
        case model(riskKeys: [String])
    }

    /// A model as a checkpoint has it, as far as it fits the settings. `pages`: of its log, the newest first.
    package static func load(
        _ settings: ScoringSettings.Learning, nextGeneration: UInt64, _ extent: LogExtent, from pages: any StatePages
    ) throws(StoreError) -> (model: LearnedModel, forgotten: Forgotten?) {
        var summary: LearningSummary?
        try readCells(extent, from: pages) { kind, _, value throws(StateDecodingError) in
            if kind == .summary, summary == nil { summary = try LearningSummary(value) }
            return summary == nil
        }
        guard let summary else { throw StoreError(.damaged, "reading what was learned", "its summary is missing") }
        let isSameCategory = summary.category == settings.category
        guard isSameCategory else {
            let model = LearnedModel(settings, generation: nextGeneration)
            model.begin(after: extent)
            return (model, .everything(category: summary.category))
        }
        let isSame = summary.riskKeys == settings.riskKeys
        let model = LearnedModel(settings, generation: summary.generation)
        try model.read(extent, summary, from: pages, onlyNorms: !isSame)
        if !isSame { model.begin(after: extent) }
        return (model, isSame ? nil : .model(riskKeys: summary.riskKeys))
    }

    /// A model that goes on under other settings, as far as it fits them.
    package static func succeeding(
        _ model: LearnedModel, _ settings: ScoringSettings.Learning, nextGeneration: UInt64
    ) -> (model: LearnedModel, forgotten: Forgotten?) {
        let (category, riskKeys) = (model.settings.category, model.settings.riskKeys)
        guard category == settings.category else {
            let next = LearnedModel(settings, generation: nextGeneration)
            next.begin(after: model.extent)
            return (next, .everything(category: category))
        }
        guard riskKeys == settings.riskKeys else {
            let next = LearnedModel(settings, generation: model.generation)
            next.counts = model.counts
            next.counts.forgetModel()
            next.clock = model.clock
            swap(&next.norms, &model.norms)
            next.begin(after: model.extent)
            return (next, .model(riskKeys: riskKeys))
        }
        model.follow(settings)
        return (model, nil)
    }

    /// Everything before is to be dropped.
    private func begin(after extent: LogExtent) {
        saving.log = StateLog(extent, entryCount: 0, byteCount: 0)
        saving.log.dropAll()
    }

    /// Visits the newest of each cell, until `body` returns false.
    package static func readCells(
        _ extent: LogExtent, from pages: any StatePages,
        _ body: (LearningCell, UInt64, UnsafeRawBufferPointer) throws(StateDecodingError) -> Bool
    ) throws(StoreError) {
        var seen: Set<UInt64> = []
        var goesOn = true
        try pages.readAll(of: extent) { (page, _, bytes) throws(StoreError) in
            guard goesOn else { return }
            // Within a page the last is the newest.
            var cells: [(LearningCell, UInt64, UnsafeRawBufferPointer)] = []
            var reader = StateEntryReader(bytes)
            while let entry = reader.next() {
                guard let (kind, number) = Self.cell(entry.key) else {
                    throw StoreError(.damaged, "reading page \(page)", "a cell of what was learned is unknown")
                }
                cells.append((kind, number, entry.value))
            }
            for (kind, number, value) in cells.reversed() where goesOn {
                guard seen.insert(number << 3 | UInt64(kind.rawValue)).inserted else { continue }
                do throws(StateDecodingError) {
                    goesOn = try body(kind, number, value)
                } catch {
                    throw StoreError(.damaged, "reading page \(page)", "what was learned is \(error.problem)")
                }
            }
        }
    }

    private static func cell(_ key: UnsafeRawBufferPointer) -> (LearningCell, UInt64)? {
        var reader = StateByteReader(key)
        do throws(StateDecodingError) {
            let kind = LearningCell(rawValue: try reader.byte())
            let number = try reader.varint()
            try reader.finish()
            return kind.map { ($0, number) }
        } catch {
            return nil
        }
    }

    private func read(
        _ extent: LogExtent, _ summary: LearningSummary, from pages: any StatePages, onlyNorms: Bool
    ) throws(StoreError) {
        (counts, clock) = (summary.counts, summary.clock)
        var statuses: [(UInt64, [UInt8])] = []
        var (byteCount, entryCount) = (Int64(0), Int64(0))
        try pages.readAll(of: extent) { _, count, bytes in
            byteCount += Int64(bytes.count)
            entryCount += count
        }
        try Self.readCells(extent, from: pages) { kind, number, value throws(StateDecodingError) in
            var reader = StateByteReader(value)
            if kind == .norms { norms = try Norms(&reader) }
            if onlyNorms { return true }
            switch kind {
            case .summary, .norms: break
            case .weights:
                try weights.decode(first: number &* UInt64(LearningSaving.weightsOfCell), &reader)
            case .value: try read(value: number, &reader)
            case .entries: try read(entries: number, summary, &reader)
            case .statuses: statuses.append((number, Array(value)))
            }
            return true
        }
        if onlyNorms {
            counts.forgetModel()
            return
        }
        (fraudOfAll, all) = (summary.fraudOfAll, summary.all)
        saving.log = StateLog(extent, entryCount: entryCount, byteCount: byteCount)
        do throws(StateDecodingError) {
            try settle(summary, statuses)
        } catch {
            throw StoreError(.damaged, "reading what was learned", "its entries are \(error.problem)")
        }
        (saving.hasLearned, saving.hasNewNorms) = (false, false)
    }

    /// Far more than there can be, and far less than what would fill memory.
    private static let mostValues: UInt64 = 1 << 28

    private func read(value number: UInt64, _ reader: inout StateByteReader) throws(StateDecodingError) {
        guard reader.remaining > 0 else { return }
        let key = try reader.byte(atMost: layout.riskKeys.count - 1)
        let text = try reader.text(atMost: ShortValue.lengths.upperBound)
        guard number < Self.mostValues, values.find(text, key: key) == nil else {
            throw StateDecodingError(.repeatedKey)
        }
        let value = values.insert(text, key: key, at: Int(number))
        guard reader.remaining > 0 else { return }
        let order = try reader.varint()
        values.set(try RiskMemory(&reader), at: value, order: order)
        try reader.finish()
    }

    private func read(
        entries cell: UInt64, _ summary: LearningSummary, _ reader: inout StateByteReader
    ) throws(StateDecodingError) {
        let (first, overflow) = cell.multipliedReportingOverflow(by: LearningSaving.entriesOfCell)
        guard !overflow else { throw StateDecodingError(.outOfBounds) }
        // What has left is of no use.
        guard summary.runs.contains(where: { $0.first < first + LearningSaving.entriesOfCell && $0.end > first })
        else { return }
        let start = max(first, 1)
        for entry in start..<start + UInt64(try reader.count(atMost: Int(LearningSaving.entriesOfCell))) {
            guard entry < summary.end else { return }
            try entries.decode(entry, &reader)
        }
    }

    /// Brings entries, their statuses and their values together.
    func settle(_ summary: LearningSummary, _ statuses: [(UInt64, [UInt8])]) throws(StateDecodingError) {
        for (cell, bytes) in statuses {
            for (index, bits) in bytes.enumerated() where bits != 0 {
                let entry = cell &* LearningSaving.statusesOfCell &+ UInt64(index)
                guard entries.isPresent(entry) else { continue }
                guard PendingEntries.Status.isValid(bits) else { throw StateDecodingError(.outOfBounds) }
                entries.set(PendingEntries.Status(bits: bits), of: entry)
            }
        }
        for run in summary.runs {
            for entry in run.first..<run.end {
                guard entries.isPresent(entry) else { throw StateDecodingError(.truncated) }
                try settle(valuesOf: entry)
            }
        }
        entries.restore(summary.runs, end: summary.end)
        values.findFree()
        saving.firstUnwritten = summary.end
        for value in 0..<values.end where values.isInUse(value) && values.isIdle(value) {
            // Forgotten in the moment of the cut.
            noteChange(ofValue: value)
            values.remove(value)
        }
    }

    private func settle(valuesOf entry: UInt64) throws(StateDecodingError) {
        for key in layout.riskKeys.indices {
            guard let value = entries.value(entry, ofKey: key) else { continue }
            guard value < values.end, values.isInUse(value), values.key(of: value) == key else {
                throw StateDecodingError(.outOfBounds)
            }
            values.wait(value)
        }
    }
}

/// What a cell of the log of a model is of.
package typealias LearningCell = LearningSaving.Kind
