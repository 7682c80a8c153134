import Testing

@testable import Assay
@testable import AssayCore

extension String {
    fileprivate func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result {
        var text = self
        return try text.withUTF8(body)
    }
}

@Suite struct KeyTableTests {
    @Test("The table agrees with a dictionary whatever is added and removed", arguments: Seed.several(4))
    func againstDictionary(_ seed: Seed) {
        var random = seed.random
        var table = KeyTable<UInt64>(shardBits: 2)
        var reference: [String: UInt64] = [:]
        var removals = 0
        for step in 0..<60_000 as Range<UInt64> {
            // Short keys, and keys longer than what is kept in place.
            let number = random.below(3000)
            let key = number % 5 == 0 ? "a user with quite a long name \(number)" : "u\(number)"
            key.withBytes { bytes in
                let hash = bytes.stableHash
                let found = table.find(bytes, hash: hash)
                #expect((found == nil) == (reference[key] == nil))
                if let found, random.below(4) == 0 {
                    table.remove(found, hash: hash)
                    reference[key] = nil
                    removals += 1
                } else if let found {
                    #expect(table[found] == reference[key] && table.isKey(found, bytes))
                    table[found] = step
                    reference[key] = step
                } else {
                    _ = table.insert(bytes, hash: hash, state: step)
                    reference[key] = step
                }
            }
        }
        #expect(removals > 1000 && table.count == reference.count && reference.count > 1000)
        var seen: [String: UInt64] = [:]
        for index in table.indices {
            table.withKey(index) { seen[String(decoding: $0, as: UTF8.self)] = table[index] }
        }
        #expect(seen == reference)
    }

    @Test("Keys of every length are told apart", arguments: [0, 1, 7, 8, 14, 15, 16, 17, 127, 128])
    func keyLengths(_ count: Int) {
        let bytes = [UInt8](repeating: 0, count: count)
        bytes.withUnsafeBufferPointer { bytes in
            let key = StoredKey(bytes)
            let isEqual = key == bytes
            #expect(isEqual)
            #expect(key.withBytes { Array($0) } == Array(bytes))
        }
        let longer = [UInt8](repeating: 0, count: count + 1)
        bytes.withUnsafeBufferPointer { bytes in
            let key = StoredKey(bytes)
            let isEqual = longer.withUnsafeBufferPointer { key == $0 }
            #expect(!isEqual)
        }
    }
}

/// Counts a key's elements and reports after a pause.
private struct PauseDetection: KeyedProcessFunction, ~Copyable {
    struct State: ~Copyable {
        var count = 0
        var name = ""
    }

    func makeState() -> State { State() }

    mutating func process(_ input: String, state: inout State, context: inout ProcessContext<[String]>) {
        state.count += 1
        state.name = input
        if input == "stop" { return context.deleteTimer() }
        context.setTimer(at: EventTime(milliseconds: context.time.milliseconds + 10))
    }

    mutating func timerFired(state: inout State, context: inout ProcessContext<[String]>) {
        context.output.append("\(state.name) \(state.count) at \(context.time.milliseconds)")
        state.count = 0
    }

    func encode(_ state: borrowing State, into bytes: inout OutputBuffer) {}

    mutating func decode(_ bytes: UnsafeRawBufferPointer) throws(StateDecodingError) -> State { State() }
}

@Suite struct KeyedStageTests {
    private static func run(_ elements: [(String, Int64)], watermarks: [Int64]) throws -> [String] {
        var stage = KeyedStage(function: PauseDetection(), output: [], functionNumber: 7)
        let texts = elements.map { Array($0.0.utf8) }
        let keys = texts.map { text in
            let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.count)
            _ = copy.update(from: text)
            return UnsafeBufferPointer(copy)
        }
        defer { for key in keys { key.deallocate() } }
        try Array(elements.indices).withUnsafeBufferPointer { numbers in
            try stage.process(
                numbers, hash: { keys[$0].stableHash }, key: { keys[$0] },
                input: { (elements[$0.pointee].0, EventTime(milliseconds: elements[$0.pointee].1)) })
        }
        for watermark in watermarks { stage.advance(to: EventTime(milliseconds: watermark)) }
        return stage.withOutput { $0 }
    }

    @Test("Timers fire in order of time, then key")
    func order() throws {
        let fired = try Self.run([("b", 5), ("c", 1), ("a", 5)], watermarks: [14, 15, 100])
        #expect(fired == ["c 1 at 11", "a 1 at 15", "b 1 at 15"])
    }

    @Test("A timer that is set again replaces the earlier one")
    func replacement() throws {
        #expect(try Self.run([("a", 1), ("a", 3), ("a", 2)], watermarks: [11, 12, 13, 20]) == ["a 3 at 12"])
    }

    @Test("A deleted timer never fires")
    func deletion() throws {
        var stage = KeyedStage(function: PauseDetection(), output: [], functionNumber: 7)
        try "k".withBytes { key in
            try ["go", "stop"].withUnsafeBufferPointer { words in
                try stage.process(
                    words, hash: { _ in key.stableHash }, key: { _ in key },
                    input: { ($0.pointee, EventTime(milliseconds: 1)) })
            }
        }
        stage.advance(to: EventTime(milliseconds: 1000))
        #expect(stage.withOutput { $0 } == [])
    }
}

@Suite struct SymbolTableTests {
    @Test("Only texts that are in use are kept")
    func bounded() {
        var symbols = SymbolTable()
        let kept = symbols.intern("kept")
        symbols.retain(kept)
        for number in 0..<10_000 {
            let symbol = symbols.intern("type \(number)")
            symbols.retain(symbol)
            #expect(symbols.text(symbol) == Array("type \(number)".utf8))
            symbols.release(symbol)
        }
        #expect(symbols.count == 1)
        #expect(symbols.intern("kept") == kept)
    }
}

@Suite struct BlockPoolTests {
    @Test("Every number of words gets a capacity that holds it and is at most a quarter larger")
    func capacities() {
        for words in 1...10_000 {
            let capacity = BlockCapacity(words: words).words
            #expect(capacity >= words && (words < 4 || capacity * 4 <= words * 5 + 4), "\(words)")
        }
    }

    @Test("Blocks in use never overlap, whatever was given back before", arguments: Seed.several(2))
    func overlaps(_ seed: Seed) {
        var random = seed.random
        var pool = BlockPool()
        var blocks: [(block: UnsafeMutablePointer<UInt64>, capacity: BlockCapacity, mark: UInt64)] = []
        var givenBack = 0
        for mark in 0..<20_000 as Range<UInt64> {
            if !blocks.isEmpty, random.below(5) < 2 {
                let (block, capacity, mark) = blocks.remove(at: Int(random.below(UInt64(blocks.count))))
                let isUntouched = (0..<capacity.words).allSatisfy { block[$0] == mark }
                #expect(isUntouched)
                pool.giveBack(block, capacity)
                givenBack += 1
                continue
            }
            // Past the largest that is pooled, too.
            let capacity = BlockCapacity(words: Int(random.below(random.below(50) == 0 ? 20_000 : 90)))
            let block = pool.take(capacity)
            for word in 0..<capacity.words { block[word] = mark }
            blocks.append((block, capacity, mark))
        }
        for (block, capacity, _) in blocks { pool.giveBack(block, capacity) }
        #expect(givenBack > 5000)
    }
}
