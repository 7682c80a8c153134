import Arguments
import AssayCore

/// A pipeline as shown to people: what reads what, what each stream does, and where it goes.
package struct PipelineDrawing {
    private struct Node {
        let title: String
        let lines: [String]
        /// The node that it reads, by number; nil for the input.
        let source: Int?
        /// The other nodes that it reads.
        var others: [Int] = []
        let isOutput: Bool
    }

    private let nodes: [Node]

    package init(_ pipeline: Pipeline) {
        let plan = pipeline.plan
        var nodes = [
            Node(
                title: "input",
                lines: [
                    "\(plan.format.rawValue), time \(plan.schema.columns[plan.schema.timeColumn].name) "
                        + "in \(plan.zone.name), out of order up to \(Quantity.text(milliseconds: plan.outOfOrder))"
                        + (plan.ahead.map { ", ahead up to \(Quantity.text(milliseconds: $0))" } ?? "")
                ] + (plan.derived.names.isEmpty ? [] : ["derives \(plan.derived.names.joined(separator: ", "))"]),
                source: nil, isOutput: false)
        ]
        var streamNodes: [Int] = []
        var lateNodes: [Int: Int] = [:]
        var timeoutNodes: [Int: Int] = [:]
        func node(of source: StreamPlan.Source) -> Int {
            switch source {
            case .input: 0
            case .stream(let index): streamNodes[index]
            case .late(let index): lateNodes[index] ?? 0
            case .timeouts(let index): timeoutNodes[index] ?? 0
            }
        }
        func addOutputs(of source: StreamPlan.Source, _ parent: Int) {
            for output in plan.outputs where output.source == source {
                nodes.append(
                    Node(
                        title: "→ \(pipeline.sinks[output.sink].definition.title)", lines: [], source: parent,
                        isOutput: true))
            }
        }
        for (index, stream) in plan.streams.enumerated() {
            nodes.append(
                Node(
                    title: stream.name, lines: Self.lines(stream), source: node(of: stream.sources[0]),
                    others: stream.sources.dropFirst().map(node), isOutput: false))
            streamNodes.append(nodes.count - 1)
            addOutputs(of: .stream(index), nodes.count - 1)
            for side in stream.sides {
                let what =
                    side.isLate ? "events too late for \(stream.name)" : "timed-out sequences of \(stream.name)"
                nodes.append(Node(title: side.name, lines: [what], source: streamNodes[index], isOutput: false))
                if side.isLate { lateNodes[index] = nodes.count - 1 } else { timeoutNodes[index] = nodes.count - 1 }
                addOutputs(of: side.isLate ? .late(index) : .timeouts(index), nodes.count - 1)
            }
        }
        self.nodes = nodes
    }

    private static func lines(_ stream: StreamPlan.Stream) -> [String] {
        var lines: [String] = []
        if stream.condition != nil { lines.append("where a condition holds") }
        switch stream.operation {
        case .rows(selected: nil): lines.append("passes events on")
        case .rows(let selected?): lines.append("selects \(selected.map(\.name).joined(separator: ", "))")
        case .score: lines.append("scores transactions")
        case .pattern(let sequences):
            lines.append(Self.by(sequences.keys))
            if sequences.audience != nil { lines.append("for some of them") }
            let within = sequences.pattern.automaton.within.map { " within \(Quantity.text(milliseconds: $0))" } ?? ""
            lines.append("looks for \(sequences.pattern.automaton.names.joined(separator: ", "))\(within)")
        case .keyed(let keyed):
            lines.append(Self.by(keyed.keys))
            if keyed.isRunning {
                lines.append("emits at each event")
            } else {
                let lateness = keyed.function.lateness
                lines.append(
                    PipelineIdentity.name(keyed.function.shape)
                        + (lateness > 0 ? ", \(Quantity.text(milliseconds: lateness)) of lateness" : ""))
            }
            lines.append("emits \(keyed.emitted.map(\.name).joined(separator: ", "))")
            if keyed.having != nil { lines.append("having a condition") }
        }
        return lines
    }

    private static func by(_ keys: [ExpressionPart]) -> String {
        keys.isEmpty ? "over everything" : "by \(keys.map(\.name).joined(separator: ", "))"
    }

    // MARK: Text

    /// A tree, each node below what it reads.
    package var text: String {
        var text = ""
        write(0, indent: "", into: &text)
        return text
    }

    private func write(_ index: Int, indent: String, into text: inout String) {
        let children = nodes.indices.filter { nodes[$0].source == index && $0 != 0 }
        if index == 0 { text += "\(nodes[0].title)\n" }
        if !nodes[index].others.isEmpty {
            let names = nodes[index].others.map { nodes[$0].title }.joined(separator: ", ")
            text += "\(indent)\(children.isEmpty ? "    " : "│   ")also of \(names)\n"
        }
        let bar = children.isEmpty ? "    " : "│   "
        for line in nodes[index].lines { text += "\(indent)\(bar)\(line)\n" }
        for (position, child) in children.enumerated() {
            let isLast = position == children.count - 1
            text += "\(indent)\(isLast ? "└─ " : "├─ ")\(nodes[child].title)\n"
            write(child, indent: indent + (isLast ? "   " : "│  "), into: &text)
        }
    }

    // MARK: SVG

    private static let boxWidth = 300
    private static let columnWidth = 360
    private static let lineHeight = 18
    private static let gap = 16

    /// Columns from left to right; a stream is to the right of what it reads.
    package var svg: String {
        var depths: [Int] = []
        for node in nodes { depths.append(node.source.map { depths[$0] + 1 } ?? 0) }
        var tops: [Int] = []
        var heights = [Int](repeating: Self.gap, count: (depths.max() ?? 0) + 1)
        for (index, node) in nodes.enumerated() {
            // Not above what it reads, so that lines cross little.
            let least = node.source.map { tops[$0] } ?? Self.gap
            let top = max(heights[depths[index]], least)
            tops.append(top)
            heights[depths[index]] = top + height(node) + Self.gap
        }
        let size = (width: heights.count * Self.columnWidth, height: heights.max() ?? 0)
        var svg = """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(size.width)" height="\(size.height)" \
            viewBox="0 0 \(size.width) \(size.height)" font-family="sans-serif" font-size="13">

            """
        for (index, node) in nodes.enumerated() {
            for source in [node.source].compactMap(\.self) + node.others {
                let from = (x: depths[source] * Self.columnWidth + Self.gap + Self.boxWidth, y: tops[source] + 20)
                let to = (x: depths[index] * Self.columnWidth + Self.gap, y: tops[index] + 20)
                let middle = (from.x + to.x) / 2
                svg +=
                    "  <path d=\"M\(from.x) \(from.y) C\(middle) \(from.y) \(middle) \(to.y) \(to.x) \(to.y)\" "
                    + "fill=\"none\" stroke=\"#667\"/>\n"
            }
        }
        for (index, node) in nodes.enumerated() {
            svg += box(node, x: depths[index] * Self.columnWidth + Self.gap, y: tops[index])
        }
        return svg + "</svg>\n"
    }

    private func height(_ node: Node) -> Int { 14 + (1 + node.lines.count) * Self.lineHeight }

    private func box(_ node: Node, x: Int, y: Int) -> String {
        let fill = node.isOutput ? "#eef6ee" : "#eef1f8"
        var svg =
            "  <rect x=\"\(x)\" y=\"\(y)\" width=\"\(Self.boxWidth)\" height=\"\(height(node))\" rx=\"6\" "
            + "fill=\"\(fill)\" stroke=\"#667\"/>\n"
        for (index, line) in ([node.title] + node.lines).enumerated() {
            let weight = index == 0 ? " font-weight=\"bold\"" : ""
            let baseline = y + 18 + index * Self.lineHeight
            svg +=
                "  <text x=\"\(x + 10)\" y=\"\(baseline)\"\(weight)>\(SVGText.escaped(Self.shortened(line)))</text>\n"
        }
        return svg
    }

    /// The text cut to the width of a box.
    private static func shortened(_ text: String) -> String { text.count > 44 ? text.prefix(43) + "…" : text }
}
