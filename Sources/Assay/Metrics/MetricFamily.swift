/// A name under which figures are published. Dashboards and alerts are built on names, so all are declared below, once.
package struct MetricFamily: Sendable {
    package enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    package let name: String
    package let kind: Kind
    package let help: String
    /// The names of its labels, in the order in which samples give their values.
    package let labels: [String]

    private init(_ name: String, _ kind: Kind, _ help: String, labels: [String] = []) {
        (self.name, self.kind, self.help, self.labels) = (name, kind, help, labels)
    }
}

// What is scored.
extension MetricFamily {
    static let transactions = MetricFamily(
        "assay_transactions_total", .counter, "Transactions that were scored, by level of risk.", labels: ["level"])
    static let rejected = MetricFamily(
        "assay_rejected_total", .counter, "Lines that were rejected, by reason.", labels: ["reason"])
    static let backwards = MetricFamily(
        "assay_backwards_total", .counter, "Transactions more than a minute older than the clock.")
    static let rulesFired = MetricFamily(
        "assay_rule_fired_total", .counter, "How often a rule or pattern fired.", labels: ["rule"])
    static let rulesFailed = MetricFamily(
        "assay_rule_failed_total", .counter, "How often a rule could not be evaluated, or a pattern dropped something.",
        labels: ["rule", "cause"])
    static let events = MetricFamily(
        "assay_events_total", .counter, "Events that a pipeline took, and those that were late for every stream.",
        labels: ["outcome"])
    static let streamRows = MetricFamily(
        "assay_stream_rows_total", .counter, "Rows of a pipeline's stream: taken, late, made, and those that failed.",
        labels: ["stream", "outcome"])
    static let latency = MetricFamily(
        "assay_latency_seconds", .histogram, "From reading a line to writing what came of it.")
    static let eventTimeLag = MetricFamily(
        "assay_event_time_lag_seconds", .gauge, "The time of day less the greatest event time.")
}

// What is learned.
extension MetricFamily {
    static let labels = MetricFamily(
        "assay_labels_total", .counter,
        "Labels that were taken: first ones, repeated, changed, and those of transactions that are not remembered.",
        labels: ["outcome"])
    static let modelReady = MetricFamily("assay_model_ready", .gauge, "1 if the model takes part in scoring.")
    static let modelExamples = MetricFamily(
        "assay_model_examples", .gauge, "Transactions that the model has learned.", labels: ["fraud"])
    static let modelCorrections = MetricFamily(
        "assay_model_corrections_total", .counter, "Transactions that were learned again as their label came late.")
    static let modelDropped = MetricFamily(
        "assay_model_dropped_total", .counter, "Transactions that were never learned: too many were remembered.")
}

// Where it comes from and goes.
extension MetricFamily {
    static let inputLines = MetricFamily(
        "assay_input_lines_total", .counter, "Lines or records read of an input.", labels: ["source", "partition"])
    static let inputLag = MetricFamily(
        "assay_input_lag", .gauge, "Records that are there and were not read yet.", labels: ["source", "partition"])
    static let sinkRows = MetricFamily(
        "assay_sink_rows_total", .counter, "Rows that an output was given.", labels: ["sink"])
    static let sinkBytes = MetricFamily(
        "assay_sink_bytes_total", .counter, "Bytes that an output was given.", labels: ["sink"])
    static let sinkWaiting = MetricFamily(
        "assay_sink_waiting_rows", .gauge, "Rows that an output holds and its server has not confirmed yet.",
        labels: ["sink"])
    static let sinkFailures = MetricFamily(
        "assay_sink_failures_total", .counter, "Attempts of an output that failed and were made again.",
        labels: ["sink"])
}

