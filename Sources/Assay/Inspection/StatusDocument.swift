import AssayCore
import Glibc
import StateStore

/// A state and its last checkpoint as a document.
package enum StatusDocument {
    /// `owner`: the process that uses the state.
    package static func json(
        _ view: StateView, path: String, owner: Int32?, snapshots: [Int64], learned: LearningSummary? = nil
    ) -> JSON {
        let learning = learned.map { [("learning", ModelDocument.json($0, weights: nil))] } ?? []
        return .object(
            [
                ("state", .string(path)), ("format", .integer(view.format)), ("created_ms", .integer(view.createdAt)),
                ("bytes", .unsigned(fileSize(path))), ("log_bytes", .unsigned(fileSize(path + "-wal"))),
                ("owner_pid", owner.map { .integer(Int64($0)) } ?? .null),
                ("checkpoint", view.checkpoint.map(json) ?? .null),
                ("snapshots", .array(snapshots.map { .integer($0) })),
            ] + learning)
    }

    package static func json(_ record: CheckpointRecord) -> JSON {
        .object([
            ("id", .integer(record.id)), ("taken_ms", .integer(record.takenAt)),
            ("reason", .string(record.reason.rawValue)), ("sequence", .unsigned(record.stage.sequence)),
            ("event_ms", .integer(record.stage.eventTime)),
            ("clock_ms", StreamClock.time(in: record.stage).map { .integer($0.milliseconds) } ?? .null),
            ("users", .integer(record.stage.keys)),
            ("users_written", .integer(record.keysWritten)), ("bytes_written", .integer(record.bytesWritten)),
            ("duration_ms", .real(Double(record.durationMicroseconds) / 1000)),
            ("tallies", .object(record.stage.tallies.map { ($0.name, .unsigned($0.count)) })),
            (
                "inputs",
                .array(record.inputs.map { json($0, lag: record.stage[field: StageRecord.lagPrefix + $0.name]) })
            ),
            (
                "outputs",
                .array(
                    record.outputs.map {
                        .object([
                            ("name", .string($0.name)), ("path", .string($0.path)), ("length", .unsigned($0.length)),
                        ])
                    })
            ),
        ])
    }

    private static func json(_ input: CheckpointRecord.Input, lag: Int64?) -> JSON {
        .object(
            [
                ("name", .string(input.name)), ("path", .string(input.path)), ("offset", .unsigned(input.offset)),
                ("line", .unsigned(input.line)),
            ] + (lag.map { [("lag", .integer($0))] } ?? []))
    }

    package static func fileSize(_ path: String) -> UInt64 {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_size) : 0
    }
}
