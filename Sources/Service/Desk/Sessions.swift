import Assay
import AssayCore

/// Who asks.
struct Visitor: Sendable {
    /// The name of the token; where none are asked for, what the visitor goes by.
    var name: String
    var scopes: Set<Scope>
    /// What requests of a page that change something repeat; nil for those that show a token themselves.
    var proof: String?
}

/// The visitors of the page: a cookie stands for the token that they have shown once.
///
/// They are forgotten with the process, and when they did not ask for a while.
final class Sessions: Sendable {
    private struct Session {
        /// Of the token; nil where none are asked for.
        let digest: [UInt8]?
        let name: String
        let proof: String
        var used: Double
    }

    private let sessions = Locked<[String: Session]>([:])

    /// A page that is open asks each second.
    static let longestPauseSeconds = 12 * 3600.0
    static let mostSessions = 1024
    static let longestName = 64

    /// A new session. The one that was used longest ago ends where there are too many.
    func begin(_ name: String, digest: [UInt8]?, now: Double) -> (id: String, proof: String) {
        let (id, proof) = (Tokens.secret(), Tokens.secret())
        sessions.withLock { sessions in
            sessions = sessions.filter { now - $0.value.used < Self.longestPauseSeconds }
            if sessions.count >= Self.mostSessions, let oldest = sessions.min(by: { $0.value.used < $1.value.used }) {
                sessions[oldest.key] = nil
            }
            sessions[id] = Session(digest: digest, name: name, proof: proof, used: now)
        }
        return (id, proof)
    }

    func end(_ id: String) { sessions.withLock { $0[id] = nil } }

    /// The visitor of a session that has not ended, and whose token is still let in.
    func visitor(_ id: String, _ tokens: Tokens?, now: Double) -> Visitor? {
        let found = sessions.withLock { sessions -> Session? in
            guard let session = sessions[id], now - session.used < Self.longestPauseSeconds else { return nil }
            sessions[id]?.used = now
            return session
        }
        guard let found else { return nil }
        guard let tokens else {
            return Visitor(name: found.name, scopes: Set(Scope.allCases), proof: found.proof)
        }
        guard let digest = found.digest, let known = tokens.find(digest: digest) else { return nil }
        return Visitor(name: known.name, scopes: known.scopes, proof: found.proof)
    }
}

/// Lets visitors in, by a token or by the cookie of a session.
struct Doors: Sendable {
    /// Nil lets everybody in.
    let tokens: Tokens?
    let sessions = Sessions()
    /// Cookies are told apart by it: a browser does not tell ports apart.
    let cookieName: String
    let isEncrypted: Bool

    /// Where nobody needs a token.
    static let anybody = "local"

    /// `place`: where the server listens.
    init(_ tokens: Tokens?, place: String, isEncrypted: Bool) {
        (self.tokens, self.isEncrypted) = (tokens, isEncrypted)
        cookieName = "assay_\(place.reversed().prefix { $0.isNumber }.reversed().map(String.init).joined())"
    }

    /// Who asks for something; throws where they may not. What changes something at the desk has to come from the page
    /// itself, or with a token.
    func admit(_ request: HTTPRequest, _ route: Route) throws(Problem) -> Visitor? {
        let visitor = try visitor(request)
        guard let scope = route.scope else { return visitor }
        guard let visitor else { throw Tokens.unauthorized("a token is needed") }
        guard visitor.scopes.contains(scope) else {
            throw Problem(403, "this token has not the scope '\(scope.rawValue)'")
        }
        if route.method != "GET", let proof = visitor.proof ?? (route.isOfDesk && !hasToken(request) ? "" : nil) {
            guard !proof.isEmpty, request.header("X-CSRF-Token") == proof else {
                throw Problem(403, "a change needs the 'csrf' of GET /v1/session as X-CSRF-Token", reason: "csrf")
            }
        }
        return visitor
    }

    /// Where everybody is let in, a page of another name must not become one of this address: names can be made to lead
    /// here. Nor may a page of another address send anything.
    func checkOrigin(_ request: HTTPRequest, isLoopback: Bool) throws(Problem) {
        let host = request.header("Host")
        if tokens == nil, isLoopback, let host, !Self.isOwnName(host) {
            throw Problem(403, "this address has no such name: ask for 127.0.0.1 or localhost")
        }
        if request.method != "GET", let origin = request.header("Origin"), let host {
            let authority = origin.split(separator: "/", omittingEmptySubsequences: false).dropFirst(2).first ?? ""
            guard authority == host else { throw Problem(403, "pages of other sites may not send anything here") }
        }
    }

    private static func isOwnName(_ host: String) -> Bool {
        var name = Substring(host)
        if let colon = name.lastIndex(of: ":"), name[colon...].dropFirst().allSatisfy(\.isNumber) {
            name = name[..<colon]
        }
        if name.hasPrefix("["), name.hasSuffix("]") { return true }
        let isNumeric = name.split(separator: ".").count == 4 && name.allSatisfy { $0.isNumber || $0 == "." }
        return name == "localhost" || isNumeric
    }

