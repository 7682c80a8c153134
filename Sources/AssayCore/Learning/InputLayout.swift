import CBytes
import Glibc

/// The inputs of the model, the pairs of them that it weighs too, and the slots of their weights.
package struct InputLayout: Equatable, Sendable {
    /// The inputs that do not depend on the settings, in order.
    enum Fixed: Int, CaseIterable {
        case amount, ratio, sinceOutlier, burst, category, hour, categoryDeviation, outliers, gap, count, checks
        case amountFine

        var name: String {
            switch self {
            case .sinceOutlier: "since_outlier"
            case .categoryDeviation: "category_z"
            case .amountFine: "amount_fine"
            case .amount, .ratio, .burst, .category, .hour, .outliers, .gap, .count, .checks: "\(self)"
            }
        }
    }

    /// Inputs of each risk key.
    enum OfKey: Int, CaseIterable {
        case recent, oneDay, fiveDays, twentyDays

        var name: String {
            switch self {
            case .recent: "recent"
            case .oneDay: "1d"
            case .fiveDays: "5d"
            case .twentyDays: "20d"
            }
        }
    }

    static let binsOfInput = 64
    static let slotsOfPair = binsOfInput * binsOfInput

    package let riskKeys: [String]
    package let names: [String]
    let pairs: [(Int, Int)]

    package init(riskKeys: [String]) {
        self.riskKeys = riskKeys
        names =
            Fixed.allCases.map(\.name) + riskKeys.flatMap { key in OfKey.allCases.map { "\(key).\($0.name)" } }
        let fixed: [(Fixed, Fixed)] = [
            (.category, .amount), (.category, .categoryDeviation), (.gap, .outliers), (.ratio, .sinceOutlier),
        ]
        pairs =
            fixed.map { ($0.0.rawValue, $0.1.rawValue) }
            + riskKeys.indices.flatMap { key in
                [(OfKey.recent, OfKey.twentyDays), (.oneDay, .fiveDays)].map {
                    (Self.input($0.0, of: key), Self.input($0.1, of: key))
                }
            }
    }

    package static func == (one: InputLayout, other: InputLayout) -> Bool { one.riskKeys == other.riskKeys }

    static func input(_ input: OfKey, of key: Int) -> Int {
        Fixed.allCases.count + key * OfKey.allCases.count + input.rawValue
    }

    var inputCount: Int { names.count }
    /// The slots that a transaction has: the bias, one of each input, one of each pair.
    var activeCount: Int { 1 + names.count + pairs.count }
    package var slotCount: Int { 1 + Self.binsOfInput * names.count + Self.slotsOfPair * pairs.count }

    func slot(ofInput input: Int, bin: UInt8) -> Int { 1 + Self.binsOfInput * input + Int(bin) }

    func slot(ofPair pair: Int, _ first: UInt8, _ second: UInt8) -> Int {
        1 + Self.binsOfInput * names.count + Self.slotsOfPair * pair + Self.binsOfInput * Int(first) + Int(second)
    }

    /// What a slot weighs.
    enum Slot: Equatable {
        case bias
        case input(Int, bin: UInt8)
        case pair(Int, UInt8, UInt8)
    }

    func meaning(of slot: Int) -> Slot {
        if slot == 0 { return .bias }
        let ofInputs = Self.binsOfInput * names.count
        if slot - 1 < ofInputs {
            return .input((slot - 1) / Self.binsOfInput, bin: UInt8((slot - 1) % Self.binsOfInput))
        }
        let rest = slot - 1 - ofInputs
        let bins = rest % Self.slotsOfPair
        return .pair(
            rest / Self.slotsOfPair, UInt8(bins / Self.binsOfInput), UInt8(bins % Self.binsOfInput))
    }
}

/// The bounds between the bins of an input.
package struct BinEdges: Sendable {
    let values: [Double]

    /// How many edges are less than a value.
    @inline(__always)
    func below(_ value: Double) -> UInt8 {
        values.withUnsafeBufferPointer { edges in
            UInt8(truncatingIfNeeded: assay_count_below(edges.baseAddress!, UInt32(edges.count), value))
        }
    }

    // The edges avoid values that come up by themselves, so that a last bit never moves a value to another bin.
    static let age = BinEdges(values: [0.25, 0.5, 1, 2, 3, 5, 7, 10, 14, 21, 29.9])
    static let deviation = BinEdges(values: [
        -3, -2, -1.5, -1, -0.5, -0.01, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 8, 10, 15,
    ])
    static let rate = BinEdges(values: [
        0.002, 0.004, 0.006, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9,
    ])
    static let count = BinEdges(values: [0.05, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 12])
    static let gap = BinEdges(values: [
        5, 10, 20, 40, 60, 90, 120, 180, 300, 450, 600, 900, 1800, 3600, 7200, 14400, 28800, 57600, 86400, 172_800,
        345_600, 691_200, 1_382_400,
    ])
    static let score = BinEdges(values: [
        1e-9, 0.087, 0.137, 0.187, 0.237, 0.287, 0.337, 0.387, 0.437, 0.487, 0.537, 0.587, 0.637, 0.687, 0.737, 0.787,
        0.837, 0.887, 0.937, 0.987,
    ])
}

/// The number of a quarter in a range, from 0.
@inline(__always)
func quarter(_ value: Double, _ least: Double, _ greatest: Double) -> UInt8 {
    let rounded = (4 * value + 0.5).rounded(.down)
    // What is no number falls to the least.
    let bounded = rounded > least ? (rounded < greatest ? rounded : greatest) : least
    return UInt8(bounded - least)
}

/// What is left of one after some time.
@inline(__always)
func decay(_ milliseconds: Int64, halfLife: Double) -> Double { exp2(-Double(milliseconds) / halfLife) }

@inline(__always)
func clipped(_ value: Double) -> Double { value > -3 ? (value < 3 ? value : 3) : -3 }

let dayMilliseconds = 86_400_000.0
