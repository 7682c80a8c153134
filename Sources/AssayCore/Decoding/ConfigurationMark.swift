/// A line of a journal that says which configuration holds from there on.
///
/// Nobody else writes one: a journal writes lines of others that begin like it with a space more.
package enum ConfigurationMark {
    package static let start: [UInt8] = Array("{\"assay_configuration\":\"".utf8)

    /// The line without its end.
    package static func line(_ text: String) -> [UInt8] {
        Array(JSON.object([("assay_configuration", .string(text))]).text.utf8)
    }

    /// Whether bytes begin as a mark does.
    package static func isStart(of bytes: UnsafeBufferPointer<UInt8>) -> Bool { bytes.starts(with: start) }

    /// The configuration of a line that begins as a mark does; nil where it is none.
    static func text(of line: UnsafeBufferPointer<UInt8>) -> String? {
        do throws(JSONError) {
            guard let members = try JSON(parsing: line).members, members.count == 1,
                case .string(let text) = members[0].1
            else { return nil }
            return text
        } catch {
            // Then it is a line like any other, and rejected as one.
            return nil
        }
    }
}