    private func hasToken(_ request: HTTPRequest) -> Bool { tokens != nil && request.header("Authorization") != nil }

    private func visitor(_ request: HTTPRequest) throws(Problem) -> Visitor? {
        if let tokens, let header = request.header("Authorization") {
            let token = try tokens.check(header)
            return Visitor(name: token.name, scopes: token.scopes)
        }
        if let id = sessionID(request), let visitor = sessions.visitor(id, tokens, now: MonotonicClock.seconds) {
            return visitor
        }
        return tokens == nil ? Visitor(name: Self.anybody, scopes: Set(Scope.allCases)) : nil
    }

    private func sessionID(_ request: HTTPRequest) -> String? {
        for pair in request.header("Cookie")?.split(separator: ";") ?? [] {
            let parts = pair.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
            if parts.count == 2, parts[0] == cookieName { return String(parts[1]) }
        }
        return nil
    }

    // MARK: The session of a page

    /// Who the visitor is, for the page. Where everybody is let in, a session begins by itself.
    func describe(_ request: HTTPRequest, _ more: [(String, JSON)]) -> HTTPReply {
        if request.visitor?.proof == nil, tokens == nil { return begin(Self.anybody, digest: nil, more) }
        let visitor = request.visitor
        return HTTPReply(document(visitor?.name ?? "", visitor?.scopes ?? [], visitor?.proof ?? "", more))
    }

    /// Begins a session: with a token where tokens are asked for, otherwise with the name that a visitor goes by.
    func begin(_ request: HTTPRequest, _ more: [(String, JSON)]) throws(Problem) -> HTTPReply {
        let body = try RequestBody(request)
        guard let tokens else {
            let name = try body.text("name", longest: Sessions.longestName)
            let isPlain = name.unicodeScalars.allSatisfy { scalar in
                scalar.value >= 0x20 && !scalar.properties.isDefaultIgnorableCodePoint
            }
            guard isPlain, name.contains(where: { !$0.isWhitespace }) else {
                throw Problem(422, "'name' is what people see: letters, digits and signs")
            }
            return begin(name, digest: nil, more)
        }
        let token = try tokens.check("Bearer " + body.text("token", longest: 256))
        return begin(token.name, digest: token.digest, more)
    }

    private func begin(_ name: String, digest: [UInt8]?, _ more: [(String, JSON)]) -> HTTPReply {
        let (id, proof) = sessions.begin(name, digest: digest, now: MonotonicClock.seconds)
        let scopes = digest.flatMap { tokens?.find(digest: $0)?.scopes } ?? Set(Scope.allCases)
        var reply = HTTPReply(document(name, scopes, proof, more))
        reply.headers.append(("Set-Cookie", cookie(id, maxAge: "")))
        return reply
    }

    func end(_ request: HTTPRequest) -> HTTPReply {
        if let id = sessionID(request) { sessions.end(id) }
        var reply = HTTPReply(.object([]))
        reply.headers = [("Set-Cookie", cookie("", maxAge: "; Max-Age=0"))]
        return reply
    }

    private func cookie(_ value: String, maxAge: String) -> String {
        "\(cookieName)=\(value); Path=/; HttpOnly; SameSite=Strict\(isEncrypted ? "; Secure" : "")\(maxAge)"
    }

    private func document(_ name: String, _ scopes: Set<Scope>, _ proof: String, _ more: [(String, JSON)]) -> JSON {
        .object(
            [
                ("name", .string(name)), ("scopes", .array(scopes.map(\.rawValue).sorted().map { .string($0) })),
                ("csrf", .string(proof)), ("guarded", .bool(tokens != nil)),
            ] + more)
    }
}

/// The members of a body that is a JSON object.
struct RequestBody {
    private let members: [(String, JSON)]

    init(_ request: HTTPRequest) throws(Problem) {
        let document: JSON
        do throws(JSONError) {
            document = try JSON(parsing: request.body)
        } catch {
            throw Problem(400, "the body cannot be read: \(error.message)", reason: "malformed_json")
        }
        guard case .object(let members) = document else {
            throw Problem(400, "the body is no JSON object", reason: "malformed_json")
        }
        self.members = members
    }

    private func find(_ name: String) -> JSON? { members.last { $0.0 == name }?.1 }

    func text(_ name: String, longest: Int) throws(Problem) -> String {
        guard case .string(let text) = find(name) else { throw Problem(422, "'\(name)' is a text") }
        guard text.utf8.count <= longest else { throw Problem(422, "'\(name)' has at most \(longest) bytes") }
        return text
    }

    func textIfAny(_ name: String, longest: Int) throws(Problem) -> String? {
        find(name) == nil ? nil : try text(name, longest: longest)
    }

    func integer(_ name: String) throws(Problem) -> Int64 {
        guard case .integer(let integer) = find(name) else { throw Problem(422, "'\(name)' is a whole number") }
        return integer
    }
}
