import Assay
import AssayCore
import Glibc

/// Who may ask what: the names, digests and scopes of a file, a line each. HUP reads it again.
package final class Tokens: Sendable {
    struct Token: Sendable {
        let name: String
        let digest: [UInt8]
        let scopes: Set<Scope>
    }

    private let path: String
    private let state: Locked<[Token]>

    private static let largestFile = 1 << 20

    package init(_ path: String) throws(RunFailure) {
        self.path = path
        state = Locked(try Self.read(path))
    }

    /// Takes what the file says now; keeps what it said before when something in it is wrong.
    package func reload() throws(RunFailure) {
        let tokens = try Self.read(path)
        state.withLock { $0 = tokens }
    }

    private static func read(_ path: String) throws(RunFailure) -> [Token] {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try readFile(path, atMost: largestFile)
        } catch {
            throw RunFailure(.usage, "the tokens in '\(path)' cannot be read: \(error.description)")
        }
        var tokens: [Token] = []
        for (index, line) in String(decoding: bytes, as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false
        ).enumerated() {
            let parts = line.split { $0 == " " || $0 == "\t" || $0 == "\r" }
            if parts.isEmpty || parts[0].hasPrefix("#") { continue }
            guard parts.count == 3, let digest = Self.bytes(ofHexadecimal: parts[1]), digest.count == 32,
                let scopes = Self.scopes(parts[2])
            else {
                throw RunFailure(
                    .usage,
                    "'\(path)', line \(index + 1): a token is NAME SHA256-IN-HEX SCOPES, and its scopes are of "
                        + Scope.allCases.map(\.rawValue).joined(separator: ","))
            }
            tokens.append(Token(name: String(parts[0]), digest: digest, scopes: scopes))
        }
        return tokens
    }

    private static func bytes(ofHexadecimal text: Substring) -> [UInt8]? {
        let digits = text.compactMap(\.hexDigitValue)
        guard digits.count == text.count, digits.count % 2 == 0 else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    private static func scopes(_ text: Substring) -> Set<Scope>? {
        let names = text.split(separator: ",", omittingEmptySubsequences: false)
        let scopes = names.compactMap { Scope(rawValue: String($0)) }
        return scopes.count == names.count ? Set(scopes) : nil
    }

    /// The token that the header of a request shows; throws where it is none that is known.
    func check(_ header: String) throws(Problem) -> Token {
        let prefix = "bearer "
        guard header.lowercased().hasPrefix(prefix) else { throw Self.unauthorized("a token is needed") }
        let digest = SHA256.digest(of: Array(header.utf8.dropFirst(prefix.utf8.count)).filter { $0 != 0x20 })
        guard let found = find(digest: digest) else { throw Self.unauthorized("nobody knows this token") }
        return found
    }

    func find(digest: [UInt8]) -> Token? {
        state.withLock { tokens in
            // All of them are looked at, each to its end, so that time tells nothing.
            var found: Token?
            for token in tokens where Self.isEqual(token.digest, digest) { found = token }
            return found
        }
    }

    private static func isEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        zip(one, other).reduce(0) { $0 | $1.0 ^ $1.1 } == 0
    }

    static func unauthorized(_ detail: String) -> Problem {
        Problem(401, detail, headers: [("WWW-Authenticate", "Bearer")])
    }

    // MARK: New tokens

    private static let tokenBytes = 32

    /// A new token, and the line that lets it in; nil where a scope is none.
    package static func new(_ name: String, scopes text: String) -> (token: String, line: String)? {
        let isName = !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } && !name.hasPrefix("#")
        guard isName, scopes(text[...]) != nil else { return nil }
        let token = secret()
        return (token, "\(name) \(hexadecimal(SHA256.digest(of: Array(token.utf8)))) \(text)")
    }

    /// A text that nobody can guess.
    static func secret() -> String {
        // Swift's generator is the system's own, fit for secrets.
        hexadecimal((0..<tokenBytes).map { _ in UInt8.random(in: .min ... .max) })
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }
}
