import CKafka

/// The transactions of one producer: one a checkpoint, so that readers who wait for commits see only what a checkpoint
/// has.
struct Transaction {
    private let client: Client
    private var isOpen = false

    private static let waitMilliseconds: Int32 = 1000
    /// What was delivered already is worth waiting for.
    private static let patienceSeconds = 10.0

    /// Takes over from a producer of the same id, whose open transaction is given up.
    static func fence(_ client: Client) throws(KafkaFailure) {
        try client.attempt { _ throws(KafkaFault) in
            try check(client.library.pointee.init_transactions(client.handle, waitMilliseconds), client)
        }
    }

    init(_ client: Client) {
        self.client = client
    }

    /// Begins one, unless one has begun.
    mutating func begin() throws(KafkaFault) {
        guard !isOpen else { return }
        try Self.check(client.library.pointee.begin_transaction(client.handle), client)
        isOpen = true
    }

    /// Commits what was delivered.
    mutating func commit() throws(KafkaFailure) {
        guard isOpen else { return }
        try client.attempt(patience: Self.patienceSeconds) { [client] _ throws(KafkaFault) in
            try Self.check(client.library.pointee.commit_transaction(client.handle, Self.waitMilliseconds), client)
        }
        isOpen = false
    }

    /// What may succeed when it is tried again is told as a fault that passes.
    private static func check(_ error: OpaquePointer?, _ client: Client) throws(KafkaFault) {
        guard let error else { return }
        let library = client.library
        defer { library.pointee.error_destroy(error) }
        let text = library.pointee.error_string(error).map { String(cString: $0) } ?? ""
        let isPassing = library.pointee.error_is_retriable(error) != 0
        throw KafkaFault(text, isPassing ? library.pointee.error_code(error) : RD_KAFKA_RESP_ERR__FAIL)
    }
}
