import AssayCore
import Foundation
import StateStore
import TestSupport
import Testing

/// The outbox.
@Suite struct AlertStoreTests {
    private let folder: TemporaryFolder
    private let store: AlertStore

    init() throws {
        folder = try TemporaryFolder()
        store = try AlertStore(path: folder.path("alerts.db"))
    }

    private static func alert(_ id: String, _ severity: AlertSeverity = .warning, rule: String = "r") -> Alert {
        var alert = Alert(
            id: id, rule: rule, severity: severity, matter: "user_id=\(id)", message: "about \(id)", time: 1, made: 2)
        alert.keys = "{\"user_id\":\"\(id)\"}"
        alert.first = ["{\"id\":\"\(id)\"}"]
        return alert
    }

    @Test("An alert that is there is not added again, and is due once for each of its channels")
    func insert() throws {
        try store.change { () throws(StoreError) in
            #expect(try store.insert(Self.alert("a"), to: ["x", "y"], due: 10) != nil)
            #expect(try store.insert(Self.alert("a"), to: ["x", "y"], due: 10) == nil)
            #expect(try store.insert(Self.alert("b"), to: ["x"], due: 20) != nil)
        }
        #expect(try store.waiting == 2)
        #expect(try store.due("x", by: 9, atMost: 9).isEmpty)
        #expect(try store.due("x", by: 20, atMost: 9).map(\.alert.id) == ["a", "b"])
        #expect(try store.due("y", by: 20, atMost: 9).map(\.alert) == store.due("x", by: 10, atMost: 1).map(\.alert))
        #expect(try store.nextDue("x") == 10)
        #expect(try store.queue("x") == (2, 2))
        #expect(try store.queue("z") == (0, nil))
    }

    @Test("What a delivery has brought never becomes less: a run that begins again counts from its checkpoint")
    func deliveredAgain() throws {
        try store.change { () throws(StoreError) in
            try store.setDelivered("d", rule: "r", rows: 9)
            try store.setDelivered("d", rule: "r", rows: 0)
        }
        #expect(try store.delivered("d") == 9)
    }

    @Test("What was sent waits no more, what has failed can be tried again, and a second note changes nothing")
    func noting() throws {
        var number: Int64 = 0
        try store.change { () throws(StoreError) in
            number = try store.insert(Self.alert("a"), to: ["x", "y"], due: 0) ?? 0
        }
        try store.note(number, "x", .waiting, due: 50, answer: "HTTP 503", at: 1)
        #expect(try store.due("x", by: 49, atMost: 9).isEmpty)
        #expect(try store.due("x", by: 50, atMost: 9).map(\.attempts) == [1])
        try store.note(number, "x", .sent, due: 0, answer: "", at: 2)
        try store.note(number, "x", .failed, due: 0, answer: "late", at: 3)
        #expect(try store.waiting == 1)
        try store.note(number, "y", .failed, due: 0, answer: "HTTP 410", at: 3)
        #expect(try store.waiting == 0)
        #expect(try store.newest(.failed, atMost: 9).map(\.answer) == ["HTTP 410"])
        #expect(try store.retry(id: "a", at: 9) == 1)
        #expect(try store.retry(id: "a", at: 9) == 0)
        #expect(try store.due("y", by: 9, atMost: 9).map(\.attempts) == [0])
        #expect(try store.waiting == 1)
        #expect(try store.counts() == [.waiting: 1, .sent: 1])
    }

    @Test("The oldest of the lowest severity is dropped first")
    func dropping() throws {
        for (id, severity) in [("a", .critical), ("b", .info), ("c", .info), ("d", .warning)]
            as [(String, AlertSeverity)]
        {
            _ = try store.insert(Self.alert(id, severity), to: ["x"], due: 0)
        }
        var dropped: [String] = []
        while let one = try store.dropOne() {
            dropped.append(one.alert.id)
            #expect(one.channels == ["x"])
        }
        #expect(dropped == ["b", "c", "d", "a"])
    }

