import CKafka

/// Why Kafka did not do what was asked.
struct KafkaFault: Error {
    let message: String
    let code: rd_kafka_resp_err_t

    init(_ message: String, _ code: rd_kafka_resp_err_t = RD_KAFKA_RESP_ERR__FAIL) {
        (self.message, self.code) = (message, code)
    }

    init(_ code: rd_kafka_resp_err_t, _ library: UnsafePointer<assay_kafka>) {
        self.init(library.pointee.err2str(code).map { String(cString: $0) } ?? "error \(code.rawValue)", code)
    }

    /// Nobody was let in, and nobody will be.
    var isRefusal: Bool {
        [
            RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, RD_KAFKA_RESP_ERR__SSL,
            RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM,
        ].contains(code)
    }
}

/// Why an attempt has ended without a result.
enum KafkaFailure: Error {
    case fault(KafkaFault)
    /// A stop was requested while waiting.
    case interrupted
}

/// librdkafka, loaded when it is asked for first.
enum Library {
    static func load() throws(KafkaFault) -> UnsafePointer<assay_kafka> {
        var fault: UnsafePointer<CChar>?
        if let library = assay_kafka_load(&fault) { return library }
        let reason = fault.map { String(cString: $0) } ?? "it cannot be loaded"
        throw KafkaFault("Kafka's library is missing (\(reason)); install librdkafka1")
    }

    static var ifThere: UnsafePointer<assay_kafka>? {
        var fault: UnsafePointer<CChar>?
        return assay_kafka_load(&fault)
    }
}
