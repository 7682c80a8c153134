/// Boxes in columns, with lines between them that go around the boxes.
struct PipelineSVG {
    struct Box {
        let title: String
        let lines: [String]
        let isOutput: Bool
        /// The boxes that it reads, by number: those before it.
        let sources: [Int]
    }

    /// Where a line passes a column, between the boxes.
    private struct Passage {
        let source: Int
        let column: Int
        let y: Int
    }

    private static let boxWidth = 360
    private static let columnWidth = 430
    private static let lineHeight = 18
    private static let gap = 16
    private static let fontSize = 13.0
    private static let textMargin = 10

    private let boxes: [Box]
    private let texts: [[String]]
    private var columns: [Int] = []
    private var tops: [Int] = []
    private var passages: [Passage] = []
    private var size = (width: 0, height: 0)

    init(_ boxes: [Box]) {
        self.boxes = boxes
        let room = Self.boxWidth - 2 * Self.textMargin
        texts = boxes.map { box in
            SVGText.wrapped(box.title, width: room, size: Self.fontSize, isBold: true)
                + box.lines.flatMap { SVGText.wrapped($0, width: room, size: Self.fontSize) }
        }
        place()
    }

    /// Boxes come in the order in which they are given, each not above the first one that it reads; a line that is
    /// longer than to the next column gets a place of its own in those between.
    private mutating func place() {
        for box in boxes { columns.append((box.sources.map { columns[$0] }.max() ?? -1) + 1) }
        var heights = [Int](repeating: Self.gap, count: (columns.max() ?? 0) + 1)
        for (index, box) in boxes.enumerated() {
            for source in box.sources {
                for column in columns[source] + 1..<max(columns[index], columns[source] + 1)
                where !passages.contains(where: { $0.source == source && $0.column == column }) {
                    let y = max(heights[column], tops[source] + Self.gap)
                    passages.append(Passage(source: source, column: column, y: y))
                    heights[column] = y + Self.gap
                }
            }
            let column = columns[index]
            let top = max(heights[column], box.sources.first.map { tops[$0] } ?? Self.gap)
            tops.append(top)
            heights[column] = top + height(index) + Self.gap
        }
        size = (
            heights.count * Self.columnWidth - (Self.columnWidth - Self.boxWidth) + 2 * Self.gap, heights.max() ?? 0
        )
    }

    private func height(_ index: Int) -> Int { 14 + texts[index].count * Self.lineHeight }

    private func x(_ column: Int) -> Int { Self.gap + column * Self.columnWidth }

    var text: String {
        var svg = """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(size.width)" height="\(size.height)" \
            viewBox="0 0 \(size.width) \(size.height)" font-family="sans-serif" font-size="13">

            """
        for index in boxes.indices { svg += box(index) }
        for (index, box) in boxes.enumerated() {
            for source in box.sources { svg += line(from: source, to: index) }
        }
        return svg + "</svg>\n"
    }

    private func line(from source: Int, to target: Int) -> String {
        let middleOfTitle = 7 + Self.lineHeight * 2 / 3
        var from = (x: x(columns[source]) + Self.boxWidth, y: tops[source] + middleOfTitle)
        var path = "M\(from.x) \(from.y)"
        func curve(to end: (x: Int, y: Int)) {
            let middle = (from.x + end.x) / 2
            path += " C\(middle) \(from.y) \(middle) \(end.y) \(end.x) \(end.y)"
        }
        for column in columns[source] + 1..<columns[target] {
            guard let passage = passages.first(where: { $0.source == source && $0.column == column }) else { continue }
            curve(to: (x(column), passage.y))
            path += " H\(x(column) + Self.boxWidth)"
            from = (x(column) + Self.boxWidth, passage.y)
        }
        curve(to: (x(columns[target]), tops[target] + middleOfTitle))
        return "  <path d=\"\(path)\" fill=\"none\" stroke=\"#667\"/>\n"
    }

    private func box(_ index: Int) -> String {
        let (x, y) = (x(columns[index]), tops[index])
        let fill = boxes[index].isOutput ? "#eef6ee" : "#eef1f8"
        var svg =
            "  <rect x=\"\(x)\" y=\"\(y)\" width=\"\(Self.boxWidth)\" height=\"\(height(index))\" rx=\"6\" "
            + "fill=\"\(fill)\" stroke=\"#667\"/>\n"
        let titles =
            texts[index].count
            - boxes[index].lines.reduce(0) { count, line in
                count + SVGText.wrapped(line, width: Self.boxWidth - 2 * Self.textMargin, size: Self.fontSize).count
            }
        for (number, line) in texts[index].enumerated() {
            let weight = number < titles ? " font-weight=\"bold\"" : ""
            let baseline = y + 18 + number * Self.lineHeight
            svg += "  <text x=\"\(x + Self.textMargin)\" y=\"\(baseline)\"\(weight)>\(SVGText.escaped(line))</text>\n"
        }
        return svg
    }
}
