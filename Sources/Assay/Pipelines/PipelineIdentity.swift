import Arguments
import AssayCore

/// A pipeline's input and streams in one form, a line each: the state of a run belongs to it.
enum PipelineIdentity {
    /// `columns`: those of streams with patterns.
    static func text(
        _ pipeline: PipelineDefinition, lists: [ListDefinition], scored: Configuration?,
        columns: [String: [StreamColumn]]
    ) -> String {
        let input = pipeline.input
        let fields = input.fields.map { $0.map { "\($0.name): \($0.type.rawValue)" }.joined(separator: ", ") } ?? "any"
        // Said only where it is given, so that pipelines without it stay the same.
        let ahead = input.ahead.map { "ahead \($0)ms, " } ?? ""
        var lines = [
            "pipeline",
            "input: \(input.format.rawValue), time \(input.time) \(input.unit.rawValue) in \(input.zoneName), "
                + "out of order \(input.outOfOrder)ms, \(ahead)idle \(input.idle.map { "\($0)ms" } ?? "no"), "
                + "fields \(fields)",
        ]
        lines += lists.map { "list \($0.name):" + ReferenceConfiguration.list($0).trimmed }
        lines += pipeline.derived.map { "derive \($0.name): \($0.expression.text.flat)" }
        lines += pipeline.streams.map { line($0, columns: columns[$0.name] ?? []) }
        lines += pipeline.streams.compactMap(pattern)
        if let scored {
            lines.append("score: \(RuleSet.digest(of: ReferenceConfiguration.yaml(scored, commented: false).utf8))")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func line(_ stream: PipelineDefinition.Stream, columns made: [StreamColumn]) -> String {
        let sources = stream.from.isEmpty ? "input" : stream.from.map(\.text).joined(separator: ", ")
        var parts = ["\(streamPrefix)\(stream.name): from \(sources)"]
        if let condition = stream.condition { parts.append("where \(condition.text.flat)") }
        switch stream.kind {
        case .rows: parts.append("rows")
        case .score(let file): parts.append("score \(file.text)")
        case .pattern(let sequences):
            parts.append("key " + columns(sequences.keys))
            let timeouts = sequences.pattern.timeouts?.text ?? "no"
            parts.append("pattern late \(sequences.late?.text ?? "no") timeouts \(timeouts)")
            // The pattern's own line says what they mean.
            parts.append("columns " + made.map { "\($0.name): \($0.type.name)" }.joined(separator: ", "))
            return parts.joined(separator: "; ")
        case .windows(let keyed):
            parts.append("key " + columns(keyed.keys))
            parts.append(keyed.isRunning ? "each" : name(keyed.shape))
            parts.append("lateness \(keyed.lateness)ms late \(keyed.late?.text ?? "no")")
        }
        parts.append("columns " + columns(stream.columns))
        if let having = stream.having { parts.append("having \(having.text.flat)") }
        return parts.joined(separator: "; ")
    }

    /// The names of a recorded pipeline's streams, by number.
    static func streams(in text: String) -> [String] {
        var links: [StreamOrder.Link] = []
        for line in text.split(separator: "\n") where line.hasPrefix(streamPrefix) {
            let parts = line.dropFirst(streamPrefix.count).split(separator: ";")
            guard let colon = parts[0].firstIndex(of: ":") else { continue }
            let sources = parts[0][colon...].dropFirst(": from ".count).split(separator: ",")
            var link = StreamOrder.Link(
                name: String(parts[0][..<colon]), from: sources.map { $0.filter { $0 != " " } }, sides: [])
            for part in parts.dropFirst() {
                let words = part.split(separator: " ")
                guard ["lateness", "pattern"].contains(words.first) else { continue }
                for (word, name) in zip(words, words.dropFirst()) where ["late", "timeouts"].contains(word) {
                    link.sides.append(String(name))
                }
            }
            links.append(link)
        }
        return StreamOrder.places(links)?.map { links[$0].name } ?? links.map(\.name)
    }

    /// The part that a reload may change.
    private static func pattern(_ stream: PipelineDefinition.Stream) -> String? {
        guard case .pattern(let sequences) = stream.kind else { return nil }
        let limits = sequences.pattern.limits
        var parts = [
            "\(patternPrefix)\(stream.name): \(PatternText(sequences.pattern).line)",
            "limits \(limits.runs) \(limits.events)", "columns " + columns(stream.columns),
        ]
        if let having = stream.having { parts.append("having \(having.text.flat)") }
        return parts.joined(separator: "; ")
    }

    /// The beginning of lines with a stream.
    private static let streamPrefix = "stream "
    /// The beginning of lines with a stream's pattern.
    static let patternPrefix = "pattern "

    private static func columns(_ columns: [NamedExpression]) -> String {
        columns.map { "\($0.name): \($0.expression.text.flat)" }.joined(separator: ", ")
    }

    static func name(_ shape: WindowShape) -> String {
        switch shape {
        case .sliding(let size, let slide, let offset):
            let places = offset == 0 ? "" : " offset \(Quantity.text(milliseconds: offset))"
            return slide == size
                ? "tumbling \(Quantity.text(milliseconds: size))\(places)"
                : "sliding \(Quantity.text(milliseconds: size)) every \(Quantity.text(milliseconds: slide))\(places)"
        case .daily(let places):
            return "tumbling \(Quantity.text(milliseconds: places.size)) from midnight in \(places.zone.name)"
        case .session(let gap): return "session \(Quantity.text(milliseconds: gap))"
        case .global(let every, let forgets): return forgets ? "count \(every)" : "global, told every \(every)"
        }
    }

    /// The differences between two pipelines.
    struct Difference: Equatable {
        /// The streams whose patterns differ.
        var patterns: [String] = []
        /// The first other difference; nil when there is none.
        var other: String?
    }

    static func difference(from old: String, to new: String) -> Difference {
        let (old, new) = (old.split(separator: "\n"), new.split(separator: "\n"))
        var difference = Difference()
        for (index, line) in new.enumerated() where index >= old.count || old[index] != line {
            let name = line.prefix { $0 != ":" }
            if index < old.count, name.hasPrefix(patternPrefix), old[index].prefix(while: { $0 != ":" }) == name {
                difference.patterns.append(String(name.dropFirst(patternPrefix.count)))
            } else {
                difference.other = difference.other ?? String(name)
            }
        }
        if old.count > new.count { difference.other = difference.other ?? String(old[new.count].prefix { $0 != ":" }) }
        return difference
    }
}

extension String {
    fileprivate var trimmed: String { String(drop { $0 == " " }.prefix { $0 != "\n" }) }
}
