import AssayCore
import Arguments
import Glibc

/// Standard output: text for people or JSON for programs.
enum Page {
    static let isTerminal = isatty(STDOUT_FILENO) == 1
    private static let usesColour = isTerminal && getenv("NO_COLOR") == nil
    // One thread writes.
    nonisolated(unsafe) private static var pending: [UInt8] = []
    nonisolated(unsafe) private static var failure: Failure?

    private static let flushedAt = 1 << 16

    static func write(_ text: String) {
        pending.append(contentsOf: text.utf8)
        guard pending.count > flushedAt, failure == nil else { return }
        do throws(Failure) {
            try flush()
        } catch {
            // Reported at the end; output after this would have a gap before it.
            failure = error
        }
    }

    static func line(_ text: String = "") { write(text + "\n") }

    static func flush() throws(Failure) {
        if let failure { throw failure }
        var written = 0
        while written < pending.count {
            let count = pending.withUnsafeBytes {
                Glibc.write(STDOUT_FILENO, $0.baseAddress! + written, $0.count - written)
            }
            if count >= 0 {
                written += count
            } else if errno == EPIPE {
                exit(ExitCode.closed.rawValue)
            } else if errno == EAGAIN {
                var event = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
                poll(&event, 1, -1)
            } else if errno != EINTR {
                pending = []
                throw Failure(
                    code: .inputOutput, message: "cannot write standard output: \(Diagnostics.explain(errno))")
            }
        }
        pending = []
    }

    static let style = TextStyle(usesColour: usesColour)

    static func dim(_ text: String) -> String { style.dim(text) }
    static func bold(_ text: String) -> String { style.bold(text) }
    static func alarming(_ text: String) -> String { style.alarming(text) }

    static func shown(_ text: String) -> String { SafeText.shown(text) }

    /// Writes rows in aligned columns, numbers to the right. Returns the columns' widths.
    @discardableResult
    static func table(_ header: [String], _ rows: [[String]], rightAligned: Set<Int> = []) -> [Int] {
        var widths = header.map(\.count)
        for row in rows { for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.count) } }
        line(dim(laidOut(header, widths, rightAligned: rightAligned)))
        for row in rows { line(laidOut(row, widths, rightAligned: rightAligned)) }
        return widths
    }

    static func laidOut(_ row: [String], _ widths: [Int], rightAligned: Set<Int>) -> String {
        var text = ""
        for (column, cell) in row.enumerated() {
            let padding = String(repeating: " ", count: max(0, widths[column] - cell.count))
            let isLast = column == row.count - 1
            text += rightAligned.contains(column) ? padding + cell : cell + (isLast ? "" : padding)
            if !isLast { text += "  " }
        }
        return text
    }

    /// Writes names and values below each other.
    static func list(_ entries: [(name: String, value: String)]) {
        let width = entries.map(\.name.count).max() ?? 0
        for (name, value) in entries {
            line(dim(name.padded(to: width)) + "  " + value)
        }
    }
}

extension String {
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
