import Assay
import AssayCore
import CKafka

/// A consumer of one topic, which takes partitions from where it is told and belongs to no group: the group's name is
/// only where others look for its lag.
final class Consumer: Sendable {
    let client: Client
    let topic: String
    /// Of records that are fetched and not taken yet, in all partitions together.
    private static let fetchedKilobytes = 65_536
    private static let leastFetchedKilobytes = 1024
    /// How many share that where it is not known before.
    static let usualPartitions = 8
    /// How often partitions that have joined are looked for.
    private let lookSeconds: Double
    private let nextLook: Locked<Double>

    /// Unless librdkafka's own option says otherwise.
    private static let usualLookSeconds = 60.0
    private static let lookOption = "topic.metadata.refresh.interval.ms"

    init(
        _ settings: KafkaSettings, topic: String, group: String, partitions: Int, interruption: Int32,
        deadline: Double = .infinity
    ) throws(KafkaFault) {
        let kilobytes = max(Self.leastFetchedKilobytes, Self.fetchedKilobytes / max(partitions, 1))
        client = try Client(
            RD_KAFKA_CONSUMER, settings,
            [
                ("group.id", group), ("enable.auto.commit", "false"), ("enable.auto.offset.store", "false"),
                ("auto.offset.reset", "error"), ("enable.partition.eof", "true"),
                ("allow.auto.create.topics", "false"),
                ("queued.max.messages.kbytes", "\(kilobytes)"),
            ], interruption: interruption, deadline: deadline)
        self.topic = topic
        let given = settings.options.last { $0.name == Self.lookOption }.flatMap { Double($0.value) }
        lookSeconds = given.map { $0 / 1000 } ?? Self.usualLookSeconds
        nextLook = Locked(MonotonicClock.seconds + lookSeconds)
    }

    /// A list of partitions, which `body` uses.
    private func withList<Result>(
        _ positions: [(partition: Int32, offset: Int64)],
        _ body: (UnsafeMutablePointer<rd_kafka_topic_partition_list_t>)
            -> Result
    ) -> Result {
        guard let list = client.library.pointee.topic_partition_list_new(Int32(positions.count)) else {
            preconditionFailure("out of memory")
        }
        defer { client.library.pointee.topic_partition_list_destroy(list) }
        for (partition, offset) in positions {
            client.library.pointee.topic_partition_list_add(list, topic, partition)?.pointee.offset = offset
        }
        return body(list)
    }

    /// Begins to fetch a partition.
    func assign(_ partition: Int32, from offset: Int64) throws(KafkaFault) {
        try check(withList([(partition, offset)]) { client.library.pointee.incremental_assign(client.handle, $0) })
    }

    /// Ends to fetch a partition.
    func unassign(_ partition: Int32) throws(KafkaFault) {
        try check(withList([(partition, 0)]) { client.library.pointee.incremental_unassign(client.handle, $0) })
    }

    private func check(_ error: OpaquePointer?) throws(KafkaFault) {
        guard let error else { return }
        defer { client.library.pointee.error_destroy(error) }
        throw KafkaFault(
            client.library.pointee.error_string(error).map { String(cString: $0) } ?? "",
            client.library.pointee.error_code(error))
    }

    /// The offset of the first record from a time on: the end where there is none.
    func offset(of partition: Int32, at milliseconds: Int64) throws(KafkaFailure) -> Int64? {
        try client.attempt { wait throws(KafkaFault) in
            let (code, offset) = withList([(partition, milliseconds)]) { list in
                let code = client.library.pointee.offsets_for_times(client.handle, list, wait)
                return (
                    code == RD_KAFKA_RESP_ERR_NO_ERROR ? list.pointee.elems[0].err : code, list.pointee.elems[0].offset
                )
            }
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaFault(code, client.library) }
            return offset >= 0 ? offset : nil
        }
    }

    /// The records that nobody has taken yet, as far as the last fetch knew.
    func lag(of partition: Int32, behind next: Int64) -> UInt64? {
        var (low, high) = (Int64(0), Int64(-1))
        let code = client.library.pointee.get_watermark_offsets(client.handle, topic, partition, &low, &high)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, high >= 0 else { return nil }
        return UInt64(max(0, high - next))
    }

    /// Whether the topic has more partitions than this, asked now and then.
    func hasMorePartitions(than count: Int32) -> Bool {
        let now = MonotonicClock.seconds
        let isDue = nextLook.withLock { next in
            guard now >= next else { return false }
            next = now + lookSeconds
            return true
        }
        guard isDue else { return false }
        do throws(KafkaFailure) {
            return try client.partitionCount(of: topic) > count
        } catch {
            // It is asked again; what is wrong is seen by those who read.
            return false
        }
    }

    /// Tells the group how far a checkpoint is. Nothing depends on it, so that failure is of no interest.
    func commit(_ partition: Int32, _ next: Int64) {
        _ = withList([(partition, next)]) { list in client.library.pointee.commit(client.handle, list, 1) }
    }
}
