import Foundation
import TestSupport
import Testing

@testable import Assay
@testable import AssayCore

@Suite struct UserStateTests {
    /// The states that a stream really leaves behind.
    private static func states(of stream: String) throws -> [(key: [UInt8], bytes: [UInt8])] {
        var harness = ScoringHarness()
        let bytes = try #require(FileManager.default.contents(atPath: golden("\(stream).jsonl")))
        _ = harness.score([UInt8](bytes))
        return harness.stage.encodedStates()
    }

    @Test("A state comes back from its bytes whole", arguments: ["ordinary", "edges"])
    func roundTrip(_ stream: String) throws {
        let states = try Self.states(of: stream)
        #expect(states.count >= 30)
        for (_, bytes) in states {
            var symbols = SymbolTable()
            var pool = BlockPool()
            var state = try decode(bytes, &symbols, &pool)
            var again = OutputBuffer(capacity: 1)
            UserStateCoding.encode(state, symbols: symbols, into: &again)
            let written = Array(again.bytes)
            #expect(written == bytes)
            state.giveBack(to: &pool)
        }
    }

    @Test("Bytes that are cut short or changed are refused or harmless, never a crash", arguments: Seed.several(3))
    func damage(_ seed: Seed) throws {
        var random = seed.random
        var refused = 0
        var pool = BlockPool()
        for (_, bytes) in try Self.states(of: "edges") {
            for _ in 0..<200 {
                var damaged = bytes
                if random.below(3) == 0 {
                    damaged.removeLast(Int(1 + random.below(UInt64(bytes.count))))
                } else {
                    damaged[Int(random.below(UInt64(bytes.count)))] ^= UInt8(1 << random.below(8))
                }
                var symbols = SymbolTable()
                do {
                    var state = try decode(damaged, &symbols, &pool)
                    #expect(state.places.count <= UserState.mostPlaces)
                    state.giveBack(to: &pool)
                } catch {
                    refused += 1
                    #expect(symbols.count == 0)
                }
            }
        }
        #expect(refused > 1000)
    }

    @Test("Every list stays within its bound")
    func bounds() throws {
        var harness = ScoringHarness()
        var text = ""
        for index in 0..<2000 {
            text +=
                line(
                    id: "t\(index)", time: "\(1_767_225_600 + index)",
                    more: #","transaction_type":"t\#(index % 40)","currency":"c\#(index % 20)","#
                        + #""location":{"latitude":\#(Double(index % 80)),"longitude":\#(Double(index % 170))}"#) + "\n"
        }
        _ = harness.score(text)
        let bytes = try #require(harness.stage.encodedStates().first?.bytes)
        var symbols = SymbolTable()
        var pool = BlockPool()
        var state = try decode(bytes, &symbols, &pool)
        #expect(state.types.count == 16 && state.amounts.count == 8)
        #expect(state.places.count == 16 && state.recent.count == 16)
        state.giveBack(to: &pool)
        #expect(harness.stage.symbolCount <= 16 + 5)
    }

    @Test("Event times are bounded by twice the greatest threshold, the newest stay")
    func velocityBound() throws {
        var harness = ScoringHarness()
        let lines = (0..<500).map {
            line(id: "t\($0)", time: "\(1_767_225_600 + $0)", more: #","transaction_type":"withdrawal""#)
        }
        let result = harness.score(lines.joined(separator: "\n"))
        #expect(
            try #require(result.assessments.last).contains(#""window":3600,"count":40,"threshold":20,"risk_score":1}"#))
        let late = harness.score(line(id: "late", time: "1767225600", more: #","transaction_type":"withdrawal""#))
        #expect(!(try #require(late.assessments.first)).contains("high_velocity"))
    }
}

private func decode(_ bytes: [UInt8], _ symbols: inout SymbolTable, _ pool: inout BlockPool) throws -> UserState {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { copy.deallocate() }
    copy.copyBytes(from: bytes)
    return try UserStateCoding.decode(UnsafeRawBufferPointer(copy), symbols: &symbols, pool: &pool)
}

/// A file of the golden streams.
func golden(_ name: String) -> String { Repository.golden(name) }
