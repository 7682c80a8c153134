/// Where the lines of a batch come from when they are records of a partitioned log, one line each.
///
/// It keeps the records as long as the batch is worked on.
package protocol RecordOrigin: AnyObject, Sendable {
    var topic: String { get }
    var partition: Int32 { get }

    /// The offset of a line's record in the partition. Lines count from the first of the batch.
    func offset(ofLine line: Int) -> Int64

    /// The record of a line as it came. The bytes are valid only inside `body`.
    func withRecord(ofLine line: Int, _ body: (OriginalRecord) -> Void)
}

/// A record as it came.
package struct OriginalRecord {
    package var key: UnsafeBufferPointer<UInt8>?
    package var value: UnsafeBufferPointer<UInt8>
    /// In their order; a name may occur more than once.
    package var headers: [(name: String, value: UnsafeBufferPointer<UInt8>?)]

    package init(
        key: UnsafeBufferPointer<UInt8>?, value: UnsafeBufferPointer<UInt8>,
        headers: [(name: String, value: UnsafeBufferPointer<UInt8>?)]
    ) {
        (self.key, self.value, self.headers) = (key, value, headers)
    }
}
