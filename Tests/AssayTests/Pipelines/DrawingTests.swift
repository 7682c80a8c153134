import Foundation
import Testing

@testable import Assay

@Suite struct DrawingTests {
    @Test("Texts are broken at spaces, or where nothing else is left, and fit")
    func wrapping() {
        let texts = [
            "", "short", "where a > 1 && b < 2 || something_long_without_any_space_at_all(x, y) == \"z\"",
            "중요한 거래만 남긴다",
        ]
        for text in texts {
            for width in [60, 120, 300] {
                let lines = SVGText.wrapped(text, width: width, size: 13)
                #expect(lines.allSatisfy { SVGText.width($0, size: 13) <= width }, "\(lines)")
                #expect(lines.joined().filter { $0 != " " } == text.filter { $0 != " " })
            }
        }
    }

    @Test("No line between boxes passes through another box")
    func lines() throws {
        // Boxes of different heights, lines over one and over several columns.
        var boxes = [PipelineSVG.Box(title: "input", lines: ["a"], isOutput: false, sources: [])]
        var random = SeededRandom(seed: 7)
        for index in 1..<24 {
            let sources = Set((0..<1 + Int(random.next() % 2)).map { _ in Int(random.next() % UInt64(index)) })
            let lines = (0..<Int(random.next() % 5)).map { "line \($0) of a box with some text in it that may be long" }
            boxes.append(PipelineSVG.Box(title: "b\(index)", lines: lines, isOutput: false, sources: sources.sorted()))
        }
        let svg = PipelineSVG(boxes).text
        let rectangles = svg.matches(of: /<rect x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"/).map { match in
            CGRect(
                x: Double(match.output.1)!, y: Double(match.output.2)!, width: Double(match.output.3)!,
                height: Double(match.output.4)!)
        }
        #expect(rectangles.count == 24)
        var passages = 0
        for path in svg.matches(of: /<path d="([^"]*)"/) {
            // What goes straight through a column lies between its boxes.
            for part in path.output.1.matches(of: /(\d+) (\d+) H(\d+)/) {
                passages += 1
                let (x, y) = (Double(part.output.1)! + 5, Double(part.output.2)!)
                #expect(!rectangles.contains { $0.contains(CGPoint(x: x, y: y)) })
            }
        }
        #expect(passages > 5)
        for text in svg.matches(of: /<text x="(\d+)"[^>]*>([^<]*)</) {
            #expect(SVGText.width(String(text.output.2), size: 13) <= 340)
        }
    }
}
