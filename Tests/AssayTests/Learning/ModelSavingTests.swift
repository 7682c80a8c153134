import CivilTime
import TestSupport
import Testing

@testable import Assay
@testable import AssayCore

/// Pages that a checkpoint has committed, in memory.
private final class MemoryPages: StatePages {
    private var pages: [Int64: [Int64: StatePage]] = [:]

    func commit(_ cut: StageCut) {
        for change in cut.changes {
            for page in change.pages { pages[change.function, default: [:]][page.id] = page }
            pages[change.function] = pages[change.function]?.filter { $0.key >= change.firstPage }
        }
    }

    func read(
        _ page: Int64, of function: Int64, _ body: (Int64, UInt64, UnsafeRawBufferPointer) -> Void
    ) throws(StoreError) {
        guard let page = pages[function]?[page] else { throw StoreError(.damaged, "reading", "a page is missing") }
        page.entries.withUnsafeBytes { body(page.entryCount, page.checksum, $0) }
    }

    func readAll(
        of log: LogExtent, _ body: (Int64, Int64, UnsafeRawBufferPointer) throws(StoreError) -> Void
    ) throws(StoreError) {
        var sum: UInt64 = 0
        for id in (log.firstPage..<log.firstPage + log.pageCount).reversed() {
            guard let page = pages[log.function]?[id] else {
                throw StoreError(.damaged, "reading", "page \(id) is missing")
            }
            sum &+= page.checksum
            try page.entries.withUnsafeBufferPointer { bytes throws(StoreError) in
                try body(id, page.entryCount, UnsafeRawBufferPointer(bytes))
            }
        }
        guard sum == log.pageSum else { throw StoreError(.damaged, "reading", "the sum does not hold") }
    }

    var pageCount: Int { pages[ScoringStage.learningFunctionNumber]?.count ?? 0 }
}

/// Makes lines of transactions and labels.
private struct LineSource {
    var random: SeededRandom
    private var made = 0
    private var time: Int64 = 1_700_000_000

    init(_ random: SeededRandom) { self.random = random }

    mutating func next() -> String {
        if made > 5, random.below(4) == 0 {
            let back = random.below(10) == 0 ? random.below(3000) : random.below(60)
            let id = max(1, made - Int(back))
            return "{\"label\":{\"transaction_id\":\"t\(id)\",\"fraud\":\(random.below(2) == 0)}}\n"
        }
        made += 1
        time += random.below(200) == 0 ? 200_000 : Int64(random.below(120))
        let merchant =
            random.below(10) == 0 ? "" : ",\"merchant_id\":\"m\(random.below(random.below(5) == 0 ? 900 : 30))\""
        return "{\"transaction_id\":\"t\(made)\",\"user_id\":\"u\(random.below(40))\",\"amount\":\(random.below(500)),"
            + "\"timestamp\":\(time),\"currency\":\"C\(random.below(3))\"\(merchant)}\n"
    }
}

@Suite struct ModelSavingTests {
    private static let settings = settings(maxPending: 250)

    private static func settings(maxPending: UInt64) -> ScoringSettings {
        var settings = ScoringSettings()
        settings.learning.isEnabled = true
        settings.learning.maturityMilliseconds = 20_000_000
        settings.learning.retentionMilliseconds = 60_000_000
        settings.learning.maxKeys = 200
        settings.learning.maxPending = maxPending
        settings.learning.riskKeys = ["merchant_id", "user_id"]
        (settings.learning.warmUpFrauds, settings.learning.warmUpExamples) = (10, 50)
        return settings
    }

    private static func score(_ lines: [String], _ stage: inout ScoringStage) throws {
        var decoder = stage.makeDecoder(.jsonl, CSVDialect(), csvHeader: [])
        let batch = stage.makeBatch()
        batch.reset()
        batch.text.reset(offset: 1, firstLine: 1)
        let bytes = Array(lines.joined().utf8)
        if bytes.count > batch.text.capacity { batch.text.grow(to: bytes.count, keeping: 0) }
        bytes.withUnsafeBufferPointer { batch.text.append($0) }
        batch.text.count = bytes.count
        decoder.decode(batch)
        try stage.score(batch)
    }

    private static func model(_ stage: borrowing ScoringStage) -> LearnedModel {
        guard let model = stage.model else { preconditionFailure("the settings learn") }
        return model
    }

    private static func cells(_ stage: borrowing ScoringStage) -> [[UInt8]] {
        model(stage).allCells().map { $0.key + $0.value }
    }

