import AssayCore
import CKafka

/// A record that was fetched. It is given back when this goes.
struct Message: ~Copyable {
    private let library: UnsafePointer<assay_kafka>
    private let pointer: UnsafeMutablePointer<rd_kafka_message_t>

    init(_ pointer: UnsafeMutablePointer<rd_kafka_message_t>, _ library: UnsafePointer<assay_kafka>) {
        (self.pointer, self.library) = (pointer, library)
    }

    deinit { library.pointee.message_destroy(pointer) }

    /// Not a record, but an event of its partition.
    var code: rd_kafka_resp_err_t { pointer.pointee.err }
    var offset: Int64 { pointer.pointee.offset }

    /// Nil for a tombstone.
    var value: UnsafeBufferPointer<UInt8>? { Self.bytes(pointer.pointee.payload, pointer.pointee.len) }
    var key: UnsafeBufferPointer<UInt8>? { Self.bytes(pointer.pointee.key, pointer.pointee.key_len) }

    private static func bytes(_ start: UnsafeMutableRawPointer?, _ count: Int) -> UnsafeBufferPointer<UInt8>? {
        start.map { UnsafeBufferPointer(start: $0.assumingMemoryBound(to: UInt8.self), count: count) }
    }

    /// Milliseconds since 1970; nil where the broker keeps none.
    var timestamp: Int64? {
        var type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        let time = library.pointee.message_timestamp(pointer, &type)
        return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || time < 0 ? nil : time
    }

    /// In their order.
    var headers: [(name: String, value: UnsafeBufferPointer<UInt8>?)] {
        var list: OpaquePointer?
        guard library.pointee.message_headers(pointer, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list else { return [] }
        var headers: [(String, UnsafeBufferPointer<UInt8>?)] = []
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while library.pointee.header_get_all(list, headers.count, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR {
            headers.append(
                (
                    name.map { String(cString: $0) } ?? "",
                    value.map { UnsafeBufferPointer(start: $0.assumingMemoryBound(to: UInt8.self), count: size) }
                ))
        }
        return headers
    }

    /// The last header of a name, as text.
    func header(_ name: String) -> String? {
        headers.last { $0.name == name }?.value.map { String(decoding: $0, as: UTF8.self) }
    }

    /// Of key and value: the same for the same record, wherever it is.
    var digest: UInt64 {
        let parts = [key, value].map { $0?.stableHash ?? 0 }
        return parts.flatMap(\.littleEndianBytes).withUnsafeBufferPointer { $0.stableHash }
    }
}

/// The records of a batch, kept as long as it is worked on.
///
/// @unchecked Sendable: only one stage of a run has a batch at a time, and nobody changes it after it was filled.
final class BatchRecords: RecordOrigin, @unchecked Sendable {
    let topic: String
    let partition: Int32
    /// By line.
    private var messages: [Held] = []

    /// A message in a list.
    private final class Held {
        let message: Message
        init(_ message: consuming Message) { self.message = message }
    }

    init(_ topic: String, _ partition: Int32) {
        (self.topic, self.partition) = (topic, partition)
    }

    func append(_ message: consuming Message) { messages.append(Held(message)) }

    var count: Int { messages.count }

    func offset(ofLine line: Int) -> Int64 { messages[line].message.offset }

    func withRecord(ofLine line: Int, _ body: (OriginalRecord) -> Void) {
        let held = messages[line]
        guard let value = held.message.value else { preconditionFailure("a tombstone is no line") }
        body(OriginalRecord(key: held.message.key, value: value, headers: held.message.headers))
        withExtendedLifetime(held) {}
    }
}
