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
                    title: stream.name, lines: Self.lines(stream, pipeline.definitions[stream.name]),
                    source: node(of: stream.sources[0]),
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

    private static func lines(_ stream: StreamPlan.Stream, _ definition: PipelineDefinition.Stream?) -> [String] {
        var lines: [String] = []
        if let condition = definition?.condition { lines.append("where \(condition.text.flat)") }
        let columns = (definition?.columns ?? []).map { column in
            let text = column.expression.text.flat
            return text == column.name ? text : "\(column.name): \(text)"
        }
        switch stream.operation {
        case .rows(selected: nil): lines.append("passes events on")
        case .rows: lines.append("selects \(columns.joined(separator: ", "))")
        case .score: lines.append("scores transactions")
        case .pattern(let sequences):
            lines.append(Self.by(sequences.keys))
            if case .pattern(let defined)? = definition?.kind, let audience = defined.pattern.audience {
                lines.append("for \(audience.text.flat)")
            }
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
            lines.append("emits \(columns.joined(separator: ", "))")
        }
        if let having = definition?.having { lines.append("having \(having.text.flat)") }
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

    /// The nodes in columns from left to right; a stream is to the right of all that it reads.
    package var svg: String {
        var boxes: [PipelineSVG.Box] = []
        for node in nodes {
            boxes.append(
                PipelineSVG.Box(
                    title: node.title, lines: node.lines, isOutput: node.isOutput,
                    sources: [node.source].compactMap(\.self) + node.others))
        }
        return PipelineSVG(boxes).text
    }
}
