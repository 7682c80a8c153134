import Foundation
import StateStore
import TestSupport
import Testing

@testable import Assay
@testable import AssayCore

/// Cuts that are written down while scoring goes on.
@Suite struct CutTests {
    /// What a store loads must be what the stage held at the cut, however much was scored in between.
    @Test("A cut holds the states as they were at the cut", arguments: Seed.several(4))
    func consistency(_ seed: Seed) throws {
        var random = seed.random
        let folder = try TemporaryFolder()
        let functions: [(id: Int64, name: String)] = [(ScoringStage.functionNumber, ScoringStage.functionName)]
        let store = try StateStore(folder: folder.url.path, functions: functions)
        // Random places and amounts would teach nothing, and the states would stay small.
        var settings = ScoringSettings()
        settings.sparedFrom = 2
        var harness = ScoringHarness(settings: settings)
        harness.stage.attach(try StatePageReader(path: store.path))
        var number = 0
        func transactions(_ count: UInt64) -> String {
            var text = ""
            for _ in 0..<count {
                number += 1
                // A few users all the time, many now and then.
                let user = random.below(2) == 0 ? random.below(2500) : random.below(40)
                text +=
                    line(
                        id: "t\(number)", user: "user \(user)", amount: "\(random.below(1000))",
                        time: "\(1_767_225_600 + number)",
                        more: #","location":{"latitude":\#(random.below(80)),"longitude":\#(random.below(80))}"#) + "\n"
            }
            return text
        }
        var record = CheckpointRecord()
        var retired = 0
        for cut in 1...60 as ClosedRange<Int64> {
            _ = harness.score(transactions(random.below(1500)))
            let expected = harness.stage.encodedStates().sorted { $0.key.lexicographicallyPrecedes($1.key) }
            record.stage = harness.stage.beginCut()
            record.id = cut
            while try !harness.stage.continueCut(states: Int(1 + random.below(200))) {
                if random.below(3) == 0 { _ = harness.score(transactions(random.below(60))) }
            }
            let taken = harness.stage.takeCut()
            record.stage.logs = taken.logs
            try store.commit(record, taken.changes)
            harness.stage.noteCommitted()
            retired = max(retired, Int(record.stage.logs[0].firstPage - 1))

            guard cut % 10 == 0 else { continue }
            var loaded = ScoringStage(settings: ScoringSettings(), zone: .utc)
            let saved = try #require(try store.lastCheckpoint())
            try loaded.load(saved.stage, from: try StatePageReader(path: store.path))
            let states = loaded.encodedStates().sorted { $0.key.lexicographicallyPrecedes($1.key) }
            #expect(states.count == expected.count && zip(states, expected).allSatisfy { $0 == $1 }, "cut \(cut)")
        }
        #expect(retired > 30, "no page was ever dropped")
        // Live and dead entries together stay within a small multiple of the live ones.
        let live = harness.stage.encodedStates().reduce(0) { $0 + $1.bytes.count + $1.key.count }
        #expect(Int(record.stage.logs[0].pageCount) * StatePage.capacity < 3 * live + (6 << 20))
    }
}
