import Arguments
import Assay
import CKafka
import Glibc
import Synchronization

/// A connection to a cluster, as a producer or a consumer. librdkafka's clients may be used by several threads at once.
///
/// @unchecked Sendable: the handles are set once, and librdkafka guards what they lead to.
final class Client: @unchecked Sendable {
    let library: UnsafePointer<assay_kafka>
    let handle: OpaquePointer
    /// Where events come out: errors, and deliveries of a producer.
    private let events: OpaquePointer
    let label: String
    private let interruption: Int32
    /// When waiting ends at the latest, on the monotonic clock.
    private let deadline: Double
    /// What went wrong last, until something goes right.
    private let trouble = Locked<KafkaFault?>(nil)
    private let isTold = Locked(false)
    /// One of these is set: asked for each record, by many threads.
    private let isTroubled = Atomic(false)
    /// Errors that were told of.
    private let errors = Atomic<UInt64>(0)

    private static let endSeconds: Int32 = 2
    private static let attemptMilliseconds: Int32 = 1000
    /// A topic that is being made is not there for a while.
    private static let missingTopicSeconds = 5.0

    /// `interruption` becomes readable when waiting has to end.
    init(
        _ type: rd_kafka_type_t, _ settings: KafkaSettings, _ own: [(String, String)], interruption: Int32,
        deadline: Double = .infinity
    ) throws(KafkaFault) {
        let library = try Library.load()
        guard let configuration = library.pointee.conf_new() else { throw KafkaFault("out of memory") }
        var text = [CChar](repeating: 0, count: 512)
        var all =
            [
                ("bootstrap.servers", settings.brokers), ("client.id", "assay"),
                // A broker that is back is noticed soon.
                ("reconnect.backoff.max.ms", "1000"),
            ] + own
        do throws(KafkaFault) {
            for option in settings.options { all.append((option.name, try option.resolved())) }
            for (name, value) in all {
                let result = library.pointee.conf_set(configuration, name, value, &text, text.count)
                guard result == RD_KAFKA_CONF_OK else {
                    throw KafkaFault("librdkafka does not take what '\(name)' says")
                }
            }
        } catch {
            library.pointee.conf_destroy(configuration)
            throw error
        }
        assay_kafka_silence(library, configuration)
        library.pointee.conf_set_events(configuration, RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_DR)
        guard let handle = library.pointee.new(type, configuration, &text, text.count),
            let events = library.pointee.queue_get_main(handle)
        else {
            library.pointee.conf_destroy(configuration)
            throw KafkaFault(text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) })
        }
        (self.library, self.handle) = (library, handle)
        self.events = events
        (label, self.interruption, self.deadline) = (settings.label, interruption, deadline)
    }

    deinit {
        library.pointee.queue_destroy(events)
        assay_kafka_destroy(handle, Self.endSeconds)
    }

    // MARK: Events

    /// Takes the events that are there, waiting for the first for at most this long. Deliveries are handed out.
    func takeEvents(
        withinMilliseconds wait: Int32, _ delivered: (UnsafePointer<rd_kafka_message_t>) -> Void = { _ in }
    ) {
        var wait = wait
        while let event = library.pointee.queue_poll(events, wait) {
            defer { library.pointee.event_destroy(event) }
            wait = 0
            switch library.pointee.event_type(event) {
            case RD_KAFKA_EVENT_ERROR:
                let text = library.pointee.event_error_string(event).map { String(cString: $0) } ?? ""
                let fault = KafkaFault(text, library.pointee.event_error(event))
                errors.wrappingAdd(1, ordering: .relaxed)
                trouble.withLock { if $0?.isRefusal != true { $0 = fault } }
                isTroubled.store(true, ordering: .relaxed)
            case RD_KAFKA_EVENT_DR:
                var messages = [UnsafePointer<rd_kafka_message_t>?](repeating: nil, count: Self.deliveriesAtOnce)
                while case let count = library.pointee.event_message_array(event, &messages, messages.count), count > 0
                {
                    for message in messages[..<count] { if let message { delivered(message) } }
                }
            default: break
            }
        }
    }

    private static let deliveriesAtOnce = 1024

    var failures: UInt64 { errors.load(ordering: .relaxed) }

    /// What has gone wrong since something went right.
    var present: KafkaFault? { trouble.withLock { $0 } }

    /// Something went right.
    func noteSuccess() {
        guard isTroubled.load(ordering: .relaxed) else { return }
        isTroubled.store(false, ordering: .relaxed)
        trouble.withLock { $0 = nil }
        let wasTold = isTold.withLock { told in
            defer { told = false }
            return told
        }
        if wasTold { Diagnostics.say("Kafka at \(label) is back") }
    }

    /// Says once that it is waited for.
    func tellWaiting(_ fault: KafkaFault) {
        isTroubled.store(true, ordering: .relaxed)
        let isNew = isTold.withLock { told in
            defer { told = true }
            return !told
        }
        if isNew { Diagnostics.warning("waiting for Kafka at \(label): \(fault.message)") }
    }

    var isInterrupted: Bool {
        var event = pollfd(fd: interruption, events: Int16(POLLIN), revents: 0)
        return poll(&event, 1, 0) > 0
    }

    // MARK: Attempts

    /// Asks until there is an answer. `ask` gets the time that one attempt may take. `patience`: for so many seconds
    /// more when a stop is requested.
    func attempt<Result>(
        patience: Double = 0, _ ask: (_ milliseconds: Int32) throws(KafkaFault) -> Result
    ) throws(KafkaFailure) -> Result {
        var stopped: Double?
        while true {
            do throws(KafkaFault) {
                let result = try ask(Self.attemptMilliseconds)
                noteSuccess()
                return result
            } catch {
                takeEvents(withinMilliseconds: 0)
                if let refusal = present, refusal.isRefusal { throw .fault(refusal) }
                guard error.isPassing, MonotonicClock.seconds < deadline else { throw .fault(present ?? error) }
                tellWaiting(present ?? error)
            }
            if isInterrupted {
                stopped = stopped ?? MonotonicClock.seconds
                if MonotonicClock.seconds >= (stopped ?? 0) + patience { throw .interrupted }
            }
            usleep(Self.pauseMicroseconds)
        }
    }

    private static let pauseMicroseconds: useconds_t = 100_000

    /// The number of a topic's partitions.
    func partitionCount(of topic: String) throws(KafkaFailure) -> Int32 {
        guard let object = library.pointee.topic_new(handle, topic, nil) else {
            throw .fault(KafkaFault("'\(topic)' is no name of a topic"))
        }
        defer { library.pointee.topic_destroy(object) }
        let patience = MonotonicClock.seconds + Self.missingTopicSeconds
        return try attempt { milliseconds throws(KafkaFault) in
            var metadata: UnsafePointer<rd_kafka_metadata>?
            let code = library.pointee.metadata(handle, 0, object, &metadata, milliseconds)
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else { throw KafkaFault(code, library) }
            defer { library.pointee.metadata_destroy(metadata) }
            guard metadata.pointee.topic_cnt == 1 else { throw KafkaFault(RD_KAFKA_RESP_ERR__TIMED_OUT, library) }
            let found = metadata.pointee.topics[0]
            if found.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || found.partition_cnt == 0 {
                guard MonotonicClock.seconds < patience else {
                    throw KafkaFault(
                        "there is no topic '\(topic)'; make it first", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
                }
                throw KafkaFault(RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, library)
            }
            guard found.err == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaFault(found.err, library) }
            return found.partition_cnt
        }
    }

    /// The first offset of a partition that is there, and the one after the last.
    func bounds(of topic: String, _ partition: Int32) throws(KafkaFailure) -> (low: Int64, high: Int64) {
        try attempt { milliseconds throws(KafkaFault) in
            var (low, high) = (Int64(0), Int64(0))
            let code = library.pointee.query_watermark_offsets(
                handle, topic, partition, &low, &high, milliseconds)
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaFault(code, library) }
            return (low, high)
        }
    }
}

extension KafkaFault {
    /// The same may succeed later.
    fileprivate var isPassing: Bool {
        switch code {
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
            RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, RD_KAFKA_RESP_ERR__INVALID_ARG,
            RD_KAFKA_RESP_ERR__FAIL:
            false
        default: !isRefusal
        }
    }
}
