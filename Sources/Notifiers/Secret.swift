import Assay
import AssayCore
import Glibc

/// Something that is written in no file of ours: it is read from its own file or the environment whenever it is needed.
struct Secret: Sendable {
    private enum Place: Sendable {
        case file(String)
        case variable(String)
    }

    private let place: Place
    private static let largestFile = 64 << 10

    /// Reads `NAME_file` or `NAME_env`.
    static func take(
        _ name: String, _ members: inout YAMLMembers, isRequired: Bool
    ) throws(ConfigurationError) -> Secret? {
        if let plain = members.take(name) {
            throw members.fault(
                "'\(name)' is a secret, which belongs into a file of its own: name that as '\(name)_file', or a "
                    + "variable of the environment as '\(name)_env'", plain.position)
        }
        let file = members.take("\(name)_file")
        let variable = members.take("\(name)_env")
        if file != nil, let variable {
            throw members.fault("'\(name)_file' and '\(name)_env' exclude each other", variable.position)
        }
        if let file { return Secret(place: .file(try members.text(file, "\(name)_file").text)) }
        if let variable { return Secret(place: .variable(try members.text(variable, "\(name)_env").text)) }
        guard isRequired else { return nil }
        throw members.fault("it needs '\(name)_file' or '\(name)_env'", members.position)
    }

    func read() throws(ChannelFault) -> String {
        let text: String
        switch place {
        case .variable(let name):
            guard let value = getenv(name) else { throw ChannelFault("the environment has no '\(name)'") }
            text = String(cString: value)
        case .file(let path):
            do throws(FileError) {
                text = String(decoding: try readFile(path, atMost: Self.largestFile), as: UTF8.self)
            } catch {
                throw ChannelFault("'\(path)' cannot be read: \(error.description)")
            }
        }
        let trimmed = text.trimmed
        guard !trimmed.isEmpty else { throw ChannelFault("\(description) is empty") }
        return trimmed
    }

    /// Where it is, for people.
    var description: String {
        switch place {
        case .file(let path): "'\(path)'"
        case .variable(let name): "'\(name)' of the environment"
        }
    }
}

extension String {
    /// Without white space around it.
    var trimmed: String {
        var rest = self[...]
        while let first = rest.first, first.isWhitespace { rest = rest.dropFirst() }
        while let last = rest.last, last.isWhitespace { rest = rest.dropLast() }
        return String(rest)
    }

    /// At most so many bytes.
    func cut(_ most: Int) -> String { AlertText.cut(self, most) }
}
