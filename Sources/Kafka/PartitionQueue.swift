import CKafka

/// The records of one partition as they are fetched.
final class PartitionQueue {
    private let library: UnsafePointer<assay_kafka>
    private let client: Client
    private let queue: OpaquePointer
    private var fetched: [UnsafeMutablePointer<rd_kafka_message_t>?]
    private var first = 0
    private var count = 0

    private static let fetchedAtOnce = 1024

    init(_ client: Client, _ topic: String, _ partition: Int32) {
        self.client = client
        library = client.library
        guard let queue = library.pointee.queue_get_partition(client.handle, topic, partition) else {
            preconditionFailure("a consumer has a queue for each partition")
        }
        self.queue = queue
        // Records come here, not where all partitions' come together.
        library.pointee.queue_forward(queue, nil)
        fetched = Array(repeating: nil, count: Self.fetchedAtOnce)
    }

    /// Gives up what is fetched and not taken.
    func removeAll() {
        for message in fetched[first..<count] { library.pointee.message_destroy(message) }
        (first, count) = (0, 0)
    }

    deinit {
        removeAll()
        library.pointee.queue_destroy(queue)
    }

    /// One that is there already.
    func next() -> Message? {
        if first == count {
            first = 0
            count = max(0, library.pointee.consume_batch_queue(queue, 0, &fetched, fetched.count))
        }
        guard first < count, let message = fetched[first] else { return nil }
        first += 1
        return Message(message, library)
    }

    /// Waits for one.
    func next(withinMilliseconds wait: Int32) -> Message? {
        library.pointee.consume_queue(queue, wait).map { Message($0, library) }
    }
}
