import TestSupport
import Testing

@testable import Assay
@testable import AssayCore

@Suite struct PendingEntriesTests {
    /// What the entries have to be, kept in the plainest way.
    private struct Model {
        struct Entry {
            let number: UInt64
            let hash: UInt64
            let clock: Int64
            let values: [UInt32]
            let bins: [UInt8]
            var status = PendingEntries.Status()
        }

        var entries: [Entry] = []
    }

    private static func add(
        _ entries: inout PendingEntries, _ model: inout Model, _ random: inout SeededRandom, clock: Int64
    ) {
        // Few hashes, so that ids come again and chains get long.
        let hash = random.below(4) == 0 ? random.below(50) : random.next()
        let values = (0..<entries.layout.keys).map { _ in UInt32(truncatingIfNeeded: random.next()) }
        let bins = (0..<entries.layout.inputs).map { _ in UInt8(random.below(64)) }
        model.entries.append(
            Model.Entry(number: entries.end, hash: hash, clock: clock, values: values, bins: bins))
        values.withUnsafeBufferPointer { values in
            bins.withUnsafeBufferPointer { entries.append(hash, clock: clock, values: values, bins: $0) }
        }
    }

    /// All that is due leaves.
    private static func retire(_ entries: inout PendingEntries, _ model: inout Model, upTo clock: Int64) {
        var run = 0
        while run < entries.runs.count {
            let count = entries.runs.count
            while entries.runs.count == count, entries.clock(entries.runs[run].first) <= clock {
                entries.leave(run: run)
            }
            if entries.runs.count == count { run += 1 }
        }
        model.entries.removeAll { $0.clock <= clock }
    }

    private static func check(_ entries: inout PendingEntries, _ model: Model, _ random: inout SeededRandom) {
        #expect(entries.count == model.entries.count)
        for _ in 0..<20 {
            let any = model.entries.indices.randomElement(&random).map { model.entries[$0].hash } ?? 0
            let hash = random.below(2) == 0 ? random.below(60) : any
            #expect(entries.find(hash) == model.entries.last { $0.hash == hash }?.number)
        }
        guard let entry = model.entries.indices.randomElement(&random).map({ model.entries[$0] }) else { return }
        #expect(entries.idHash(entry.number) == entry.hash)
        #expect(entries.clock(entry.number) == entry.clock)
        let bins = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: entry.bins.count)
        defer { bins.deallocate() }
        entries.bins(entry.number, into: bins)
        #expect(Array(bins) == entry.bins)
        #expect(entries.status(entry.number) == entry.status)
        for (key, value) in entry.values.enumerated() where value != PendingEntries.noValue {
            #expect(entries.value(entry.number, ofKey: key) == Int(value))
        }
    }

    @Test(
        "Entries are found by the newest of their id, whatever the clock does",
        arguments: Seed.several(12), [0, 1, 4])
    func found(_ seed: Seed, _ keys: Int) {
        var random = seed.random
        var entries = PendingEntries(
            layout: PendingEntries.Layout(
                keys: keys, inputs: InputLayout(riskKeys: (0..<keys).map { "k\($0)" }).inputCount))
        var model = Model()
        var clock: Int64 = 1_700_000_000_000
        var setBack = 0
        for _ in 0..<6000 {
            switch random.below(400) {
            case 0:
                clock -= Int64(random.below(2_000_000))
                setBack += 1
            case 1: clock += 3_000_000
            default: clock += Int64(random.below(2000))
            }
            Self.add(&entries, &model, &random, clock: clock)
            if random.below(30) == 0, let entry = model.entries.indices.randomElement(&random) {
                model.entries[entry].status.label = random.below(2) == 0
                model.entries[entry].status.hasMatured = random.below(2) == 0
                entries.set(model.entries[entry].status, of: model.entries[entry].number)
            }
            if random.below(10) == 0 { Self.retire(&entries, &model, upTo: clock - 1_500_000) }
            if random.below(60) == 0 { Self.check(&entries, model, &random) }
        }
        Self.check(&entries, model, &random)
        #expect(setBack > 3, "the clock was set back")
        #expect(entries.memoryBytes < 64 * entries.count + 200_000, "what has left takes nothing")
    }

    @Test("An entry takes at most 64 bytes, its index included", arguments: [1, 2, 3, 4])
    func size(_ keys: Int) {
        let inputs = InputLayout(riskKeys: (0..<keys).map { "k\($0)" }).inputCount
        var entries = PendingEntries(layout: PendingEntries.Layout(keys: keys, inputs: inputs))
        var random = SeededRandom(seed: 1)
        let values = [UInt32](repeating: 1, count: keys)
        let bins = [UInt8](repeating: 7, count: inputs)
        for number in 0..<300_000 {
            values.withUnsafeBufferPointer { values in
                bins.withUnsafeBufferPointer {
                    entries.append(random.next(), clock: Int64(number), values: values, bins: $0)
                }
            }
        }
        #expect(entries.memoryBytes <= 64 * 300_000, "\(Double(entries.memoryBytes) / 300_000)")
    }
}

extension Range<Int> {
    fileprivate func randomElement(_ random: inout SeededRandom) -> Int? {
        isEmpty ? nil : lowerBound + Int(random.below(UInt64(count)))
    }
}
