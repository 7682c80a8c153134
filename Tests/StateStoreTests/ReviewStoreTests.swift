import AssayCore
import Foundation
import TestSupport
import Testing

@testable import StateStore

/// The queue of results that people judge.
@Suite struct ReviewStoreTests {
    private let folder: TemporaryFolder
    private let store: ReviewStore

    init() throws {
        folder = try TemporaryFolder()
        store = try ReviewStore(path: folder.path("review.db"))
    }

    private static func entry(
        _ sequence: Int64, score: Double = 0.9, user: String = "u", made: Int64 = 0
    ) -> ReviewEntry {
        var entry = ReviewEntry(
            sequence: sequence, transactionID: "t\(sequence)", userID: user, merchantID: "m", time: 1000 * sequence,
            made: made, level: .critical, score: score, amount: Double(sequence), currency: "EUR", decision: "block",
            assessment: "{}", transaction: "{}")
        entry.rules = #"["large","fast"]"#
        entry.former = [1, 2, 3]
        return entry
    }

    private func add(_ entries: ReviewEntry...) throws {
        try store.change { () throws(StoreError) in for entry in entries { try store.insert(entry) } }
    }

    private func judge(
        _ entry: Int64, _ verdict: ReviewVerdict, version: Int64, who: String = "ann", key: String? = nil,
        time: Int64 = 5000
    ) throws -> ReviewStore.Judging {
        let key = key ?? "\(entry)-\(verdict)-\(version)-\(who)"
        return try store.judge(
            Judgement(entry: entry, verdict: verdict, who: who, time: time, key: key), version: version)
    }

    @Test("Those that score most come first, and a filter leaves the others out")
    func order() throws {
        try add(Self.entry(1, score: 0.7), Self.entry(2, score: 0.9, user: "v"), Self.entry(3, score: 0.8))
        #expect(try store.entries(ReviewFilter(), limit: 10).map(\.number) == [2, 3, 1])
        #expect(try store.entries(ReviewFilter(), limit: 1, offset: 1).map(\.number) == [3])
        var filter = ReviewFilter()
        filter.user = "u"
        filter.least = 2
        #expect(try store.entries(filter, limit: 10).map(\.number) == [3])
        filter = ReviewFilter()
        (filter.rule, filter.order) = ("fast", .newest)
        #expect(try store.entries(filter, limit: 10).map(\.number) == [3, 2, 1])
        filter.rule = "fas"
        #expect(try store.count(filter) == 0)
        filter.rule = nil
        filter.text = "t2"
        #expect(try store.entries(filter, limit: 10).map(\.transactionID) == ["t2"])
        filter.text = "%"
        #expect(try store.count(filter) == 0)
        #expect(try store.former(1) == [1, 2, 3])
    }

    @Test("Who judges what somebody else has judged meanwhile is told so, and changes nothing")
    func conflict() throws {
        try add(Self.entry(1))
        #expect(try judge(1, .fraud, version: 0) == .judged)
        #expect(try judge(1, .legitimate, version: 0, who: "ben") == .conflict)
        let entry = try #require(try store.entry(1))
        #expect(entry.verdict == .fraud && entry.judgedBy == "ann" && entry.judged == 5000)
        #expect(try judge(1, .legitimate, version: entry.version, who: "ben") == .judged)
        #expect(try store.history(of: 1).map(\.verdict) == [.fraud, .legitimate])
        #expect(try judge(7, .fraud, version: 0) == .gone)
    }

