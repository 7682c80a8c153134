import AssayCore
import StateStore

/// A sequence that has begun, as shown to people.
package struct OpenSequence: Sendable {
    package let pattern: String
    /// In milliseconds.
    package let began: Int64
    /// The state that it is in.
    package let state: String
    /// By stage, in the order of the pattern, how many events it has taken.
    package let taken: [(stage: String, events: Int)]
    /// The stages that may take an event next; empty for a complete sequence that is not emitted yet.
    package let awaited: [String]
    /// The stages that must not come.
    package let excluded: [String]
    /// When it times out, in milliseconds; nil for never.
    package let ends: Int64?
}

/// The sequences of one key, and how many of its events wait for event time.
package struct KeySequences: Sendable {
    /// A user's id, or the parts of a pipeline's key.
    package let key: String
    package let open: [OpenSequence]
    package let waiting: Int

    /// Adds the sequences that another stream has for the same key.
    package func with(_ other: KeySequences) -> KeySequences {
        let open = (open + other.open).sorted { ($0.pattern, $0.began) < ($1.pattern, $1.began) }
        return KeySequences(key: key, open: open, waiting: waiting + other.waiting)
    }
}

extension KeySequences {
    /// Those of a key without any.
    package static func none(of key: String) -> KeySequences { KeySequences(key: key, open: [], waiting: 0) }

    package var json: JSON {
        .object([
            ("key", .string(key)), ("waiting_events", .integer(Int64(waiting))),
            (
                "sequences",
                .array(
                    open.map { open in
                        .object([
                            ("pattern", .string(open.pattern)), ("began_ms", .integer(open.began)),
                            ("state", .string(open.state)),
                            ("taken", .object(open.taken.map { ($0.stage, .integer(Int64($0.events))) })),
                            ("waits_for", .array(open.awaited.map { .string($0) })),
                            ("ended_by", .array(open.excluded.map { .string($0) })),
                            ("ends_ms", open.ends.map { .integer($0) } ?? .null),
                        ])
                    })
            ),
        ])
    }
}

