// States that another engine keeps: it gets what changed, and gives all back when it begins again.
extension KeyedStage where Function: ~Copyable {
    /// Appends up to so many keys that changed since they were given out last, each with its state: the key's length in
    /// four bytes, the most significant first, the key, and the same of the state. A key without a state is to be
    /// dropped. Returns how many.
    mutating func giveOut(atMost count: Int, into bytes: inout OutputBuffer) -> Int {
        let end = min(written + count, changed.count)
        let given = end - written
        while written < end {
            let index = Int(changed[written])
            written += 1
            giveOut(index, into: &bytes)
        }
        if written == changed.count {
            changed.removeAll(keepingCapacity: true)
            written = 0
        }
        return given
    }

    private mutating func giveOut(_ index: Int, into bytes: inout OutputBuffer) {
        encoded.removeAll()
        let isEmpty = function.isEmpty(keys[index])
        if !isEmpty { function.encode(keys[index], into: &encoded) }
        keys.withKey(index) { SharedEntry.append(key: $0, state: encoded.bytes, to: &bytes) }
        if isEmpty { return remove(index, hash: keys.withKey(index) { $0.stableHash }) }
        var mark = keys.saving(index)
        mark.changedIn = 0
        keys.setSaving(index, mark)
    }

    /// Takes keys over that were given out; throws where the bytes are none, or a key is here already. `isKnown`: who
    /// keeps the states has them; otherwise they are given out next time.
    mutating func takeOver(_ entries: UnsafeRawBufferPointer, isKnown: Bool) throws(StateDecodingError) {
        var rest = entries[...]
        while !rest.isEmpty {
            let key = try Self.next(&rest).bindMemory(to: UInt8.self)
            let value = try Self.next(&rest)
            let hash = key.stableHash
            guard keys.find(key, hash: hash) == nil else { throw StateDecodingError(.repeatedKey) }
            let state = try function.decode(value)
            stateBytes += function.memoryBytes(state)
            let index = keys.insert(key, hash: hash, state: state)
            if !isKnown { noteChange(index) }
        }
    }

    private static func next(
        _ rest: inout Slice<UnsafeRawBufferPointer>
    ) throws(StateDecodingError) -> UnsafeRawBufferPointer {
        let lengthBytes = rest.prefix(4)
        guard lengthBytes.count == 4 else { throw StateDecodingError(.truncated) }
        let length = lengthBytes.reduce(0) { $0 << 8 | Int($1) }
        rest = rest.dropFirst(4)
        guard rest.count >= length else { throw StateDecodingError(.truncated) }
        defer { rest = rest.dropFirst(length) }
        return UnsafeRawBufferPointer(rebasing: rest.prefix(length))
    }
}

/// A key with its state, as they are given out.
package enum SharedEntry {
    package static func append(
        key: UnsafeBufferPointer<UInt8>, state: UnsafeRawBufferPointer, to bytes: inout OutputBuffer
    ) {
        bytes.reserve(8 + key.count + state.count)
        append(key, to: &bytes)
        append(state.bindMemory(to: UInt8.self), to: &bytes)
    }

    private static func append(_ part: UnsafeBufferPointer<UInt8>, to bytes: inout OutputBuffer) {
        withUnsafeBytes(of: UInt32(part.count).bigEndian) { bytes.write($0.bindMemory(to: UInt8.self)) }
        bytes.write(part)
    }
}
