import AssayCore
import StateStore

/// The ids of the functions that keep state in the store.
package enum StoredFunction {
    package static let scoring = (id: ScoringStage.functionNumber, name: ScoringStage.functionName)
    package static let learning = (id: ScoringStage.learningFunctionNumber, name: ScoringStage.learningFunctionName)
    package static let pipeline = (id: StreamStage.functionNumber, name: StreamStage.functionName)
}

/// The users of stored state: the place of each one's current state, found in one pass over the pages.
package final class UserStates {
    /// A state's place among the pages.
    package struct Place: Sendable {
        package let page: Int64
        fileprivate let offset: UInt32
    }

    /// A user's id and stored state, valid inside the closure that gets it.
    package struct Entry {
        package let id: UnsafeBufferPointer<UInt8>
        package let state: UnsafeRawBufferPointer

        package var idBytes: [UInt8] { Array(id) }

        package func summary() throws(StoreError) -> UserStateSummary {
            do throws(StateDecodingError) {
                return try UserStateSummary(state)
            } catch {
                let name = String(decoding: id, as: UTF8.self)
                throw StoreError(.damaged, "reading the state of '\(name)'", "it is \(error.problem)")
            }
        }

        /// The user in a pipeline's state; nil for the state of anything else.
        package func scoredRecord() throws(StoreError) -> UserRecord? {
            guard StreamFunction.kind(of: state) == .user else { return nil }
            return try Entry(
                id: UnsafeBufferPointer(rebasing: id.dropFirst(StreamKey.prefixBytes)),
                state: StreamFunction.content(of: state)
            ).record()
        }

        package func record() throws(StoreError) -> UserRecord {
            do throws(StateDecodingError) {
                return try UserRecord(id: idBytes, state: state)
            } catch {
                let name = String(decoding: id, as: UTF8.self)
                throw StoreError(.damaged, "reading the state of '\(name)'", "it is \(error.problem)")
            }
        }
    }

    /// Which states are users.
    package enum Selection: Sendable {
        case all
        /// Those of the stream of a pipeline that scores.
        case scored
    }

    package let view: StateView
    private let selection: Selection
    /// Newest page first, so that a pass over them reads each page once.
    package let places: [Place]
    private var byID = KeyTable<Int>()
    /// What keys have before the users' ids.
    private let prefix: [UInt8]

    package init(_ view: StateView, _ selection: Selection = .all) throws(StoreError) {
        self.view = view
        self.selection = selection
        var places: [Place] = []
        var byID = KeyTable<Int>()
        var prefix: [UInt8] = []
        try view.readPages { (page, count, bytes) throws(StoreError) in
            var reader = StateEntryReader(bytes)
            var seen: Int64 = 0
            while case let offset = reader.position, let entry = reader.next() {
                seen += 1
                let key = entry.key.bindMemory(to: UInt8.self)
                let hash = key.stableHash
                if byID.find(key, hash: hash) != nil { continue }
                // An entry without a value says that the key is gone.
                if entry.value.isEmpty || selection == .scored && StreamFunction.kind(of: entry.value) != .user {
                    _ = byID.insert(key, hash: hash, state: Self.gone)
                    continue
                }
                _ = byID.insert(key, hash: hash, state: places.count)
                places.append(Place(page: page, offset: UInt32(offset)))
                if selection == .scored { prefix = Array(key.prefix(StreamKey.prefixBytes)) }
            }
            guard reader.isAtEnd, seen == count else {
                throw StoreError(.damaged, "reading page \(page)", "its entries don't fit")
            }
        }
        let keys = view.checkpoint?.stage.keys ?? 0
        guard places.count == keys || selection != .all else {
            throw StoreError(.damaged, "reading pages", "they hold \(places.count) keys, not \(keys)")
        }
        self.places = places
        self.byID = byID
        self.prefix = prefix
    }

    private static let gone = -1

    package var count: Int { places.count }

    /// The place of a user's state, nil for an unknown user.
    package func place(of id: [UInt8]) -> Int? {
        (prefix + id).withUnsafeBufferPointer { key in
            byID.find(key, hash: key.stableHash).map { byID[$0] }.flatMap { $0 == Self.gone ? nil : $0 }
        }
    }

    /// A user's record, nil for an unknown user.
    package func record(of id: [UInt8]) throws(StoreError) -> UserRecord? {
        try withEntry(of: id) { entry throws(StoreError) in try entry.record() }
    }

    /// A user's state as it is stored, nil for one who was never seen.
    package func state(of id: [UInt8]) throws(StoreError) -> [UInt8]? {
        try withEntry(of: id) { Array($0.state) }
    }

    /// A user's sequences, nil for one without any.
    package func sequences(of id: [UInt8], _ listing: SequenceListing) throws(StoreError) -> KeySequences? {
        try withEntry(of: id) { entry throws(StoreError) in try listing.sequences(entry) } ?? nil
    }

    private func withEntry<Result>(
        of id: [UInt8], _ body: (Entry) throws(StoreError) -> Result
    ) throws(StoreError) -> Result? {
        guard let index = place(of: id) else { return nil }
        let place = places[index]
        let copy = try view.withPage(place.page) { Array($0) }
        return try copy.withUnsafeBufferPointer { bytes throws(StoreError) in
            try body(entry(at: place, in: UnsafeRawBufferPointer(bytes)))
        }
    }

    /// Visits every user once, in the order in which the states were written.
    package func forEach(_ body: (Entry) throws(StoreError) -> Void) throws(StoreError) {
        var cursor = UserCursor(self)
        var end = places.count
        while end > 0 {
            let page = places[end - 1].page
            let start = places[..<end].lastIndex { $0.page != page }.map { $0 + 1 } ?? 0
            for place in start..<end {
                try cursor.move(to: place)
                try cursor.withEntry(body)
            }
            end = start
        }
    }

    fileprivate func entry(at place: Place, in bytes: UnsafeRawBufferPointer) -> Entry {
        var reader = StateEntryReader(UnsafeRawBufferPointer(rebasing: bytes[Int(place.offset)...]))
        guard let entry = reader.next() else { preconditionFailure("entries were read here before") }
        return Entry(
            id: UnsafeBufferPointer(rebasing: entry.key.bindMemory(to: UInt8.self).dropFirst(prefix.count)),
            state: selection == .all ? entry.value : StreamFunction.content(of: entry.value))
    }
}

/// A cursor over users, which moves in order or to a place. It keeps its current page.
package struct UserCursor {
    private let users: UserStates
    private var next = 0
    private var present = 0
    private var page: Int64 = 0
    private var bytes: [UInt8] = []

    package init(_ users: UserStates) {
        self.users = users
    }

    /// Moves to the next user; returns false after the last.
    package mutating func advance() throws(StoreError) -> Bool {
        guard next < users.count else { return false }
        try move(to: next)
        return true
    }

    package mutating func move(to place: Int) throws(StoreError) {
        present = place
        next = place + 1
        let wanted = users.places[place].page
        if wanted != page {
            bytes = try users.view.withPage(wanted) { Array($0) }
            page = wanted
        }
    }

    package func withEntry<Result>(
        _ body: (UserStates.Entry) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        let place = users.places[present]
        return try bytes.withUnsafeBufferPointer { bytes throws(StoreError) in
            try body(users.entry(at: place, in: UnsafeRawBufferPointer(bytes)))
        }
    }
}
