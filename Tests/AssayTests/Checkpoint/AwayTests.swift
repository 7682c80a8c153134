import Foundation
import StateStore
import TestSupport
import Testing

@testable import Assay
@testable import AssayCore

extension String {
    fileprivate func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        var text = self
        return text.withUTF8(body)
    }
}

/// States that are let go and read back.
@Suite struct AwayTests {
    @Test("Keys of one hash are never taken for each other, at home or away")
    func collisions() {
        var table = KeyTable<Int>(shardBits: 0)
        // All keys have the same hash, the worst that can be.
        let indices = ["a", "b", "c"].map { key in key.withBytes { table.insert($0, hash: 42, state: key.count) } }
        table.sendAway(indices[1], hash: 42, page: 7)
        // What exists once can't be looked at inside the macro.
        let isTaken = !table.canSendAway(hash: 42)
        let counts = [table.awayCount, table.count]
        #expect(isTaken && counts == [1, 3])
        let hidden = "b".withBytes { table.find($0, hash: 42) }
        let present = "a".withBytes { table.find($0, hash: 42) }
        #expect(hidden == nil && present == indices[0])
        let pages = [table.awayPage(hash: 42), table.awayPage(hash: 43 << 40)]
        #expect(pages == [7, nil])
        table.moveAway(hash: 42, to: 9)
        let moved = table.awayPage(hash: 42)
        let second = table.insertAway(hash: 42, page: 1)
        #expect(moved == 9 && !second)
        let back = "b".withBytes { table.bringBack($0, hash: 42, state: 5) }
        let found = "b".withBytes { table.find($0, hash: 42) }
        let state = table[back]
        let away = table.awayCount
        #expect(found == back && state == 5 && away == 0)
    }

    @Test("With hardly any memory the scores are the same, and a restart changes nothing", arguments: Seed.several(3))
    func sameScores(_ seed: Seed) throws {
        var random = seed.random
        let folder = try TemporaryFolder()
        let functions: [(id: Int64, name: String)] = [(ScoringStage.functionNumber, ScoringStage.functionName)]
        let store = try StateStore(folder: folder.url.path, functions: functions)
        var roomy = ScoringHarness()
        var tight = ScoringHarness()
        tight.stage.attach(try StatePageReader(path: store.path))
        var record = CheckpointRecord()
        var number = 0
        var away = 0
        for cut in 1...50 as ClosedRange<Int64> {
            var text = ""
            for _ in 0..<random.below(1500) {
                number += 1
                let user = random.below(3000)
                text +=
                    line(
                        id: "t\(number)", user: user % 3 == 0 ? "a user with a long name \(user)" : "\(user)",
                        amount: "\(random.below(500))", time: "\(1_767_225_600 + number * 60)",
                        more: #","transaction_type":"t\#(random.below(9))""#) + "\n"
                // In the middle of a cut, too.
                if number % 700 == 0 { tight.stage.shrink(to: 0) }
            }
            let scored = try tight.tryScore(text)
            let expected = roomy.score(text).assessments
            #expect(scored == expected)
            record.stage = tight.stage.beginCut()
            record.id = cut
            while try !tight.stage.continueCut(states: 100) { tight.stage.shrink(to: 0) }
            let taken = tight.stage.takeCut()
            record.stage.logs = taken.logs
            // What is not committed yet is read from memory.
            tight.stage.shrink(to: 0)
            try store.commit(record, taken.changes)
            tight.stage.noteCommitted()
            tight.stage.shrink(to: 0)
            tight.stage.shrink(to: 0)
            away = max(away, tight.stage.awayCount)

            guard cut % 15 == 0 else { continue }
            let saved = try #require(try store.lastCheckpoint())
            var restarted = ScoringHarness()
            let pages = try StatePageReader(path: store.path)
            try restarted.stage.load(saved.stage, from: pages, memoryLimit: 200_000)
            restarted.stage.attach(try StatePageReader(path: store.path))
            let users = [restarted.stage.keyCount, roomy.stage.keyCount]
            let awayAtStart = restarted.stage.awayCount
            #expect(users[0] == users[1] && awayAtStart > 0)
            restarted.continueFrom(tight)
            tight = restarted
        }
        #expect(away > 1000)
    }
}
