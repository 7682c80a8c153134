import Arguments
import Assay
import AssayCore
import CivilTime
import Glibc
import StateStore

/// `assayctl status` and `assayctl checkpoints`.
enum StatusCommands {
    static func status(_ arguments: ParsedArguments) throws(Failure) {
        let folder = StateFolder(arguments)
        let state = try folder.openAny()
        let owner = folder.owner
        let bytes = StatusDocument.fileSize(folder.database)
        let logBytes = StatusDocument.fileSize(folder.database + "-wal")
        let snapshots = folder.snapshots.ids
        let record = state.view.checkpoint
        if arguments.flag("json") {
            let learned = try state.reading { () throws(StoreError) in try LearnedState.summary(of: state.view) }
            return Page.line(
                StatusDocument.json(
                    state.view, path: folder.database, owner: owner, snapshots: snapshots, learned: learned
                ).text)
        }
        var entries = [
            (
                "state",
                "\(Page.shown(folder.database)), \(Figures.bytes(bytes))"
                    + (logBytes > 0 ? " and \(Figures.bytes(logBytes)) of log" : "")
                    + ", format \(state.view.format)"
            ),
            ("process", owner.map { "\($0) is using it" } ?? "none"),
        ]
        if let record {
            entries += state.isPipeline ? describePipeline(record, state.clock) : describe(record, state.clock)
        } else {
            entries.append(("checkpoint", "none yet"))
        }
        let learned = try state.reading { () throws(StoreError) in try LearnedState.summary(of: state.view) }
        if let learned {
            entries += ModelCommands.entries(learned, state).filter { !["clock", "fraud of all"].contains($0.name) }
                .map { ($0.name, $0.value) }
        }
        entries.append(
            ("snapshots", snapshots.isEmpty ? "none" : snapshots.map { "\($0)" }.joined(separator: ", ")))
        Page.list(entries)
    }

    private static func describePipeline(_ record: CheckpointRecord, _ clock: TimeText) -> [(String, String)] {
        let counts = RunCounts(record.stage.tallies)
        var entries = [
            checkpoint(record, clock), ("keys", Figures.grouped(record.stage.keys)),
            (
                "lines",
                "accepted \(Figures.grouped(counts.accepted)), late \(Figures.grouped(counts.late)), "
                    + "rejected \(Figures.grouped(counts.rejected))"
            ),
        ]
        for stream in counts.streams {
            entries.append(
                (
                    stream.name,
                    "\(Figures.grouped(stream.taken)) in, \(Figures.grouped(stream.made)) out, "
                        + "\(Figures.grouped(stream.late)) late, \(Figures.grouped(stream.failed)) failed expressions"
                ))
        }
        return entries + surroundings(record, clock)
    }

    private static func checkpoint(_ record: CheckpointRecord, _ clock: TimeText) -> (String, String) {
        (
            "checkpoint",
            "\(record.id) (\(record.reason.rawValue)), \(clock.text(record.takenAt)), \(Now.age(record.takenAt))"
        )
    }

    private static func describe(_ record: CheckpointRecord, _ clock: TimeText) -> [(String, String)] {
        let accepted = record.stage.tallies.filter { isLevel($0.name) }
        let rules = record.stage.tallies.filter { $0.name.hasPrefix(RuleTally.prefix) }
        let rejected = record.stage.tallies.filter {
            !isLevel($0.name) && !$0.name.hasPrefix(RuleTally.prefix) && $0.name != RunCounts.backwardsName
                && $0.name != RunCounts.labelsName && $0.count > 0
        }
        let backwards = RunCounts(record.stage.tallies).backwards
        var entries = [
            checkpoint(record, clock),
            ("users", Figures.grouped(record.stage.keys)),
            ("transactions", "\(Figures.grouped(record.stage.sequence)) accepted"),
            (
                "levels",
                ["critical", "high", "medium", "low"].map { level in
                    "\(level) \(Figures.grouped(accepted.first { $0.name == level }?.count ?? 0))"
                }.joined(separator: ", ")
            ),
            (
                "rejected",
                rejected.isEmpty
                    ? "none" : rejected.map { "\($0.name) \(Figures.grouped($0.count))" }.joined(separator: ", ")
            ),
        ]
        if backwards > 0 {
            entries.append(("backwards", "\(Figures.grouped(backwards)) more than a minute older than the clock"))
        }
        if !rules.isEmpty {
            let counts = rules.map { tally in
                "\(tally.name.dropFirst(RuleTally.prefix.count)) \(Figures.grouped(tally.count))"
            }
            entries.append(("rules", counts.joined(separator: ", ")))
        }
        return entries + surroundings(record, clock)
    }

    /// Time, input and outputs.
    private static func surroundings(_ record: CheckpointRecord, _ clock: TimeText) -> [(String, String)] {
        var entries: [(String, String)] = []
        if record.stage.sequence > 0 {
            entries.append(("event time", "\(clock.text(record.stage.eventTime)), \(Now.age(record.stage.eventTime))"))
        }
        if let time = StreamClock.time(in: record.stage) {
            entries.append(("clock", clock.text(time.milliseconds)))
        }
        for input in record.inputs {
            entries.append(("input", "\(Page.shown(input.path)): \(extent(input, record))"))
        }
        for output in record.outputs {
            let hasRows = ["table:", "postgres:", "kafka:", "alert:"].contains { output.name.hasPrefix($0) }
            let unit = hasRows ? "rows" : "bytes"
            entries.append(
                (
                    output.name,
                    output.path.isEmpty
                        ? "no file"
                        : "\(Page.shown(output.path)): \(Figures.grouped(output.length)) \(unit)"
                ))
        }
        return entries
    }

    private static func extent(_ input: CheckpointRecord.Input, _ record: CheckpointRecord) -> String {
        let lines = Figures.grouped(input.line)
        let lag = record.stage[field: StageRecord.lagPrefix + input.name]
        guard lag != nil || input.path.hasPrefix("kafka:") else {
            return "\(lines) lines, \(Figures.grouped(input.offset)) bytes read"
        }
        let behind = lag.map { ", \(Figures.grouped(UInt64(clamping: $0))) behind" } ?? ""
        return "\(lines) records, offset \(Figures.grouped(input.offset))\(behind)"
    }

    private static func isLevel(_ name: String) -> Bool { RiskLevel.allCases.contains { $0.label == name } }

    static func checkpoints(_ arguments: ParsedArguments) throws(Failure) {
        let state = try StateFolder(arguments).openAny()
        let records = try state.reading { () throws(StoreError) in try state.view.checkpoints() }
        let shown = records.prefix(Int(arguments.integer("limit") ?? 20))
        if arguments.flag("json") {
            return Page.line(JSON.object([("checkpoints", .array(shown.map(StatusDocument.json)))]).text)
        }
        Page.table(
            ["id", "taken", "age", "reason", "users", "written", "bytes", "took", "transactions", "line"],
            shown.map { record in
                [
                    "\(record.id)", state.clock.text(record.takenAt), Now.age(record.takenAt), record.reason.rawValue,
                    Figures.grouped(record.stage.keys), Figures.grouped(record.keysWritten),
                    Figures.bytes(UInt64(record.bytesWritten)),
                    "\(Figures.decimal(Double(record.durationMicroseconds) / 1000, digits: 1)) ms",
                    Figures.grouped(record.stage.sequence), Figures.grouped(record.inputs.first?.line ?? 0),
                ]
            }, rightAligned: [0, 4, 5, 6, 7, 8, 9])
        if shown.count < records.count { Page.line(Page.dim("\(records.count - shown.count) more; see --limit")) }
    }
}
