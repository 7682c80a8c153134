import Assay

/// How many requests were answered, and how fast.
final class Traffic: Sendable {
    private struct Figures {
        /// The statuses that came up, in no order.
        var codes: [(code: UInt32, count: UInt64)] = []
        var seconds = Histogram()

        mutating func note(_ code: UInt32) {
            if let index = codes.firstIndex(where: { $0.code == code }) {
                codes[index].count += 1
            } else {
                codes.append((code, 1))
            }
        }
    }

    /// By endpoint, and last what has none.
    private let figures = Locked([Figures](repeating: Figures(), count: Route.Endpoint.allCases.count + 1))
    private let scores = Locked(Histogram())

    func note(_ endpoint: Route.Endpoint?, _ status: UInt32, seconds: Double) {
        let place = endpoint?.rawValue ?? Route.Endpoint.allCases.count
        figures.withLock { figures in
            figures[place].note(status)
            figures[place].seconds.note(seconds)
        }
    }

    func noteScore(_ seconds: Double) { scores.withLock { $0.note(seconds) } }

    func write(into page: inout MetricsPage) {
        let names = Route.Endpoint.allCases.map { "\($0)" } + ["none"]
        let all = zip(names, figures.withLock { $0 }).filter { $0.1.seconds.count > 0 }.sorted { $0.0 < $1.0 }
        page.write(
            .requests,
            all.flatMap { name, figures in
                figures.codes.sorted { $0.code < $1.code }.map { ([name, "\($0.code)"], Double($0.count)) }
            })
        page.write(.requestSeconds, all.map { ([$0.0], $0.1.seconds) })
        let scores = scores.withLock { $0 }
        if scores.count > 0 { page.write(.scoreSeconds, [([], scores)]) }
    }
}
