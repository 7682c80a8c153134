import AssayCore

/// A page of figures in the text format that Prometheus reads.
package struct MetricsPage {
    package private(set) var text = ""

    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    package init() {}

    /// A sample of each: the values of the family's labels, and the figure. A family without samples is left out.
    package mutating func write(_ family: MetricFamily, _ samples: [(labels: [String], value: Double)]) {
        guard !samples.isEmpty else { return }
        begin(family)
        for sample in samples {
            line(family.name, Array(zip(family.labels, sample.labels)), sample.value)
        }
    }

    package mutating func write(_ family: MetricFamily, _ value: Double) { write(family, [([], value)]) }

    package mutating func write(_ family: MetricFamily, _ histograms: [(labels: [String], value: Histogram)]) {
        guard !histograms.isEmpty else { return }
        begin(family)
        for (labels, histogram) in histograms {
            let labels = Array(zip(family.labels, labels))
            var count: UInt64 = 0
            for (bound, bucket) in zip(Histogram.bounds, histogram.buckets) {
                count += bucket
                line(family.name + "_bucket", labels + [("le", Self.number(bound))], Double(count))
            }
            line(family.name + "_bucket", labels + [("le", "+Inf")], Double(histogram.count))
            line(family.name + "_sum", labels, histogram.sum)
            line(family.name + "_count", labels, Double(histogram.count))
        }
    }

    private mutating func begin(_ family: MetricFamily) {
        text += "# HELP \(family.name) \(family.help)\n# TYPE \(family.name) \(family.kind.rawValue)\n"
    }

    private mutating func line(_ name: String, _ labels: [(String, String)], _ value: Double) {
        text += name
        if !labels.isEmpty {
            text += "{" + labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",") + "}"
        }
        text += " \(Self.number(value))\n"
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}

/// How often something took how long.
package struct Histogram: Sendable {
    /// Upper bounds of the buckets, in seconds.
    package static let bounds = [
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
    ]

    package private(set) var buckets = [UInt64](repeating: 0, count: bounds.count)
    package private(set) var count: UInt64 = 0
    package private(set) var sum = 0.0

    package init() {}

    package mutating func note(_ seconds: Double, times: UInt64 = 1) {
        count += times
        sum += seconds * Double(times)
        if let bucket = Self.bounds.firstIndex(where: { seconds <= $0 }) { buckets[bucket] += times }
    }

    /// What was noted since an earlier state of it.
    package func since(_ earlier: Histogram) -> Histogram {
        var rest = self
        for index in buckets.indices { rest.buckets[index] -= min(buckets[index], earlier.buckets[index]) }
        rest.count -= min(count, earlier.count)
        rest.sum -= earlier.sum
        return rest
    }

    /// The seconds that this part of all took at most, between the bounds of its bucket; nil where nothing was noted.
    package func quantile(_ part: Double) -> Double? {
        guard count > 0 else { return nil }
        let rank = part * Double(count)
        var below = 0.0
        var bound = 0.0
        for (upper, bucket) in zip(Self.bounds, buckets) {
            if below + Double(bucket) >= rank, bucket > 0 {
                return bound + (upper - bound) * (rank - below) / Double(bucket)
            }
            below += Double(bucket)
            bound = upper
        }
        return bound
    }
}