/// Reads the sequences in stored states, by the patterns recorded in the checkpoint.
package struct SequenceListing {
    private struct Known {
        let name: String
        let automaton: Automaton
    }

    private var known: [UInt64: Known] = [:]
    private let isPipeline: Bool

    /// `configuration`: as the checkpoint records it.
    package init(configuration: String, isPipeline: Bool) throws(ConfigurationError) {
        self.isPipeline = isPipeline
        if isPipeline {
            for line in configuration.split(separator: "\n") { try add(line: line) }
        } else {
            for pattern in try Configuration.recorded(configuration).patterns {
                if let sequence = pattern.sequence { add(pattern.name, sequence) }
            }
        }
    }

    package var isEmpty: Bool { known.isEmpty }

    private mutating func add(line: Substring) throws(ConfigurationError) {
        guard line.hasPrefix(PipelineIdentity.patternPrefix), let colon = line.firstIndex(of: ":") else { return }
        let name = line[line.index(line.startIndex, offsetBy: PipelineIdentity.patternPrefix.count)..<colon]
        let text = Self.map(line[line.index(colon, offsetBy: 2)...])
        let path = "the checkpoint's pipeline"
        guard let node = try YAMLReader.read(Array(text.utf8), path: path) else { return }
        add(String(name), try PatternReading(path: path).pattern(node, "a pattern"))
    }

    /// The text up to the bracket that closes the first one.
    private static func map(_ text: Substring) -> Substring {
        var depth = 0
        var isQuoted = false
        var isEscaped = false
        for index in text.utf8.indices {
            let byte = text.utf8[index]
            if isEscaped {
                isEscaped = false
            } else if isQuoted {
                if byte == UInt8(ascii: "\\") { isEscaped = true }
                if byte == UInt8(ascii: "\"") { isQuoted = false }
            } else if byte == UInt8(ascii: "\"") {
                isQuoted = true
            } else if byte == UInt8(ascii: "{") {
                depth += 1
            } else if byte == UInt8(ascii: "}") {
                depth -= 1
                if depth == 0 { return text[...index] }
            }
        }
        return text
    }

    private mutating func add(_ name: String, _ definition: PatternDefinition) {
        let fingerprint = PatternPlan.fingerprint(of: PatternText(definition).line, name: name)
        do throws(PatternFault) {
            let automaton = try AutomatonBuilder.build(PatternOutline(definition).pattern)
            known[fingerprint] = Known(name: name, automaton: automaton)
        } catch {
            preconditionFailure("a recorded pattern is valid: \(error.message)")
        }
    }

    // MARK: One key

    /// Returns nil for a key without any.
    package func sequences(_ entry: UserStates.Entry) throws(StoreError) -> KeySequences? {
        do throws(StateDecodingError) {
            return isPipeline ? try pipelineSequences(entry) : try userSequences(entry)
        } catch {
            let name = String(decoding: entry.id, as: UTF8.self)
            throw StoreError(.damaged, "reading the state of '\(name)'", "it is \(error.problem)")
        }
    }

    private func pipelineSequences(_ entry: UserStates.Entry) throws(StateDecodingError) -> KeySequences? {
        guard let content = StreamFunction.sequenceBytes(entry.state) else { return nil }
        var reader = StateByteReader(content)
        guard let known = known[try reader.fixed()] else { return nil }
        let state = try PatternState(&reader, for: known.automaton)
        return listed(StreamKey.text(entry.id), [(known, state)])
    }

    private func userSequences(_ entry: UserStates.Entry) throws(StateDecodingError) -> KeySequences? {
        let record = try UserRecord(id: entry.idBytes, state: entry.state)
        guard !record.sequenceBytes.isEmpty else { return nil }
        var states: [(Known, PatternState)] = []
        for (fingerprint, bytes) in try UserSequences.stored(record.sequenceBytes) {
            guard let known = known[fingerprint] else { continue }
            states.append((known, try UserSequences.decode(bytes, for: known.automaton).state))
        }
        return listed(record.name, states)
    }

    private func listed(_ key: String, _ states: [(known: Known, state: PatternState)]) -> KeySequences? {
        var open: [OpenSequence] = []
        var waiting = 0
        for (known, state) in states {
            waiting += state.waiting.count
            for run in state.runs.runs.sorted(by: { $0.first < $1.first }) where !run.isWaiting {
                open.append(sequence(known, run, state, isComplete: false))
            }
            for run in state.finished.runs { open.append(sequence(known, run, state, isComplete: true)) }
        }
        return open.isEmpty && waiting == 0 ? nil : KeySequences(key: key, open: open, waiting: waiting)
    }

    private func sequence(
        _ known: Known, _ run: PatternRun, _ state: PatternState, isComplete: Bool
    ) -> OpenSequence {
        var counts = [Int](repeating: 0, count: known.automaton.names.count)
        state.forEachTaken(run) { stage, _ in counts[stage] += 1 }
        let (awaited, excluded) = isComplete ? ([], []) : Self.ahead(of: Int(run.state), known.automaton)
        let place = known.automaton.states[Int(run.state)]
        return OpenSequence(
            pattern: known.name, began: run.began,
            state: isComplete ? "found, behind an earlier one that is open" : place.label,
            taken: zip(known.automaton.names, counts).filter { $0.1 > 0 }.map { ($0, $1) }, awaited: awaited,
            excluded: excluded, ends: known.automaton.within.map { run.began.addingSaturating($0) })
    }

    /// The stages that a run may reach with its next event.
    private static func ahead(of state: Int, _ automaton: Automaton) -> (awaited: [String], excluded: [String]) {
        var awaited: Set<Int> = []
        var excluded: Set<Int> = []
        var seen: Set<Int> = [state]
        var next = [state]
        while let current = next.popLast() {
            let isStop = automaton.states[current].kind == .stop
            for edge in automaton.states[current].edges {
                switch edge.action {
                case .take:
                    if let stage = automaton.states[current].stage {
                        if isStop { excluded.insert(stage) } else { awaited.insert(stage) }
                    }
                case .proceed: if seen.insert(edge.target).inserted { next.append(edge.target) }
                case .ignore: break
                }
            }
        }
        return (awaited.sorted().map { automaton.names[$0] }, excluded.sorted().map { automaton.names[$0] })
    }
}
