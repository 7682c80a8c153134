@testable import AssayCore

/// What comes back of a state from its bytes, which nothing may follow.
func rewritten<State>(
    _ encode: (inout OutputBuffer) -> Void, _ decode: (inout StateByteReader) throws -> State
) throws -> State {
    var bytes = OutputBuffer(capacity: 64)
    encode(&bytes)
    var reader = StateByteReader(bytes.bytes)
    let read = try decode(&reader)
    try reader.finish()
    return read
}
