/// The sequences of one user that patterns have begun, by the patterns' fingerprints.
package struct UserSequences {
    struct Entry {
        let fingerprint: UInt64
        let content: Content
        /// Its approximate size in memory.
        let bytes: Int

        init(_ fingerprint: UInt64, _ content: Content) {
            self.fingerprint = fingerprint
            self.content = content
            switch content {
            case .stored(let stored): bytes = stored.count + 64
            case .open(let state, _): bytes = state.memoryBytes + 64
            }
        }
    }

    enum Content {
        /// As stored, until it is needed.
        case stored([UInt8])
        /// With the time of the last transaction shown.
        case open(PatternState, lastTime: Int64)
    }

    private(set) var entries: [Entry] = []

    var isEmpty: Bool { entries.isEmpty }

    init() {}

    /// Takes out the state of a pattern: an empty one when there is none, or none of this pattern.
    mutating func take(_ plan: PatternPlan) -> (state: PatternState, lastTime: Int64) {
        guard let place = entries.firstIndex(where: { $0.fingerprint == plan.fingerprint }) else {
            return (PatternState(), .min)
        }
        switch entries.remove(at: place).content {
        case .open(let state, let lastTime): return (state, lastTime)
        case .stored(let bytes):
            do throws(StateDecodingError) {
                return try Self.decode(bytes, for: plan.automaton)
            } catch {
                return (PatternState(), .min)
            }
        }
    }

    /// Puts back what was taken out, unless it is empty.
    mutating func put(_ state: PatternState, lastTime: Int64, for plan: PatternPlan) {
        if state.isEmpty { return }
        entries.append(Entry(plan.fingerprint, .open(state, lastTime: lastTime)))
    }

    /// Ends the sequences of patterns that were removed, and returns how many.
    mutating func keepOnly(_ fingerprints: Set<UInt64>) -> Int {
        var ended = 0
        entries.removeAll { entry in
            guard !fingerprints.contains(entry.fingerprint) else { return false }
            ended += entry.openRuns
            return true
        }
        return ended
    }

    /// The approximate size in memory.
    var memoryBytes: Int { entries.reduce(64) { $0 + $1.bytes } }

    // MARK: As bytes

    private static var mostEntries: UInt64 { 1 << 16 }

    package func encode(into bytes: inout OutputBuffer) {
        bytes.append(varint: UInt64(entries.count))
        var content = OutputBuffer(capacity: 256)
        for entry in entries {
            content.removeAll()
            switch entry.content {
            case .stored(let stored):
                content.reserve(stored.count)
                stored.withUnsafeBufferPointer { content.write($0) }
            case .open(let state, let lastTime):
                content.append(fixed: UInt64(bitPattern: lastTime))
                state.encode(into: &content)
            }
            bytes.append(fixed: entry.fingerprint)
            bytes.append(varint: UInt64(content.count))
            bytes.reserve(content.count)
            bytes.write(content.bytes.bindMemory(to: UInt8.self))
        }
    }

    init(_ reader: inout StateByteReader) throws(StateDecodingError) {
        let count = try reader.varint()
        guard count <= Self.mostEntries else { throw StateDecodingError(.outOfBounds) }
        for _ in 0..<count {
            let fingerprint = try reader.fixed()
            let bytes = Array(try reader.content())
            _ = try Self.decode(bytes, for: nil)
            entries.append(Entry(fingerprint, .stored(bytes)))
        }
    }

    /// The entries of a state as stored, by fingerprint.
    package static func stored(_ bytes: [UInt8]) throws(StateDecodingError) -> [(fingerprint: UInt64, bytes: [UInt8])] {
        let result: Result<UserSequences, StateDecodingError> = bytes.withUnsafeBytes { raw in
            var reader = StateByteReader(raw)
            do throws(StateDecodingError) {
                return .success(try UserSequences(&reader))
            } catch {
                return .failure(error)
            }
        }
        return try result.get().entries.compactMap { entry in
            if case .stored(let bytes) = entry.content { (entry.fingerprint, bytes) } else { nil }
        }
    }

    package static func decode(
        _ bytes: [UInt8], for automaton: Automaton?
    ) throws(StateDecodingError) -> (state: PatternState, lastTime: Int64) {
        let result: Result<(state: PatternState, lastTime: Int64), StateDecodingError> = bytes.withUnsafeBytes { raw in
            var reader = StateByteReader(raw)
            do throws(StateDecodingError) {
                let lastTime = Int64(bitPattern: try reader.fixed())
                return .success((try PatternState(&reader, for: automaton), lastTime))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}

extension UserSequences.Entry {
    fileprivate var openRuns: Int {
        switch content {
        case .open(let state, _): return state.openRuns
        case .stored(let bytes):
            do throws(StateDecodingError) {
                return try UserSequences.decode(bytes, for: nil).state.openRuns
            } catch {
                preconditionFailure("it was validated when it was read: \(error.problem)")
            }
        }
    }
}

/// The sequences of all users, by places that their states name.
final class SequenceTable {
    private var sequences: [UserSequences] = []
    private var free: [Int] = []

    subscript(place: Int) -> UserSequences {
        get { sequences[place] }
        set { sequences[place] = newValue }
    }

    func add(_ added: UserSequences) -> Int {
        if let place = free.popLast() {
            sequences[place] = added
            return place
        }
        sequences.append(added)
        return sequences.count - 1
    }

    @inline(never)
    func memoryBytes(of place: Int) -> Int { sequences[place].memoryBytes }

    func remove(_ place: Int) {
        sequences[place] = UserSequences()
        free.append(place)
    }
}
