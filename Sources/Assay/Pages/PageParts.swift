import Arguments
import AssayCore

/// What pages consist of that need nothing else: no other file, no script.
enum PageParts {
    /// Up to the end of the first heading.
    static func begin(_ title: String) -> String {
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
        <title>\(escaped(title))</title>
        <style>\(style)</style></head><body>
        <h1>\(escaped(title))</h1>
        """
    }

    static let end = "</body></html>\n"

    static let style = """
        :root { color-scheme: light dark; --ink: #1d2330; --paper: #fff; --line: #c9cfda; --new: #2563c9;
          --old: #b3611a }
        @media (prefers-color-scheme: dark) {
          :root { --ink: #e4e8f0; --paper: #14171d; --line: #3a4150; --new: #7aa8f5; --old: #e0a060 } }
        body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem;
          margin: 2rem auto; padding: 0 1rem }
        table { border-collapse: collapse }
        td, th { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid var(--line) }
        td:first-child, th:first-child { text-align: left }
        svg { width: 100%; height: auto; max-width: 56rem }
        svg text { fill: var(--ink); font-size: 11px }
        .grid { stroke: var(--line) }
        .new { fill: var(--new); background: var(--new) }
        .old { fill: var(--old); background: var(--old) }
        polyline.new, polyline.old { fill: none; stroke-width: 2; stroke: var(--new); background: none }
        polyline.old { stroke: var(--old); stroke-dasharray: 6 3 }
        .key i { display: inline-block; width: .8rem; height: .8rem }
        .wide { overflow-x: auto }
        """

    static func escaped(_ text: String) -> String {
        SVGText.escaped(SafeText.shown(text)).replacing("'", with: "&#39;")
    }

    static func table(_ header: [String], _ rows: [[String]]) -> String {
        func row(_ cells: [String], _ tag: String) -> String {
            "<tr>" + cells.map { "<\(tag)>\(escaped($0))</\(tag)>" }.joined() + "</tr>"
        }
        return "<div class=\"wide\"><table>\(row(header, "th"))\n\(rows.map { row($0, "td") }.joined(separator: "\n"))"
            + "</table></div>"
    }

    // MARK: Figures

    static func count(_ number: UInt64) -> String { Figures.grouped(number) }

    static func percent(_ part: Double?) -> String {
        part.map { Figures.decimal($0 * 100, digits: 2) + " %" } ?? "-"
    }

    // MARK: Plots

    static let width = 720.0
    static let height = 240.0
    static let margin = 46.0

    static func number(_ value: Double) -> String { Figures.decimal(value, digits: 1).filter { $0 != "," } }

    static func svg(_ label: String, _ content: String) -> String {
        "<svg viewBox=\"0 -12 \(number(width + 40)) \(number(height + 42))\" role=\"img\" "
            + "aria-label=\"\(escaped(label))\">\n"
            + content + "</svg>"
    }

    static func text(_ text: String, x: Double, y: Double, anchor: String = "middle") -> String {
        "<text x=\"\(number(x))\" y=\"\(number(y))\" text-anchor=\"\(anchor)\">\(escaped(text))</text>\n"
    }

    static func gridLine(y: Double, label: String) -> String {
        "<line class=\"grid\" x1=\"\(number(margin))\" x2=\"\(number(width))\" "
            + "y1=\"\(number(y))\" y2=\"\(number(y))\"/>"
            + text(label, x: margin - 6, y: y + 4, anchor: "end")
    }

    /// `above`: how high it begins.
    static func bar(
        _ side: String, x: Double, width: Double, height: Double, above: Double = 0, hint: String
    ) -> String {
        "<rect class=\"\(side)\" x=\"\(number(x))\" y=\"\(number(self.height - above - height))\" "
            + "width=\"\(number(width))\" height=\"\(number(height))\"><title>\(escaped(hint))</title></rect>\n"
    }
}
