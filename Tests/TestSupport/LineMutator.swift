import Foundation

/// Makes lines that are nearly transactions: real ones with bytes changed, parts swapped, cut and repeated.
public struct LineMutator {
    private var random: Random
    private let lines: [[UInt8]]

    /// Pieces that are likely to matter.
    private static let pieces: [String] = [
        "\"", "\\", "{", "}", "[", "]", ",", ":", "null", "true", "1e5", "-0", "0.5", "\\u0041", "\\ud800",
        "\\ud83d\\ude00",
        "\u{E9}", "\u{1F600}", "\t", " ", "\r", "1e999", "99999999999999999999", "\"amount\":", "\"user_id\":7,",
        "\"location\":null,", "\"location\":{\"latitude\":1,\"longitude\":2},",
        "\"timestamp\":\"2025-12-30T21:10:15Z\",",
        "\"currency\":\"\",", "\"transaction_type\":\"x\",", "\"metadata\":{\"a\":[]},", "\"amount\":\"3.50\",", "\\n",
        "\0",
    ]

    /// `sources`: names of golden streams.
    public init(seed: UInt64, sources: [String]) {
        random = Random(state: seed)
        lines = sources.flatMap { name in
            let bytes = FileManager.default.contents(atPath: Repository.golden("\(name).jsonl")) ?? Data()
            return bytes.split(separator: UInt8(ascii: "\n")).map { [UInt8]($0) }
        }
    }

    /// One line in twenty thousand is huge.
    public mutating func write(lines count: Int, to path: String) throws {
        try write(count, to: path) { mutator, number in
            if number % 20_000 == 7_777 {
                return [UInt8](repeating: UInt8(ascii: "x"), count: 1_048_577 + Int(mutator.random.below(2_000_000)))
            }
            return mutator.mutated()
        }
    }

    /// Few users who do everything: all bounds of their states are met over and over.
    public mutating func writeCrowdedUsers(lines count: Int, to path: String) throws {
        var time: UInt64 = 1_767_225_600_000
        try write(count, to: path) { mutator, number in
            // Mostly forward, sometimes far back, now and then a leap of months.
            time += mutator.random.below(40_000)
            if mutator.random.below(2000) == 0 { time += mutator.random.below(110 * 86_400_000) }
            let shown = mutator.random.below(5) == 0 ? time - mutator.random.below(4_000_000) : time
            let latitude = Double(Int(mutator.random.below(160)) - 80) + Double(mutator.random.below(100)) / 1e4
            let isHome = mutator.random.below(3) == 0
            let type = mutator.random.below(4) == 0 ? "type \(mutator.random.below(30))" : "withdrawal"
            return Array(
                """
                {"transaction_id":"\(number - Int(mutator.random.below(12)))","user_id":"\(mutator.random.below(12))",\
                "amount":\(mutator.random.below(50) == 0 ? 9e5 : Double(mutator.random.below(9000)) / 100),\
                "timestamp":\(shown),"transaction_type":"\(type)","currency":"c\(mutator.random.below(11))",\
                "location":{"latitude":\(isHome ? 50 : latitude),"longitude":\(isHome ? 179.9995 : latitude * 2)}}
                """.utf8)
        }
    }

    private mutating func write(
        _ count: Int, to path: String, line: (inout LineMutator, Int) -> [UInt8]
    ) throws {
        _ = FileManager.default.createFile(atPath: path, contents: nil)
        let file = try FileHandle(forWritingTo: URL(filePath: path))
        var buffer: [UInt8] = []
        for number in 0..<count {
            buffer += line(&self, number)
            buffer.append(UInt8(ascii: "\n"))
            if buffer.count > 1 << 20 {
                try file.write(contentsOf: buffer)
                buffer.removeAll(keepingCapacity: true)
            }
        }
        try file.write(contentsOf: buffer)
        try file.close()
    }

    private mutating func mutated() -> [UInt8] {
        if random.below(200) == 0 {
            return (0..<random.below(600)).map { _ in UInt8(truncatingIfNeeded: random.next()) }.filter { $0 != 0x0A }
        }
        var line = lines[Int(random.below(UInt64(lines.count)))]
        for _ in 0..<random.below(4) {
            let place = Int(random.below(UInt64(line.count + 1)))
            switch random.below(6) {
            case 0:
                line.insert(
                    contentsOf: Array(Self.pieces[Int(random.below(UInt64(Self.pieces.count)))].utf8), at: place)
            case 1 where place < line.count: line[place] = UInt8(truncatingIfNeeded: random.next())
            case 2 where place < line.count: line[place] ^= 1 << UInt8(random.below(8))
            case 3: line.removeSubrange(place..<min(line.count, place + 1 + Int(random.below(12))))
            case 4:
                let other = lines[Int(random.below(UInt64(lines.count)))]
                line.replaceSubrange(place..., with: other[min(place, other.count)...])
            default:
                let end = min(line.count, place + Int(random.below(40)))
                line.insert(contentsOf: line[place..<end], at: place)
            }
        }
        // What is one line stays one.
        return line.filter { $0 != UInt8(ascii: "\n") }
    }
}

/// SplitMix64: the same numbers for the same seed everywhere.
public struct Random {
    /// The seed, and what became of it.
    public var state: UInt64

    /// Starts from a seed.
    public init(state: UInt64) {
        self.state = state
    }

    /// Any 64 bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// 0 ≤ result < bound.
    public mutating func below(_ bound: UInt64) -> UInt64 {
        next().multipliedFullWidth(by: bound).high
    }
}