    @Test(
        "A model that is loaded is the one of the cut, whatever came while it was written", arguments: Seed.several(6),
        [250, 2000] as [UInt64])
    func saved(_ seed: Seed, _ maxPending: UInt64) throws {
        let settings = Self.settings(maxPending: maxPending)
        var source = LineSource(seed.random)
        var random = SeededRandom(seed: seed.value &+ 99)
        var stage = ScoringStage(settings: settings, zone: .utc)
        Self.model(stage).saving.smallestLog = 100_000
        let pages = MemoryPages()
        var loads = 0
        var (dropped, greatest) = (false, 0)
        for _ in 0..<60 {
            for _ in 0..<random.below(6) {
                try Self.score((0..<random.below(200)).map { _ in source.next() }, &stage)
            }
            var record = stage.beginCut()
            let expected = Self.cells(stage)
            // The cut goes on between batches.
            while try !stage.continueCut(states: Int(random.below(40)) + 1) {
                if random.below(2) == 0 { try Self.score((0..<random.below(30)).map { _ in source.next() }, &stage) }
            }
            let cut = stage.takeCut()
            record.logs = cut.logs
            pages.commit(cut)
            stage.noteCommitted()
            dropped = dropped || pages.pageCount < greatest
            greatest = pages.pageCount
            guard random.below(3) == 0 else { continue }
            var loaded = ScoringStage(settings: settings, zone: .utc)
            try loaded.load(record, from: pages)
            let cells = Self.cells(loaded)
            let different = zip(cells, expected).first { $0 != $1 }
            #expect(cells.count == expected.count && different == nil, "\(seed): \(different.map { "\($0)" } ?? "")")
            loads += 1
            if random.below(2) == 0 {
                // As after a crash: what came since is forgotten, and comes again in another form.
                Self.model(loaded).saving.smallestLog = 100_000
                loaded.attach(pages)
                stage = loaded
            }
        }
        #expect(loads > 5 && dropped, "\(seed): \(loads) \(dropped)")
        let model = Self.model(stage)
        #expect(model.counts.isReady && (maxPending < 300 ? model.counts.dropped : model.counts.corrections) > 0)
    }

    @Test("Damaged cells are refused, whatever they are", arguments: Seed.several(4))
    func damaged(_ seed: Seed) throws {
        var source = LineSource(seed.random)
        var random = SeededRandom(seed: seed.value &+ 7)
        var stage = ScoringStage(settings: Self.settings, zone: .utc)
        try Self.score((0..<2000).map { _ in source.next() }, &stage)
        let cells = Self.model(stage).allCells()
        var refused = 0
        for _ in 0..<300 {
            var builder = StatePageBuilder()
            let pages = MemoryPages()
            var changes = LogChanges(function: ScoringStage.learningFunctionNumber, pages: [], firstPage: 1)
            let broken = Int(random.below(UInt64(cells.count)))
            for (index, cell) in cells.enumerated() {
                var value = cell.value
                if index == broken, !value.isEmpty {
                    let place = Int(random.below(UInt64(value.count)))
                    if random.below(3) == 0 {
                        value.removeSubrange(place...)
                    } else {
                        value[place] ^= UInt8(1 + random.below(255))
                    }
                }
                if builder.isFull(for: cell.key.count + value.count + 16) {
                    changes.pages.append(
                        builder.finish(
                            id: Int64(changes.pages.count + 1), function: ScoringStage.learningFunctionNumber))
                }
                cell.key.withUnsafeBytes { key in
                    value.withUnsafeBytes { builder.append(previousPage: 0, key: key, value: $0) }
                }
            }
            changes.pages.append(
                builder.finish(id: Int64(changes.pages.count + 1), function: ScoringStage.learningFunctionNumber))
            var extent = LogExtent(function: ScoringStage.learningFunctionNumber)
            extent.pageCount = Int64(changes.pages.count)
            extent.pageSum = changes.pages.reduce(0) { $0 &+ $1.checksum }
            pages.commit(StageCut(logs: [extent], changes: [changes], keysWritten: 0, bytesWritten: 0))
            do throws(StoreError) {
                _ = try LearnedModel.load(Self.settings.learning, nextGeneration: 5, extent, from: pages)
            } catch {
                #expect(error.kind == .damaged)
                refused += 1
            }
        }
        #expect(refused > 10, "\(seed)")
    }
}