// The state.
extension MetricFamily {
    static let ready = MetricFamily("assay_ready", .gauge, "1 if it takes input and its state can be saved.")
    static let users = MetricFamily("assay_state_users", .gauge, "Users, or keys of a pipeline, that are remembered.")
    static let stateBytes = MetricFamily(
        "assay_state_bytes", .gauge, "Memory of the states that are in memory, and of the index of keys.")
    static let unsavedBytes = MetricFamily(
        "assay_state_unsaved_bytes", .gauge, "Changes of states that are in no checkpoint yet.")
    static let checkpoints = MetricFamily("assay_checkpoint_commits_total", .counter, "Checkpoints that were made.")
    static let checkpointFailures = MetricFamily(
        "assay_checkpoint_failures_total", .counter, "Checkpoints that could not be made.")
    static let checkpointTime = MetricFamily(
        "assay_checkpoint_last_timestamp_seconds", .gauge, "When the last checkpoint was made.")
    static let checkpointDuration = MetricFamily(
        "assay_checkpoint_last_duration_seconds", .gauge, "How long the last checkpoint took.")
    static let checkpointBytes = MetricFamily(
        "assay_checkpoint_last_bytes", .gauge, "Bytes of states that the last checkpoint wrote.")
    static let checkpointKeys = MetricFamily(
        "assay_checkpoint_last_users", .gauge, "Users or keys whose states the last checkpoint wrote.")
}

// Alerts.
extension MetricFamily {
    static let alertsWaiting = MetricFamily(
        "assay_alerts_waiting", .gauge, "Alerts that wait to be sent.", labels: ["channel"])
    static let alertsOldest = MetricFamily(
        "assay_alerts_oldest_seconds", .gauge, "How long the oldest alert that waits has waited.", labels: ["channel"])
    static let alertsSent = MetricFamily(
        "assay_alerts_sent_total", .counter, "Alerts that a channel has accepted.", labels: ["channel", "rule"])
    static let alertsFailed = MetricFamily(
        "assay_alerts_failed_total", .counter, "Alerts that a channel will never accept, or did not in time.",
        labels: ["channel", "rule"])
    static let alertsRetried = MetricFamily(
        "assay_alerts_retried_total", .counter, "Attempts that failed and are made again.",
        labels: ["channel", "rule"])
    static let alertsDropped = MetricFamily(
        "assay_alerts_dropped_total", .counter, "Alerts that were dropped because too many waited.",
        labels: ["channel", "rule"])
}

// The service.
extension MetricFamily {
    package static let requests = MetricFamily(
        "assay_http_requests_total", .counter, "Requests that were answered.", labels: ["route", "code"])
    package static let requestSeconds = MetricFamily(
        "assay_http_request_seconds", .histogram, "From the first byte of a request to its answer.", labels: ["route"])
    package static let scoreSeconds = MetricFamily(
        "assay_score_seconds", .histogram, "From a whole request to the answer of its last transaction.")
    package static let remembered = MetricFamily(
        "assay_answers_remembered", .gauge, "Answers that are given again when a transaction comes again.")
    package static let replayed = MetricFamily(
        "assay_answers_replayed_total", .counter, "Transactions that came again and got the answer that they had.")
    package static let journalBytes = MetricFamily(
        "assay_journal_bytes_total", .counter, "Bytes that were written to the journal.")
    package static let journalSegments = MetricFamily(
        "assay_journal_segments", .gauge, "Files of the journal at the last checkpoint.")
    package static let journalSyncSeconds = MetricFamily(
        "assay_journal_sync_seconds", .histogram, "How long it took to make lines of the journal durable.")
    package static let connections = MetricFamily("assay_http_connections", .gauge, "Connections that are open.")
    package static let shutConnections = MetricFamily(
        "assay_http_shut_connections_total", .counter, "Connections that were shut because they were too slow.")
}

// The process, by the names that Prometheus' own libraries use.
extension MetricFamily {
    static let build = MetricFamily("assay_build_info", .gauge, "1, with the version.", labels: ["version"])
    static let cpu = MetricFamily(
        "process_cpu_seconds_total", .counter, "Total user and system CPU time spent in seconds.")
    static let openFiles = MetricFamily("process_open_fds", .gauge, "Number of open file descriptors.")
    static let mostFiles = MetricFamily("process_max_fds", .gauge, "Maximum number of open file descriptors.")
    static let virtualMemory = MetricFamily(
        "process_virtual_memory_bytes", .gauge, "Virtual memory size in bytes.")
    static let residentMemory = MetricFamily(
        "process_resident_memory_bytes", .gauge, "Resident memory size in bytes.")
    static let startTime = MetricFamily(
        "process_start_time_seconds", .gauge, "Start time of the process since unix epoch in seconds.")
}
