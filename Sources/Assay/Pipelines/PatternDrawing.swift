import Arguments
import AssayCore

/// A compiled pattern as shown to people: its conditions, its states, and the edges between them.
package struct PatternDrawing {
    private let plan: PatternPlan

    init(_ plan: PatternPlan) {
        self.plan = plan
    }

    private var states: [Automaton.State] { plan.automaton.states }

    package var name: String { plan.name }

    /// One line: what it looks for, and how long.
    package var heading: String {
        var parts = ["\(plan.name): \(plan.automaton.names.joined(separator: ", "))"]
        if let within = plan.automaton.within { parts.append("within \(Quantity.text(milliseconds: within))") }
        switch plan.automaton.skip {
        case .none: break
        case .toNext: parts.append("skip next")
        case .pastLast: parts.append("skip past_last")
        case .toFirst(let name): parts.append("skip first \(name)")
        case .toLast(let name): parts.append("skip last \(name)")
        }
        return parts.joined(separator: "; ")
    }

    /// The condition of an edge on an event.
    private func test(_ edge: Automaton.Edge) -> String {
        edge.clauses.map { clause in
            let met = plan.conditions.indices.filter { clause.met >> UInt64($0) & 1 == 1 }
            let unmet = plan.conditions.indices.filter { clause.unmet >> UInt64($0) & 1 == 1 }
            let terms = met.map { plan.conditions[$0].label } + unmet.map { "not \(plan.conditions[$0].label)" }
            return terms.isEmpty ? "nothing" : terms.joined(separator: " or ")
        }.joined(separator: ", ")
    }

    // MARK: Text

    package var text: String {
        var lines = [heading, "  conditions"]
        let width = plan.conditions.map(\.label.count).max() ?? 0
        for condition in plan.conditions {
            lines.append("    \(condition.label.padded(to: width))  \(condition.text)")
        }
        lines.append("  states")
        for (index, state) in states.enumerated() where state.kind == .normal || state.kind == .pending {
            let note = index == Automaton.start ? " (waits for the first event)" : ""
            let pending = state.kind == .pending ? " (found when the time is over)" : ""
            lines.append("    \(state.label)\(note)\(pending)")
            for edge in state.edges { lines.append("      \(self.line(edge, from: index))") }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func line(_ edge: Automaton.Edge, from index: Int) -> String {
        let test = test(edge)
        let target = edge.target == index ? "stays" : "→ \(states[edge.target].label)"
        switch edge.action {
        case .take: return "takes \(test.isEmpty ? "any event" : test)  \(target)"
        case .ignore: return "passes over \(test.isEmpty ? "any event" : test)  \(target)"
        case .proceed:
            if states[edge.target].kind == .stop { return "ends at \(test)" }
            return "goes on\(test.isEmpty ? "" : " with \(test)")  \(target)"
        }
    }

    // MARK: SVG

    private static let leastBoxWidth = 150
    private static let boxHeight = 34
    private static let leastGap = 110
    private static let rowHeight = 96
    private static let margin = 30
    private static let longestLabel = 60
    private static let fontSize = 13.0
    private static let labelSize = 11.0
    private static let labelHeight = 14

    /// As wide as the labels of all states need it.
    private var boxWidth: Int {
        max(Self.leastBoxWidth, (states.map { SVGText.width($0.label, size: Self.fontSize) }.max() ?? 0) + 20)
    }

    /// Between columns there is room for the label of any edge.
    private var columnWidth: Int {
        let labels = states.flatMap { state in
            state.edges.map { SVGText.width(label(of: $0), size: Self.labelSize) }
        }
        return boxWidth + max(Self.leastGap, (labels.max() ?? 0) + 20)
    }

    private func label(of edge: Automaton.Edge) -> String {
        let test = test(edge)
        return test.count > Self.longestLabel ? test.prefix(Self.longestLabel - 1) + "…" : test
    }

    /// States in columns by their distance from the start. Solid lines take an event, dashed ones skip it, dotted ones
    /// continue with it in another state.
    package var svg: String {
        let (boxWidth, columnWidth) = (boxWidth, columnWidth)
        let places = places(boxWidth, columnWidth)
        let most = states.map(\.edges.count).max() ?? 0
        let width = max(
            (places.map(\.x).max() ?? 0) + boxWidth + Self.margin + max(0, columnWidth - boxWidth) / 2,
            SVGText.width(heading, size: Self.fontSize, isBold: true) + 2 * Self.margin)
        let height = (places.map(\.y).max() ?? 0) + Self.rowHeight + most * Self.labelHeight
        var svg = """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" \
            viewBox="0 0 \(width) \(height)" font-family="sans-serif" font-size="13">
              <defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" \
            orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#445"/></marker></defs>
              <text x="\(Self.margin)" y="18" font-weight="bold">\(SVGText.escaped(heading))</text>

            """
        for (index, state) in states.enumerated() { svg += drawn(state, at: places[index], isStart: index == 0) }
        for (index, state) in states.enumerated() {
            for (number, edge) in state.edges.enumerated() {
                svg += drawn(edge, number: number, from: index, places)
            }
        }
        return svg + "</svg>\n"
    }

    private struct Place {
        var column: Int
        var row: Int

        let boxWidth: Int
        let columnWidth: Int

        var x: Int { PatternDrawing.margin + column * columnWidth }
        var y: Int { PatternDrawing.margin + 30 + row * PatternDrawing.rowHeight }
    }

    private func places(_ boxWidth: Int, _ columnWidth: Int) -> [Place] {
        var columns = [Int](repeating: -1, count: states.count)
        columns[Automaton.start] = 0
        var order = [Automaton.start]
        var next = 0
        while next < order.count {
            for edge in states[order[next]].edges where columns[edge.target] < 0 {
                columns[edge.target] = columns[order[next]] + 1
                order.append(edge.target)
            }
            next += 1
        }
        var rows: [Int: Int] = [:]
        return columns.map { column in
            defer { rows[column, default: 0] += 1 }
            return Place(
                column: column, row: rows[column, default: 0], boxWidth: boxWidth, columnWidth: columnWidth)
        }
    }

    private func drawn(_ state: Automaton.State, at place: Place, isStart: Bool) -> String {
        let fill =
            switch state.kind {
            case .normal: isStart ? "#e4ecfb" : "#f4f6fa"
            case .final: "#dff2df"
            case .stop: "#f8e0e0"
            case .pending: "#fbf3d9"
            }
        return """
              <rect x="\(place.x)" y="\(place.y)" width="\(place.boxWidth)" height="\(Self.boxHeight)" rx="8" \
            fill="\(fill)" stroke="#667"/>
              <text x="\(place.x + place.boxWidth / 2)" y="\(place.y + 22)" \
            text-anchor="middle">\(SVGText.escaped(state.label))</text>

            """
    }

    private func drawn(_ edge: Automaton.Edge, number: Int, from index: Int, _ places: [Place]) -> String {
        // What a stop state takes is drawn on the edge to it.
        if states[index].kind == .stop { return "" }
        let (from, to) = (places[index], places[edge.target])
        let dashes =
            switch edge.action {
            case .take: ""
            case .ignore: " stroke-dasharray=\"7 4\""
            case .proceed: " stroke-dasharray=\"2 4\""
            }
        let path: String
        let label: (x: Int, y: Int)
        if index == edge.target {
            let x = from.x + 30 + 40 * (number % 3)
            path = "M\(x) \(from.y) C\(x - 12) \(from.y - 30) \(x + 42) \(from.y - 30) \(x + 30) \(from.y)"
            label = (x + 16, from.y - 25)
        } else if to.column > from.column {
            let start = (x: from.x + from.boxWidth, y: from.y + 8 + 9 * (number % 3))
            let end = (x: to.x, y: to.y + Self.boxHeight / 2)
            let bend = to.column > from.column + 1 ? 46 : 0
            path =
                "M\(start.x) \(start.y) C\(start.x + 60) \(start.y + bend) \(end.x - 60) \(end.y + bend) "
                + "\(end.x) \(end.y)"
            label = ((start.x + end.x) / 2, (start.y + end.y) / 2 + bend - 6 + Self.labelHeight * number)
        } else {
            let start = (x: from.x + from.boxWidth / 2, y: from.y + Self.boxHeight)
            let end = (x: to.x + from.boxWidth / 2, y: to.y + Self.boxHeight)
            path =
                "M\(start.x) \(start.y) C\(start.x) \(start.y + 44) \(end.x) \(end.y + 44) \(end.x) \(end.y)"
            label = ((start.x + end.x) / 2, max(start.y, end.y) + 36 + Self.labelHeight * (number % 2))
        }
        return """
              <path d="\(path)" fill="none" stroke="#445"\(dashes) marker-end="url(#arrow)"/>
              <text x="\(label.x)" y="\(label.y)" font-size="11" fill="#445" \
            text-anchor="middle">\(SVGText.escaped(self.label(of: edge)))</text>

            """
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}

extension StreamPlan {
    /// A drawing of each stream that looks for a pattern.
    package var patternDrawings: [PatternDrawing] {
        streams.compactMap { stream in
            if case .pattern(let sequences) = stream.operation { PatternDrawing(sequences.pattern) } else { nil }
        }
    }
}

extension RuleSet {
    package var patternDrawings: [PatternDrawing] { rules.compactMap { $0.pattern.map(PatternDrawing.init) } }
}
