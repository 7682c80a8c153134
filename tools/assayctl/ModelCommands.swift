import Arguments
import Assay
import AssayCore
import Glibc
import StateStore

/// `assayctl model` and `assayctl key`.
enum ModelCommands {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        switch arguments.operands.first {
        case nil: try show(arguments)
        case "reset" where arguments.operands.count == 1: try reset(arguments)
        case "restore" where arguments.operands.count == 2: try restore(arguments)
        case "restore": throw Failure(code: .usage, message: "name the snapshot: 'assayctl model restore SNAPSHOT'")
        default:
            throw Failure(
                code: .usage, message: "'assayctl model' alone shows it; 'reset' and 'restore SNAPSHOT' change it")
        }
    }

    /// The model of a state that has one.
    static func model(_ state: OpenState) throws(Failure) -> LearnedModel {
        let model = try state.reading { () throws(StoreError) in
            try LearnedState.model(of: state.view, state.settings.learning)
        }
        guard let model else {
            throw Failure(
                code: .no, message: "nothing is learned here; the configuration needs 'learning: {enabled: true}'")
        }
        return model
    }

    // MARK: Showing

    private static func show(_ arguments: ParsedArguments) throws(Failure) {
        if arguments.flag("clock") { throw Failure(code: .usage, message: "--clock is for 'assayctl model reset'") }
        let state = try StateFolder(arguments).open()
        let model = try model(state)
        let limit = Int(arguments.integer("limit") ?? 20)
        let weights = model.slotWeights.sorted {
            abs($0.weight) != abs($1.weight) ? abs($0.weight) > abs($1.weight) : $0.slot < $1.slot
        }
        let shown = Array(weights.prefix(limit))
        if arguments.flag("json") { return Page.line(ModelDocument.json(model.summary, weights: shown).text) }
        Page.list(entries(model.summary, state))
        if shown.isEmpty { return }
        Page.line("")
        Page.table(
            ["weight", "input", "where it is", "n"],
            shown.map { weight in
                [
                    Figures.decimal(weight.weight, digits: 3), Page.shown(weight.input), Page.shown(weight.range),
                    Figures.decimal(weight.slotState.squares, digits: 2),
                ]
            }, rightAligned: [0, 3])
        if weights.count > shown.count {
            Page.line(Page.dim("\(Figures.grouped(weights.count - shown.count)) more; see --limit"))
        }
    }

    /// How the model is, in words.
    static func entries(_ summary: LearningSummary, _ state: OpenState) -> [(name: String, value: String)] {
        let counts = summary.counts
        let settings = state.settings.learning
        let recent = counts.recent.total(at: summary.clock)
        return [
            (
                "model",
                counts.isReady
                    ? "ready"
                    : "not ready: it needs \(Figures.grouped(settings.warmUpFrauds)) frauds and "
                        + "\(Figures.grouped(settings.warmUpExamples)) examples"
            ),
            (
                "learned",
                "\(Figures.grouped(counts.examples)) examples, \(Figures.grouped(counts.frauds)) of them fraud, "
                    + "\(Figures.grouped(counts.corrections)) corrections"
            ),
            (
                "labels",
                "\(Figures.grouped(counts.labels)), repeated \(Figures.grouped(counts.repeated)), changed "
                    + "\(Figures.grouped(counts.changed)), unknown \(Figures.grouped(counts.unknown))"
            ),
            ("last day", "\(Figures.grouped(recent.labels)) labels, \(Figures.grouped(recent.frauds)) of them fraud"),
            (
                "pending",
                "\(Figures.grouped(summary.pending)) transactions, \(Figures.grouped(summary.waiting)) not matured, "
                    + "\(Figures.grouped(counts.dropped)) dropped"
            ),
            (
                "keys",
                summary.riskKeys.isEmpty
                    ? "none"
                    : zip(summary.riskKeys, summary.memories).map { "\(Page.shown($0)) \(Figures.grouped($1))" }
                        .joined(separator: ", ")
            ), ("fraud of all", "\(Figures.decimal(summary.shareOfAll * 100, digits: 2)) %"),
            ("clock", state.clock.text(summary.clock)),
        ]
    }

    static func key(_ arguments: ParsedArguments) throws(Failure) {
        let state = try StateFolder(arguments).open()
        let model = try model(state)
        let (key, value) = (arguments.operands[0], arguments.operands[1])
        guard model.layout.riskKeys.contains(key) else {
            let known = model.layout.riskKeys.joined(separator: ", ")
            throw Failure(code: .usage, message: "'\(Page.shown(key))' is no risk key; these are: \(known)")
        }
        guard let memory = model.memory(ofKey: key, Array(value.utf8)) else {
            throw Failure(
                code: .no, message: "no label of a transaction with \(Page.shown(key)) '\(Page.shown(value))' is known")
        }
        if arguments.flag("json") { return Page.line(ModelDocument.json(memory).text) }
        Page.list([
            (Page.shown(key), Page.shown(value)),
            ("last label", "of a transaction at \(state.clock.text(memory.memory.last))"),
            ("of the last", "\(Figures.decimal(memory.memory.recent * 100, digits: 1)) % fraud"),
        ])
        Page.line("")
        Page.table(
            ["half-life", "frauds", "labels", "rate now"],
            ["1 day", "5 days", "20 days"].enumerated().map { index, name in
                [
                    name, Figures.decimal(memory.memory.frauds[index], digits: 2),
                    Figures.decimal(memory.memory.labels[index], digits: 2),
                    "\(Figures.decimal(memory.rates[index] * 100, digits: 2)) %",
                ]
            }, rightAligned: [1, 2, 3])
    }

    // MARK: Changing

    private static func reset(_ arguments: ParsedArguments) throws(Failure) {
        let withClock = arguments.flag("clock")
        try change(arguments, .resetModel) { model, record, _ throws(Failure) in
            model.reset(withEntries: withClock)
            if withClock { StreamClock.unset(&record.stage) }
            return withClock
                ? "the model, what waits for labels and the clock begin anew" : "the model begins anew; memories stay"
        }
    }

    private static func restore(_ arguments: ParsedArguments) throws(Failure) {
        let name = arguments.operands[1]
        try change(arguments, .restoreModel) { model, _, folder throws(Failure) in
            let file = Int64(name).flatMap { folder.snapshots.ids.contains($0) ? folder.snapshots.file($0) : nil }
            let snapshot = try folder.open(file ?? name)
            let earlier = try Self.model(snapshot)
            guard earlier.layout == model.layout,
                snapshot.settings.learning.category == earlier.summary.category,
                earlier.summary.category == model.summary.category
            else {
                throw Failure(
                    code: .badData, message: "'\(name)' has a model of other risk keys, or of another category")
            }
            model.restore(from: earlier)
            return "the model and its memories are those of \(Page.shown(name)); users stay as they are"
        }
    }

    /// Reads the model, and closes the state, which can't be written while it is being read.
    private static func read(_ folder: StateFolder) throws(Failure) -> (LearnedModel, CheckpointRecord) {
        let state = try folder.open()
        let model = try model(state)
        guard let record = state.view.checkpoint else { preconditionFailure("a model is of a checkpoint") }
        return (model, record)
    }

    /// Changes the model in one commit, which is recorded.
    private static func change(
        _ arguments: ParsedArguments, _ action: StateRewriting.Action,
        _ body: (LearnedModel, inout CheckpointRecord, StateFolder) throws(Failure) -> String
    ) throws(Failure) {
        let folder = StateFolder(arguments)
        let lock = try folder.lock()
        let (model, last) = try read(folder)
        var record = last
        let words = try body(model, &record, folder)
        let written = model.rewrite()
        record.id += 1
        record.takenAt = Now.milliseconds
        (record.keysWritten, record.bytesWritten, record.durationMicroseconds) = (0, written.bytes, 0)
        record.stage.logs.removeAll { $0.function == written.extent.function }
        record.stage.logs.append(written.extent)
        let audit = AuditRow(at: Now.milliseconds, action: action.rawValue, checkpoint: record.id, users: 0)
        do throws(StoreError) {
            let store = try StateStore(folder: folder.path, functions: [StoredFunction.scoring])
            try store.commit(record, [written.changes], audit)
        } catch {
            throw Failure(error, file: folder.path)
        }
        extendLifetime(lock)
        if arguments.flag("json") { return Page.line(ModelDocument.json(model.summary, weights: nil).text) }
        Page.line(words)
    }
}
