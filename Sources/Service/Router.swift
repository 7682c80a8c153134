/// Finds the route of a request.
struct Router: Sendable {
    enum Finding {
        case found(Route, parameter: [UInt8])
        case notFound
        /// The path is there, with these methods.
        case otherMethod(allowed: [String])
        /// The path has a sign that stands for nothing.
        case malformed
    }

    private struct Pattern {
        let prefix: String
        let route: Route
    }

    private let fixed: [String: [Route]]
    /// Those that end in a parameter.
    private let open: [Pattern]

    init(_ routes: [Route]) {
        fixed = Dictionary(grouping: routes.filter { !$0.path.contains("{") }, by: \.path)
        open = routes.compactMap { route in
            route.path.firstIndex(of: "{").map { Pattern(prefix: String(route.path[..<$0]), route: route) }
        }
    }

    func find(_ method: String, _ path: Substring) -> Finding {
        if let routes = fixed[String(path)] { return pick(method, routes, parameter: []) }
        let matching = open.filter { pattern in
            path.hasPrefix(pattern.prefix) && path.utf8.count > pattern.prefix.utf8.count
                && !path.dropFirst(pattern.prefix.count).contains("/")
        }
        guard let first = matching.first else { return .notFound }
        guard let parameter = Percent.decoded(path.dropFirst(first.prefix.count)) else { return .malformed }
        return pick(method, matching.map(\.route), parameter: parameter)
    }

    /// HEAD is answered as GET is: the library leaves the body out.
    private func pick(_ method: String, _ routes: [Route], parameter: [UInt8]) -> Finding {
        let wanted = method == "HEAD" ? "GET" : method
        if let route = routes.first(where: { $0.method == wanted }) { return .found(route, parameter: parameter) }
        let allowed = routes.map(\.method)
        return .otherMethod(allowed: allowed.contains("GET") ? allowed + ["HEAD"] : allowed)
    }
}
