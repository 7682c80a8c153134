/// The bytes of a text at a place that does not move.
///
/// @unchecked Sendable: the bytes never change.
package final class KeptText: @unchecked Sendable {
    package let bytes: UnsafeBufferPointer<UInt8>

    package init(_ text: String) {
        let room = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.utf8.count)
        _ = room.initialize(from: text.utf8)
        bytes = UnsafeBufferPointer(room)
    }

    deinit { bytes.deallocate() }
}
