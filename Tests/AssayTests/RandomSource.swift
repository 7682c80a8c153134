import Foundation
import Testing

@testable import Assay
@testable import AssayCore

/// The seed of a property's run: from the environment to repeat one, else always the same. Failures print it.
struct Seed: CustomTestStringConvertible {
    let value: UInt64

    static func several(_ count: UInt64) -> [Seed] {
        let first = ProcessInfo.processInfo.environment["ASSAY_TEST_SEED"].flatMap { UInt64($0) } ?? 20_251_230
        return (0..<count).map { Seed(value: first + $0) }
    }

    var random: SeededRandom { SeededRandom(seed: value) }
    var testDescription: String { "ASSAY_TEST_SEED=\(value)" }
}
