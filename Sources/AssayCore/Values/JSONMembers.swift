import CEL

/// The members of a JSON object in a line, read without decoding the others.
struct JSONMembers {
    private let object: UnsafeBufferPointer<UInt8>

    init(_ slice: ByteSlice, _ text: BatchText) {
        var bytes = text.bytes(slice)[...]
        while let first = bytes.first, first == 0x20 || first == 0x09 || first == 0x0D { bytes = bytes.dropFirst() }
        object = UnsafeBufferPointer(rebasing: bytes)
    }

    /// The last one of this name.
    func find(_ key: Text) -> Value? {
        var found: Value?
        let name = Array(key.string.utf8)
        forEach { token, scanner throws(JSONFault) in
            let isMatch =
                token.hasEscapes
                ? Text(JSON.text(of: token)) == key
                : name.withUnsafeBufferPointer { $0.elementsEqual(token.bytes) }
            guard isMatch else { return try scanner.skipValue(depth: 1) }
            found = Value(plain: try JSON(&scanner, depth: 1))
        }
        return found
    }

    /// Returns a slice that is an object or array as a value.
    static func value(_ slice: ByteSlice, _ text: BatchText) -> Value {
        guard let start = text.bytes(slice).baseAddress else { return .null }
        var scanner = JSONScanner(at: start)
        do throws(JSONFault) {
            return Value(plain: try JSON(&scanner, depth: 1))
        } catch {
            preconditionFailure("a decoded line is JSON: \(error.kind.message)")
        }
    }

    /// All members as a map.
    var all: Value {
        var members: [(String, JSON)] = []
        forEach { token, scanner throws(JSONFault) in
            members.append((JSON.text(of: token), try JSON(&scanner, depth: 1)))
        }
        return Value(plain: .object(members))
    }

    /// Visits the members. The object was decoded before, so it is valid; without an object there are no members.
    private func forEach(_ body: (JSONScanner.StringToken, inout JSONScanner) throws(JSONFault) -> Void) {
        guard object.first == UInt8(ascii: "{"), let start = object.baseAddress else { return }
        var scanner = JSONScanner(at: start)
        do throws(JSONFault) {
            scanner.cursor += 1
            scanner.skipSpace()
            if scanner.take("}") { return }
            repeat {
                let token = try scanner.key()
                try body(token, &scanner)
            } while try scanner.nextMember()
        } catch {
            preconditionFailure("a decoded line is JSON: \(error.kind.message)")
        }
    }
}