    @Test("A judgement that is sent again is there once")
    func again() throws {
        try add(Self.entry(1))
        for _ in 0..<3 { #expect(try judge(1, .fraud, version: 0, key: "the same") == .judged) }
        #expect(try store.history(of: 1).count == 1)
    }

    @Test("What somebody has taken nobody else judges, until they take it over")
    func taken() throws {
        try add(Self.entry(1))
        #expect(try store.assign(1, to: "ann", from: "") == .judged)
        #expect(try store.assign(1, to: "ben", from: "") == .conflict)
        #expect(try judge(1, .fraud, version: 0, who: "ben") == .conflict)
        #expect(try store.assign(1, to: "ben", from: "ann") == .judged)
        #expect(try judge(1, .fraud, version: 0, who: "ben") == .judged)
        #expect(try store.entry(1)?.assignee == "", "who has judged it has it no more")
    }

    @Test("An undone judgement stands no more, but stays in the history")
    func undone() throws {
        try add(Self.entry(1), Self.entry(2))
        _ = try judge(1, .fraud, version: 0)
        _ = try judge(2, .unsure, version: 0)
        _ = try judge(1, .open, version: 1)
        #expect(try store.entry(1)?.verdict == .open)
        #expect(try store.verdicts().map(\.transactionID) == ["t2"])
        #expect(try store.history(of: 1).count == 2)
        #expect(try store.openCount == 1)
    }

    @Test("Labels are those that stand, after those that were delivered, once they are old enough")
    func labels() throws {
        try add(Self.entry(1), Self.entry(2), Self.entry(3))
        _ = try judge(1, .fraud, version: 0, time: 1000)
        _ = try judge(2, .fraud, version: 0, time: 2000)
        _ = try judge(1, .legitimate, version: 1, time: 3000)
        _ = try judge(3, .fraud, version: 0, time: 9000)
        #expect(try store.lastSettled(now: 9000, grace: 5000) == 3)
        #expect(try store.standing(after: 0, upTo: 3, limit: 10).map(\.number) == [2, 3])
        try store.setTaught(3)
        #expect(try store.taught == 3)
        #expect(try store.lastSettled(now: 14_001, grace: 5000) == 4)
        #expect(try store.standing(after: 3, upTo: 4, limit: 10).map(\.transactionID) == ["t3"])
    }

    @Test("A judgement from before the clock was set back keeps its place among labels")
    func clockSetBack() throws {
        try add(Self.entry(1), Self.entry(2), Self.entry(3))
        _ = try judge(1, .fraud, version: 0, time: 900_000)
        _ = try judge(2, .fraud, version: 0, time: 1000)
        _ = try judge(3, .fraud, version: 0, time: 99_000)
        try store.numberLabels(after: 0, now: 100_000, grace: 5000, limit: 10)
        #expect(try numbered() == ["t1", "t2"])
        try store.numberLabels(after: 0, now: 105_000, grace: 5000, limit: 10)
        #expect(try numbered() == ["t1", "t2", "t3"])
    }

    /// The transactions of all labels by their numbers.
    private func numbered(after first: Int64 = 0) throws -> [String] {
        var (transactions, last): ([String], Int64) = ([], first)
        while let label = try store.label(after: last, upTo: .max) {
            transactions.append(label.judgement?.transactionID ?? "")
            last = label.number
        }
        return transactions
    }

    @Test("Numbers of labels go on after one that was read, also in a new database, with places for the forgotten")
    func numbers() throws {
        try add(Self.entry(1), Self.entry(2, user: "v"), Self.entry(3))
        for entry in Int64(1)...3 { _ = try judge(entry, .fraud, version: 0, time: 1000) }
        try store.numberLabels(after: 40, now: 100_000, grace: 5000, limit: 2)
        #expect(try store.label(after: 40, upTo: .max)?.number == 41)
        #expect(try store.label(after: 40, upTo: 40) == nil)
        #expect(try numbered(after: 40) == ["t1", "t2"])
        try store.numberLabels(after: 0, now: 100_000, grace: 5000, limit: 2)
        try store.forget(users: ["v"])
        #expect(try numbered(after: 40) == ["t1", "", "t3"])
        _ = try judge(1, .legitimate, version: 1, time: 2000)
        try store.numberLabels(after: 43, now: 100_000, grace: 5000, limit: 2)
        #expect(try store.label(after: 43, upTo: .max)?.number == 44)
    }

    @Test("The figures that are kept up are those that counting gives, whatever happens", arguments: [1, 2, 3])
    func tally(_ seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        var versions: [Int64: Int64] = [:]
        for turn in 0..<300 {
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1: try add(Self.entry(Int64(turn), score: Double.random(in: 0...1, using: &random)))
            case 2, 3:
                let number = Int64.random(in: 1...Int64(turn + 1), using: &random)
                let verdict = ReviewVerdict.allCases.randomElement(using: &random) ?? .open
                if try judge(number, verdict, version: versions[number] ?? 0, key: "\(turn)") == .judged {
                    versions[number] = try store.entry(number)?.version
                }
            default:
                try store.change { () throws(StoreError) in
                    try store.dropEntries(Int64.random(in: 0...2, using: &random))
                }
            }
            var all = ReviewFilter()
            all.verdicts = Set(ReviewVerdict.allCases)
            #expect(try store.entryCount == store.count(all), "seed \(seed)")
            #expect(try store.openCount == store.count(ReviewFilter()), "seed \(seed)")
        }
        #expect(versions.count > 10, "seed \(seed) judges hardly anything")
    }

    @Test("What a delivery has brought never becomes less: a run that begins again counts from its checkpoint")
    func deliveredAgain() throws {
        try store.change { () throws(StoreError) in
            try store.setDelivered("d", rows: 9)
            try store.setDelivered("d", rows: 0)
        }
        #expect(try store.delivered("d") == 9)
    }

    @Test("What was judged leaves first, then what scores least")
    func leaving() throws {
        try add(
            Self.entry(1, score: 0.7), Self.entry(2, score: 0.99), Self.entry(3, score: 0.8), Self.entry(4, score: 0.9))
        _ = try judge(2, .fraud, version: 0)
        try store.change { () throws(StoreError) in try store.dropEntries(2) }
        #expect(try store.entries(ReviewFilter(), limit: 10).map(\.number) == [4, 3])
        #expect(try store.verdicts().count == 1, "what was said stays")
    }

    @Test("A user who is forgotten leaves no byte")
    func forgotten() throws {
        try add(Self.entry(1, user: "somebody-secret"), Self.entry(2))
        _ = try judge(1, .fraud, version: 0)
        try store.forget(users: ["somebody-secret"])
        #expect(try store.entry(1) == nil && store.verdicts().isEmpty && store.entry(2) != nil)
        for name in ["review.db", "review.db-wal"] {
            let bytes = try Data(contentsOf: URL(filePath: folder.path(name)))
            #expect(bytes.range(of: Data("somebody-secret".utf8)) == nil, "\(name)")
        }
    }
}

/// Numbers that a seed decides.
private struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
