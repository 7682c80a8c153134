import Arguments
import Assay
import AssayCore
import CivilTime
import StateStore

/// `assayctl patterns`.
enum PatternsCommand {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        let state = try StateFolder(arguments).openAny()
        let listing: SequenceListing
        do throws(ConfigurationError) {
            listing = try SequenceListing(
                configuration: state.view.checkpoint?.configuration ?? "", isPipeline: state.isPipeline)
        } catch {
            throw Failure(code: .badData, message: error.description)
        }
        guard !listing.isEmpty else {
            throw Failure(code: .no, message: "the last checkpoint has no patterns")
        }
        let wanted = arguments.operands.first
        let limit = Int(arguments.integer("limit") ?? 20)
        let users = try state.users()
        var found: [String: KeySequences] = [:]
        try state.reading { () throws(StoreError) in
            try users.forEach { entry throws(StoreError) in
                guard let one = try listing.sequences(entry), wanted == nil || one.key == wanted else { return }
                found[one.key] = found[one.key]?.with(one) ?? one
            }
        }
        if let wanted, found.isEmpty {
            throw Failure(code: .no, message: "no sequence of '\(Page.shown(wanted))' is open")
        }
        // The same order each time.
        let keys = found.values.sorted { $0.key < $1.key }
        let shown = keys.prefix(limit)
        if arguments.flag("json") {
            return Page.line(
                JSON.object([
                    ("keys", .array(shown.map(\.json))), ("matched", .integer(Int64(keys.count))),
                ]).text)
        }
        for key in shown { show(key, state.clock) }
        Page.line(Page.dim("\(Figures.grouped(shown.count)) of \(Figures.grouped(keys.count)) keys"))
    }

    private static func show(_ key: KeySequences, _ clock: TimeText) {
        Page.line(Page.shown(key.key))
        for open in key.open {
            let taken = open.taken.map { $0.events == 1 ? $0.stage : "\($0.stage) × \($0.events)" }
            let ends = open.ends.map { "ends \(clock.text($0))" } ?? "never ends by itself"
            Page.line("  \(open.pattern)  began \(clock.text(open.began)), \(ends)")
            Page.line(Page.dim("      has \(taken.joined(separator: ", ")), stands at \(open.state)"))
            if !open.awaited.isEmpty {
                let excluded = open.excluded.isEmpty ? "" : "; ended by \(open.excluded.joined(separator: ", "))"
                Page.line(Page.dim("      waits for \(open.awaited.joined(separator: " or "))\(excluded)"))
            }
        }
        if key.waiting > 0 {
            Page.line(Page.dim("  \(Figures.grouped(key.waiting)) events that event time has not reached"))
        }
    }
}
