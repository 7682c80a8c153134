import AssayCore
import StateStore

/// An input of a run, or a part of one, with what was found out about it.
struct FoundInput {
    let input: NamedInput
    let found: any FoundSource
}

/// The inputs of a run in the order in which it numbers them: that of the checkpoint, then those that are new.
struct FoundInputs {
    let all: [FoundInput]

    /// The prefix of the checkpoint's fields with the numbers of its sources.
    private static let numberPrefix = "source:"

    init(_ request: RunRequest, _ last: CheckpointRecord?) throws(RunFailure) {
        var opening = SourceOpening()
        opening.expectation = request.expectation
        opening.interruption = request.interruption
        opening.acceptsGap = request.acceptsGap
        opening.stopsAtEnd = request.stopsAtEnd
        opening.stateFolder = request.folder
        var inputs: [NamedInput] = []
        for input in request.inputs {
            let parts = try input.definition.parts(opening)
            inputs += parts.isEmpty ? [input] : parts.map { NamedInput($0, of: input.name) }
        }
        guard inputs.count <= OrderLog.mostSources else {
            throw RunFailure(.usage, "the inputs have \(inputs.count) parts; a run reads \(OrderLog.mostSources)")
        }
        if let last {
            try Self.compare(inputs, last)
            inputs = Self.present(inputs, last)
        }
        var all: [FoundInput] = []
        for input in Self.ordered(inputs, last) {
            let recorded = last?.inputs.first { $0.name == input.name }
            opening.isAdded = last != nil && recorded == nil
            all.append(FoundInput(input: input, found: try input.definition.find(recorded, opening)))
        }
        self.all = all
    }

    /// An input may have more parts than the checkpoint has, and nothing else may differ.
    private static func compare(_ inputs: [NamedInput], _ last: CheckpointRecord) throws(RunFailure) {
        let recorded = Set(last.inputs.map(\.name))
        let lost = recorded.subtracting(inputs.map(\.name))
        let added = inputs.filter { !recorded.contains($0.name) }
        guard !lost.isEmpty || added.contains(where: { !isPart($0, of: last) }) else { return }
        let names = last.inputs.map { "'\($0.name)'" }.joined(separator: ", ")
        throw RunFailure(
            .badData, "the last checkpoint has the inputs \(names); give those again, or start over with --fresh")
    }

    /// A part that joins a single source waits for a run that has nothing to repeat: the order of a single source is in
    /// no log.
    private static func present(_ inputs: [NamedInput], _ last: CheckpointRecord) -> [NamedInput] {
        guard last.inputs.count == 1, last.reason != .end else { return inputs }
        return inputs.filter { $0.name == last.inputs[0].name }
    }

    private static func isPart(_ input: NamedInput, of last: CheckpointRecord) -> Bool {
        input.name != input.whole && last.inputs.contains { $0.name.hasPrefix("\(input.whole)/") }
    }

    private static func ordered(_ inputs: [NamedInput], _ last: CheckpointRecord?) -> [NamedInput] {
        func number(_ input: NamedInput) -> Int64 { last?.stage[field: numberPrefix + input.name] ?? .max }
        return inputs.enumerated()
            .sorted { (number($0.element), $0.offset) < (number($1.element), $1.offset) }.map(\.element)
    }

    /// The fields that a checkpoint has for the order of its sources.
    var numbers: [StageRecord.Field] {
        guard all.count > 1 else { return [] }
        return all.enumerated().map {
            StageRecord.Field(name: Self.numberPrefix + $0.element.input.name, value: Int64($0.offset))
        }
    }

    var finding: InputFinding {
        if all.contains(where: { $0.found.finding == .new }) { return .new }
        return all.contains { $0.found.finding == .same } ? .same : .first
    }

    /// Whether what an earlier run has taken since the checkpoint can be taken again in the same order.
    var isRepeatable: Bool { finding == .same && !all.contains { $0.found.hasGap } }

    var isRead: Bool { all.allSatisfy(\.found.isFinished) }

    var wasInterrupted: Bool { all.contains { $0.found.wasInterrupted } }

    /// What the next checkpoint says of them.
    func records(_ last: CheckpointRecord?) -> [CheckpointRecord.Input] {
        all.map { input in
            var recorded = CheckpointRecord.Input(name: input.input.name)
            if input.found.finding == .same, let before = last?.inputs.first(where: { $0.name == recorded.name }) {
                recorded = before
            }
            recorded.path = input.input.definition.path
            recorded.format = input.input.definition.format.rawValue
            if input.found.finding != .same { recorded.position = input.found.position.bytes }
            return recorded
        }
    }

    // MARK: Notices

    /// What people are told of them. `hasUnread`: rows that nobody took are written again; `isRepeated`: rows may come
    /// out a second time.
    func notices(_ request: RunRequest, _ last: CheckpointRecord?, hasUnread: Bool, isRepeated: Bool) -> [String] {
        var notices = all.compactMap(\.found.notice)
        guard let last else { return notices }
        let repeated =
            isRepeated ? "; lines from sequence \(last.stage.sequence + 1) on may come out a second time" : ""
        var told: Set<String> = []
        for input in all {
            let parts = all.filter { $0.input.whole == input.input.whole }
            if parts.count == 1 {
                if let notice = notice(of: input, request, last, hasUnread, repeated) { notices.append(notice) }
            } else if told.insert(input.input.whole).inserted {
                let resumed = parts.filter { $0.found.finding == .same }.count
                notices.append(
                    "input '\(input.input.whole)': resuming \(resumed) of \(parts.count) parts, from checkpoint "
                        + "\(last.id)" + repeated)
            }
        }
        return notices
    }

    private func notice(
        of input: FoundInput, _ request: RunRequest, _ last: CheckpointRecord, _ hasUnread: Bool, _ repeated: String
    ) -> String? {
        let found = input.found
        let name = all.count > 1 ? "input '\(input.input.name)'" : "the input"
        switch found.finding {
        case .first: return nil
        case .new:
            return "\(name) is new and read from its start; the state of \(last.stage.keys) \(request.words.keys) is "
                + "carried on"
        case .same where found.isFinished:
            return "\(name) was \(request.words.done) to its end already (\(found.position.line) lines)"
                + (hasUnread
                    ? "; its last lines, which nobody took, are written again"
                    : all.count > 1 ? "" : "; nothing to do")
        case .same:
            return (all.count > 1 ? "\(name): " : "") + "resuming at \(found.place), from checkpoint \(last.id)"
                + repeated
        }
    }
}