    @Test("Alerts that are put together count all, show the first ten, and are as bad as the worst")
    func together() throws {
        let number = try #require(try store.insert(Self.alert("a0", .info), to: ["x"], due: 0))
        for index in 1..<25 { try store.add(Self.alert("a\(index)", index == 20 ? .critical : .info), to: number) }
        let alert = try #require(try store.alert(number))
        #expect(alert.count == 25)
        #expect(alert.first == (0..<10).map { "{\"id\":\"a\($0)\"}" })
        #expect(alert.severity == .critical)
    }

    @Test("What is over waits for what tells of its beginning")
    func order() throws {
        var over = Self.alert("over")
        over.kind = .resolved
        let first = try #require(try store.insert(Self.alert("begin"), to: ["x"], due: 0))
        _ = try store.insert(over, to: ["x"], due: 0)
        try store.note(first, "x", .waiting, due: 1000, answer: "", at: 0)
        #expect(try store.due("x", by: 10, atMost: 9).isEmpty)
        try store.note(first, "x", .sent, due: 0, answer: "", at: 0)
        #expect(try store.due("x", by: 10, atMost: 9).map(\.alert.id) == ["over"])
    }

    @Test("A change that fails leaves nothing behind")
    func rollback() throws {
        #expect(throws: StoreError.self) {
            try store.change { () throws(StoreError) in
                _ = try store.insert(Self.alert("a"), to: ["x"], due: 0)
                throw StoreError(.inputOutput, "testing", "stop")
            }
        }
        #expect(try store.waiting == 0)
        try store.change(isDurable: true) { () throws(StoreError) in
            try store.setDelivered("d", rule: "r", rows: 7)
        }
        #expect(try AlertStore(path: store.path).delivered("d") == 7)
        try store.forget(rule: "r")
        #expect(try store.delivered("d") == nil)
    }

    @Test("Of those that wait for nothing the last are kept, and sendings without a channel fail")
    func trimming() throws {
        for index in 0..<20 {
            let number = try #require(try store.insert(Self.alert("a\(index)"), to: ["x"], due: 0))
            if index != 0 { try store.note(number, "x", .sent, due: 0, answer: "", at: 0) }
        }
        try store.trim(to: 5)
        #expect(try store.newest(nil, atMost: 99).map(\.alert.id) == ["a19", "a18", "a17", "a16", "a15", "a0"])
        #expect(try store.fail(except: ["y"], answer: "gone", at: 0) == 1)
        #expect(try store.waiting == 0)
    }

    @Test("Of a user who is forgotten no byte is left")
    func forgetting() throws {
        for id in ["alice-0001", "alice-00011", "bob"] {
            var alert = Self.alert(id)
            alert.user = id == "bob" ? "" : id
            _ = try store.insert(alert, to: ["x"], due: 0)
        }
        let number = try #require(try store.insert(Self.alert("carol"), to: ["x"], due: 0))
        try store.add(Self.alert("alice-0001"), to: number)
        try store.setTold("r", "user_id=alice-0001", user: "alice-0001", at: 1)
        try store.forget(users: ["alice-0001", "bob"])
        #expect(try store.newest(nil, atMost: 9).map(\.alert.id) == ["carol", "alice-00011"])
        #expect(try store.told("r", "user_id=alice-0001") == nil)
        #expect(try store.alert(number)?.first == [])
        let text = try [UInt8](bytesOf: store.path) + [UInt8](bytesOf: store.path + "-wal")
        let words = String(decoding: text, as: UTF8.self)
        #expect(!words.contains("about bob") && !words.contains("alice-0001\""))
        #expect(words.contains("alice-00011"))
    }
}

extension [UInt8] {
    fileprivate init(bytesOf path: String) throws {
        self = FileManager.default.fileExists(atPath: path) ? [UInt8](try Data(contentsOf: URL(filePath: path))) : []
    }
}
