import AssayCore

/// What a run has done in the last minutes, hours and days, as far as this process was there: for plots.
///
/// Bounded: each span has so many steps, and forgets the oldest.
package struct RunHistory: Sendable {
    /// A time that plots show, and the steps that it is shown in.
    package enum Span: String, CaseIterable, Sendable {
        case minutes = "5m"
        case hour = "1h"
        case day = "24h"

        package var stepMilliseconds: Int64 {
            switch self {
            case .minutes: 1000
            case .hour: 15_000
            case .day: 300_000
            }
        }

        package var steps: Int {
            switch self {
            case .minutes: 300
            case .hour: 240
            case .day: 288
            }
        }
    }

    /// What the run says of itself at a moment; all counts begin with the process.
    package struct Sample: Sendable {
        package var time: Int64
        /// Transactions by level; for other runs all events in the first.
        package var levels: [UInt64]
        package var rejected: UInt64
        package var latency: Histogram
        package var eventTime: Int64?
        package var lag: UInt64?

        package init(
            time: Int64, levels: [UInt64] = [], rejected: UInt64 = 0, latency: Histogram = Histogram(),
            eventTime: Int64? = nil, lag: UInt64? = nil
        ) {
            (self.time, self.levels, self.rejected, self.latency) = (time, levels, rejected, latency)
            (self.eventTime, self.lag) = (eventTime, lag)
        }
    }

    /// What happened in a step.
    package struct Step: Sendable, Equatable {
        package var time: Int64
        package var levels: [UInt64]
        package var rejected: UInt64
        package var p50: Double?
        package var p99: Double?
        package var eventLag: Double?
        package var lag: UInt64?

        init(from start: Sample, to end: Sample) {
            time = end.time
            levels = end.levels.enumerated().map { level, count in
                count - min(count, level < start.levels.count ? start.levels[level] : 0)
            }
            rejected = end.rejected - min(end.rejected, start.rejected)
            let latency = end.latency.since(start.latency)
            (p50, p99) = (latency.quantile(0.5), latency.quantile(0.99))
            eventLag = end.eventTime.map { Double(end.time - $0) / 1000 }
            lag = end.lag
        }

        package var json: JSON {
            .object([
                ("time_ms", .integer(time)), ("levels", .array(levels.map { .unsigned($0) })),
                ("rejected", .unsigned(rejected)), ("p50", p50.map { .real($0) } ?? .null),
                ("p99", p99.map { .real($0) } ?? .null), ("event_lag", eventLag.map { .real($0) } ?? .null),
                ("lag", lag.map { .unsigned($0) } ?? .null),
            ])
        }
    }

    private struct Track {
        var start: Sample
        var steps: [Step] = []
    }

    private var tracks: [Span: Track] = [:]

    package init() {}

    /// Takes a sample, a second after the one before or so. Returns the step of the shortest span that ends with it.
    @discardableResult package mutating func note(_ sample: Sample) -> Step? {
        var last: Step?
        for span in Span.allCases {
            guard var track = tracks[span] else {
                tracks[span] = Track(start: sample)
                continue
            }
            // Samples are never exactly a second apart. A clock that went back begins a step anew.
            let passed = sample.time - track.start.time
            if passed >= span.stepMilliseconds * 9 / 10 || passed < 0 {
                let step = Step(from: track.start, to: sample)
                track.start = sample
                track.steps.append(step)
                if track.steps.count > span.steps { track.steps.removeFirst(track.steps.count - span.steps) }
                if span == .minutes { last = step }
                tracks[span] = track
            }
        }
        return last
    }

    package func steps(_ span: Span) -> [Step] { tracks[span]?.steps ?? [] }
}
